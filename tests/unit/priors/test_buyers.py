"""The interval of expected buyers: nine in ten, wider with every doubt, and never of half a buyer."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.priors.buyers import BuyersSpread, Spread

CALM = Spread(single=0.0, target=0.0, level=0.0)
WILD = Spread(single=0.5, target=0.04, level=0.01)


def spread(**kinds: Spread) -> BuyersSpread:
    return BuyersSpread(spreads={28: kinds})


@pytest.mark.parametrize("expected", [3.0, 30.0, 3_000.0])
@pytest.mark.parametrize("known", [CALM, WILD], ids=["calm", "wild"])
def test_nine_times_in_ten_the_buyers_lie_inside(known, expected):
    rng = np.random.default_rng(0)
    # What the variance says, drawn: a chance of its own for the target and the window, then customers.
    more = known.single / expected + known.target + known.level
    moved = rng.gamma(1 / more, more, 20_000) if more else 1.0
    came = rng.poisson(expected * moved, 20_000)
    low, high = spread(product=known).interval(["product"], 28, expected, expected)
    assert 0.885 <= np.mean((low <= came) & (came <= high)) <= 0.97
    if known is WILD and expected > 10:
        low, high = spread(product=CALM).interval(["product"], 28, expected, expected)
        assert np.mean((low <= came) & (came <= high)) < 0.8


def test_the_ends_are_whole_and_hold_what_is_expected():
    expected = np.array([0.0, 0.01, 0.4, 7.7, 250.0])
    low, high = spread(product=WILD).interval(["product"], 28, expected, expected)
    assert np.array_equal(low, np.round(low))
    assert np.array_equal(high, np.round(high))
    assert np.all((low >= 0) & (low <= expected) & (expected <= high))


def test_customers_who_surely_buy_leave_nothing_to_doubt():
    assert spread(product=CALM).interval(["product"], 28, 12.0, 0.0) == pytest.approx((12, 12), abs=1)


def test_of_several_kinds_the_wilder_one_counts():
    both = spread(product=CALM, brand=WILD)
    wild, calm = both.interval(["brand"], 28, 50.0, 40.0), both.interval(["product"], 28, 50.0, 40.0)
    assert wild[0] < calm[0] < calm[1] < wild[1]
    assert both.interval(["product", "brand"], 28, 50.0, 40.0) == wild


def test_the_nearest_horizon_answers():
    known = BuyersSpread(spreads={7: {"product": CALM}, 90: {"product": WILD}})
    assert known.interval(["product"], 60, 50.0, 40.0) == known.interval(["product"], 90, 50.0, 40.0)
    assert known.interval(["product"], 14, 50.0, 40.0) == known.interval(["product"], 7, 50.0, 40.0)


def test_without_a_past_window_there_is_no_interval():
    assert BuyersSpread().interval(["product"], 28, 50.0, 40.0) is None
    assert spread(product=CALM).interval(["brand"], 28, 50.0, 40.0) is None
