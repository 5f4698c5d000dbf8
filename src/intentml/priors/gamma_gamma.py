"""What a customer spends per order, shrunk toward the shop: the Gamma-Gamma model of mean spend.

In: for each customer the number of orders (or active days) and their mean spend. Out: a `GammaGamma` that
goes into JSON, and the expected mean spend of each customer. Expected spend in a window is that times the
expected orders, under the model's assumption that spend per order and frequency are unrelated.

Source: Fader, Hardie and Lee (2005), "RFM and CLV: using iso-value curves for customer base analysis".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaln

from intentml.errors import ModelError

Floats = NDArray[np.float64]

PRIOR_SD = 3.0
"""Standard deviation of the weak prior on log p, log(q - 1) and log(v / median spend)."""

PRIOR_CENTRE = (3.0, 2.0, 1.0)
"""Its centre: p, q - 1 and v / median spend."""

SMALLEST_EXCESS = 0.01
"""Least q - 1: below q = 1 the mean spend of the shop would be infinite."""

_BOUNDS = np.log([[1e-2, 1e4], [SMALLEST_EXCESS, 1e4], [1e-4, 1e4]])
_STATIONARY = 1e-5
_FARTHEST = 1e9
"""Spend further than this factor from the median counts as this far: it is an error of the source."""


@dataclass(frozen=True)
class GammaGamma:
    """A fitted spend model: each order is gamma (p, nu), each customer's nu is gamma (q, v).

    Attributes:
        p: Shape of a customer's order values.
        q: Shape of the law of nu, above 1.
        v: Scale of the law of nu, in the currency's unit.
        population_mean: Expected spend per order of a customer without usable spend: p v / (q - 1); where q
            lies on its bound, so that no finite mean fits the tail, the mean of the customers fitted with the
            highest 1 % cut to their least. 0 where no customer had usable spend.
        log_likelihood: Of the customers fitted, without the weak prior.
        converged: False where the optimiser did not settle, a parameter lies on its bound, or nobody was
            fitted; the numbers are usable all the same.
        customers_fitted: Customers with an order and a finite mean spend above 0.
        customers_excluded: The others: no order, or a mean spend that is 0, negative, missing or infinite.
    """

    p: float
    q: float
    v: float
    population_mean: float
    log_likelihood: float
    converged: bool
    customers_fitted: int
    customers_excluded: int

    def __post_init__(self) -> None:
        values = (self.p, self.q, self.v, self.population_mean)
        if not all(math.isfinite(value) for value in values) or not (
            self.p > 0 and self.q > 1 and self.v > 0 and self.population_mean >= 0
        ):
            raise ValueError(f"p > 0, q > 1, v > 0 and population_mean >= 0 must be finite, not {values}")

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GammaGamma:
        """The model that `to_dict` wrote.

        Raises:
            ModelError: A key is missing or holds what no model has.
        """
        try:
            return cls(
                p=float(values["p"]),
                q=float(values["q"]),
                v=float(values["v"]),
                population_mean=float(values["population_mean"]),
                log_likelihood=float(values["log_likelihood"]),
                converged=bool(values["converged"]),
                customers_fitted=int(values["customers_fitted"]),
                customers_excluded=int(values["customers_excluded"]),
            )
        except (KeyError, TypeError, ValueError) as reason:
            raise ModelError(
                f"the saved spend model cannot be read: {reason!r}", hint="train the model again"
            ) from reason


def fit_gamma_gamma(
    frequency: ArrayLike, mean_spend: ArrayLike, weights: ArrayLike | None = None
) -> GammaGamma:
    """Fit the spend model by maximum likelihood.

    Args:
        frequency: Orders (or active days) behind each mean, shape (U,).
        mean_spend: Mean spend per order, shape (U,), in one currency.
        weights: Customers each row stands for, shape (U,), at least 0; default one.

    Returns:
        The model. Customers without usable spend are left out and counted. Spend is scaled by its median
        inside the fit, so the currency's unit does not matter; one customer, or equal spend everywhere, gives
        finite parameters under the weak prior.

    Raises:
        ValueError: Arrays of different shapes, or a weight that is negative or not finite.
    """
    orders, spend = _same_length(frequency, mean_spend)
    weight = np.ones_like(orders) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.shape != orders.shape or not np.all(np.isfinite(weight) & (weight >= 0.0)):
        raise ValueError("weights must have frequency's shape and be finite and 0 or more")
    usable = _usable(orders, spend)
    fitted, excluded = int(np.sum(weight[usable])), int(np.sum(weight[~usable]))
    keep = usable & (weight > 0.0)
    if not keep.any():
        p, excess, v = PRIOR_CENTRE
        return GammaGamma(p, 1.0 + excess, v, 0.0, 0.0, False, fitted, excluded)
    orders, spend, weight = orders[keep], spend[keep], weight[keep]
    unit = float(np.median(spend))
    scaled = np.clip(spend / unit, 1.0 / _FARTHEST, _FARTHEST)
    end, settled = _climb(orders, scaled, weight)
    p, excess, scale = np.exp(end).tolist()
    on_bound = bool(np.any((end <= _BOUNDS[:, 0]) | (end >= _BOUNDS[:, 1])))
    unbounded_tail = bool(end[1] <= _BOUNDS[1, 0])
    mean = _cut_mean(spend, weight) if unbounded_tail else p * scale * unit / excess
    values, _ = _log_likelihood_and_gradient(p, 1.0 + excess, scale, orders, scaled)
    total = float(np.sum(weight * values)) - float(np.sum(weight)) * math.log(unit)
    return GammaGamma(p, 1.0 + excess, scale * unit, mean, total, settled and not on_bound, fitted, excluded)


def expected_mean_spend(model: GammaGamma, frequency: ArrayLike, mean_spend: ArrayLike) -> Floats:
    """Expected spend of a future order, shape (U,): p (v + n m) / (p n + q - 1) for n orders of mean m.

    That is the customer's own mean and the population's, weighted p n to q - 1. Customers without usable
    spend (see `GammaGamma.customers_excluded`) get the population's mean.

    Args:
        model: A fitted model.
        frequency: Orders behind each mean, shape (U,).
        mean_spend: Mean spend per order, shape (U,).

    Raises:
        ValueError: Arrays of different shapes.
    """
    orders, spend = _same_length(frequency, mean_spend)
    usable = _usable(orders, spend)
    n, mean = np.where(usable, orders, 1.0), np.where(usable, spend, 1.0)
    shrunk = model.p * (model.v + n * mean) / (model.p * n + (model.q - 1.0))
    return np.where(usable, shrunk, model.population_mean)


def _cut_mean(spend: Floats, weight: Floats) -> float:
    """Mean of spend after cutting what lies above its 99th percentile down to it."""
    return float(np.average(np.minimum(spend, np.quantile(spend, 0.99)), weights=weight))


def _climb(orders: Floats, scaled: Floats, weight: Floats) -> tuple[Floats, bool]:
    """The likeliest (log p, log(q - 1), log v) for scaled spend, and whether the optimiser settled there."""
    from scipy.optimize import minimize  # an eighth of what a service reads before it answers

    customers = float(np.sum(weight))
    centre = np.log(PRIOR_CENTRE)

    def loss(log_parameters: Floats) -> tuple[float, Floats]:
        p, excess, v = np.exp(log_parameters).tolist()
        values, gradient = _log_likelihood_and_gradient(p, 1.0 + excess, v, orders, scaled)
        away = (log_parameters - centre) / PRIOR_SD
        total = float(np.sum(weight * values)) - 0.5 * float(np.sum(away**2))
        slope = np.sum(gradient * weight, axis=1) * np.array([p, excess, v]) - away / PRIOR_SD
        return -total / customers, -slope / customers

    result = minimize(
        loss,
        centre,
        jac=True,
        method="L-BFGS-B",
        bounds=_BOUNDS,
        options={"maxiter": 1000, "ftol": 1e-14, "gtol": _STATIONARY / 10.0},
    )
    end = np.asarray(result.x, dtype=np.float64)
    slope = loss(end)[1]
    at_bound = ((end <= _BOUNDS[:, 0]) & (slope > 0.0)) | ((end >= _BOUNDS[:, 1]) & (slope < 0.0))
    return end, bool(np.max(np.abs(np.where(at_bound, 0.0, slope))) <= _STATIONARY)


def _log_likelihood_and_gradient(
    p: float, q: float, v: float, orders: Floats, mean: Floats
) -> tuple[Floats, Floats]:
    """Log-density of each customer's mean spend, (U,), and its derivatives by p, q and v, (3, U)."""
    shape = p * orders
    total = orders * mean
    log_own = np.log(total / (v + total))
    log_shop = -np.log1p(total / v)
    values = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * log_shop + shape * log_own - np.log(mean)
    gradient = np.stack(
        [
            orders * (digamma(shape + q) - digamma(shape) + log_own),
            digamma(shape + q) - digamma(q) + log_shop,
            q / v - (shape + q) / (v + total),
        ]
    )
    return values, gradient


def _usable(orders: Floats, spend: Floats) -> NDArray[np.bool_]:
    return np.isfinite(orders) & (orders > 0.0) & np.isfinite(spend) & (spend > 0.0)


def _same_length(frequency: ArrayLike, mean_spend: ArrayLike) -> tuple[Floats, Floats]:
    orders, spend = np.asarray(frequency, dtype=np.float64), np.asarray(mean_spend, dtype=np.float64)
    if orders.ndim != 1 or orders.shape != spend.shape:
        raise ValueError(
            f"frequency and mean_spend must be 1-D and of one length: {orders.shape}, {spend.shape}"
        )
    return orders, spend
