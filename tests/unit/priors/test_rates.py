"""Gamma-Poisson rates: values to check by hand, known parameters, shrinkage of small groups."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import nbinom

from intentml.priors.rates import fit_gamma_poisson, posterior_rate, probability_within


def simulated(shape: float, rate: float, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    exposure = random.integers(1, 400, rows).astype(np.float64)
    return random.poisson(random.gamma(shape, 1 / rate, rows) * exposure).astype(np.float64), exposure


def test_the_posterior_adds_purchases_to_the_shape_and_days_to_the_rate() -> None:
    # 1 purchase in 50 days believed, 4 in 50 seen: 5 in 100.
    assert posterior_rate(1.0, 50.0, 4.0, 50.0) == pytest.approx(0.05)


def test_the_chance_of_a_purchase_is_the_mixture_over_the_rates() -> None:
    # 1 - (10 / 40)^2 = 15/16.
    assert probability_within(2.0, 10.0, 30.0) == pytest.approx(15 / 16)
    assert probability_within([1.0, 2.0], 10.0, 0.0).tolist() == [0.0, 0.0]


def test_a_nearly_certain_and_a_nearly_impossible_purchase_keep_their_digits() -> None:
    assert probability_within(1e-12, 10.0, 10.0) == pytest.approx(1e-12 * np.log(2), rel=1e-9)
    assert probability_within(1e4, 10.0, 1e4) == 1.0


@given(st.floats(0.01, 50), st.floats(0.5, 1e4), st.integers(0, 100), st.floats(0, 5e3), st.floats(0.1, 365))
def test_a_purchase_more_raises_and_a_silent_day_more_lowers_the_chance(
    shape: float, rate: float, count: int, exposure: float, days: float
) -> None:
    chance = probability_within(shape + count, rate + exposure, days)
    assert 0 <= chance <= 1
    assert probability_within(shape + count + 1, rate + exposure, days) >= chance
    assert probability_within(shape + count, rate + exposure + 1, days) <= chance
    assert chance <= posterior_rate(shape, rate, count, exposure) * days * (1 + 1e-9)


def test_one_group_gets_the_parameters_of_the_likelihood_written_with_scipy() -> None:
    counts, exposure = simulated(0.7, 90.0, 3_000, seed=1)

    def loss(logs: np.ndarray) -> float:
        shape, rate = np.exp(logs)
        return -float(nbinom.logpmf(counts, shape, rate / (rate + exposure)).sum())

    best = np.exp(minimize(loss, [0.0, 4.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-7}).x)
    shape, rate = fit_gamma_poisson(counts, exposure)
    np.testing.assert_allclose([shape[0], rate[0]], best, rtol=1e-3)


def test_rows_given_once_with_a_weight_are_the_same_as_rows_repeated() -> None:
    counts, exposure = simulated(0.5, 60.0, 200, seed=2)
    weights = np.arange(200) % 3
    groups = np.arange(200) % 2
    weighted = fit_gamma_poisson(counts, exposure, groups, weights=weights)
    repeated = fit_gamma_poisson(
        np.repeat(counts, weights), np.repeat(exposure, weights), np.repeat(groups, weights)
    )
    np.testing.assert_allclose(weighted.shape, repeated.shape, rtol=1e-5)
    np.testing.assert_allclose(weighted.rate, repeated.rate, rtol=1e-5)


def many_groups(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """60 groups of 5 to 2,000 rows: counts, exposure, group codes, sizes, true log mean rates."""
    random = np.random.default_rng(seed)
    sizes = np.exp(random.uniform(np.log(5), np.log(2_000), 60)).astype(int)
    means = random.normal(-5.0, 1.0, 60)
    groups = np.repeat(np.arange(60), sizes)
    exposure = random.integers(1, 400, len(groups)).astype(np.float64)
    rates = random.gamma(0.6, np.exp(means)[groups] / 0.6)
    return random.poisson(rates * exposure).astype(np.float64), exposure, groups, sizes, means


def test_large_groups_find_their_own_rates() -> None:
    counts, exposure, groups, sizes, means = many_groups(seed=3)
    shape, rate = fit_gamma_poisson(counts, exposure, groups)
    large = sizes > 300
    assert np.abs(np.log(shape / rate) - means)[large].max() < 0.3
    assert np.abs(np.log(shape / 0.6))[large].mean() < 0.2


def test_leaning_on_the_others_brings_small_groups_nearer_to_the_truth() -> None:
    counts, exposure, groups, sizes, _ = many_groups(seed=4)
    together = fit_gamma_poisson(counts, exposure, groups).shape
    alone = np.array(
        [fit_gamma_poisson(counts[groups == g], exposure[groups == g]).shape[0] for g in range(60)]
    )
    small = sizes < 50
    assert np.abs(np.log(together / 0.6))[small].mean() < 0.6 * np.abs(np.log(alone / 0.6))[small].mean()


def test_a_group_without_rows_gets_the_centre_of_the_others() -> None:
    counts, exposure, groups, _, _ = many_groups(seed=5)
    shape, rate = fit_gamma_poisson(counts, exposure, groups, n_groups=61)
    others = np.log(shape[:60] / rate[:60])
    assert np.log(shape[60] / rate[60]) == pytest.approx(others.mean(), abs=0.1)


def test_the_numbering_of_the_groups_does_not_matter() -> None:
    counts, exposure, groups, _, _ = many_groups(seed=6)
    turned = fit_gamma_poisson(counts, exposure, 59 - groups)
    np.testing.assert_allclose(
        turned.shape[::-1], fit_gamma_poisson(counts, exposure, groups).shape, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("counts", "exposure"),
    [([], []), ([0.0], [0.0]), ([0.0] * 99, [30.0] * 99), ([3.0] * 99, [30.0] * 99), ([1e5], [1.0])],
    ids=["no rows", "no exposure", "no purchase", "no variance", "one wild row"],
)
def test_rows_that_say_little_give_finite_rates_and_no_warning(
    counts: list[float], exposure: list[float]
) -> None:
    with warnings.catch_warnings(), np.errstate(divide="raise", invalid="raise", over="raise"):
        warnings.simplefilter("error")
        for groups in (None, np.zeros(len(counts), dtype=int)):
            shape, rate = fit_gamma_poisson(counts, exposure, groups)
            assert shape.shape == rate.shape == (1,)
            assert np.all(np.isfinite([shape, rate]) & (np.array([shape, rate]) > 0))


def test_rows_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        fit_gamma_poisson([1.0, 2.0], [3.0])
    with pytest.raises(ValueError, match="counts must be finite"):
        fit_gamma_poisson([-1.0], [3.0])
    with pytest.raises(ValueError, match="exposure above 0"):
        fit_gamma_poisson([1.0], [0.0])
    with pytest.raises(ValueError, match=r"0 \.\.\. 1"):
        fit_gamma_poisson([1.0], [3.0], [2], n_groups=2)
