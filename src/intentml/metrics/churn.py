"""How good is P(no order in the window), over customers with at least one order.

In: one probability and one outcome a customer (U,). Out: separation (AUROC), accuracy of the number
(log-loss, Brier) and calibration (ECE, intercept, slope, predicted over actual), for all customers and
by how many orders they had: a pooled number hides the one-time buyers, usually the majority.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from intentml.metrics.reliability import ece, predicted_over_actual
from intentml.metrics.separation import auroc

CHURN_BINS = 15
_CLIP = 1e-7
_STEPS = 50


@dataclass(frozen=True)
class ChurnMetrics:
    """Metrics of P(no order in the window); NaN where a metric cannot be had.

    Attributes:
        customers: Customers judged.
        base_rate: Share without an order in the window.
        auroc: Ties half.
        log_loss: Mean, natural logarithm, probabilities kept 1e-7 from 0 and 1.
        brier: Mean squared error of the probability.
        ece: 15 equal-mass bins.
        calibration_intercept: Shift of the log-odds that would make the mean right; 0 is right.
        calibration_slope: Factor on the log-odds; 1 is right, below 1 is overconfident.
        predicted_over_actual: Sum of probabilities over number without an order.
    """

    customers: int
    base_rate: float
    auroc: float
    log_loss: float
    brier: float
    ece: float
    calibration_intercept: float
    calibration_slope: float
    predicted_over_actual: float

    def summary(self) -> dict[str, float]:
        """The metrics by name."""
        return {name: float(value) for name, value in asdict(self).items()}


def churn_metrics(probability: ArrayLike, no_order: ArrayLike) -> ChurnMetrics:
    """All churn metrics over customers.

    Args:
        probability: P(no order in the window), (U,).
        no_order: True where the customer places no order in the window, (U,).

    Raises:
        ValueError: Shapes differ or a probability is outside 0..1.

    Source: intercept with the slope held at 1 and slope as a logistic regression on the log-odds,
    Cox 1958 and Van Calster et al. 2019; Brier 1950.
    """
    p = np.asarray(probability, dtype=np.float64)
    y = np.asarray(no_order, dtype=np.bool_)
    error = ece(p, y, CHURN_BINS)
    intercept, slope = calibration_line(p, y)
    some = p.size > 0
    return ChurnMetrics(
        customers=p.size,
        base_rate=float(y.mean()) if some else math.nan,
        auroc=auroc(y, p),
        log_loss=float(log_loss(p, y).mean()) if some else math.nan,
        brier=float(np.mean((p - y) ** 2)) if some else math.nan,
        ece=error,
        calibration_intercept=intercept,
        calibration_slope=slope,
        predicted_over_actual=predicted_over_actual(p, y),
    )


def churn_by_orders(
    probability: ArrayLike, no_order: ArrayLike, orders: ArrayLike
) -> dict[str, ChurnMetrics]:
    """The same metrics apart for customers with 1, 2 to 4, and 5 or more orders before as_of."""
    p, y, n = np.asarray(probability), np.asarray(no_order), np.asarray(orders)
    groups = {"1": n == 1, "2-4": (n >= 2) & (n <= 4), "5+": n >= 5}
    return {name: churn_metrics(p[mask], y[mask]) for name, mask in groups.items()}


def log_loss(probability: ArrayLike, label: ArrayLike) -> NDArray[np.float64]:
    """Minus the log of the probability given to what happened, one value each, any shape.

    Probabilities are kept 1e-7 from 0 and 1, so one sure mistake costs 16.1 and not infinity.
    """
    p = np.clip(np.asarray(probability, dtype=np.float64), _CLIP, 1.0 - _CLIP)
    return -np.log(np.where(np.asarray(label, dtype=np.bool_), p, 1.0 - p))


def calibration_line(probability: ArrayLike, label: ArrayLike) -> tuple[float, float]:
    """Calibration intercept (slope held at 1) and calibration slope (intercept free).

    NaN where only one class was seen; the slope also where all probabilities are equal or the
    classes are wholly apart.
    """
    p = np.clip(np.asarray(probability, dtype=np.float64), _CLIP, 1.0 - _CLIP)
    y = np.asarray(label, dtype=np.float64)
    if y.size == 0 or y.min() == y.max():
        return math.nan, math.nan
    log_odds = np.log(p / (1.0 - p))
    ones = np.ones((p.size, 1))
    (intercept,) = _logistic_fit(ones, y, log_odds)
    happened, others = log_odds[y == 1], log_odds[y == 0]
    # Where one threshold parts the classes the likelihood grows without end, and so would the slope.
    if others.max() <= happened.min() or happened.max() <= others.min():
        return intercept, math.nan
    _, slope = _logistic_fit(np.column_stack([ones, log_odds]), y, np.zeros_like(p))
    return intercept, slope


def _logistic_fit(
    inputs: NDArray[np.float64], label: NDArray[np.float64], offset: NDArray[np.float64]
) -> list[float]:
    """Unpenalised logistic regression by Newton's method with step halving; NaNs if it diverges."""

    def cost(coefficients: NDArray[np.float64]) -> float:
        z = offset + inputs @ coefficients
        return float(np.sum(np.logaddexp(0.0, z) - label * z))

    current = np.zeros(inputs.shape[1])
    lowest = cost(current)
    for _ in range(_STEPS):
        z = offset + inputs @ current
        p = 0.5 * (1.0 + np.tanh(0.5 * z))
        gradient = inputs.T @ (label - p)
        curvature = (inputs * (p * (1.0 - p))[:, None]).T @ inputs
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        while cost(current + step) > lowest * (1 + 1e-12) and np.abs(step).max() > 1e-12:
            step = step / 2
        current = current + step
        lowest = cost(current)
        if np.abs(step).max() < 1e-10:
            return [float(value) for value in current]
    return [math.nan] * inputs.shape[1]
