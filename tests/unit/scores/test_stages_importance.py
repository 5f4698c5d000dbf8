"""Importance: limits and groups a reader can check with a finger."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.scores.importance import ImportanceLimits, importance, importance_limits, revenue_shares


def test_limits_are_one_and_two_deviations_above_the_mean() -> None:
    # n = 1, 1, 5, 9: mean 4, squared deviations 9 + 9 + 1 + 25 over 4 = 11.
    limits = importance_limits([1, 1, 4, 8], [1, 1, 5, 9], None)
    assert limits.mean_orders == 4
    assert limits.frequent_from == pytest.approx(4 + np.sqrt(11))
    assert limits.vip_from == pytest.approx(4 + 2 * np.sqrt(11))
    assert limits.vip_revenue_from is None


def test_in_a_shop_of_one_time_buyers_loyal_is_exactly_two() -> None:
    limits = importance_limits([1] * 99 + [2], [1] * 99 + [2], None)
    assert (limits.frequent_from, limits.vip_from) == (3.0, 4.0)
    groups = importance([1, 2, 3, 4], [1, 2, 3, 4], None, limits)
    assert groups.tolist() == ["one_time", "loyal", "frequent", "vip"]


def test_expected_orders_count_but_one_order_stays_one_time() -> None:
    limits = importance_limits([1] * 99 + [2], [1] * 99 + [2], None)
    assert importance([1, 2, 2], [6.0, 2.9, 4.2], None, limits).tolist() == ["one_time", "loyal", "vip"]


def test_prospects_have_no_importance_and_do_not_move_the_limits() -> None:
    with_prospects = importance_limits([0, 0, 1, 3], [0, 0, 1, 3], [0, 0, 5, 9])
    assert with_prospects == importance_limits([1, 3], [1, 3], [5, 9])
    assert importance([0], [0.0], [0.0], with_prospects).tolist() == [None]


def test_a_vip_needs_the_median_revenue_of_the_frequent_as_well() -> None:
    orders = [1] * 96 + [3, 5, 5, 5]
    revenue = [10.0] * 96 + [30.0, 20.0, 50.0, 80.0]
    limits = importance_limits(orders, orders, revenue)
    assert limits.vip_revenue_from == 40.0
    assert importance(orders, orders, revenue, limits)[-4:].tolist() == ["frequent", "frequent", "vip", "vip"]


def test_a_shop_without_prices_has_no_revenue_condition() -> None:
    orders = [1] * 97 + [5, 6, 7]
    for unknown in (None, [np.nan] * 100):
        limits = importance_limits(orders, orders, unknown)
        assert limits.vip_revenue_from is None
        assert importance(orders, orders, unknown, limits)[-3:].tolist() == ["vip"] * 3


def test_unknown_revenue_does_not_make_a_vip_where_others_have_prices() -> None:
    limits = ImportanceLimits(
        mean_orders=1, std_orders=0, frequent_from=3, vip_from=4, vip_revenue_from=100.0
    )
    assert importance([9, 9], [9, 9], [np.nan, 100.0], limits).tolist() == ["frequent", "vip"]
    assert importance([9], [9], None, limits).tolist() == ["frequent"]


def test_one_time_buyers_never_set_the_revenue_of_the_frequent() -> None:
    limits = importance_limits([1, 1, 5], [30.0, 1.0, 5.0], [9000.0, 1.0, 1.0])
    assert limits.vip_revenue_from is None


def test_a_shop_without_repeat_buyers_or_without_anybody_has_limits() -> None:
    alone = importance_limits([1, 1], [1.2, 1.1], [5.0, 6.0])
    assert (alone.frequent_from, alone.vip_from, alone.vip_revenue_from) == (3.0, 4.0, None)
    nobody = importance_limits([0], [0.0], None)
    assert (nobody.frequent_from, nobody.vip_from) == (3.0, 4.0)


def test_limits_survive_the_manifest() -> None:
    limits = importance_limits([1, 4, 9], [1, 5, 9], [1.0, 2.0, 3.0])
    assert ImportanceLimits.model_validate_json(limits.model_dump_json()) == limits


def test_each_group_has_its_share_of_the_revenue() -> None:
    groups = np.array([None, "one_time", "vip", "vip"], dtype=object)
    shares = revenue_shares(groups, [np.nan, 20.0, 50.0, 30.0])
    assert shares == {"one_time": 0.2, "loyal": 0.0, "frequent": 0.0, "vip": 0.8}
    assert revenue_shares(groups, [np.nan] * 4) == {}
