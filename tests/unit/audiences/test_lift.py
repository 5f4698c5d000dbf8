"""Contacted members against their holdout."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind

from intentml.audiences.lift import lift
from intentml.errors import DataError


def test_a_lift_is_read_with_a_finger() -> None:
    found = lift([2.0, 4.0, 3.0, 3.0], [1.0, 3.0, 2.0])
    assert (found.contacted, found.holdout) == (4, 3)
    assert (found.contacted_mean, found.holdout_mean) == (3.0, 2.0)
    assert found.difference.value == 1.0
    assert found.relative.value == 0.5


def test_the_difference_has_welchs_interval() -> None:
    rng = np.random.default_rng(0)
    contacted, holdout = rng.gamma(2, 3, 300), rng.gamma(1, 4, 40)
    expected = ttest_ind(contacted, holdout, equal_var=False).confidence_interval(0.9)
    found = lift(contacted, holdout, level=0.9).difference
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_both_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Orders are 1.2 and 1.0 a customer: 20 % more."""
    rng = np.random.default_rng(1)
    difference = relative = 0
    for _ in range(400):
        found = lift(rng.poisson(1.2, 500), rng.poisson(1.0, 100))
        difference += found.difference.low <= 0.2 <= found.difference.high
        relative += found.relative.low <= 0.2 <= found.relative.high
    assert 0.92 < difference / 400 < 0.98
    assert 0.92 < relative / 400 < 0.98


def test_both_intervals_agree_on_whether_contact_does_anything() -> None:
    rng = np.random.default_rng(2)
    verdicts = []
    for more in np.linspace(0, 0.6, 60):
        found = lift(rng.poisson(1 + more, 300), rng.poisson(1.0, 60))
        verdicts.append((found.difference.low > 0, found.relative.low > 0))
    assert {first for first, _ in verdicts} == {True, False}
    assert all(first == second for first, second in verdicts)


def test_a_holdout_that_hardly_buys_leaves_the_relative_lift_open() -> None:
    found = lift([1.0, 0.0, 2.0, 1.0], [0.0, 0.0, 0.0, 1.0]).relative
    assert (found.value, found.low, found.high) == (3.0, -math.inf, math.inf)
    assert math.isnan(lift([1.0, 0.0], [0.0, 0.0]).relative.value)


def test_sides_without_any_spread_are_told_exactly() -> None:
    found = lift([3.0, 3.0], [2.0, 2.0])
    assert (found.difference.low, found.difference.high) == (1.0, 1.0)
    assert (found.relative.low, found.relative.high) == (0.5, 0.5)


@pytest.mark.parametrize("side", [[], [1.0], [1.0, math.nan, 2.0]])
def test_too_few_members_and_unknown_outcomes_are_refused(side: list[float]) -> None:
    with pytest.raises(DataError, match="holdout members"):
        lift([1.0, 2.0], side)
