"""Likelihoods: known values, exact gradients, and numbers that stay finite for extreme histories."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from scipy import integrate

from intentml.priors.btyd_likelihood import (
    BtydName,
    Parameters,
    alive,
    log_likelihood,
    log_likelihood_and_gradient,
)

NAMES = get_args(BtydName)
PARAMETERS: dict[str, Parameters] = {
    "bg_nbd": (0.27, 5.4, 0.6, 2.2),
    "mbg_nbd": (0.6, 8.0, 0.64, 1.2),
    "pareto_nbd": (0.6, 12.4, 0.36, 6.1),
}
X = np.array([0.0, 0.0, 1.0, 2.0, 7.0, 40.0])
T_X = np.array([0.0, 0.0, 2.0, 20.0, 30.0, 51.5])
AGE = np.array([0.0, 39.0, 39.0, 25.0, 39.0, 52.0])


def test_a_one_time_buyer_under_bg_nbd_has_the_gamma_mixture_of_silence() -> None:
    # (alpha / (alpha + T))^r with alpha = 1, T = 3, r = 2: 1/16.
    value = log_likelihood("bg_nbd", (2.0, 1.0, 0.5, 0.5), np.zeros(1), np.zeros(1), np.array([3.0]))
    assert value[0] == pytest.approx(np.log(1 / 16))


def test_a_one_time_buyer_under_mbg_nbd_may_have_left_after_the_first_purchase() -> None:
    # Left at once with a / (a + b) = 1/4, else silent for 3 weeks with 1/16: 1/4 + 3/64 = 19/64.
    arguments = ("mbg_nbd", (2.0, 1.0, 1.0, 3.0), np.zeros(1), np.zeros(1), np.array([3.0]))
    assert log_likelihood(*arguments)[0] == pytest.approx(np.log(19 / 64))
    assert alive(*arguments)[0] == pytest.approx(3 / 19)


def test_one_time_buyers_are_alive_for_sure_under_bg_nbd_alone() -> None:
    never = np.zeros(1)
    old = np.array([500.0])
    assert alive("bg_nbd", PARAMETERS["bg_nbd"], never, never, old)[0] == 1.0
    assert alive("mbg_nbd", PARAMETERS["mbg_nbd"], never, never, old)[0] < 0.5
    assert alive("pareto_nbd", PARAMETERS["pareto_nbd"], never, never, old)[0] < 0.5


@pytest.mark.parametrize("name", NAMES)
def test_gradients_agree_with_differences(name: BtydName) -> None:
    parameters = np.array(PARAMETERS[name])
    _, gradient = log_likelihood_and_gradient(name, PARAMETERS[name], X, T_X, AGE)
    for position in range(4):
        step = np.zeros(4)
        step[position] = 1e-5 * parameters[position]
        above, below = tuple((parameters + step).tolist()), tuple((parameters - step).tolist())
        difference = (log_likelihood(name, above, X, T_X, AGE) - log_likelihood(name, below, X, T_X, AGE)) / (
            2 * step[position]
        )
        np.testing.assert_allclose(gradient[position], difference, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_likelihoods_of_no_and_of_one_repeat_purchase_sum_to_less_than_one(name: BtydName) -> None:
    age = 2.0
    none = np.exp(log_likelihood(name, PARAMETERS[name], np.zeros(1), np.zeros(1), np.array([age])))[0]

    def density(time: float) -> float:
        one = np.ones(1)
        return float(
            np.exp(log_likelihood(name, PARAMETERS[name], one, np.array([time]), np.array([age])))[0]
        )

    one = integrate.quad(density, 0, age)[0]
    several = sum(_probability_of(name, x, age) for x in range(2, 25))
    assert none + one < 1.0
    assert none + one + several == pytest.approx(1.0, abs=1e-5)


def _probability_of(name: BtydName, x: int, age: float) -> float:
    """P(x repeat purchases): the likelihood times the volume t^(x-1) / (x-1)! of the earlier ones' times."""
    from math import factorial

    nodes, weights = np.polynomial.legendre.leggauss(40)
    last = age * (1 + nodes) / 2
    values = log_likelihood(name, PARAMETERS[name], np.full(40, float(x)), last, np.full(40, age))
    volume = last ** (x - 1) / factorial(x - 1)
    return float(np.sum(weights * age / 2 * np.exp(values) * volume))


@pytest.mark.parametrize("name", NAMES)
def test_five_hundred_purchases_and_five_thousand_days_stay_finite(name: BtydName) -> None:
    x = np.array([500.0, 500.0, 500.0, 0.0, 1.0])
    last = np.array([500.0, 501.0, 5000.0, 0.0, 1.0]) / 7
    age = np.array([500.0, 5000.0, 5000.0, 5000.0, 5000.0]) / 7
    for parameters in (PARAMETERS[name], (1e-3, 1e-2, 1e-3, 1e-2), (1e3, 1e4, 1e3, 1e3)):
        with np.errstate(all="raise", under="ignore"):
            values, gradient = log_likelihood_and_gradient(name, parameters, x, last, age)
            share = alive(name, parameters, x, last, age)
        assert np.all(np.isfinite(values))
        assert np.all(np.isfinite(gradient))
        assert np.all((share >= 0) & (share <= 1))
