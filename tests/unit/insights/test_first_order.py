"""The threshold of the first order: found where it was planted, and none where size tells nothing."""

from __future__ import annotations

import numpy as np
import pytest

from hand_view import hand_view
from intentml.insights import first_order_threshold, threshold_of
from intentml.insights.first_order import _rate

WITHIN = 60.0


def planted(low: float, high: float, at: int = 4, customers: int = 3_000, seed: int = 0):
    """Sizes 1 to 8; whether they come back depends on being at least `at`, and on nothing else."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, customers).astype(float)
    back = rng.random(customers) < np.where(sizes >= at, high, low)
    days = np.where(
        back, rng.uniform(1, WITHIN, customers), np.where(rng.random(customers) < 0.5, 200, np.nan)
    )
    return sizes, days, np.full(customers, 365.0)


def test_a_planted_threshold_is_found_with_honest_rates():
    found = threshold_of(*planted(0.2, 0.4), within_days=WITHIN)
    assert found.threshold == 4
    assert found.luck < 0.01
    assert found.low <= 4 <= found.high
    assert found.below.low < 0.2 < found.below.high
    assert found.above.low < 0.4 < found.above.high
    assert found.difference == found.above.value - found.below.value
    assert found.below.customers + found.above.customers == found.customers == 3_000
    assert found.lines()[0].startswith("Threshold: 4 items in the first order (95 % interval ")


def test_each_half_is_judged_by_the_threshold_of_the_other():
    found = threshold_of(*planted(0.2, 0.4), within_days=WITHIN)
    assert [one.threshold for one in found.halves] == [4, 4]
    assert sum(one.below.customers + one.above.customers for one in found.halves) == 3_000
    assert all(1_450 < one.below.customers + one.above.customers < 1_550 for one in found.halves)


def test_the_rates_are_those_of_customers_who_had_no_part_in_the_threshold():
    """Judged on the half that it was found on, a cut through noise would look good in every shop."""
    found = [
        threshold_of(*planted(0.3, 0.3, customers=400, seed=seed), within_days=WITHIN) for seed in range(25)
    ]
    assert np.mean([one.difference for one in found]) < 0.01


def test_where_size_tells_nothing_there_is_no_threshold():
    found = [threshold_of(*planted(0.3, 0.3, seed=seed), within_days=WITHIN) for seed in range(8)]
    assert sum(one.threshold is not None for one in found) <= 1  # of forty shops one, by luck
    assert found[0].lines()[0].startswith("No threshold: a larger first order does not tell")


def test_a_larger_first_order_after_which_fewer_come_back_is_no_threshold():
    found = threshold_of(*planted(0.4, 0.2), within_days=WITHIN)
    assert found.threshold is None
    assert found.difference_high < 0


def test_customers_who_had_not_the_time_yet_tell_nothing():
    sizes, days, tenure = planted(0.2, 0.4)
    young = np.r_[tenure, np.full(500, WITHIN - 1)]
    more = threshold_of(
        np.r_[sizes, np.full(500, 8.0)], np.r_[days, np.full(500, np.nan)], young, within_days=WITHIN
    )
    same = threshold_of(sizes, days, tenure, within_days=WITHIN)
    assert (more.customers, more.threshold, more.above) == (same.customers, same.threshold, same.above)


def test_a_second_order_past_the_usual_time_is_none():
    sizes = np.repeat([1.0, 5.0], 200)
    found = threshold_of(sizes, np.full(400, WITHIN + 1), np.full(400, 365.0), within_days=WITHIN)
    assert (found.threshold, found.luck, found.difference) == (None, 1, 0)
    assert found.curve["returned"].sum() == 0


@pytest.mark.parametrize("sizes", [[], [np.nan] * 9, [3.0] * 500, [1.0] * 5 + [9.0] * 5])
def test_too_few_or_too_much_alike_are_told(sizes):
    found = threshold_of(sizes, [5.0] * len(sizes), [99.0] * len(sizes), within_days=WITHIN)
    assert found.threshold is None
    assert "too few or too much alike" in found.lines()[0]


def test_the_curve_counts_every_customer_once():
    sizes = np.r_[np.ones(50), np.full(50, 2.0), np.full(20, 7.0)]
    days = np.r_[np.ones(10), np.full(110, np.nan)]
    curve = threshold_of(sizes, days, np.full(120, 99.0), within_days=WITHIN).curve
    assert curve[["from", "to", "customers", "returned"]].to_numpy().tolist() == [
        [1, 1, 50, 10],
        [2, 2, 50, 0],
        [7, 7, 20, 0],
    ]
    assert curve["rate"].tolist() == [0.2, 0, 0]


def test_the_interval_of_a_rate_is_that_of_wilson():
    told = _rate(10, 50)
    assert (told.low, told.high) == (pytest.approx(0.1124, abs=1e-4), pytest.approx(0.3304, abs=1e-4))


def test_money_is_cut_at_a_hundred_places_at_most_and_the_seed_decides():
    rng = np.random.default_rng(0)
    spend = rng.gamma(2.0, 30.0, 4_000)
    days = np.where(rng.random(4_000) < np.where(spend >= 70, 0.5, 0.25), 10.0, np.nan)
    view = hand_view(first_order_spend=spend, days_to_second_order=days, tenure_days=[365.0] * 4_000)
    one, other = (first_order_threshold(view, WITHIN, "first_order_spend", seed=3) for _ in range(2))
    assert one.threshold == pytest.approx(70, rel=0.05)
    assert (one.threshold, one.low, one.high) == (other.threshold, other.low, other.high)
    assert len(one.curve) == 10
