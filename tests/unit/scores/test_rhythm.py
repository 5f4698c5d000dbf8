"""A customer's own rhythm, and Kaplan-Meier curves a reader can draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.scores.rhythm import fit_survival, own_rhythm, return_curves


def as_csr(histories: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    indptr = np.cumsum([0, *(len(history) for history in histories)])
    return indptr, np.array([day for history in histories for day in history], dtype=np.int64)


def test_the_rhythm_is_the_median_of_the_own_gaps() -> None:
    # Gaps 30, 30, 45 and 10, 90.
    found = own_rhythm(*as_csr([[0, 30, 60, 105], [5, 15, 105]]), [4, 3])
    assert found.gap_days.tolist() == [30.0, 50.0]
    assert found.active_days.tolist() == [4, 3]


def test_two_orders_or_three_on_two_days_are_no_rhythm() -> None:
    found = own_rhythm(*as_csr([[0, 30], [0, 30], [7], []]), [2, 3, 5, 0])
    assert np.isnan(found.gap_days).all()
    assert np.isnan(found.irregularity).all()
    assert found.active_days.tolist() == [2, 2, 1, 0]


def test_customers_without_any_day_have_no_rhythm() -> None:
    assert np.isnan(own_rhythm([0, 0], [], [0]).gap_days).all()
    assert own_rhythm([0], [], []).gap_days.size == 0


def test_gaps_within_a_tenth_of_the_median_are_regular() -> None:
    # Calendar months: 31, 28, 31, 30, 31.
    assert own_rhythm(*as_csr([[0, 31, 59, 90, 120, 151]]), [6]).irregularity.tolist() == [0.0]


def test_irregularity_is_how_far_a_long_gap_exceeds_the_median() -> None:
    # Gaps 10, 10, 10, 20, 20, 60 sorted: median 15, the 80 % gap is the fifth: 20.
    found = own_rhythm(*as_csr([[0, 10, 20, 30, 50, 70, 130]]), [7])
    assert found.gap_days.tolist() == [15.0]
    assert found.irregularity.tolist() == pytest.approx([(20 - 15) / 15 - 0.1])


@given(st.lists(st.lists(st.integers(0, 400), max_size=9, unique=True), max_size=12))
def test_the_crowd_has_the_rhythms_that_each_has_alone(histories: list[list[int]]) -> None:
    ordered = [sorted(history) for history in histories]
    found = own_rhythm(*as_csr(ordered), [len(history) for history in ordered])
    for history, gap, spread in zip(ordered, found.gap_days, found.irregularity, strict=True):
        gaps = np.diff(history)
        if len(gaps) < 2:
            assert np.isnan(gap)
            continue
        assert gap == np.median(gaps)
        expected = max((np.quantile(gaps, 0.8) - np.median(gaps)) / np.median(gaps) - 0.1, 0.0)
        assert spread == pytest.approx(expected)


def test_the_curve_is_the_product_limit() -> None:
    # At 10: 1 of 5 back. At 20: 1 of 4, one more leaves unseen. At 30: 1 of 2.
    curve = fit_survival([10, 20, 20, 30, 40], [True, True, False, True, False])
    assert curve.times.tolist() == [10.0, 20.0, 30.0]
    assert curve.survival.tolist() == pytest.approx([4 / 5, 4 / 5 * 3 / 4, 4 / 5 * 3 / 4 * 1 / 2])
    assert (curve.returns, curve.observations) == (3, 5)
    assert curve.at([0, 9.9, 10, 25, 1000]).tolist() == pytest.approx([1.0, 1.0, 0.8, 0.6, 0.3])


def test_the_curve_ends_where_few_are_still_waiting() -> None:
    gaps = [10] * 30 + [500]
    assert fit_survival(gaps, [True] * 31, min_at_risk=20).times.tolist() == [10.0]
    assert fit_survival(gaps, [True] * 31).times.tolist() == [10.0, 500.0]


def test_returners_are_those_the_curve_sees_come_back() -> None:
    # Half never come back; of the returners 1, 2, ... 10 days each a tenth.
    curve = fit_survival([*range(1, 11), *[99] * 10], [True] * 10 + [False] * 10)
    assert curve.returner_quantile(0.8) == 8.0
    assert curve.returner_quantile(0.95) == 10.0
    assert curve.survival[-1] == pytest.approx(0.5)


def test_nobody_who_came_back_leaves_a_flat_curve() -> None:
    curve = fit_survival([5, 9], [False, False])
    assert curve.at([100]).tolist() == [1.0]
    assert np.isnan(curve.returner_quantile(0.8))


def test_curves_by_class_count_each_gap_once_and_leave_the_last_open() -> None:
    # as_of is day 100. First gaps 10, 20 and 95 (open); second 30, 70 (open); later 5, 55 (open).
    curves = return_curves(*as_csr([[0, 10, 40, 45], [10, 30], [5], []]), as_of_day=100)
    assert [(curves[n].returns, curves[n].observations) for n in (1, 2, 3)] == [(2, 3), (1, 2), (1, 2)]


def test_a_shop_without_orders_has_empty_curves() -> None:
    assert return_curves([0, 0], [], as_of_day=9)[1].observations == 0
