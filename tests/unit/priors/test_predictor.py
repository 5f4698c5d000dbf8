"""A predictor made of priors: any horizon, any customers, only the heads it has."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentml.errors import TimeError
from intentml.fitting.priors import FittedPriors, PriorsConfig, fit_priors
from intentml.prediction import Predictions
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import OrderLog, Snapshot
from random_shop import AS_OF_TEXT, random_shop
from tiny import log_of

LATER = "2024-04-20"


@cache
def log() -> OrderLog:
    return log_of(random_shop(0, customers=60, lines=1200))


@cache
def fitted() -> FittedPriors:
    config = PriorsConfig(horizons_days=(7, 28), sample_per_window=2000)
    return fit_priors(log(), log().instant(AS_OF_TEXT), config)


@cache
def snapshot() -> Snapshot:
    return log().as_of(AS_OF_TEXT)


def heads(predictions: Predictions) -> dict[str, np.ndarray | None]:
    return {name: getattr(predictions, name) for name in ("no_order", "orders", "spend", "survival")}


@settings(max_examples=10)
@given(days=st.integers(7, 365))
def test_any_horizon_gives_every_head(days):
    predictions = fitted().best.predict(snapshot(), days)
    users = len(snapshot())
    assert predictions.horizon_days == days
    assert predictions.as_of == snapshot().as_of
    assert list(predictions.customer_ids) == list(snapshot().customer_ids)
    assert all(np.isfinite(values).all() and len(values) == users for values in heads(predictions).values())
    assert (predictions.no_order >= 0).all()
    assert (predictions.no_order <= 1).all()
    for kind in snapshot().catalogue.kinds:
        logits = predictions.targets[kind].rows(slice(None))
        assert logits.shape == (users, len(snapshot().catalogue.targets(kind)))
        assert np.isfinite(logits).all()


@pytest.mark.parametrize("days", [6, 366, 0, -7])
def test_other_horizons_are_refused(days):
    with pytest.raises(TimeError, match="outside 7 to 365"):
        fitted().best.predict(snapshot(), days)


def test_past_what_the_history_could_evaluate_it_says_so():
    assert fitted().best.longest_days == 28
    assert fitted().best.predict(snapshot(), 28).calibrated
    assert not fitted().best.predict(snapshot(), 29).calibrated


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [(None, {"category", "category_node", "brand", "product"}), (("brand",), {"brand"}), ((), set())],
)
def test_kinds_are_those_asked_for(kinds, expected):
    predictions = fitted().best.predict(snapshot(), 28, kinds=kinds)
    assert set(predictions.targets) == expected
    assert predictions.no_order is not None


def test_the_survival_curve_and_the_churn_head_are_one_curve():
    for days in (30, 60, 365):
        predictions = fitted().best.predict(snapshot(), days, kinds=())
        column = SURVIVAL_DAYS.index(days)
        np.testing.assert_array_equal(predictions.no_order, predictions.survival[:, column])
    assert (np.diff(predictions.survival, axis=1) <= 0).all()


def test_spend_is_orders_times_money_per_order():
    best = fitted().best
    predictions = best.predict(snapshot(), 28, kinds=())
    np.testing.assert_allclose(predictions.spend, predictions.orders * best.spend.per_order(snapshot()))


def test_a_timing_prior_has_no_targets_and_a_target_prior_no_timing():
    timing = fitted().each["pareto_nbd"].predict(snapshot(), 28)
    assert timing.targets == {}
    assert all(values is not None for values in heads(timing).values())
    counts = fitted().each["counts"].predict(snapshot(), 28)
    assert set(counts.targets) == set(snapshot().catalogue.kinds)
    assert all(values is None for values in heads(counts).values())


def test_a_later_snapshot_has_its_own_customers_and_targets():
    later = log().as_of(LATER)
    assert len(later) > len(snapshot())
    assert len(later.catalogue) >= len(snapshot().catalogue)
    predictions = fitted().best.predict(later, 28)
    assert len(predictions.no_order) == len(later)
    for kind, scores in predictions.targets.items():
        assert scores.targets.tolist() == later.catalogue.targets(kind).targets.tolist()
        assert np.isfinite(scores.rows(slice(None))).all()


def test_shared_designs_do_not_mix_snapshots_or_horizons():
    best, later = fitted().best, log().as_of(LATER)
    first = best.predict(snapshot(), 28).targets["category"].rows(slice(None))
    best.predict(later, 28)
    best.predict(snapshot(), 7)
    fitted().each["counts"].predict(snapshot(), 28)
    np.testing.assert_array_equal(best.predict(snapshot(), 28).targets["category"].rows(slice(None)), first)


def test_a_longer_horizon_has_more_of_everything():
    short, long = (fitted().best.predict(snapshot(), days, kinds=()) for days in (7, 90))
    assert (long.no_order <= short.no_order).all()
    assert (long.orders >= short.orders - 1e-9).all()


def test_nobody_is_asked_for_and_nobody_answered():
    nobody = fitted().best.predict(snapshot().take([]), 28)
    assert all(len(values) == 0 for values in heads(nobody).values())
    assert nobody.targets["category"].rows(slice(None)).shape[0] == 0


def test_prospects_are_scored_for_every_target():
    prospects = np.flatnonzero(snapshot().n_orders == 0)
    assert len(prospects)
    predictions = fitted().best.predict(snapshot(), 28)
    logits = predictions.targets["category"].rows(prospects)
    # Nothing tells prospects apart.
    np.testing.assert_allclose(logits, np.tile(logits[:1], (len(prospects), 1)), atol=1e-5)
    assert (predictions.orders[prospects] > 0).all()


def test_a_renamed_predictor_shares_the_rest():
    other = fitted().best.renamed("other", spend=None)
    assert other.name == "other"
    predictions = other.predict(snapshot(), 28, kinds=())
    assert predictions.spend is None
    np.testing.assert_array_equal(predictions.orders, fitted().best.predict(snapshot(), 28, kinds=()).orders)
