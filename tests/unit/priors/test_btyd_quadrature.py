"""The two quadratures against many more nodes and against integrals with a known value."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate
from scipy.special import betaln

from intentml.priors.btyd_fit import SCALE_BOUNDS, SHAPE_BOUNDS
from intentml.priors.btyd_quadrature import beta_quadrature, death_integral, death_time_nodes


def test_without_purchases_to_wait_for_the_death_integral_is_the_lifetime_distribution() -> None:
    # k -> 0: P(dies within 4 of 6 more weeks of scale) = 1 - (6 / 10)^2.
    dead = death_integral(np.array([1e-12]), 5.0, 2.0, 6.0, np.array([0.0]), np.array([4.0]))
    assert dead[0] == pytest.approx(1 - 0.6**2, abs=1e-10)


def test_an_empty_interval_holds_no_death() -> None:
    assert death_integral(np.array([3.0]), 5.0, 2.0, 6.0, np.array([8.0]), np.array([8.0]))[0] == 0.0


@pytest.mark.parametrize("case", range(12))
def test_the_death_integral_agrees_with_adaptive_quadrature(case: int) -> None:
    random = np.random.default_rng(case)
    r, alpha, s, beta = np.exp(random.uniform(np.log([0.05, 0.2, 0.05, 0.2]), np.log([5, 100, 5, 100])))
    lower, upper = 3.0 * random.random(), 40.0 + 100.0 * random.random()
    shape = r + random.integers(0, 30)

    def integrand(time: float) -> float:
        fall = -shape * np.log((alpha + time) / (alpha + lower)) - (s + 1) * np.log(
            (beta + time) / (beta + lower)
        )
        return float(s / (beta + lower) * np.exp(fall))

    breaks = lower + (upper - lower) * 2.0 ** -np.arange(1, 12)
    reference = integrate.quad(integrand, lower, upper, points=breaks, epsabs=1e-13, limit=400)[0]
    ours = death_integral(np.array([shape]), alpha, s, beta, np.array([lower]), np.array([upper]))[0]
    assert ours == pytest.approx(reference, abs=1e-10)


def test_the_death_integral_keeps_nine_digits_anywhere_within_the_bounds_of_the_fit() -> None:
    random = np.random.default_rng(20)
    low, high = np.log([SHAPE_BOUNDS, SCALE_BOUNDS, SHAPE_BOUNDS, SCALE_BOUNDS]).T
    for _ in range(100):
        r, alpha, s, beta = np.exp(random.uniform(low, high))
        age = random.uniform(0, 5000, 20) / 7
        x = np.minimum(np.floor(np.exp(random.uniform(0, np.log(501), 20)) - 1), np.floor(age * 7))
        last = age * random.random(20) * (x > 0)
        fine = sum(node.mass for node in death_time_nodes(r + x, alpha, s, beta, last, age, nodes=200))
        np.testing.assert_allclose(death_integral(r + x, alpha, s, beta, last, age), fine, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("a", "b"), [(0.6, 2.2), (0.01, 0.02), (1.0, 1.0), (30.0, 900.0), (0.6, 700.0)])
def test_the_beta_rule_gives_the_moments_of_the_beta_law(a: float, b: float) -> None:
    nodes, weights = beta_quadrature(a, b)
    for power in (0, 1, 2, 5):
        exact = np.exp(betaln(a + power, b) - betaln(a, b))
        assert float(np.sum(weights * nodes**power)) == pytest.approx(exact, rel=1e-9)
    assert np.all((nodes > 0) & (nodes <= 1) & (weights >= 0))
