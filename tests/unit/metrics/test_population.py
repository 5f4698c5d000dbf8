"""Which targets are judged, and which of them are the tail."""

from __future__ import annotations

import pytest

from intentml.metrics import judged_targets, tail_targets


def test_a_target_needs_enough_buyers_before_and_in_the_window() -> None:
    before, window = [5, 4, 9, 30], [10, 99, 9, 10]
    assert judged_targets(before, window, min_in_window=10).tolist() == [0, 3]


def test_only_the_targets_with_most_buyers_before_are_considered() -> None:
    before, window = [7, 9, 9, 8], [50, 50, 0, 50]
    # The two with most are 1 and 2; 2 has nobody in the window and is not replaced by 3.
    assert judged_targets(before, window, min_in_window=1, max_targets=2).tolist() == [1]


def test_equally_bought_targets_are_taken_in_their_own_order() -> None:
    assert judged_targets([6, 6, 6], [9, 9, 9], min_in_window=1, max_targets=2).tolist() == [0, 1]


def test_a_shop_without_targets_has_none_judged() -> None:
    assert judged_targets([], [], min_in_window=10).tolist() == []
    assert tail_targets([]).tolist() == []


def test_counts_of_different_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="one count a target"):
        judged_targets([1, 2], [1], min_in_window=1)


def test_the_tail_is_below_the_median_number_of_buyers() -> None:
    assert tail_targets([5, 100, 10, 20, 6]).tolist() == [True, False, False, False, True]
    assert tail_targets([8, 8, 8]).tolist() == [False, False, False]
