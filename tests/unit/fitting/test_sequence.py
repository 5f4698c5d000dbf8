"""What a training is handed: windows that end where validation begins, or other customers; any shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from intentml.fitting import sequence
from intentml.fitting.examples import Examples
from intentml.fitting.judging import Court
from intentml.inference.folder import SavedModel
from intentml.model.timing_network import TimingGates
from intentml.priors.linear import TARGET_PRIORS
from intentml.priors.spend import fit_spend
from intentml.timeline import Instant, OrderLog
from intentml.workflows import train
from other_futures import FUTURES
from random_shop import AS_OF, random_shop
from same import arrays_of, assert_same
from scored_shop import QUICK as QUICK_PRIORS
from tiny import log_of

AT_ONCE = ("priors.sample_per_window=1000", "training.epochs=1")


@dataclass(frozen=True)
class Handed:
    """What the training loop gets.

    Attributes:
        parts: Training windows, the anchors last.
        baselines: The prior's losses on them.
        fit: Where they come from.
    """

    parts: Sequence[Examples]
    baselines: Mapping[str, float]
    fit: Any


class GotItError(Exception):
    """The training itself is not wanted."""


def handed(monkeypatch, log: OrderLog, as_of: object, *settings: str) -> Handed:
    """Everything up to the first step."""
    got: list[Handed] = []

    def catch(network, parts, validate, baselines, *rest, **options):
        got.append(Handed(parts, baselines, validate.__self__))
        raise GotItError

    with monkeypatch.context() as patch:
        patch.setattr(sequence, "train_network", catch)
        with pytest.raises(GotItError):
            train(log, as_of=as_of, recipe="smoke", settings=[*AT_ONCE, *settings])
    return got[0]


def frames() -> dict[str, pd.DataFrame]:
    """A random shop in which everything is recorded as it happens."""
    made = random_shop(4, customers=60, products=9, lines=1200)
    return {**made, "orders": made["orders"].assign(recorded_at=pd.NaT, returned_at=pd.NaT)}


# -- windows -------------------------------------------------------------------------------------------

# Validation holds the four weeks from AS_OF of the random shop on; the model is asked for at their end.
ASKED_AT = (AS_OF + pd.Timedelta(days=28)).isoformat()


@pytest.mark.parametrize("future", ["lines_deleted", "lines_changed", "lines_added"])
def test_nothing_of_the_validation_window_is_learned_from(monkeypatch, future):
    # Which prior is the best is chosen on validation, or by all of the past; here it is held.
    monkeypatch.setattr(
        "intentml.fitting.priors.fit_no_order", lambda past, plans: (past.now.activity("mbg_nbd"), [])
    )
    monkeypatch.setattr(
        "intentml.fitting.priors.fit_orders", lambda past, plans: (past.now.activity("mbg_nbd"), [])
    )
    monkeypatch.setattr(
        "intentml.fitting.priors.fit_money",
        lambda past, plans, orders: (fit_spend("gamma_gamma", past.now.snapshot), []),
    )
    for room in ("targets", "priors"):
        one_prior = {"logistic": TARGET_PRIORS["logistic"]}
        monkeypatch.setattr(f"intentml.fitting.{room}.TARGET_PRIORS", one_prior)
    settings = ("training.anchors=3", "priors.windows=2")
    other = FUTURES[future](frames(), np.random.default_rng(0))
    one, changed = (handed(monkeypatch, log_of(shop), ASKED_AT, *settings) for shop in (frames(), other))
    assert len(one.parts) == 2 + 3
    assert sum(len(part.targets) for part in one.parts) == 2 * 4
    assert_same(arrays_of(list(one.parts), "parts"), arrays_of(list(changed.parts), "parts"))
    starts = (
        {name: value.numpy() for name, value in got.fit.network.state_dict().items()}
        for got in (one, changed)
    )
    assert_same(*starts)
    assert one.fit.vocabulary == changed.fit.vocabulary
    assert one.baselines == changed.baselines
    assert one.fit.baselines != changed.fit.baselines


def test_anchors_teach_timing_alone_and_the_shorter_horizon_may_look_later(monkeypatch):
    settings = ("priors.horizons_days=[7,14]", "training.cutoffs=3", "training.anchors=2")
    got = handed(monkeypatch, log_of(frames()), AS_OF, *settings)
    kinds = {"product", "category", "category_node", "brand"}
    assert [sorted({days for _, days in part.targets}) for part in got.parts] == [
        [7],
        [7, 14],
        [7, 14],
        [],
        [],
    ]
    assert {kind for kind, _ in got.parts[0].targets} == kinds
    assert all(part.timing.full_bins.min() >= 1 for part in got.parts)


def test_windows_in_which_clocks_change_keep_all_their_horizons(monkeypatch):
    # In Madrid the night to 31 March 2024 is an hour short.
    log = log_of(frames(), timezone="Europe/Madrid")
    settings = ("priors.horizons_days=[14]", "training.cutoffs=2", "training.anchors=0")
    got = handed(monkeypatch, log, "2024-04-21", *settings)
    assert [sorted({days for _, days in part.targets}) for part in got.parts] == [[14], [14]]
    # From 24 March: 14 days. From 17 March, the night among them: 21.
    assert [int(part.timing.full_bins[0]) for part in got.parts] == [2, 3]


# -- customers -----------------------------------------------------------------------------------------


def test_in_a_short_history_nobody_is_learned_from_and_judged(monkeypatch):
    log = shop_of(60, 40, 1200, products=9)
    got = handed(monkeypatch, log, log.until.datetime, "priors.horizons_days=[90]", "training.anchors=2")
    plan, past = got.fit.plan, got.fit.past

    def names(cutoff: Instant, customers: np.ndarray) -> set[str]:
        return set(past.at(cutoff).snapshot.customer_ids[customers])

    # The shortest horizon, and not even that twice.
    assert plan.split == "customers"
    assert plan.horizons == (7,)
    assert {days for part in got.parts for _, days in part.targets} == {7}
    instants = [*plan.cutoffs, *plan.anchors]
    learned = [names(at, part.customers) for at, part in zip(instants, got.parts, strict=True)]
    judged = names(plan.validation[7], got.fit.judged[7].examples.customers)
    assert len(judged) > 8
    assert len(learned[0]) > 2 * len(judged)
    assert not judged & set().union(*learned)
    buyers = past.at(plan.validation[7]).snapshot.n_orders > 0
    assert judged | learned[0] == names(plan.validation[7], np.flatnonzero(buyers))


# -- any shop ------------------------------------------------------------------------------------------


def shop_of(customers: int, days: int, orders: int, *, products: int = 3, seed: int = 0) -> OrderLog:
    """A plain shop that ends on its last day."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in rng.integers(0, customers, orders)],
            "order_id": np.arange(orders).astype(str),
            "ordered_at": pd.Timestamp("2024-01-01T12:00Z")
            + pd.to_timedelta(np.sort(rng.integers(0, days, orders)), unit="D"),
            "product_id": [f"p{number}" for number in rng.integers(0, products, orders)],
        }
    )
    return log_of({"orders": frame})


def model_of(log: OrderLog, *settings: str, recipe: str = "smoke") -> SavedModel:
    return train(log, as_of=log.until.datetime, recipe=recipe, settings=[*AT_ONCE, *settings])


def test_too_short_a_history_leaves_the_priors_alone_and_says_so():
    log = shop_of(20, 30, 60)
    model = model_of(log)
    assert model.name == "priors"
    assert "network" not in model.card
    assert model.card["notes"] == [
        "the history is too short to train and judge a network: the priors answer alone"
    ]
    assert model_of(log, "priors.horizons_days=[28]", recipe="priors").card["notes"] == []


@pytest.mark.parametrize(
    ("customers", "days", "orders"),
    [(1, 200, 40), (2, 200, 80), (6, 50, 60), (30, 300, 90), (300, 60, 300), (3, 60, 6)],
)
def test_a_shop_of_any_size_gets_a_model_that_answers(customers, days, orders):
    log = shop_of(customers, days, orders)
    model = model_of(log)
    answer = model.predict(log.as_of(log.until.datetime), 28)
    assert np.isfinite(answer.no_order).all()
    for scores in answer.targets.values():
        assert np.isfinite(scores.rows(slice(None))).all()
    if "network" in model.card:
        assert np.isfinite(model.card["network"]["validation_loss"])


def test_a_shop_without_products_and_prices_learns_timing_and_orders_alone():
    log = shop_of(40, 200, 400)
    orders = pd.DataFrame(
        {
            "customer_id": log.customer_ids[log.purchases.customer],
            "order_id": np.arange(len(log.purchases)).astype(str),
            "ordered_at": pd.to_datetime(log.purchases.at, unit="us", utc=True),
        }
    )
    bare = log_of({"orders": orders})
    model = model_of(bare)
    network = model.card["network"]
    assert network["gates"] == {}
    assert set(network["epochs"][0]["validation"]) == {"loss", "no_order_28d/log_loss"}
    assert network["money_weight"] == 0.0
    assert model.predict(bare.as_of(bare.until.datetime), 28).targets == {}


def test_a_recipe_of_priors_is_judged_too_and_has_no_network():
    log = shop_of(40, 200, 400)
    model = train(log, as_of=log.until.datetime, recipe="priors", settings=list(QUICK_PRIORS))
    assert "network" not in model.card
    assert {one["head"] for one in model.card["judged"]} == {"no_order", "product"}


# -- the newest days -----------------------------------------------------------------------------------


def test_the_last_heads_learn_once_more_from_the_newest_days_and_nothing_else_changes(monkeypatch):
    made: list[sequence.FittedSequence] = []
    fit = sequence.fit_sequence

    def kept(*told):
        made.append(fit(*told))
        return made[0]

    monkeypatch.setattr(sequence, "fit_sequence", kept)
    # Whatever validation says of so small a shop.
    monkeypatch.setattr(sequence, "gated_timing", lambda windows: TimingGates(1.0, 0.5))
    model = train(log_of(frames()), as_of=ASKED_AT, recipe="smoke", settings=AT_ONCE)
    honest, final = made[0].honest, made[0].correction
    weights = [one.network.state_dict() for one in (honest, final)]
    changed = {name for name, weight in weights[0].items() if not torch.equal(weight, weights[1][name])}
    assert {name.split(".")[0] for name in changed} == {"timing", "pairs", "value"}
    assert honest.gates == final.gates
    assert (final.timing.numbers, final.timing.sequence) == (1.0, 0.5)
    # With the shop's level of the prior: corrected, as many are expected to order as before.
    said, prior = (
        one.predict(log_of(frames()).as_of(ASKED_AT), 28).no_order
        for one in (model.predictor, model.predictor.prior)
    )
    bought = log_of(frames()).as_of(ASKED_AT).n_orders > 0
    assert np.abs(said - prior)[bought].max() > 0.005
    assert said[bought].mean() == pytest.approx(prior[bought].mean(), abs=1e-4)
    # What is in use is the one that knows the newest days.
    in_use = model.predictor.correction.network.state_dict()
    assert all(torch.equal(in_use[name], weight) for name, weight in weights[1].items())


def test_without_the_newest_days_what_is_judged_is_what_is_used(monkeypatch):
    monkeypatch.setattr(sequence, "gated_timing", lambda windows: TimingGates(1.0, 0.5))
    settings = [*AT_ONCE, "training.newest=false"]
    one, other = (
        train(log_of(frames()), as_of=ASKED_AT, recipe="smoke", settings=told) for told in (AT_ONCE, settings)
    )
    assert one.card["network"]["validation_loss"] == other.card["network"]["validation_loss"]
    assert one.card["judged"] == other.card["judged"]
    used = [made.predictor.correction.network.timing.several.last for made in (one, other)]
    assert not torch.equal(*used)


def test_what_is_judged_on_validation_has_not_learned_from_it(monkeypatch):
    judged: list[object] = []

    class Seen(Court):
        def __init__(self, *told):
            judged.append(told[-1])
            super().__init__(*told)

    monkeypatch.setattr("intentml.fitting.judging.Court", Seen)
    monkeypatch.setattr(sequence, "gated_timing", lambda windows: TimingGates(1.0, 0.0))
    model = train(log_of(frames()), as_of=ASKED_AT, recipe="smoke", settings=AT_ONCE)
    one, other = (made.network.timing.several.last for made in (judged[0], model.predictor.correction))
    assert one.abs().max() > 0
    assert not torch.equal(one, other)
