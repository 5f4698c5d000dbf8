"""Counts of active days: what is refused, and how days become x, t_x and T."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.priors.btyd_counts import BtydCounts


def test_t_ends_with_the_day_before_as_of_so_that_the_window_follows_it_directly() -> None:
    # Active on days 3, 5 and 9; as_of is day 12: days 4 to 11 could hold a repeat purchase.
    counts = BtydCounts.from_active_days([3], [3], [9], 12)
    assert (counts.x[0], counts.t_x[0], counts.T[0]) == (2.0, 6.0, 8.0)


def test_a_first_purchase_on_the_day_before_as_of_was_watched_for_no_day() -> None:
    counts = BtydCounts.from_active_days([1], [11], [11], 12)
    assert (counts.x[0], counts.t_x[0], counts.T[0]) == (0.0, 0.0, 0.0)


def test_an_order_on_the_day_of_as_of_itself_keeps_t_at_least_t_x() -> None:
    counts = BtydCounts.from_active_days([2], [3], [12], 12)
    assert counts.t_x[0] == counts.T[0] == 9.0


@pytest.mark.parametrize(
    ("x", "t_x", "age", "rule"),
    [
        ([1], [5], [4], "0 <= t_x <= T"),
        ([1], [-1], [4], "0 <= t_x <= T"),
        ([0], [2], [4], "t_x must be 0 where x is 0"),
        ([1], [0], [4], "t_x must be 0 where x is 0"),
        ([1.5], [2], [4], "whole number"),
        ([-1], [0], [4], "whole number"),
        ([1], [np.nan], [4], "finite"),
        ([0], [0], [np.inf], "finite"),
        ([0, 0], [0], [4], "one length"),
        ([[0]], [[0]], [[4]], "1-D"),
    ],
)
def test_numbers_that_no_history_has_are_refused(x: object, t_x: object, age: object, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        BtydCounts(x, t_x, age)  # type: ignore[arg-type]


def test_the_refusal_tells_how_many_customers_and_the_first_of_them() -> None:
    with pytest.raises(ValueError, match=r"2 of 3 customers, first at row 1 \(x=1\.0, t_x=9\.0, T=4\.0\)"):
        BtydCounts(np.array([0, 1, 1]), np.array([0, 9, 9]), np.array([4, 4, 4]))


def test_counts_cannot_be_changed_from_outside() -> None:
    source = np.array([2.0])
    counts = BtydCounts(source, np.array([3.0]), np.array([4.0]))
    source[0] = 7.0
    assert counts.x[0] == 2.0
    with pytest.raises(ValueError, match="read-only"):
        counts.x[0] = 7.0


def test_take_picks_customers_by_position_or_mask() -> None:
    counts = BtydCounts(np.array([0.0, 2.0, 1.0]), np.array([0.0, 3.0, 4.0]), np.array([5.0, 6.0, 7.0]))
    assert counts.take(np.array([2, 0])).T.tolist() == [7.0, 5.0]
    assert counts.take(np.array([False, True, False])).x.tolist() == [2.0]
    assert len(counts) == 3
