"""Lifecycle: the acceptance examples, every boundary, and the widening."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.scores.rhythm import own_rhythm
from intentml.scores.stages import (
    WIDENINGS,
    LifecycleLimits,
    ReturnTimes,
    Rhythm,
    choose_widening,
    cycle_days,
    lifecycle,
    lifecycle_limits,
    returned_within_cycle,
    stages_disagree,
)

NAN = float("nan")


def return_times(usual: float, lost: float, cycle: float) -> ReturnTimes:
    return ReturnTimes(usual_days=usual, lost_days=lost, cycle_days=cycle, returns=99, source="first")


LIMITS = LifecycleLimits(
    first=return_times(60, 150, 30), second=return_times(40, 100, 20), later=return_times(25, 70, 10)
)


def stage(orders: int, recency: float, gap: float = NAN, spread: float = 0.0, **changed: float) -> str:
    limits = LIMITS.model_copy(update=changed)
    return str(lifecycle([orders], [recency], [gap], [spread], limits)[0])


def shop_of_rhythm(gap: int, customers: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Active days of customers around one shop-wide gap; a third never come back."""
    rng = np.random.default_rng(seed)
    counts = np.where(rng.random(customers) < 1 / 3, 1, rng.integers(2, 8, customers))
    days = [
        np.cumsum(np.r_[rng.integers(0, 60), np.maximum(1, rng.normal(gap, gap / 5, n - 1).round())])
        for n in counts
    ]
    return np.r_[0, np.cumsum(counts)], np.concatenate(days).astype(np.int64)


@pytest.mark.parametrize("shop_gap", [20, 45, 90, 365])
@pytest.mark.parametrize("widen", WIDENINGS)
def test_who_buys_every_three_months_slips_at_four_and_who_buys_once_a_year_is_active_at_nine(
    shop_gap: int, widen: float
) -> None:
    indptr, days = shop_of_rhythm(shop_gap, 300, seed=shop_gap)
    limits = lifecycle_limits(indptr, days, as_of_day=int(days.max()) + 1)
    limits = limits.model_copy(update={"widen": widen})
    rng = np.random.default_rng(7)
    for orders in range(3, 8):
        for jitter in (0.0, 0.05):
            quarterly = 90 * (1 + rng.uniform(-jitter, jitter, orders - 1))
            yearly = 365 * (1 + rng.uniform(-jitter, jitter, orders - 1))
            own = [np.r_[0, np.cumsum(gaps.round())].astype(int) for gaps in (quarterly, yearly)]
            rhythm = own_rhythm([0, orders, 2 * orders], np.concatenate(own), [orders, orders])
            who = [0, 0, 1]
            found = lifecycle(
                [orders] * 3, [30, 122, 274], rhythm.gap_days[who], rhythm.irregularity[who], limits
            )
            assert found.tolist() == ["active", "slipping_away", "active"]


def test_own_boundaries_are_at_one_fifth_over_and_at_twice_the_own_gap() -> None:
    assert [stage(5, recency, gap=100.0) for recency in (0, 119, 120, 199, 200)] == [
        "active",
        "active",
        "slipping_away",
        "slipping_away",
        "lost",
    ]


def test_one_order_is_new_within_the_usual_time_to_a_second_one() -> None:
    assert [stage(1, recency) for recency in (0, 59, 60, 149, 150)] == [
        "new",
        "new",
        "slipping_away",
        "slipping_away",
        "lost",
    ]


def test_two_orders_go_by_the_curve_of_such_customers() -> None:
    assert [stage(2, recency) for recency in (39, 40, 100)] == ["active", "slipping_away", "lost"]


def test_three_orders_without_a_rhythm_go_by_the_later_curve() -> None:
    assert [stage(3, recency) for recency in (24, 25, 70)] == ["active", "slipping_away", "lost"]


def test_no_order_is_a_prospect_whatever_the_recency() -> None:
    assert stage(0, NAN) == "prospect"
    assert np.isnan(cycle_days([0], [NAN], LIMITS)[0])


def test_irregular_gaps_stretch_the_boundaries_only_when_widened() -> None:
    assert stage(5, 130, gap=100.0, spread=0.5) == "slipping_away"
    assert stage(5, 130, gap=100.0, spread=0.5, widen=1.0) == "active"
    assert stage(5, 299, gap=100.0, spread=0.5, widen=1.0) == "slipping_away"
    assert stage(5, 130, gap=100.0, spread=0.0, widen=2.0) == "slipping_away"


def test_three_days_in_a_row_do_not_make_a_customer_lost_within_the_week() -> None:
    assert [stage(3, recency, gap=1.0) for recency in (5, 9, 14)] == ["active", "slipping_away", "lost"]


def test_the_next_cycle_is_the_own_gap_or_that_of_the_shops_returners() -> None:
    found = cycle_days([1, 2, 3, 9, 9], [NAN, NAN, NAN, 33.0, 1.0], LIMITS)
    assert found.tolist() == [30.0, 20.0, 10.0, 33.0, 7.0]


def test_the_shops_times_are_read_from_its_own_curves() -> None:
    # 100 customers come back after 1..100 days and never again; as_of is far away.
    histories = np.array([[0, gap] for gap in range(1, 101)]).ravel()
    limits = lifecycle_limits(np.arange(0, 201, 2), histories, as_of_day=1000)
    assert limits.first.model_dump() == {
        # The curve ends where fewer than 20 still wait: after day 81.
        "usual_days": 65.0,
        "lost_days": 77.0,
        "cycle_days": 41.0,
        "returns": 100,
        "source": "first",
    }
    assert limits.second_order_usual_days == 65.0
    # Nobody came a third time: their times are the first curve's, and the limits say so.
    assert (limits.second.source, limits.second.returns) == ("first", 0)
    assert limits.second.usual_days == limits.first.usual_days


def test_a_shop_where_nobody_returns_has_assumed_times_and_says_so() -> None:
    limits = lifecycle_limits(np.arange(51), np.zeros(50, dtype=int), as_of_day=30)
    assert limits.first.source == limits.later.source == "assumed"
    assert lifecycle([1, 1, 1], [89, 90, 180], [NAN] * 3, [NAN] * 3, limits).tolist() == [
        "new",
        "slipping_away",
        "lost",
    ]


def test_limits_survive_the_manifest() -> None:
    assert LifecycleLimits.model_validate_json(LIMITS.model_dump_json()) == LIMITS
    with pytest.raises(ValueError, match="unknown_limit"):
        LifecycleLimits.model_validate({**LIMITS.model_dump(), "unknown_limit": 1})


def test_one_customer_alone_has_the_stage_it_has_in_the_crowd() -> None:
    rng = np.random.default_rng(0)
    orders = rng.integers(0, 6, 200)
    recency = rng.uniform(0, 300, 200)
    gap = np.where((orders >= 3) & (rng.random(200) < 0.8), rng.uniform(1, 120, 200), NAN)
    crowd = lifecycle(orders, recency, gap, np.zeros(200), LIMITS)
    alone = [stage(int(n), r, g) for n, r, g in zip(orders, recency, gap, strict=True)]
    assert crowd.tolist() == alone
    assert set(alone) == {"prospect", "new", "active", "slipping_away", "lost"}


def test_a_stage_that_the_model_contradicts_is_flagged() -> None:
    names = ["active", "active", "lost", "lost", "new", "slipping_away"]
    found = stages_disagree(names, [0.19, 0.2, 0.5, 0.49, 0.0, 0.9], LIMITS)
    assert found.tolist() == [True, False, True, False, False, False]


def test_a_return_can_be_told_only_for_cycles_the_data_cover() -> None:
    returned, known = returned_within_cycle([10.0, 31.0, np.inf, NAN, 10.0], [30, 30, 30, 30, 90], 60)
    assert returned[:4].tolist() == [True, False, False, False]
    assert known.tolist() == [True, True, True, True, False]


def simulated_returns(irregular_come_back: bool) -> tuple[np.ndarray, Rhythm, np.ndarray]:
    """Customers at 1.5 gaps: the irregular half comes back (or not), the regular half does not."""
    rng = np.random.default_rng(3)
    size = 2000
    spread = np.where(np.arange(size) % 2, 0.6, 0.0)
    gap = rng.uniform(20, 100, size)
    ratio = np.where(rng.random(size) < 0.5, 0.5, 1.5)
    late_chance = np.where((spread > 0) & irregular_come_back, 0.8, 0.1)
    chance = np.where(ratio < 1, 0.8, late_chance)
    rhythm = Rhythm(gap, spread, np.full(size, 5))
    return ratio * gap, rhythm, rng.random(size) < chance


def test_the_widening_is_chosen_where_irregular_customers_do_come_back_late() -> None:
    recency, rhythm, returned = simulated_returns(irregular_come_back=True)
    chosen = choose_widening(recency, rhythm, returned, LIMITS)
    # 1.5 gaps are within 1.2 x (1 + 0.5 x 0.6) = 1.56: half is the smallest that is enough.
    assert chosen.widen == 0.5


def test_nothing_is_widened_where_lateness_means_the_same_for_all() -> None:
    recency, rhythm, returned = simulated_returns(irregular_come_back=False)
    assert choose_widening(recency, rhythm, returned, LIMITS).widen == 0.0


def test_nothing_is_widened_without_anybody_to_learn_from() -> None:
    nobody = Rhythm(np.array([NAN]), np.array([NAN]), np.array([1]))
    assert choose_widening([5.0], nobody, [True], LIMITS) == LIMITS
