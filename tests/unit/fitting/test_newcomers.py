"""A shop of two tastes: what a new product is called tells who wants it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from intentml.inference.folder import load_model
from intentml.priors.contributions import GROUPS
from intentml.scores.folder import load_scores
from intentml.service.requests import PredictRequest
from intentml.service.shop import ScoredShop
from intentml.workflows import score, train
from tiny import log_of

AS_OF = "2024-06-01"
QUICK = ("priors.horizons_days=[28]", "priors.windows=1", "priors.sample_per_window=2000")
TASTES = {
    "tea": [
        "earl",
        "assam",
        "ceylon",
        "sencha",
        "oolong",
        "mint",
        "rooibos",
        "chai",
        "lemon",
        "ginger",
        "honey",
        "peach",
    ],
    "tools": [
        "hammer",
        "pliers",
        "chisel",
        "mallet",
        "wrench",
        "ruler",
        "clamp",
        "saw",
        "drill",
        "file",
        "plane",
        "level",
    ],
}


def tables(coming=None):
    """A hundred customers; the even ones buy tea, the odd ones tools; one of each is known and never sold."""
    rng = np.random.default_rng(3)
    names = {f"{taste}-{n}-{size}": f"{name} {taste} {size}" for taste, all_ in TASTES.items()
             for n, name in enumerate(all_) for size in ("small", "large", "gift")}  # fmt: skip
    by_taste = {taste: [one for one in names if one.startswith(taste)] for taste in TASTES}
    lines = 5_000
    customer = rng.integers(0, 100, lines)
    bought = [rng.choice(by_taste["tools" if who % 2 else "tea"]) for who in customer]
    orders = pd.DataFrame(
        {
            "customer_id": [f"c{who:02d}" for who in customer],
            "order_id": [f"o{number}" for number in range(lines)],
            "ordered_at": pd.Timestamp("2023-06-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 366, lines), unit="D"),
            "product_id": bought,
        }
    )
    new = {"new-tea": "jasmine tea small", "new-tools": "spanner tools small"}
    told = {**names, **new}
    products = pd.DataFrame({"product_id": list(told), "name": list(told.values())})
    return {"orders": pd.concat([orders, coming]), "products": products}


@cache
def shop():
    """The shop as it went."""
    return log_of(tables())


@cache
def model(text="hashed"):
    return train(shop(), as_of=AS_OF, settings=[*QUICK, f"priors.text={text}"])


@cache
def scored():
    return score(model(), shop(), as_of=AS_OF, horizon_days=28)


def means(logits):
    """Of those who buy tea, and of those who buy tools."""
    return logits[0::2].mean(), logits[1::2].mean()


def test_a_product_that_nobody_bought_is_wanted_by_those_who_buy_what_is_called_alike():
    scores = scored().scores_of("product")
    tea, tools = scores.columns([scores.find("new-tea"), scores.find("new-tools")]).T
    of_tea, of_tools = means(tea - tools)  # who orders how often is in both, and falls out
    assert of_tea > 0.1
    assert of_tools < -0.1


def test_without_text_its_name_says_nothing():
    answer = model("none").predict(shop().as_of(AS_OF), 28, kinds=["product"]).targets["product"]
    assert answer.alike is None
    tea, tools = answer.columns([answer.find("new-tea"), answer.find("new-tools")]).T
    np.testing.assert_array_equal(tea, tools)


def test_products_that_were_bought_do_not_hang_on_text():
    snapshot = shop().as_of(AS_OF)
    by_text = model().predict(snapshot, 28, kinds=["product"]).targets["product"].rows(slice(None))
    without = model("none").predict(snapshot, 28, kinds=["product"]).targets["product"].rows(slice(None))
    new = np.char.startswith(snapshot.catalogue.product_ids.astype(str), "new-")
    np.testing.assert_array_equal(by_text[:, ~new], without[:, ~new])


def test_rows_columns_and_pairs_say_the_same():
    scores = scored().scores_of("product")
    every = np.arange(len(scores))
    np.testing.assert_allclose(scores.rows(slice(None)), scores.columns(every), atol=1e-5)
    few = scores.take(np.array([3, 8])).select(np.flatnonzero(scores.targets == "new-tea"))
    column = scores.columns([scores.find("new-tea")])
    np.testing.assert_allclose(few.rows(slice(None)), column[[3, 8]], atol=1e-5)
    who, what = np.repeat(np.arange(100), len(scores)), np.tile(every, 100)
    dense = scores.alike.values(scores.alike.taste, scores.alike.likeness).toarray()
    np.testing.assert_allclose(scores.alike.at(who, what), dense.ravel(), atol=1e-5)


def test_a_product_outside_the_catalogue_is_scored_by_its_name_at_the_level_of_a_launch():
    scores = scored().scores_of("product")
    inside = scores.columns([scores.find("new-tea")])[:, 0]
    outside = scored().interested_in(new_product={"name": "jasmine tea small"}).customers
    probability = outside.sort_values("customer_id")["probability"].to_numpy()
    # One that the catalogue has had for long, and that nobody bought, may be one that nobody will.
    lower = model().predictor.targets["product"][28].new.by_column["unsold"]
    assert lower < -0.1
    assert probability == pytest.approx(1 / (1 + np.exp(lower - inside)), abs=1e-5)


def test_model_and_scores_come_back_number_for_number(tmp_path):
    model().save(tmp_path / "model")
    snapshot = shop().as_of(AS_OF)
    back = load_model(tmp_path / "model").predict(snapshot, 28).targets["product"]
    np.testing.assert_array_equal(
        back.rows(slice(None)), model().predict(snapshot, 28).targets["product"].rows(slice(None))
    )
    score(model(), shop(), as_of=AS_OF, horizon_days=28, out=tmp_path / "scores")
    kept_scores = load_scores(tmp_path / "scores")
    kept = kept_scores.scores_of("product")
    np.testing.assert_array_equal(kept.rows(slice(None)), scored().scores_of("product").rows(slice(None)))
    described = {"name": "jasmine tea small"}
    answers = [one.interested_in(new_product=described).customers for one in (kept_scores, scored())]
    pd.testing.assert_frame_equal(*answers, check_exact=True)


def test_one_customer_alone_has_the_numbers_of_the_crowd():
    snapshot = shop().as_of(AS_OF)
    crowd = model().predict(snapshot, 28).targets["product"].rows([7])
    alone = model().predict(snapshot.take([7]), 28).targets["product"].rows(slice(None))
    np.testing.assert_allclose(alone, crowd, atol=1e-5)


def test_the_explanation_of_a_new_product_names_what_is_called_alike_and_sums_up():
    told = model().explain(shop().as_of(AS_OF), "c00", "product", "new-tea", 28)
    assert sum(part.logit for part in told.parts) == pytest.approx(told.logit, abs=1e-3)
    (alike,) = [part for part in told.parts if part.name == "similar_products"]
    assert alike.logit > 0
    assert "tea" in alike.words
    assert "similar_products" in GROUPS


def test_a_first_sale_from_as_of_on_is_not_seen():
    coming = pd.DataFrame({"customer_id": [f"c{who:02d}" for who in range(1, 100, 2)]}).assign(
        order_id="to come", ordered_at=pd.Timestamp(AS_OF, tz="UTC"), product_id="new-tea"
    )
    log = log_of(tables(coming))
    late = train(log, as_of=AS_OF, settings=QUICK).predict(log.as_of(AS_OF), 28).targets["product"]
    now = model().predict(shop().as_of(AS_OF), 28).targets["product"]
    assert late.rows(slice(None)).tobytes() == now.rows(slice(None)).tobytes()


def test_a_history_over_the_wire_gets_the_numbers_of_batch_scoring():
    lines = tables()["orders"]
    sent = lines[lines["customer_id"].isin(["c00", "c01"])].assign(
        ordered_at=lambda frame: frame["ordered_at"].map(pd.Timestamp.isoformat)
    )
    request = PredictRequest.model_validate({"orders": sent.to_dict("records"), "interests": 100})
    answered = pd.DataFrame(
        [
            {"customer_id": customer["customer_id"], **one}
            for customer in ScoredShop.of(scored(), model()).predict(request)["customers"].to_pylist()
            for one in customer["interests"]
        ]
    )
    wanted = scored().interests(100)
    wanted = wanted[wanted["customer_id"].isin(["c00", "c01"])].drop(columns="horizon_days")
    told = answered.set_index(["customer_id", "target"])["probability"]
    kept = wanted.set_index(["customer_id", "target"])["probability"]
    assert told["c00", "new-tea"] > 1.1 * told["c01", "new-tea"]
    pd.testing.assert_series_equal(told, kept, check_exact=True)


def test_a_shop_with_too_little_to_learn_from_scores_new_products_as_ever():
    past = shop().unsold(shop().catalogue.product_ids[8:], AS_OF)
    few = train(past, as_of=AS_OF, settings=QUICK).predict(past.as_of(AS_OF), 28).targets["product"]
    assert few.alike is None
    assert few.newcomer.start == (1.0, 0.0)
