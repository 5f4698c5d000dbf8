"""What can be learnt is learnt, and nothing else: the recipe on a lawful shop and on pure noise.

The truth of the simulated shop knows each customer's hidden taste, rhythm and death, so its own
log-loss is a floor that no predictor reaches; what must hold is that predicted probabilities are the
truth's on average wherever one looks (bin by bin), and that rankings beat popularity by a wide margin.
The window starts in May, when the shop's season stands still; the turn of the year has a test of its own.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from against_truth import Shop, shop_at

MAY, NEW_YEAR = "2025-05-01", "2025-01-01"
FAST, SLOW = 4_000, 20_000
NOISE_FAST = 3_000


@cache
def lawful(customers: int, as_of: str = MAY) -> Shop:
    return shop_at(as_of, customers, dial=0.0)


@cache
def noise(customers: int, as_of: str = MAY) -> Shop:
    return shop_at(as_of, customers, dial=1.0)


def check_ranking(shop: Shop) -> None:
    """The recipe beats popularity, activity alone and every plain count."""
    value, over_popular = shop.gains("popular", resamples=50)
    _, over_activity = shop.gains("activity alone", resamples=50)
    assert value["priors"] > 5 * value["popular"]
    assert value["priors"] > 2 * value["activity alone"]
    assert over_popular["priors"].low > 0.1
    assert over_activity["priors"].low > 0.1
    assert value["priors"] > 1.05 * max(value[name] for name in ("counts", "decayed_counts", "gamma_poisson"))
    assert over_popular["decayed_counts"].excludes_zero


def check_probabilities(shop: Shop, head: str, bin_error: float, bias: float) -> None:
    """Predicted is true in bins and on the whole, and most of what can be known is known."""
    pairs = shop.pairs(head)
    assert pairs.bin_error < bin_error
    assert pairs.predicted.mean() == pytest.approx(pairs.true.mean(), rel=bias)
    base = pairs.log_loss(np.full(len(pairs.true), pairs.happened.mean()))
    floor, reached = pairs.log_loss(pairs.true), pairs.log_loss(pairs.predicted)
    assert floor < reached < base
    assert (base - reached) / (base - floor) > 0.6


def check_bins(shop: Shop, head: str, ratio: float) -> None:
    """Where there is something to see (a chance above 1 in 500), each bin is within a factor of true."""
    for predicted, true, _, _ in shop.pairs(head).bins(20 if head == "category" else 15):
        if true > 0.002:
            assert 1 / ratio < predicted / true < ratio


def check_nothing_learnt(shop: Shop) -> None:
    """No predictor ranks better than popularity beyond its interval."""
    _, gains = shop.gains("popular", resamples=200)
    assert {"priors", "logistic", "counts", "neighbours", "activity alone"} <= set(gains)
    for name, gain in gains.items():
        assert gain.low <= 0, name


def test_a_lawful_shop_is_ranked_far_better_than_by_popularity_or_activity():
    check_ranking(lawful(FAST))


def test_the_chance_to_buy_a_category_is_true_bin_by_bin():
    check_probabilities(lawful(FAST), "category", bin_error=0.002, bias=0.15)


def test_the_chance_of_no_order_is_true_bin_by_bin():
    check_probabilities(lawful(FAST), "no_order", bin_error=0.02, bias=0.03)


def test_at_full_noise_no_predictor_beats_popularity():
    check_nothing_learnt(noise(NOISE_FAST))


def test_at_full_noise_everybody_has_nearly_the_same_chance():
    silence = noise(NOISE_FAST).pairs("no_order")
    assert silence.predicted.std() < 0.02
    assert silence.error < 0.04


@pytest.mark.slow
def test_a_large_lawful_shop_is_ranked_far_better_than_by_popularity_or_activity():
    check_ranking(lawful(SLOW))


@pytest.mark.slow
def test_in_a_large_shop_the_chance_to_buy_a_category_is_true_in_every_bin():
    check_probabilities(lawful(SLOW), "category", bin_error=0.001, bias=0.06)
    check_bins(lawful(SLOW), "category", ratio=1.25)


@pytest.mark.slow
def test_in_a_large_shop_the_chance_of_no_order_is_true_in_every_bin():
    check_probabilities(lawful(SLOW), "no_order", bin_error=0.012, bias=0.01)
    check_bins(lawful(SLOW), "no_order", ratio=1.06)


@pytest.mark.slow
def test_after_christmas_too_much_is_expected_but_by_no_more_than_the_season_turned():
    # The newest window is December; January sells half of it in many categories, and nothing tells.
    pairs = lawful(SLOW, NEW_YEAR).pairs("category")
    assert 1.0 < pairs.predicted.mean() / pairs.true.mean() < 1.6
    check_ranking(lawful(SLOW, NEW_YEAR))


@pytest.mark.slow
def test_at_full_noise_no_predictor_beats_popularity_in_a_large_shop():
    check_nothing_learnt(noise(SLOW, NEW_YEAR))
