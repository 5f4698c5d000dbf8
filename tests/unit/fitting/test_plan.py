"""Windows of a training: validation after all that is learned from, or other customers."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from intentml.fitting.plan import TrainingPlan, plan_training
from intentml.timeline import OrderLog
from tiny import log_of

START = pd.Timestamp("2023-01-01", tz="UTC")


@cache
def log_of_days(days: int, timezone: str = "UTC") -> OrderLog:
    """A shop with one order a day."""
    orders = pd.DataFrame(
        {
            "customer_id": "a",
            "order_id": [f"o{day:04d}" for day in range(days)],
            "ordered_at": (START + pd.Timedelta(hours=12) + pd.to_timedelta(range(days), unit="D")),
        }
    )
    return log_of({"orders": orders}, timezone)


def plan_of(
    days: int, *horizons: int, windows: int = 3, cutoffs: int = 4, anchors: int = 5, seed: int = 0
) -> TrainingPlan | None:
    return plan_training(
        log_of_days(days), horizons, windows=windows, n_cutoffs=cutoffs, n_anchors=anchors, seed=seed
    )


def ago(plan: TrainingPlan, days: int) -> dict[str, object]:
    """The plan's instants as days before the end of a shop of so many days."""
    until = log_of_days(days).until

    def back(instant) -> int:
        return round(until.days_since(instant))

    return {
        "split": plan.split,
        "validation": {horizon: back(at) for horizon, at in plan.validation.items()},
        "ends": back(plan.ends),
        "cutoffs": [back(at) for at in plan.cutoffs],
        "anchors": [back(at) for at in plan.anchors],
        "newest": [back(at) for at in plan.newest],
        "newest_anchors": [back(at) for at in plan.newest_anchors],
    }


def test_the_newest_window_validates_and_all_labels_end_where_it_begins():
    told = ago(plan_of(400, 28), 400)
    assert told["split"] == "windows"
    assert told["validation"] == {28: 28}
    assert told["ends"] == 28
    # The newest window that ends there, then half a horizon apart.
    assert told["cutoffs"] == [56, 70, 84, 98]


def test_the_newest_instants_reach_into_validation_and_beyond():
    told = ago(plan_of(400, 28), 400)
    assert (told["newest"], told["newest_anchors"]) == ([28, 42], [])
    told = ago(plan_of(800, 7, 90, anchors=100), 800)
    assert told["newest"] == [7, 90]
    assert told["newest_anchors"]
    assert all(7 <= back < 90 for back in told["newest_anchors"])


def test_with_several_horizons_the_longest_one_s_validation_bounds_all_labels():
    told = ago(plan_of(800, 7, 90), 800)
    assert told["validation"] == {7: 7, 90: 90}
    assert told["ends"] == 90
    # One window for the shortest horizon, which may look later; the others hold both.
    assert told["cutoffs"] == [97, 180, 225, 270]


def test_a_horizon_without_two_windows_is_not_learned():
    plan = plan_of(400, 28, 365)
    assert plan.horizons == (28,)
    assert ago(plan, 400)["ends"] == 28


def test_a_history_without_any_horizon_twice_is_validated_at_a_tenth_of_it():
    told = ago(plan_of(100, 90), 100)
    assert told["split"] == "windows"
    assert told["validation"] == {10: 10}
    assert told["ends"] == 10
    assert told["cutoffs"][0] == 20


def test_where_not_even_that_fits_twice_customers_are_split():
    told = ago(plan_of(40, 90), 40)
    assert told["split"] == "customers"
    assert told["validation"] == {7: 7}  # the shortest horizon there is
    assert told["ends"] == 0
    assert told["cutoffs"][0] == 7  # the same window, of other customers


@pytest.mark.parametrize("days", [5, 20, 34])
def test_too_short_a_history_has_no_plan(days):
    assert plan_of(days, 28) is None


def test_the_shortest_history_that_has_one():
    assert ago(plan_of(36, 28), 36)["validation"] == {7: 7}


@given(
    days=st.integers(30, 900),
    horizons=st.lists(st.sampled_from([7, 14, 28, 60, 90, 180, 365]), min_size=1, max_size=4),
    windows=st.integers(1, 4),
    cutoffs=st.integers(1, 8),
)
def test_no_training_label_reaches_a_validation_window_of_those_it_learns_from(
    days, horizons, windows, cutoffs
):
    days = 30 * (days // 30)
    plan = plan_of(days, *horizons, windows=windows, cutoffs=cutoffs)
    assume(plan is not None)
    log = log_of_days(days)
    for horizon, validation in plan.validation.items():
        assert validation.plus_days(horizon).us <= log.until.us
        if plan.split == "windows":
            assert plan.ends.us <= validation.us
    assert len(plan.cutoffs) <= cutoffs
    assert sorted(plan.cutoffs, reverse=True) == list(plan.cutoffs)
    for cutoff in plan.cutoffs:
        assert cutoff.plus_days(min(plan.horizons)).us <= plan.ends.us
        assert cutoff.days_since(log.start) >= 28
    for anchor in plan.anchors:
        assert plan.ends.days_since(anchor) >= 7
        assert anchor.days_since(log.start) > 28


def test_anchors_are_drawn_by_their_seed_newest_first_and_never_twice():
    plan = plan_of(400, 28, anchors=30)
    assert len(set(plan.anchors)) == 30
    assert sorted(plan.anchors, reverse=True) == list(plan.anchors)
    assert plan_of(400, 28, anchors=30) == plan
    assert plan_of(400, 28, anchors=30, seed=1).anchors != plan.anchors
    assert plan_of(400, 28, anchors=0).anchors == ()


def test_where_few_days_lie_between_each_is_an_anchor():
    told = ago(plan_of(120, 28, anchors=500), 120)
    assert told["ends"] == 28
    assert told["anchors"] == list(range(28 + 7, 120 - 28))


# -- customers -----------------------------------------------------------------------------------------


def ids(count: int) -> np.ndarray:
    return np.array([f"customer-{number:05d}" for number in range(count)], dtype=object)


def test_nobody_both_teaches_and_judges_where_customers_are_split():
    plan = plan_of(40, 90)
    everybody = ids(4000)
    teaches, judges = plan.teaches(everybody), plan.judges(everybody)
    np.testing.assert_array_equal(judges, ~teaches)
    assert 0.22 < judges.mean() < 0.28


def test_a_customer_s_side_goes_by_their_id_alone():
    plan = plan_of(40, 90)
    everybody = ids(500)
    some = np.random.default_rng(0).permutation(500)[:100]
    np.testing.assert_array_equal(plan.judges(everybody[some]), plan.judges(everybody)[some])
    np.testing.assert_array_equal(plan_of(38, 28).judges(everybody), plan.judges(everybody))


def test_where_windows_are_split_everybody_teaches_and_judges():
    plan = plan_of(400, 28)
    assert plan.teaches(ids(50)).all()
    assert plan.judges(ids(50)).all()


@pytest.mark.parametrize(("days", "split"), [(400, "windows"), (40, "customers")])
def test_what_is_known_of_the_whole_shop_ends_where_validation_begins(days, split):
    # Else vectors and names would tell what the customers kept for validation buy in it.
    plan = plan_of(days, 90 if split == "customers" else 28)
    assert plan.split == split
    assert [plan.known_until] == list(plan.validation.values())
