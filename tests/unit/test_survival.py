from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from intentml.survival import SURVIVAL_DAYS, days_until, survival_at


def curves() -> st.SearchStrategy[np.ndarray]:
    """Survival curves of a few customers that fall from day to day."""
    steps = arrays(np.float64, (3, len(SURVIVAL_DAYS)), elements=st.floats(0.0, 0.9))
    return steps.map(lambda hazard: np.cumprod(1 - hazard, axis=1))


@given(curves())
def test_survival_is_exact_on_the_days_it_was_told(survival):
    for column, days in enumerate(SURVIVAL_DAYS):
        expected = np.maximum(survival[:, column], 1e-12)
        np.testing.assert_allclose(survival_at(survival, days), expected, rtol=1e-9)


@given(curves(), st.lists(st.floats(0, 500), min_size=2, max_size=8))
def test_survival_falls_from_one_and_never_rises(survival, days):
    met = np.stack([survival_at(survival, day) for day in [0, *sorted(days)]])
    np.testing.assert_allclose(met[0], 1.0)
    assert (np.diff(met, axis=0) <= 1e-12).all()


def test_log_survival_is_linear_between_the_days():
    survival = np.full((1, len(SURVIVAL_DAYS)), 0.25)
    survival[0, 0] = 0.64  # 0.64 at 7 days, 0.25 from 14 days on
    assert survival_at(survival, 10.5)[0] == pytest.approx(0.4)  # the geometric mean
    assert survival_at(survival, 3.5)[0] == pytest.approx(0.8)  # half way from 1


def test_survival_stays_after_a_year_and_before_now():
    survival = np.linspace(0.9, 0.3, len(SURVIVAL_DAYS))[None]
    assert survival_at(survival, 10_000)[0] == pytest.approx(0.3)
    assert survival_at(survival, -5)[0] == 1.0


def test_every_customer_may_be_asked_about_other_days():
    survival = np.tile(np.linspace(0.9, 0.3, len(SURVIVAL_DAYS)), (2, 1))
    np.testing.assert_allclose(survival_at(survival, np.array([7, 365])), [0.9, 0.3])


@given(curves(), st.floats(0.001, 0.999))
def test_the_day_of_a_level_is_where_survival_meets_it(survival, share):
    last = np.maximum(survival[:, -1], 1e-12)
    level = last + (1 - last) * share
    days = days_until(survival, level)
    np.testing.assert_allclose(survival_at(survival, days), level, rtol=1e-9)
    assert (survival_at(survival, days * 0.999) >= level * (1 - 1e-9)).all()


def test_a_level_that_survival_stays_above_is_met_after_the_last_day():
    survival = np.full((1, len(SURVIVAL_DAYS)), 0.25)
    assert days_until(survival, np.array([0.2]))[0] == SURVIVAL_DAYS[-1]
    assert days_until(survival, np.array([0.5]))[0] == pytest.approx(3.5)  # the geometric mean of 1 and 0.25
