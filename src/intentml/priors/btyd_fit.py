"""Maximum likelihood for the BTYD models: distinct histories with weights in, four parameters out.

Runs L-BFGS-B on the log-parameters with exact gradients, within bounds and under a very weak prior, so that
data which say nothing about a parameter (only one-time buyers, one date, one customer) still give a finite,
ordinary one. It does not read customers' tables and predicts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intentml.priors.btyd_likelihood import BtydName, Parameters, log_likelihood_and_gradient

Floats = NDArray[np.float64]

PRIOR_SD = 3.0
"""Standard deviation of each log-parameter's prior: a factor of 20 either way is one of them."""

PRIOR_CENTRE: Parameters = (0.5, 10.0, 0.6, 2.5)
PRIOR_CENTRE_PARETO: Parameters = (0.5, 10.0, 0.5, 10.0)
"""Ordinary values for shops, times in weeks."""

SHAPE_BOUNDS = (1e-3, 1e3)
SCALE_BOUNDS = (1e-2, 1e4)
"""Bounds of r, a, b, s and of alpha, beta (weeks)."""

STATIONARY = 1e-5
"""A fit has converged where no derivative of the mean log-likelihood by a log-parameter exceeds this."""

_RESTARTS = ((1.0, 1.0, 1.0, 1.0), (0.3, 0.3, 0.3, 3.0), (3.0, 3.0, 3.0, 0.3), (0.3, 3.0, 0.1, 1.0))


@dataclass(frozen=True)
class Maximum:
    """Where the climb ended.

    Attributes:
        parameters: The four parameters.
        log_likelihood: Weighted sum over the rows, without the prior.
        converged: True when the point is stationary and inside the bounds.
    """

    parameters: Parameters
    log_likelihood: float
    converged: bool


def maximise_likelihood(
    name: BtydName,
    x: Floats,
    t_x: Floats,
    age: Floats,
    weights: Floats,
    start: Parameters | None = None,
) -> Maximum:
    """The parameters that make the weighted histories most likely.

    Args:
        name: Which model.
        x: Repeat purchases, shape (U,).
        t_x: Weeks from the first to the last purchase, shape (U,).
        age: Weeks observed, shape (U,).
        weights: Customers with that history, shape (U,), with a positive sum.
        start: Where to begin; the default follows the data's mean rate. Further starts are tried, in a fixed
            order, only until one settles, be it on a bound; the likeliest end wins.

    Returns:
        The best point found.
    """
    bounds = _log_bounds(name)
    begin = np.log(_ordinary_start(name, x, age, weights) if start is None else start)
    best: Maximum | None = None
    best_score = -np.inf
    for factors in _RESTARTS:
        end, score, settled = _climb(name, begin + np.log(factors), bounds, x, t_x, age, weights)
        if best is None or score > best_score:
            best, best_score = end, score
        if settled:
            break
    assert best is not None
    return best


def _ordinary_start(name: BtydName, x: Floats, age: Floats, weights: Floats) -> Parameters:
    """The prior's centre with alpha moved to the data's mean purchase rate (one purchase a year added)."""
    centre = PRIOR_CENTRE_PARETO if name == "pareto_nbd" else PRIOR_CENTRE
    mean_rate = (float(np.sum(weights * x)) + 1.0) / (float(np.sum(weights * age)) + 52.0)
    return (centre[0], 0.5 * centre[0] / mean_rate, centre[2], centre[3])


def _log_bounds(name: BtydName) -> Floats:
    """Lower and upper bounds of the log-parameters, shape (4, 2)."""
    last = SCALE_BOUNDS if name == "pareto_nbd" else SHAPE_BOUNDS
    return np.asarray(np.log([SHAPE_BOUNDS, SCALE_BOUNDS, SHAPE_BOUNDS, last]), dtype=np.float64)


def _climb(
    name: BtydName,
    begin: Floats,
    bounds: Floats,
    x: Floats,
    t_x: Floats,
    age: Floats,
    weights: Floats,
) -> tuple[Maximum, float, bool]:
    """One run of the optimiser: its end, the mean penalised log-likelihood there, whether it settled."""
    from scipy.optimize import minimize  # an eighth of what a service reads before it answers

    customers = float(np.sum(weights))
    centre = np.log(PRIOR_CENTRE_PARETO if name == "pareto_nbd" else PRIOR_CENTRE)

    def loss(log_parameters: Floats) -> tuple[float, Floats]:
        parameters = np.exp(log_parameters)
        values, gradient = log_likelihood_and_gradient(name, _four(parameters), x, t_x, age)
        away = (log_parameters - centre) / PRIOR_SD
        total = float(np.sum(weights * values)) - 0.5 * float(np.sum(away**2))
        slope = np.sum(gradient * weights, axis=1) * parameters - away / PRIOR_SD
        return -total / customers, -slope / customers

    lower, upper = bounds[:, 0], bounds[:, 1]
    result = minimize(
        loss,
        np.clip(begin, lower, upper),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 500, "ftol": 1e-13, "gtol": STATIONARY / 10.0},
    )
    end = np.asarray(result.x, dtype=np.float64)
    below, above = end <= lower, end >= upper
    slope = loss(end)[1]
    slope = np.where((below & (slope > 0.0)) | (above & (slope < 0.0)), 0.0, slope)
    settled = bool(np.max(np.abs(slope)) <= STATIONARY)
    inside = not bool(np.any(below | above))
    parameters = _four(np.exp(end))
    values, _ = log_likelihood_and_gradient(name, parameters, x, t_x, age)
    end_value = float(np.sum(weights * values))
    return Maximum(parameters, end_value, settled and inside), -float(result.fun), settled


def _four(parameters: Floats) -> Parameters:
    first, second, third, fourth = parameters.tolist()
    return (first, second, third, fourth)
