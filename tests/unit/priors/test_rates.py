"""Gamma-Poisson rates: the moments find the law that drew the counts, and the posterior is its own."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.priors.rates import fit_rates, probability_within


def _drawn(shape: float, rate: float, customers: int = 200_000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    exposure = generator.uniform(30, 365, customers)
    return generator.poisson(generator.gamma(shape, 1 / rate, customers) * exposure).astype(float), exposure


@pytest.mark.parametrize(("shape", "rate"), [(0.5, 100.0), (2.0, 300.0)])
def test_the_law_that_drew_the_counts_is_found(shape, rate):
    count, exposure = _drawn(shape, rate)
    bought = count > 0
    found = fit_rates(count[bought], np.zeros(bought.sum(), np.int32), exposure, 1)
    assert found[0][0] == pytest.approx(shape, rel=0.1)
    assert found[0][0] / found[1][0] == pytest.approx(shape / rate, rel=0.02)


def test_the_posterior_probability_comes_true():
    generator = np.random.default_rng(5)
    rates = generator.gamma(0.7, 1 / 200.0, 400_000)
    before, after = generator.poisson(rates * 180), generator.poisson(rates * 28)
    for count in (0, 1, 3):
        same = before == count
        told = probability_within(*(np.full(1, value) for value in (0.7, 200.0, float(count), 180.0)), 28.0)[
            0
        ]
        assert (after[same] > 0).mean() == pytest.approx(told, abs=3 * (told / same.sum()) ** 0.5)


def test_a_target_with_few_buyers_takes_the_dispersion_of_the_others():
    count, exposure = _drawn(0.5, 100.0)
    bought = np.flatnonzero(count > 0)
    target = np.zeros(len(bought), np.int32)
    target[0] = 1
    shape, rate = fit_rates(count[bought], target, exposure, 2)
    assert shape[1] == pytest.approx(shape[0], rel=0.5)
    assert shape[1] / rate[1] < shape[0] / rate[0]


def test_a_target_nobody_bought_has_a_rate_above_zero():
    shape, rate = fit_rates(np.zeros(0), np.zeros(0, np.int32), np.full(10, 100.0), 1)
    assert 0 < shape[0] / rate[0] < 0.01
