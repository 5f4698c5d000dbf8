"""Purchase rates from counts and exposure: a gamma law over customers, fitted by maximum likelihood.

In: counts, the days each was exposed, and optionally a group (a category, a product) of each row. Out: gamma
shape and rate of each group, small groups leaning on the others, and the posterior of a row. Rates are per
**day**. It knows neither customers nor targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaln

from intentml.priors.distinct import distinct_rows

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

_POOLED_SPREAD = 3.0
"""Standard deviation of the weak prior on the pooled log mean rate and log shape."""
_FIRST_SPREAD = 1.5
_LEAST_SPREAD = 0.05
_FEWEST_GROUPS = 5
"""With fewer groups than this, their spread is not estimated but taken as `_FIRST_SPREAD`."""
_ROUNDS = 12
_STEPS_A_ROUND = 4
_STEPS = 60
_HALVINGS = 12
_LONGEST_STEP = 2.0
_SETTLED = 1e-6
_LOG_SHAPE_BOUNDS = (np.log(1e-3), np.log(1e4))


class GammaPoisson(NamedTuple):
    """Gamma law of the daily purchase rate of each group's customers; unpacks as shape, rate.

    Attributes:
        shape: Shape (G,).
        rate: Rate (inverse scale) in days, shape (G,); shape / rate is the mean purchases per day.
    """

    shape: Floats
    rate: Floats


@dataclass(frozen=True)
class _Rows:
    """Distinct rows: `count` purchases in `exposure` days, seen `weight` times in `group`."""

    count: Floats
    exposure: Floats
    weight: Floats
    group: Codes
    groups: int

    def total(self, values: Floats) -> Floats:
        """Weighted sum of the rows' values by group, shape (G,)."""
        summed = np.bincount(self.group, weights=self.weight * values, minlength=self.groups)
        return np.asarray(summed, dtype=np.float64)


@dataclass(frozen=True)
class _Belief:
    """Normal law over groups of (log mean rate, log shape): centre and spread, each of shape (2,)."""

    centre: Floats
    spread: Floats


def fit_gamma_poisson(
    counts: ArrayLike,
    exposure_days: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    weights: ArrayLike | None = None,
    n_groups: int | None = None,
) -> GammaPoisson:
    """Fit the negative-binomial likelihood of counts with exposure, in each group.

    A row's rate is gamma (shape, rate) and its count Poisson with rate times exposure. Log mean rate and log
    shape of the groups follow a normal law whose centre and spread are estimated from all groups (an EM with
    Laplace's approximation that starts at the pooled fit), so a group that tells little lies near the others
    and a large one goes its own way. Without groups there is one fit, under a very weak prior.

    Args:
        counts: Purchases, shape (N,), 0 or more.
        exposure_days: Days each row was exposed, shape (N,), 0 or more; rows of 0 days tell nothing.
        groups: Group codes 0 ... G-1 of the rows, shape (N,); default one group.
        weights: Times each row was seen, shape (N,), at least 0; default one. The many customers without a
            purchase can so be given as one row for each exposure.
        n_groups: G, where the last groups may have no row; a group without rows gets the centre.

    Returns:
        Shapes and rates, each of shape (G,), always finite and above 0.

    Raises:
        ValueError: Arrays of different shapes, values that are negative or not finite, a purchase in 0 days,
            or codes outside 0 ... G-1.
    """
    rows = _distinct(counts, exposure_days, groups, weights, n_groups)
    pooled = _Rows(rows.count, rows.exposure, rows.weight, np.zeros_like(rows.group), 1)
    purchases, days = float(np.sum(rows.weight * rows.count)), float(np.sum(rows.weight * rows.exposure))
    ordinary = np.array([np.log((purchases + 0.5) / (days + 182.5)), 0.0])
    centre, _ = _modes(pooled, ordinary[:, np.newaxis], _Belief(ordinary, np.full(2, _POOLED_SPREAD)))
    if groups is None:
        return _gamma_law(centre)
    belief = _Belief(centre[:, 0], np.full(2, _FIRST_SPREAD))
    modes = np.repeat(centre, rows.groups, axis=1)
    seen = rows.total(rows.exposure) > 0.0
    for _ in range(_ROUNDS):
        modes, curvature = _modes(rows, modes, belief, _STEPS_A_ROUND)
        if int(seen.sum()) < _FEWEST_GROUPS:
            break
        centre_now = modes[:, seen].mean(axis=1)
        variance = ((modes[:, seen] - centre_now[:, np.newaxis]) ** 2 + 1.0 / curvature[:, seen]).mean(axis=1)
        moved = float(np.max(np.abs(centre_now - belief.centre)))
        belief = _Belief(centre_now, np.maximum(np.sqrt(variance), _LEAST_SPREAD))
        if moved < 1e-3:
            break
    modes, _ = _modes(rows, modes, belief)
    return _gamma_law(modes)


def posterior_rate(shape: ArrayLike, rate: ArrayLike, counts: ArrayLike, exposure_days: ArrayLike) -> Floats:
    """Posterior mean of purchases per day, (shape + count) / (rate + exposure); arguments broadcast."""
    return np.asarray(
        np.add(shape, np.asarray(counts, dtype=np.float64))
        / np.add(rate, np.asarray(exposure_days, dtype=np.float64)),
        dtype=np.float64,
    )


def probability_within(shape: ArrayLike, rate: ArrayLike, days: ArrayLike) -> Floats:
    """P(at least one purchase within `days`) = 1 - (rate / (rate + days))^shape; arguments broadcast.

    Args:
        shape: Gamma shape; of a row's posterior: shape + count.
        rate: Gamma rate in days; of a row's posterior: rate + exposure.
        days: Horizon, 0 or more.
    """
    horizon = np.asarray(days, dtype=np.float64) / np.asarray(rate, dtype=np.float64)
    return np.asarray(-np.expm1(-np.asarray(shape, dtype=np.float64) * np.log1p(horizon)), dtype=np.float64)


def _gamma_law(modes: Floats) -> GammaPoisson:
    shape = np.exp(modes[1])
    return GammaPoisson(shape, shape / np.exp(modes[0]))


def _modes(rows: _Rows, start: Floats, belief: _Belief, steps: int = _STEPS) -> tuple[Floats, Floats]:
    """Most probable (log mean rate, log shape) of each group and the curvature there, each of shape (2, G).

    Newton steps with a diagonal Hessian (the two parameters are orthogonal in expectation); a group's step is
    halved until its own log-posterior does not fall.
    """
    point = start.copy()
    value = _log_posterior(rows, point, belief)
    for _ in range(steps):
        slope, curvature = _derivatives(rows, point, belief)
        step = np.clip(slope / curvature, -_LONGEST_STEP, _LONGEST_STEP)
        step[1] = np.clip(point[1] + step[1], *_LOG_SHAPE_BOUNDS) - point[1]
        if float(np.max(np.abs(step), initial=0.0)) < _SETTLED:
            break
        for _ in range(_HALVINGS):
            trial = point + step
            reached = _log_posterior(rows, trial, belief)
            worse = reached < value - 1e-10 * np.abs(value)
            if not worse.any():
                break
            step = np.where(worse, 0.5 * step, step)
        point = np.where(worse, point, trial)
        value = np.where(worse, value, reached)
        if worse.all():
            break
    return point, _derivatives(rows, point, belief)[1]


def _log_posterior(rows: _Rows, point: Floats, belief: _Belief) -> Floats:
    """Log-likelihood of each group's rows (less what no parameter touches) plus its log-prior, shape (G,)."""
    mean, shape = np.exp(point)[:, rows.group]
    expected = mean * rows.exposure
    bought = rows.count > 0.0
    values = -shape * np.log1p(expected / shape)
    n, r, m = rows.count[bought], shape[bought], expected[bought]
    values[bought] += gammaln(r + n) - gammaln(r) + n * np.log(m / (r + m))
    away = (point - belief.centre[:, np.newaxis]) / belief.spread[:, np.newaxis]
    log_prior = -0.5 * (away[0] ** 2 + away[1] ** 2)
    return rows.total(values) + np.asarray(log_prior, dtype=np.float64)


def _derivatives(rows: _Rows, point: Floats, belief: _Belief) -> tuple[Floats, Floats]:
    """Slope of the log-posterior and its curvature (negated, kept above 0), each of shape (2, G)."""
    mean, shape = np.exp(point)[:, rows.group]
    expected = mean * rows.exposure
    bought = rows.count > 0.0
    both = shape + expected
    excess = rows.count - expected
    digammas, trigammas = np.zeros_like(shape), np.zeros_like(shape)
    n, r = rows.count[bought], shape[bought]
    digammas[bought] = digamma(r + n) - digamma(r)
    trigammas[bought] = _trigamma(r + n) - _trigamma(r)
    by_mean = rows.total(shape * excess / both)
    bend_mean = rows.total(shape * expected * (shape + rows.count) / both**2)
    by_shape = rows.total(shape * (digammas - np.log1p(expected / shape) - excess / both))
    bend_shape = rows.total(shape**2 * (trigammas + expected / (shape * both) + excess / both**2))
    precision = 1.0 / belief.spread[:, np.newaxis] ** 2
    slope = np.stack([by_mean, by_shape]) - (point - belief.centre[:, np.newaxis]) * precision
    curvature = np.stack([bend_mean, np.maximum(-(by_shape + bend_shape), 0.0)]) + precision
    return slope, curvature


def _trigamma(z: Floats) -> Floats:
    """Second derivative of log gamma to 9 digits: six steps up the recurrence, then the asymptotic series.

    The library's own is tens of times slower, and only the length of a Newton step depends on it.
    """
    total = np.zeros_like(z)
    for _ in range(6):
        total += 1.0 / z**2
        z = z + 1.0
    inverse = 1.0 / z
    square = inverse**2
    series = 1.0 / 6.0 - square * (1.0 / 30.0 - square * (1.0 / 42.0 - square / 30.0))
    return np.asarray(total + inverse + square * (0.5 + inverse * series), dtype=np.float64)


def _distinct(
    counts: ArrayLike,
    exposure_days: ArrayLike,
    groups: ArrayLike | None,
    weights: ArrayLike | None,
    n_groups: int | None,
) -> _Rows:
    """Check the rows and add up the equal ones."""
    count = np.asarray(counts, dtype=np.float64)
    exposure = np.asarray(exposure_days, dtype=np.float64)
    weight = np.ones_like(count) if weights is None else np.asarray(weights, dtype=np.float64)
    group = np.zeros(count.shape, dtype=np.intp) if groups is None else np.asarray(groups).astype(np.intp)
    if count.ndim != 1 or not count.shape == exposure.shape == weight.shape == group.shape:
        raise ValueError("counts, exposure_days, groups and weights must be 1-D and of one length")
    for name, values in (("counts", count), ("exposure_days", exposure), ("weights", weight)):
        if not np.all(np.isfinite(values) & (values >= 0.0)):
            raise ValueError(f"{name} must be finite and 0 or more")
    if np.any((exposure == 0.0) & (count > 0.0)):
        raise ValueError("a purchase needs an exposure above 0 days")
    size = (int(group.max()) + 1 if len(group) else 1) if n_groups is None else n_groups
    if len(group) and (int(group.min()) < 0 or int(group.max()) >= size):
        raise ValueError(f"group codes must lie in 0 ... {size - 1}")
    first, inverse = distinct_rows(group.astype(np.float64), count, exposure)
    summed = np.asarray(np.bincount(inverse, weights=weight, minlength=len(first)), dtype=np.float64)
    return _Rows(count[first], exposure[first], summed, group[first], size)
