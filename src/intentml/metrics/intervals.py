"""How sure is a metric: the bootstrap over customers, paired between predictors.

In: what each metric is made of, by customer. Out: the metric on each resample (R,), and intervals. A
resample is one integer weight a customer, so nothing is sorted twice: each ranking is ordered once and
every resample reads it with other weights. The same seed gives every predictor the same resamples: the
difference of two predictors' replicates is the paired bootstrap of their difference.

Source: Efron & Tibshirani 1993, chapters 6 and 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from intentml.metrics.ties import LABEL, breaker_part, ranking_keys, tie_breakers

FloatArray = NDArray[np.float64]

_MOST_REPLICATES = 200
_FEWEST_REPLICATES = 50
# Weights read by `users_for_target_replicates` in some ten seconds on one core.
_WEIGHTS_READ = 4_000_000_000
_CELLS_AT_ONCE = 8_000_000


@dataclass(frozen=True)
class Interval:
    """A metric with its interval.

    Attributes:
        value: The metric on the customers themselves.
        low: Lower end.
        high: Upper end.
        replicates: Resamples it was read from.
    """

    value: float
    low: float
    high: float
    replicates: int

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is beyond its interval."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True)
class Resamples:
    """Weights of a bootstrap over customers: how often each was drawn, in each replicate.

    Args:
        customers: Number of customers U.
        replicates: Number of resamples R.
        seed: The same seed and number of customers draw the same resamples.
    """

    customers: int
    replicates: int = _MOST_REPLICATES
    seed: int = 0

    def weights(self, start: int = 0, stop: int | None = None) -> NDArray[np.uint8]:
        """Weights of replicates start..stop, (replicates, U); each row sums to U."""
        rows = range(start, self.replicates if stop is None else min(stop, self.replicates))
        drawn = np.zeros((len(rows), self.customers), dtype=np.uint8)
        for place, row in enumerate(rows):
            picks = np.random.default_rng([self.seed, row]).integers(0, self.customers, self.customers)
            drawn[place] = np.bincount(picks, minlength=self.customers)
        return drawn

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
        """All weights in blocks that fit in memory, with the replicates they belong to."""
        step = max(1, _CELLS_AT_ONCE // max(self.customers, 1))
        for start in range(0, self.replicates, step):
            stop = min(start + step, self.replicates)
            yield slice(start, stop), self.weights(start, stop)


def replicates_for(customers: int, targets: int) -> int:
    """How many resamples to draw for a metric over customers x targets: 200, fewer for big data.

    As many as can be read in some ten seconds, at least 50: with tens of millions of pairs the
    interval is narrow and 50 resamples place its ends well enough.
    """
    affordable = _WEIGHTS_READ // max(customers * targets, 1)
    return int(np.clip(affordable, _FEWEST_REPLICATES, _MOST_REPLICATES))


def interval(value: float, replicates: ArrayLike, *, level: float = 0.95) -> Interval:
    """The interval of a metric, or of a difference of two predictors' replicates.

    Percentiles of the replicates, moved so that their mean stands on the value: resampling puts the
    same buyer into a sample more than once, which lifts average precision and ECE of every resample
    a little, and that lift is no news about the metric.

    Args:
        value: The metric on the customers themselves.
        replicates: The metric on each resample, (R,); NaNs are left out.
        level: Share of the replicates inside.
    """
    known = np.asarray(replicates, dtype=np.float64)
    known = known[~np.isnan(known)]
    if not known.size:
        return Interval(value, float("nan"), float("nan"), 0)
    ends = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) - known.mean() + value
    return Interval(value, float(ends[0]), float(ends[1]), known.size)


def ratio_replicates(
    numerator: ArrayLike, resamples: Resamples, denominator: ArrayLike | None = None
) -> FloatArray:
    """Replicates of sum(numerator) / sum(denominator) over customers; the mean without a denominator.

    Serves every metric that is a mean over customers or over pairs: log-loss, Brier, absolute error,
    precision at 10, predicted over actual.

    Args:
        numerator: Sum a customer, (U,) or (U, K) for K metrics.
        resamples: Of the customers.
        denominator: Pairs (or actual events) a customer, shape of the numerator or (U,). Customers
            who do not count have 0 in both.

    Returns:
        (R,) or (R, K).
    """
    top = np.asarray(numerator, dtype=np.float64)
    ones = np.ones(top.shape[0])
    bottom = ones if denominator is None else np.asarray(denominator, dtype=np.float64)
    out = np.full((resamples.replicates, *top.shape[1:]), np.nan)
    for rows, weights in resamples.blocks():
        drawn = weights.astype(np.float64)
        above, below = drawn @ top, drawn @ bottom
        if above.ndim > below.ndim:
            below = below[:, None]
        out[rows] = np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)
    return out


def statistic_replicates(statistic: Callable[[NDArray[np.uint8]], float], resamples: Resamples) -> FloatArray:
    """Replicates of any metric that takes one weight a customer, one call each, (R,)."""
    return np.array([statistic(row) for _, block in resamples.blocks() for row in block], dtype=np.float64)


def auroc_replicates(label: ArrayLike, score: ArrayLike, resamples: Resamples) -> FloatArray:
    """Replicates of the AUROC of one score a customer, ties half, (R,)."""
    positive = np.asarray(label, dtype=np.bool_)
    _, group = np.unique(np.asarray(score), return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) > 0]) if order.size else np.zeros(0, np.intp)
    out = np.full(resamples.replicates, np.nan)
    if not positive.any() or positive.all():
        return out
    for rows, weights in resamples.blocks():
        drawn = weights[:, order]
        hits = np.add.reduceat(drawn * positive[order], starts, axis=1, dtype=np.float64)
        others = np.add.reduceat(drawn, starts, axis=1, dtype=np.float64) - hits
        below = np.cumsum(others, axis=1) - others / 2
        pairs = hits.sum(axis=1) * others.sum(axis=1)
        won = np.sum(hits * below, axis=1)
        out[rows] = np.divide(won, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)
    return out


def users_for_target_replicates(
    scores: ArrayLike,
    labels: ArrayLike,
    resamples: Resamples,
    *,
    seed: int = 0,
    first_target: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Average precision and AUROC of each target on each resample, both (R, J).

    Their mean over targets (`np.nanmean(..., axis=1)`) is the replicate of mAP and of mean AUROC; a
    target without a buyer in a resample is NaN there. Ties are broken as in
    `ranking.users_for_target`, also for the AUROC. Several draws of one customer stand at one place.

    Args:
        scores: Higher means likelier to buy, (U, J).
        labels: True where the customer buys the target in the window, (U, J).
        resamples: Of the U customers.
        seed: Of the tie-breaking.
        first_target: Number of the first column, where the columns are a chunk of more targets.
    """
    cells, happened = np.asarray(scores), np.asarray(labels)
    customers, targets = cells.shape
    # One row a customer: reading a ranking's order then copies whole rows of weights.
    drawn = np.ascontiguousarray(resamples.weights().T)
    total = drawn.sum(axis=0, dtype=np.float64)
    precision = np.full((resamples.replicates, targets), np.nan)
    area = np.full((resamples.replicates, targets), np.nan)
    for target in range(targets):
        breakers = tie_breakers(seed, [first_target + target], customers)
        label = happened[:, target][None, :]
        keys = ranking_keys(cells[:, target][None, :], breakers, label, label)[0]
        keys.sort()
        customer_of = np.argsort(breakers[0])
        places = np.flatnonzero(keys & LABEL)
        if places.size:
            order = customer_of[breaker_part(keys[: places[-1] + 1])]
            precision[:, target], area[:, target] = _weighted_ranking(drawn[order], places, total)
    return precision, area


def _weighted_ranking(
    ranked: NDArray[np.uint8], places: NDArray[np.intp], total: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Average precision and AUROC by replicate from weights in ranking order, down to the last buyer.

    Args:
        ranked: Weights, best customer first, (places[-1] + 1, R).
        places: Where the buyers stand, ascending.
        total: Weight of all customers, (R,).
    """
    segments = np.add.reduceat(ranked, np.r_[0, places[:-1] + 1], axis=0, dtype=np.int32)
    so_far = np.cumsum(segments, axis=0, dtype=np.int64)
    buyers = ranked[places].astype(np.float64)
    buyers_so_far = np.cumsum(buyers, axis=0)
    share = buyers_so_far / np.maximum(so_far, 1)
    count = buyers_so_far[-1]
    nothing = np.full(count.shape, np.nan)
    precision = np.divide((buyers * share).sum(axis=0), count, out=nothing.copy(), where=count > 0)
    others_above = (buyers * (so_far - buyers_so_far)).sum(axis=0)
    pairs = count * (total - count)
    lost = np.divide(others_above, pairs, out=nothing, where=pairs > 0)
    return precision, 1.0 - lost
