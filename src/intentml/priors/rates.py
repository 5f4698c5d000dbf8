"""Gamma-Poisson purchase rates: how often customers buy a target, and what one's own count adds.

What comes in: counts of (customer, target) pairs and how long each customer was seen. What goes out: a
Gamma law of rates per target, and P(bought within t days) for a customer with a count.

Source: the negative binomial of Ehrenberg 1959; the moments are those of a mixed Poisson count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

# Targets with fewer buyers lean on the dispersion of the others.
_BUYERS_TO_TRUST = 20.0


def fit_rates(
    count: F64, target: npt.NDArray[np.int32], exposure_days: F64, n_targets: int
) -> tuple[F64, F64]:
    """Gamma shape and rate (in days) of the customers' purchase rates of each target, by moments.

    For a Poisson count n with exposure T, sum n / sum T estimates the mean rate and
    sum n(n-1) / sum T^2 the mean squared rate; their difference is the variance of the Gamma.

    Args:
        count: Orders of each pair with history. Shape: (n,).
        target: Their targets. Shape: (n,).
        exposure_days: Days each customer was seen, customers without the target too. Shape: (U,).
        n_targets: J.

    Returns:
        Shape and rate. Shape: (J,) each.
    """
    total, squares = max(float(exposure_days.sum()), 1.0), max(float((exposure_days**2).sum()), 1.0)
    mean = np.bincount(target, weights=count, minlength=n_targets) / total
    mean = np.maximum(mean, 0.5 / total)
    second = np.bincount(target, weights=count * (count - 1), minlength=n_targets) / squares
    shape = mean**2 / np.maximum(second - mean**2, 1e-3 * mean**2)
    buyers = np.bincount(target, minlength=n_targets)
    known = buyers >= _BUYERS_TO_TRUST
    pooled = float(np.median(shape[known])) if known.any() else 0.1
    trust = buyers / (buyers + _BUYERS_TO_TRUST)
    shape = np.exp(trust * np.log(shape) + (1 - trust) * np.log(pooled))
    return shape, shape / mean


def probability_within(shape: F64, rate: F64, count: F64, exposure_days: F64, days: float) -> F64:
    """P(at least one purchase in the next `days`) after `count` purchases in `exposure_days`.

    The posterior rate is Gamma(shape + count, rate + exposure); silence over t has probability
    (rate' / (rate' + t))^shape'. Shape: (n,) all.
    """
    buys: F64 = -np.expm1(-(shape + count) * np.log1p(days / (rate + exposure_days)))
    return buys
