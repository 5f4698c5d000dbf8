"""The time machine: whatever happens from `AS_OF` on, what was known before it gives the same bytes.

Each row of `INPUTS` is something that a model, a rule or a person reads at `AS_OF`; a new one gets a
row. Each future (`other_futures`) changes, adds or deletes what was known at `AS_OF` or later. Each
row of `LEAKS` is an input that looks ahead on purpose, and the same check must catch it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from intentml.audiences.anew import Told
from intentml.audiences.audience import presets, rules_of
from intentml.audiences.audiences import Audiences
from intentml.audiences.lead_score import LeadScore, read_lead_score
from intentml.audiences.opening import open_renewable
from intentml.audiences.parse import parse
from intentml.audiences.scored import view_of
from intentml.audiences.selector import Selector
from intentml.audiences.view import ShopView
from intentml.evaluation.new_products import held_out
from intentml.evaluation.peers.inputs import write_inputs
from intentml.fitting.priors import PriorsConfig, fit_priors
from intentml.fitting.slices import Past
from intentml.inference.folder import SavedModel, save_model
from intentml.inference.intent import IntentPredictor
from intentml.model.timing_network import TimingGates
from intentml.model.values import ValueGates
from intentml.pairs.history import pair_history
from intentml.pairs.likeness import likeness
from intentml.pairs.neighbours import fit_neighbours, neighbour_scores
from intentml.prediction import Mend
from intentml.priors.explaining import Explanation
from intentml.priors.predictor import PriorPredictor
from intentml.priors.spend import fit_spend
from intentml.priors.value_numbers import value_numbers
from intentml.scenarios.actions import actions_due
from intentml.scenarios.scenario import scenario_of
from intentml.scores.scores import Scores
from intentml.sequences import Vocabulary, encode_orders, timing_statistics
from intentml.service.arrivals import Batch
from intentml.service.shop import ScoredShop
from intentml.survival import SURVIVAL_DAYS
from intentml.tasks import labels_of, next_order_of
from intentml.timeline import Known, OrderLog, Snapshot, known_by
from intentml.timeline.instants import NEVER
from intentml.traits import FIELDS, TRAITS, compute_traits
from intentml.workflows import score, train
from other_futures import FUTURES, Frames, known_at
from random_shop import AS_OF, AS_OF_TEXT, random_shop
from same import Arrays, arrays_of, assert_same, snapshot_arrays
from tiny import log_of

SEEDS = (0, 1, 2)
PAST, HORIZON_DAYS = (AS_OF - pd.Timedelta(days=28)).isoformat(), 28

# One pass over two kinds of target, at one horizon that the history holds twice.
TINY_NETWORK = (
    "training.epochs=1",
    "priors.horizons_days=[14]",
    'priors.kinds=["product","category"]',
    "priors.sample_per_window=1000",
)

AJAR = ValueGates(1.0, 1.0, {14: (0.1, 0.1)})

Input = Callable[[OrderLog, str], Arrays]


def snapshot(log: OrderLog, as_of: str) -> Arrays:
    """Everything a predictor is handed, the shop-wide context with it."""
    return snapshot_arrays(log.as_of(as_of))


def log_as_it_was(log: OrderLog, as_of: str) -> Arrays:
    """The log that training reads; numbers of ids and rows are of the whole log, and leave with them."""
    known = log.before(as_of)
    arrays = arrays_of(
        [known.purchases, known.returns, known.customer_ids, known.customer_since, known.catalogue]
    )
    return {
        name: array for name, array in arrays.items() if not name.endswith((".order", ".currency", ".row"))
    }


def labels_of_the_past(log: OrderLog, as_of: str) -> Arrays:
    """What models are fitted on: windows that ended by then."""
    known = log.before(as_of)
    past = known.as_of(PAST)
    return {
        **snapshot_arrays(past),
        **arrays_of(labels_of(past, known.outcomes(past, HORIZON_DAYS)), "labels"),
    }


def next_orders_of_the_past(log: OrderLog, as_of: str) -> Arrays:
    """What timing is learned from: purchases of a window that ended by then, and their bins."""
    known = log.before(as_of)
    return next_orders(known, known.as_of(PAST), HORIZON_DAYS)


def next_orders(log: OrderLog, past: Snapshot, days: int) -> Arrays:
    """Purchases after a snapshot with the days to them, and the bin of each customer's next order."""
    came = log.outcomes(past, days)
    told = {"customer": came.customer, "product": came.product, "days": came.days}
    return arrays_of({**told, "next": next_order_of(came, SURVIVAL_DAYS)}, "timing")


def pairs(log: OrderLog, as_of: str) -> Arrays:
    """Repeat features of every kind of target."""
    known = log.as_of(as_of)
    return arrays_of({kind: pair_history(known, kind) for kind in known.catalogue.kinds}, "pairs")


def neighbours(log: OrderLog, as_of: str) -> Arrays:
    """Item-item similarities fitted then, and the scores that they give."""
    known = log.as_of(as_of)
    history = pair_history(known, "product")
    fitted = fit_neighbours(history, known.catalogue.targets("product").targets)
    return arrays_of({"fitted": fitted, "scores": neighbour_scores(history, fitted.similarity)}, "neighbours")


def likenesses(log: OrderLog, as_of: str) -> Arrays:
    """Which products bought by then those never sold are like."""
    known = log.as_of(as_of)
    return alike(known, known.shop.popularity["product"][0])


def alike(known: Snapshot, buyers: np.ndarray) -> Arrays:
    """How much products that these many bought are like others in the letters of their names."""
    return arrays_of(likeness(known.catalogue, buyers, "hashed"), "alike")


def sequences(log: OrderLog, as_of: str) -> Arrays:
    """Vocabulary, tokens and timing statistics."""
    known = log.as_of(as_of)
    vocabulary = Vocabulary.fit(known)
    return arrays_of([vocabulary, encode_orders(known, vocabulary), timing_statistics(known)], "sequences")


def baskets(log: OrderLog, as_of: str) -> Arrays:
    """What the heads of orders and spend read besides the timing."""
    known = log.as_of(as_of)
    money = fit_spend("gamma_gamma", known)
    return arrays_of({"money": money, "numbers": value_numbers(known, money)}, "baskets")


def details(log: OrderLog, as_of: str) -> Arrays:
    """Events, returns and line details that traits read; of people, who is listed with what.

    What the customers table says of them has no date, and may be another thing later.
    """
    known = known_by(log, as_of)
    listed = [column.is_valid().to_pylist() for column in known.customers.columns]
    told = {name: getattr(known, name) for name in ("lines", "returns", "events", "quintiles")}
    return arrays_of({**told, "listed": pa.table(listed, known.customers.column_names)}, "details")


def new_products(log: OrderLog, as_of: str) -> Arrays:
    """What is fitted on, and asked about, where products have lost their past."""
    young = log.unsold(held_out(log.catalogue.product_ids, 0.3), as_of)
    assert len(young.before(as_of).purchases) < len(log.before(as_of).purchases)
    return {**log_as_it_was(young, as_of), **snapshot(young, as_of)}


def traits(log: OrderLog, as_of: str) -> Arrays:
    """What people ask of a customer, but for the columns without a date."""
    dated = [name for name in TRAITS if FIELDS[name].source == "observed"]
    return arrays_of(compute_traits(known_by(log, as_of), dated), "traits")


def peer_inputs(log: OrderLog, as_of: str) -> Arrays:
    """Every file that a peer of another package is given."""
    with TemporaryDirectory() as place:
        past = Past(log.before(as_of))
        folder = write_inputs(past, 14, ("category", "product"), 0, Path(place) / "inputs").folder
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): np.frombuffer(path.read_bytes(), np.uint8) for path in files}


INPUTS: dict[str, Input] = {
    made.__name__: made
    for made in (
        snapshot,
        log_as_it_was,
        labels_of_the_past,
        next_orders_of_the_past,
        pairs,
        neighbours,
        likenesses,
        sequences,
        baskets,
        details,
        new_products,
        traits,
        peer_inputs,
    )
}


def trained_and_scored(log: OrderLog, as_of: str) -> Arrays:
    """The whole way: fit the recipe on what was known, predict, score every customer."""
    model = train(log, as_of=as_of, recipe="priors")
    scores = score(model, log, as_of=as_of, horizon_days=[14, HORIZON_DAYS], interests=None)
    predicted = model.predictor.predict(log.as_of(as_of), HORIZON_DAYS)
    several = scores.interested_in(product=scores.catalogue.product_ids[:4], horizon_days=14)
    answers = {
        "customers": scores.customers,
        "interests": scores.interests(),
        "sets": model.sets.model_dump(),
        "buyers": model.buyers.model_dump(),
        "asked": several.customers,
        "interval": list(several.expected_buyers_interval or ()),
    }
    told = explanations(model.predictor, log.as_of(as_of), HORIZON_DAYS)
    asked = people_asked_for(known_by(log, as_of), scores)
    came = people_who_ordered_since(log, model, scores)
    return arrays_of(
        {
            "predicted": predicted,
            "saved": saved(model),
            "told": told,
            "people": asked,
            "came": came,
            **answers,
        },
        "scored",
    )


def people_asked_for(known: Known, scores: Scores) -> dict[str, Any]:
    """Who is in audiences of each kind of leaf, and the fields of the view's own making.

    Points are for behaviour alone: profile and source have no date.
    """
    view = view_of(known, scores, LeadScore(behaviour=read_lead_score().behaviour))
    selector = Selector(view, rules_of(presets().values()))
    everybody = np.arange(len(view.customer_ids), dtype=np.int32)
    fields = {name: selector.values(name, everybody) for name in ("newcomer", "lead_score")}
    rules = {
        "compared": "lifecycle IN (new, lost) OR funnel_step = viewed",
        "bought": "purchased(orders >= 2, last 60 days)",
        "did": "event('product_view', last 60 days)",
        "likely": f"interested_in(product = '{view.catalogue.product_ids[0]}', top 20%)",
        "alike": "similar_to('one-time', top 20%)",
    }
    members = {name: selector.members(parse(text)) for name, text in rules.items()}
    assert all(len(found) for found in members.values())
    return {"fields": pa.table(fields), "due": actions(view), **members}


def people_who_ordered_since(log: OrderLog, model: SavedModel, scores: Scores) -> dict[str, pa.Table]:
    """Two who order the same in every future, as audiences know them at once, but for what has no date."""
    line = {"order_id": "!since", "ordered_at": (AS_OF + pd.Timedelta(hours=2)).isoformat()}
    lines = [{**line, "customer_id": one, "product_id": "p0"} for one in ("anchor", "new since")]
    shop = ScoredShop.of(scores, model).knowing([Batch(1, lines)])
    told = Told(shop.overlay.lines, shop.overlay.as_of, some_scores(shop), lambda one: None)
    shop_as_scored = open_renewable(scores, log).shop
    assert shop_as_scored is not None
    view = shop_as_scored.anew(told)
    dated = [name for name in view.customers.column_names if name in FIELDS]
    dated = [name for name in dated if FIELDS[name].source != "customer column"]
    assert view.lines is not None
    assert view.events is not None
    assert len(view.lines) > len(lines)
    return {"fields": view.customers.select(dated), "lines": view.lines, "events": view.events}


def some_scores(shop: ScoredShop) -> Scores:
    """Of those who ordered since."""
    assert shop.overlay.scores is not None
    return shop.overlay.scores


def actions(view: ShopView) -> pa.Table:
    """What is due of scenarios that start from an event and from an order, and ask of what came since."""
    step = {"name": "one", "after": "1 day", "action": "hello", "channel": "mail"}
    asked = {
        "event('product_view')": {**step, "since_trigger": "NOT purchased()"},
        "recency_days": {**step, "condition": "last_order_spend > 1"},
    }
    ours = Audiences(view, presets())
    found = [
        actions_due(
            ours,
            scenario_of(
                "own", {"title": "Own", "trigger": one, "expires_after": "9 months", "steps": [told]}
            ),
        )
        for one, told in asked.items()
    ]
    assert all(len(table) for table in found)
    return pa.concat_tables(found)


def explanations(
    predictor: PriorPredictor | IntentPredictor, known: Snapshot, days: int
) -> list[Explanation]:
    """Why every ninth customer buys every third category and brand, or does not order."""
    asked = [
        (kind, target)
        for kind in ("category", "brand")
        if kind in predictor.kinds
        for target in known.catalogue.targets(kind).targets[::3]
    ]
    return [
        predictor.explain(known, customer, kind, target, days)
        for customer in known.customer_ids[::9]
        for kind, target in (*asked, ("no_order", None))
    ]


def network_trained_and_scored(log: OrderLog, as_of: str) -> Arrays:
    """The same way with the sequence model: weights, gates, vocabulary, predictions, scores."""
    model = train(log, as_of=as_of, recipe="smoke", settings=TINY_NETWORK)
    assert "network" in model.card
    scores = score(model, log, as_of=as_of, horizon_days=[14], interests=None)
    trained = model.predictor
    assert isinstance(trained, IntentPredictor)
    # Whatever the gates let in: all that the network would say.
    ajar = {
        kind: dict.fromkeys(knots, (Mend(0.5), Mend(0.5))) for kind, knots in trained.correction.gates.items()
    }
    opened = IntentPredictor(
        trained.prior, replace(trained.correction, gates=ajar, timing=TimingGates(1.0, 1.0), values=AJAR)
    )
    answers = {"customers": scores.customers, "interests": scores.interests()}
    said = opened.predict(log.as_of(as_of), 14)
    told = explanations(opened, log.as_of(as_of), 14)
    return arrays_of(
        {"saved": saved(model), "said": said, "told": told, "epochs": epochs_of(model), **answers}, "network"
    )


def epochs_of(model: SavedModel) -> list[list[float]]:
    """Every loss of the training."""
    return [[epoch["train_loss"], *epoch["validation"].values()] for epoch in model.card["network"]["epochs"]]


def saved(model: SavedModel) -> Arrays:
    """The files of the model's folder; its card tells of the whole log, and is left out."""
    with TemporaryDirectory() as folder:
        save_model(Path(folder) / "model", model.predictor, {})
        files = sorted((Path(folder) / "model").iterdir())
        return {path.name: np.frombuffer(path.read_bytes(), np.uint8) for path in files}


def trained_on_the_whole_log(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: the model has read to the end of the log, and is asked at as_of."""
    fitted = fit_priors(log, log.until, PriorsConfig(horizons_days=(28,), sample_per_window=1000))
    return arrays_of(fitted.best.predict(log.as_of(as_of), HORIZON_DAYS), "predicted")


def chosen_by_the_window_itself(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: each prior is fitted as it should be, and the best picked by what came after."""
    known = log.as_of(as_of)
    happened = labels_of(known, log.outcomes(known, HORIZON_DAYS)).no_order
    fitted = fit_priors(log, log.instant(as_of), PriorsConfig(horizons_days=(28,), sample_per_window=1000))
    loss = {
        name: np.abs(answer - happened).mean()
        for name, predictor in fitted.each.items()
        if (answer := predictor.predict(known, HORIZON_DAYS, kinds=()).no_order) is not None
    }
    return arrays_of(loss, "loss")


def next_orders_to_the_end_of_the_log(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: waits for the next order for as long as the log goes on."""
    return next_orders(log, log.as_of(PAST), 60)


def network_of_a_later_day(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: trained a week after the day that it is asked about."""
    later = (AS_OF + pd.Timedelta(days=7)).isoformat()
    return saved(train(log, as_of=later, recipe="smoke", settings=TINY_NETWORK))


def popularity_of_the_whole_log(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: counts purchases after as_of too."""
    ids = log.as_of(as_of).catalogue.product_ids
    sold = log.catalogue.product_ids[log.purchases.product]
    return {"popularity": np.array([np.count_nonzero(sold == product) for product in ids])}


def likenesses_by_all_sales(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: a product whose first sale is yet to come counts as bought."""
    known = log.as_of(as_of)
    product = log.purchases.product
    sold = log.catalogue.product_ids[product[product >= 0]]
    return alike(known, np.array([np.count_nonzero(sold == name) for name in known.catalogue.product_ids]))


def lines_by_when_they_happened(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: forgets that some lines were recorded late."""
    return {"lines": np.sort(log.purchases.at[log.purchases.at < log.instant(as_of).us])}


def start_of_the_whole_log(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: a line recorded late may be the oldest."""
    return arrays_of(log.start, "start")


def returns_whenever(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: what is returned at all, not by then."""
    known = log.purchases.known_at < log.instant(as_of).us
    return {"returned": np.array([np.count_nonzero(log.purchases.returned_at[known] != NEVER)])}


def rows_of_the_catalogue(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: products and customers that join later."""
    return {"products": log.catalogue.product_ids, "customers": log.customer_ids}


def list_prices(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: a list price has no date."""
    return arrays_of(log.tables.products.select(["product_id", "price"]).sort_by("product_id"), "prices")


def events_by_when_they_happened(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: forgets that some events were recorded late."""
    occurred = log.tables.events["occurred_at"].cast("int64").to_numpy()
    return {"events": np.sort(occurred[occurred < log.instant(as_of).us])}


def details_of_a_later_day(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: what was known a day later."""
    return details(log, (AS_OF + pd.Timedelta(days=1)).isoformat())


def people_as_listed_now(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: forgets that a row of the customers table has a first day."""
    return {"listed": np.array(sorted(log.tables.customers["customer_id"].to_pylist()))}


def actions_of_a_later_day(log: OrderLog, as_of: str) -> Arrays:
    """Leaks: what is due a day later."""
    known = known_by(log, (AS_OF + pd.Timedelta(days=1)).isoformat())
    return arrays_of(actions(view_of(known)), "due")


LEAKS: tuple[tuple[Input, str], ...] = (
    (next_orders_to_the_end_of_the_log, "lines_added"),
    (next_orders_to_the_end_of_the_log, "lines_changed"),
    (popularity_of_the_whole_log, "lines_added"),
    (popularity_of_the_whole_log, "lines_deleted"),
    (popularity_of_the_whole_log, "lines_changed"),
    (likenesses_by_all_sales, "lines_added"),
    (lines_by_when_they_happened, "late_lines_added"),
    (lines_by_when_they_happened, "late_lines_deleted"),
    (start_of_the_whole_log, "late_lines_added"),
    (returns_whenever, "purchases_returned"),
    (returns_whenever, "returns_undone"),
    (rows_of_the_catalogue, "products_added"),
    (rows_of_the_catalogue, "customers_added"),
    (rows_of_the_catalogue, "customers_deleted"),
    (list_prices, "list_prices_changed"),
    (events_by_when_they_happened, "events_added"),
    (details_of_a_later_day, "events_deleted"),
    (details_of_a_later_day, "lines_changed"),
    (people_as_listed_now, "customers_added"),
    (actions_of_a_later_day, "events_added"),
    (actions_of_a_later_day, "lines_changed"),
)


@cache
def shop(seed: int) -> Frames:
    """One shop as it went."""
    return random_shop(seed, customers=14, products=9, lines=200)


@cache
def log_under(seed: int, future: str | None) -> OrderLog:
    """The log of a shop, as it went (None) or under another future."""
    frames = shop(seed) if future is None else FUTURES[future](shop(seed), np.random.default_rng(seed))
    return log_of(frames)


@cache
def as_it_went(made: Input, seed: int) -> Arrays:
    """An input at AS_OF in the shop as it went."""
    return made(log_under(seed, None), AS_OF_TEXT)


def check(made: Input, future: str, seed: int) -> None:
    """Fail unless an input is the same under that future."""
    assert_same(as_it_went(made, seed), made(log_under(seed, future), AS_OF_TEXT))


@pytest.mark.parametrize("future", FUTURES)
@pytest.mark.parametrize("made", INPUTS.values(), ids=INPUTS)
def test_no_future_changes_what_was_known(made, future):
    # An engine is slow to start; the arrays it is handed are checked on every shop.
    for seed in SEEDS[:1] if made is traits else SEEDS:
        check(made, future, seed)


@pytest.mark.parametrize("future", ["late_lines_added", "lines_deleted", "everything_at_once"])
def test_no_future_changes_a_model_or_its_scores(future):
    frames = random_shop(0, customers=60, lines=1200)
    other = FUTURES[future](frames, np.random.default_rng(0))
    assert_same(trained_on(0), trained_and_scored(log_of(other), AS_OF_TEXT))


@pytest.mark.parametrize("future", FUTURES)
def test_no_future_changes_a_network_or_what_it_says(future):
    assert_same(network_trained(None), network_trained(future))


@cache
def network_trained(future: str | None) -> Arrays:
    """A shop large enough for a network, as it went (None) or under another future."""
    frames = random_shop(0, customers=40, lines=900)
    other = frames if future is None else FUTURES[future](frames, np.random.default_rng(0))
    return network_trained_and_scored(log_of(other), AS_OF_TEXT)


@pytest.mark.parametrize(
    "leak", [trained_on_the_whole_log, chosen_by_the_window_itself, network_of_a_later_day]
)
def test_a_planted_leak_of_a_fit_is_caught(leak):
    frames = random_shop(0, customers=60, lines=1200)
    other = FUTURES["lines_changed"](frames, np.random.default_rng(0))
    with pytest.raises(AssertionError, match=r"differ| and "):
        assert_same(leak(log_of(frames), AS_OF_TEXT), leak(log_of(other), AS_OF_TEXT))


@cache
def trained_on(seed: int) -> Arrays:
    """The shop as it went, large enough to fit on."""
    arrays = trained_and_scored(log_of(random_shop(seed, customers=60, lines=1200)), AS_OF_TEXT)
    assert len(arrays["scored[interests].probability"]) > 1000
    return arrays


@pytest.mark.parametrize(("leak", "future"), LEAKS, ids=lambda value: getattr(value, "__name__", value))
def test_a_planted_leak_is_caught(leak, future):
    with pytest.raises(AssertionError, match=r"differ| and "):
        check(leak, future, seed=0)


@pytest.mark.parametrize("made", INPUTS.values(), ids=INPUTS)
def test_every_input_has_something_to_lose(made):
    assert all(array.size for name, array in as_it_went(made, 0).items() if not name.endswith("indptr"))


@pytest.mark.parametrize("future", FUTURES)
def test_every_future_is_another_one_with_the_same_past(future):
    before, after = shop(0), FUTURES[future](shop(0), np.random.default_rng(0))
    assert any(not in_order(before[name]).equals(in_order(after[name])) for name in before)
    undated = ["customer_id", "order_id", "ordered_at", "product_id", "quantity", "unit_price", "currency"]
    past = [
        in_order(frames["orders"][known_at(frames["orders"]) < AS_OF][undated], *undated)
        for frames in (before, after)
    ]
    pd.testing.assert_frame_equal(*past)


def in_order(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows by some columns (none: as they are), numbered anew."""
    return (frame.sort_values([*columns]) if columns else frame).reset_index(drop=True)
