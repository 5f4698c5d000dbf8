"""Laws of scores: one customer alone is the customer in the crowd; no future moves a score."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentml.prediction import Predictions
from intentml.scores.customers import customer_table
from intentml.scores.scores import Scores
from intentml.scores.stages import LifecycleLimits
from intentml.timeline import Snapshot
from intentml.workflows import score, train
from other_futures import FUTURES
from random_shop import AS_OF_TEXT
from same import Arrays, arrays_of, assert_same
from scored_shop import HORIZONS, QUICK, frames, log, model, scores
from tiny import log_of

SEEDS = (0, 1)
KINDS = ("category", "category_node", "brand", "product")


@cache
def whole(seed: int) -> Snapshot:
    """Everybody."""
    return log(seed).as_of(AS_OF_TEXT)


@cache
def predicted(seed: int, days: int) -> Predictions:
    """Predictions of everybody."""
    return model(seed).predictor.predict(whole(seed), days)


def assert_alike(part: Predictions, crowd: Predictions, rows: np.ndarray) -> None:
    """Fail unless the part tells of its customers what the crowd's predictions do."""
    for kind in KINDS:
        alone, together = part.targets[kind].rows(slice(None)), crowd.targets[kind].rows(rows)
        np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6, err_msg=kind)
    for head in ("no_order", "orders", "spend", "survival"):
        np.testing.assert_allclose(getattr(part, head), getattr(crowd, head)[rows], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("seed", "days"), [(0, 28), (1, 365)])
def test_a_customer_alone_is_predicted_as_in_the_crowd(seed, days):
    for row in range(len(whole(seed))):
        alone = model(seed).predictor.predict(whole(seed).take([row]), days)
        assert_alike(alone, predicted(seed, days), np.array([row]))


@settings(max_examples=20)
@given(seed=st.sampled_from(SEEDS), data=st.data())
def test_any_part_of_the_shop_is_predicted_as_in_the_whole(seed, data):
    count = len(whole(seed))
    rows = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    assert_alike(model(seed).predictor.predict(whole(seed).take(rows), 28), predicted(seed, 28), rows)


def table_of(part: Snapshot, seed: int, shop: Scores, limits: LifecycleLimits) -> pa.Table:
    """The customers' table of a part, by the limits of the whole."""
    predictor = model(seed).predictor
    told = [predictor.predict(part, days, kinds=()) for days in (*HORIZONS, 365)]
    return customer_table(part, told[:-1], told[-1], limits, shop.manifest.limits.importance)[0]


@settings(max_examples=20)
@given(seed=st.sampled_from(SEEDS), data=st.data())
def test_given_the_limits_any_part_has_its_rows_of_the_whole_table(seed, data):
    count = len(whole(seed))
    rows = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    shop = scores(seed)
    part = table_of(whole(seed).take(rows), seed, shop, shop.manifest.limits.lifecycle)
    assert_same(arrays_of(part, "customers"), arrays_of(shop.table.take(pa.array(rows)), "customers"))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("days", HORIZONS)
def test_a_set_is_at_least_as_likely_as_each_of_its_products(seed, days):
    shop = scores(seed)
    products = list(shop.catalogue.product_ids[:6])

    def by_customer(*product: str) -> np.ndarray:
        ranked = shop.interested_in(product=product, horizon_days=days).customers
        return ranked.sort_values("customer_id")["probability"].to_numpy()

    together = by_customer(*products)
    for product in products:
        assert (together >= by_customer(product) - 1e-6).all()


# -- the time machine, for models and scores ----------------------------------------------------------


def everything(shop: Scores) -> Arrays:
    """All numbers of scores, the manifest but for what names the tables they were made from."""
    manifest = shop.manifest.model_dump(exclude={"data", "model"}, mode="json")
    parts = [shop.table, shop.products, shop.context, dict(shop.targets), shop.bought, manifest]
    return arrays_of(parts, "scores")


@cache
def log_under(seed: int, future: str):
    return log_of(FUTURES[future](frames(seed), np.random.default_rng(seed)))


@pytest.mark.parametrize("future", FUTURES)
def test_no_future_changes_a_score(future):
    other = score(model(), log_under(0, future), as_of=AS_OF_TEXT, horizon_days=HORIZONS)
    assert_same(everything(scores()), everything(other))


@pytest.mark.parametrize("future", ["lines_changed", "late_lines_added", "purchases_returned"])
def test_no_future_changes_what_is_learned(future):
    other = train(log_under(0, future), as_of=AS_OF_TEXT, settings=QUICK)
    cards = [{**saved.card, "data": None} for saved in (model(), other)]
    assert cards[0] == cards[1]
    days = [saved.predictor.predict(whole(0), 28) for saved in (model(), other)]
    assert_same(arrays_of(days[0], "predictions"), arrays_of(days[1], "predictions"))


def test_the_same_question_twice_has_byte_for_byte_the_same_answer():
    trained = train(log(), as_of=AS_OF_TEXT, settings=QUICK)
    again = score(trained, log(), as_of=AS_OF_TEXT, horizon_days=HORIZONS)
    assert_same(everything(scores()), everything(again))
    assert again.manifest == scores().manifest


def test_the_past_does_change_the_scores():
    earlier = frames()
    earlier["orders"] = earlier["orders"].iloc[50:]
    other = score(model(), log_of(earlier), as_of=AS_OF_TEXT, horizon_days=HORIZONS)
    with pytest.raises(AssertionError):
        assert_same(everything(scores()), everything(other))
