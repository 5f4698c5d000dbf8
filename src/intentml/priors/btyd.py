"""Buy-till-you-die timing: who has no active day in the next t days, and how many active days to expect.

In: `BtydCounts`, three numbers a customer. Out: a `BtydModel` of four parameters that goes into JSON, and
arrays of shape (U, K) for K horizons. An active day is a day with at least one order; orders per active day,
calendar effects and the reading of tables are others' work.

Counts and horizons are in **days**; parameters are in **weeks**, the unit of the published fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from intentml.errors import ModelError
from intentml.priors.btyd_counts import BtydCounts
from intentml.priors.btyd_fit import maximise_likelihood
from intentml.priors.btyd_forward import purchases_if_alive, silence_if_alive
from intentml.priors.btyd_likelihood import BtydName, Parameters, alive, log_likelihood
from intentml.priors.distinct import distinct_rows

__all__ = [
    "BtydCounts",
    "BtydModel",
    "BtydName",
    "expected_purchases",
    "fit_btyd",
    "no_purchase_probability",
    "probability_alive",
    "total_log_likelihood",
]

Floats = NDArray[np.float64]

DAYS_PER_WEEK = 7.0

_CHUNK = 16_384
"""Values computed at a time: the temporaries of one chunk stay in the processor's cache."""


@dataclass(frozen=True)
class BtydModel:
    """A fitted model. Times are in weeks.

    Attributes:
        name: `bg_nbd`, `mbg_nbd` or `pareto_nbd`.
        params: (r, alpha, a, b) for the first two, (r, alpha, s, beta) for Pareto/NBD. Purchase rates are
            gamma with shape r, scale alpha; dropout probabilities beta (a, b), death rates gamma (s, beta).
        log_likelihood: Of the customers fitted, without the weak prior.
        converged: False where the optimiser did not settle or a parameter lies on its bound; the parameters
            are usable all the same.
        customers_fitted: Customers the likelihood was summed over.
    """

    name: BtydName
    params: Parameters
    log_likelihood: float
    converged: bool
    customers_fitted: int

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_parameters(self.params)

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON values."""
        return {
            "name": self.name,
            "params": list(self.params),
            "time_unit": "week",
            "log_likelihood": self.log_likelihood,
            "converged": self.converged,
            "customers_fitted": self.customers_fitted,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BtydModel:
        """The model that `to_dict` wrote.

        Raises:
            ModelError: A key is missing or holds what no model has.
        """
        try:
            if values["time_unit"] != "week":
                raise ValueError(f"time_unit {values['time_unit']!r} is unknown")
            first, second, third, fourth = (float(value) for value in values["params"])
            return cls(
                name=values["name"],
                params=(first, second, third, fourth),
                log_likelihood=float(values["log_likelihood"]),
                converged=bool(values["converged"]),
                customers_fitted=int(values["customers_fitted"]),
            )
        except (KeyError, TypeError, ValueError) as reason:
            raise ModelError(
                f"the saved timing model cannot be read: {reason!r}", hint="train the model again"
            ) from reason


def fit_btyd(
    name: BtydName,
    counts: BtydCounts,
    *,
    max_customers: int = 200_000,
    start: Parameters | None = None,
    seed: int = 0,
) -> BtydModel:
    """Fit one model by maximum likelihood.

    Args:
        name: Which model.
        counts: At least one customer.
        max_customers: Above this many, a random sub-sample of this size is fitted.
        start: Parameters (weeks) to begin from, such as last month's; the default follows the data.
        seed: Seed of the sub-sample; the same customers in the same order give the same parameters.

    Returns:
        The model. Degenerate data (only one-time buyers, T = 0, one customer) give finite parameters near the
        weak prior's ordinary values.

    Raises:
        ValueError: Unknown name, no customers, or a start that is not four positive numbers.
    """
    _check_name(name)
    if start is not None:
        _check_parameters(start)
    if len(counts) == 0 or max_customers < 1:
        raise ValueError(f"a BTYD fit needs a customer: {len(counts)} given, max_customers={max_customers}")
    if len(counts) > max_customers:
        sample = np.random.default_rng(seed).choice(len(counts), size=max_customers, replace=False)
        counts = counts.take(np.sort(sample))
    x, t_x, age = _in_weeks(counts)
    first, inverse = distinct_rows(x, t_x, age)
    weights = np.bincount(inverse, minlength=len(first)).astype(np.float64)
    best = maximise_likelihood(name, x[first], t_x[first], age[first], weights, start)
    return BtydModel(name, best.parameters, best.log_likelihood, best.converged, len(counts))


def no_purchase_probability(model: BtydModel, counts: BtydCounts, days: ArrayLike) -> Floats:
    """P(no active day in the t days after T): the complement of the return probability.

    It joins "has left" and "is alive but silent"; P(alive) alone is no forecast of an order (one-time buyers
    are alive for sure under BG/NBD).

    Args:
        model: A fitted model.
        counts: U customers.
        days: K horizons, or one.

    Returns:
        Shape (U, K), each in [0, 1] and non-increasing in the horizon. It equals the ratio of likelihoods
        L(x, t_x, T + t) / L(x, t_x, T).

    Raises:
        ValueError: A horizon that is negative or not finite.
    """
    alive_share = probability_alive(model, counts)[:, np.newaxis]
    silence = _for_each_history(silence_if_alive, model, counts, days)
    return (1.0 - alive_share) + alive_share * silence


def expected_purchases(model: BtydModel, counts: BtydCounts, days: ArrayLike) -> Floats:
    """Expected number of active days in the t days after T.

    Args:
        model: A fitted model.
        counts: U customers.
        days: K horizons, or one.

    Returns:
        Shape (U, K), non-negative and non-decreasing in the horizon (to the quadrature's 6 digits).

    Raises:
        ValueError: A horizon that is negative or not finite.
    """
    alive_share = probability_alive(model, counts)[:, np.newaxis]
    return alive_share * _for_each_history(purchases_if_alive, model, counts, days)


def probability_alive(model: BtydModel, counts: BtydCounts) -> Floats:
    """P(has not left for good), shape (U,): a diagnostic of the fit, never a churn score.

    Being alive does not mean buying within any horizon: see `no_purchase_probability`.
    """
    x, t_x, age = _in_weeks(counts)
    share = np.empty(len(counts))
    for rows in _chunks(len(counts)):
        share[rows] = alive(model.name, model.params, x[rows], t_x[rows], age[rows])
    return share


def total_log_likelihood(model: BtydModel, counts: BtydCounts) -> float:
    """Log-likelihood of these customers, fitted on them or not; comparable between models of one shop."""
    x, t_x, age = _in_weeks(counts)
    return float(np.sum(log_likelihood(model.name, model.params, x, t_x, age)))


def _for_each_history(
    if_alive: Callable[[BtydName, Parameters, Floats, Floats, Floats], Floats],
    model: BtydModel,
    counts: BtydCounts,
    days: ArrayLike,
) -> Floats:
    """A quantity that depends on x and T alone, computed once for each distinct pair; shape (U, K)."""
    horizons = np.atleast_1d(np.asarray(days, dtype=np.float64)) / DAYS_PER_WEEK
    if horizons.ndim != 1 or not np.all(np.isfinite(horizons) & (horizons >= 0.0)):
        raise ValueError(f"days must be one or more finite horizons of 0 or more, not {days!r}")
    x, _, age = _in_weeks(counts)
    first, inverse = distinct_rows(x, age)
    cells = len(first) * len(horizons)
    values = np.empty(cells)
    for rows in _chunks(cells):
        customer, column = np.divmod(np.arange(rows.start, rows.stop), len(horizons))
        chosen = first[customer]
        values[rows] = if_alive(model.name, model.params, x[chosen], age[chosen], horizons[column])
    return values.reshape(len(first), len(horizons))[inverse]


def _in_weeks(counts: BtydCounts) -> tuple[Floats, Floats, Floats]:
    """x, t_x and T, the times in weeks."""
    return counts.x, counts.t_x / DAYS_PER_WEEK, counts.T / DAYS_PER_WEEK


def _chunks(rows: int) -> list[slice]:
    return [slice(start, min(start + _CHUNK, rows)) for start in range(0, rows, _CHUNK)]


def _check_parameters(parameters: Parameters) -> None:
    if len(parameters) != 4 or not all(math.isfinite(value) and value > 0 for value in parameters):
        raise ValueError(f"a BTYD model has four finite parameters above 0, not {parameters}")


def _check_name(name: str) -> None:
    if name not in get_args(BtydName):
        raise ValueError(f"unknown BTYD model {name!r}; known: {', '.join(get_args(BtydName))}")
