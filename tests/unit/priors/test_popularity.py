"""Expected popularity: own buyers, siblings' for newcomers, never a number that is not one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.priors.popularity import (
    NEWCOMER_PACE,
    SHRINK_SIBLINGS,
    expected_buyers,
    expected_of_newcomer,
    popularity_logit,
)

#          two teas of one brand, two of another, a cup, a new tea of the first brand, a new cup
BUYERS = np.array([40.0, 20.0, 4.0, 2.0, 10.0, 0.0, 0.0])
SOLD = BUYERS > 0
CATEGORY = np.array([1, 1, 1, 1, 2, 1, 2])
BRAND = np.array([1, 1, 2, 2, 0, 1, 0])


def shrunk(total: float, count: int, prior: float) -> float:
    return (total + SHRINK_SIBLINGS * prior) / (count + SHRINK_SIBLINGS)


def test_a_newcomer_is_expected_to_have_what_its_brand_in_its_category_has():
    mean = BUYERS[SOLD].mean()
    tea = shrunk(66, 4, mean)
    first_brand = shrunk(60, 2, tea)
    expected = expected_buyers(BUYERS, SOLD, CATEGORY, BRAND)
    assert expected[5] == pytest.approx(NEWCOMER_PACE * first_brand)
    assert expected[6] == pytest.approx(NEWCOMER_PACE * shrunk(10, 1, mean))


def test_a_brand_that_sells_better_lifts_its_newcomers():
    of_good = expected_buyers(BUYERS, SOLD, CATEGORY, np.array([1, 1, 2, 2, 0, 1, 0]))[5]
    of_bad = expected_buyers(BUYERS, SOLD, CATEGORY, np.array([1, 1, 2, 2, 0, 2, 0]))[5]
    assert of_good > of_bad


def test_without_category_and_brand_everybody_is_a_sibling():
    nothing = np.zeros(3, np.int64)
    expected = expected_buyers(np.array([6.0, 3.0, 0.0]), np.array([True, True, False]), nothing, nothing)
    np.testing.assert_allclose(expected, [4.5, 4.5, 4.5 * NEWCOMER_PACE])


def test_a_shop_that_sold_nothing_has_finite_popularity():
    nobody, nothing = np.zeros(2), np.zeros(2, np.int64)
    expected = expected_buyers(nobody, np.zeros(2, bool), nothing, nothing)
    np.testing.assert_array_equal(expected, 0.0)
    assert np.isfinite(popularity_logit(nobody, expected, np.zeros(2, bool), active=0)).all()


def test_many_own_buyers_say_more_than_siblings():
    buyers, sold = np.array([900.0, 900.0]), np.array([True, True])
    by_poor, by_rich = popularity_logit(buyers, np.array([10.0, 1000.0]), sold, active=10_000)
    share = 1 / (1 + np.exp(-np.array([by_poor, by_rich])))
    np.testing.assert_allclose(share, 0.09, rtol=0.1)
    assert by_poor < by_rich


def test_a_target_never_sold_is_taken_at_what_is_expected():
    (odds,) = popularity_logit(np.zeros(1), np.array([3.0]), np.array([False]), active=99)
    assert odds == pytest.approx(np.log(0.03 / 0.97))


@given(
    buyers=st.lists(st.integers(0, 500), min_size=1, max_size=30),
    active=st.integers(0, 500),
    data=st.data(),
)
def test_more_buyers_never_mean_less_popular(buyers, active, data):
    counts = np.array(sorted(buyers), dtype=float)
    sold = np.ones(len(counts), bool)
    expected = np.full(len(counts), data.draw(st.floats(0, 100)))
    odds = popularity_logit(counts, expected, sold, active)
    assert np.isfinite(odds).all()
    assert (np.diff(odds) >= 0).all()


def newcomer(price: float | None, category: list[bool], brand: list[bool] | None = None) -> float:
    return expected_of_newcomer(
        np.array([100.0, 2.0, 0.0]),
        np.array([True, True, False]),
        np.array(category),
        np.array(brand or [False, False, False]),
        np.array([5.0, 50.0, np.nan]),
        price,
    )


def test_a_product_from_outside_leans_on_the_siblings_near_in_price():
    tea = [True, True, True]
    assert newcomer(5.0, tea) > newcomer(None, tea) > newcomer(50.0, tea)


def test_a_product_from_outside_of_no_known_category_has_the_mean_of_all():
    assert newcomer(None, [False, False, False]) == pytest.approx(51 * NEWCOMER_PACE)


def test_a_product_from_outside_leans_on_its_brand():
    good, bad = [True, False, False], [False, True, False]
    assert newcomer(None, [True, True, False], good) > newcomer(None, [True, True, False], bad)


@pytest.mark.parametrize("price", [0.0, -1.0])
def test_a_price_that_is_none_is_no_price(price):
    assert newcomer(price, [True, True, True]) == newcomer(None, [True, True, True])
