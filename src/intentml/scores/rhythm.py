"""When do customers come back: each one's own rhythm, and the shop's survival curves for the rest.

In: the distinct active days of every customer as CSR arrays (days as whole numbers, any origin). Out:
each customer's median gap and how irregular the gaps are, and Kaplan-Meier curves of the time from one
active day to the next. It names no stage: `stages` does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Gaps within a tenth of the median count as regular: months differ in length, weekends fall in between.
REGULAR_WITHIN = 0.1
# A long gap, for the irregularity: the gap four out of five are not longer than.
_LONG_GAP = 0.8
# Below this many customers still waiting, one late return would move the curve by 5 % or more.
MIN_AT_RISK = 20


@dataclass(frozen=True)
class Rhythm:
    """A rhythm a customer, (U,) each; NaN for customers without one of their own.

    Attributes:
        gap_days: Median gap between consecutive active days.
        irregularity: How much longer than the median a long gap of theirs is, as a share of the
            median, beyond the tenth that counts as regular; 0 is regular.
        active_days: Number of distinct active days, known for everybody.
    """

    gap_days: FloatArray
    irregularity: FloatArray
    active_days: IntArray


@dataclass(frozen=True)
class SurvivalCurve:
    """Kaplan-Meier curve: share of customers not yet back after a number of days.

    Attributes:
        times: Days at which somebody came back, ascending, (T,).
        survival: Share not yet back just after each of them, (T,).
        returns: Gaps that ended in a return.
        observations: Gaps, with the ones still open.
    """

    times: FloatArray
    survival: FloatArray
    returns: int
    observations: int

    def at(self, days: ArrayLike) -> FloatArray:
        """Share not yet back after `days`, same shape; past the curve's end its last value."""
        place = np.searchsorted(self.times, np.asarray(days, dtype=np.float64), side="right")
        return np.asarray(np.concatenate([[1.0], self.survival])[place], dtype=np.float64)

    def returner_quantile(self, share: float) -> float:
        """Days by which `share` of the eventual returners are back; NaN for a curve without returns.

        Eventual returners are those whom the curve sees come back by its end: the distribution is
        F / F(end) with F = 1 - survival.
        """
        if not self.times.size:
            return math.nan
        back = (1.0 - self.survival) / (1.0 - self.survival[-1])
        # A hair of slack, so that exactly four returns of five are 80 %.
        return float(self.times[np.searchsorted(back, share - 1e-12)])


def own_rhythm(indptr: ArrayLike, days: ArrayLike, n_orders: ArrayLike) -> Rhythm:
    """Each customer's own rhythm, for those with at least three orders on three active days.

    Three orders on fewer days leave less than two gaps, which is no rhythm yet: such customers go by
    the shop's curve. Nothing is pooled toward the shop.

    Args:
        indptr: Where each customer's days start in `days`, (U + 1,).
        days: Distinct active days, ascending within a customer, whole days.
        n_orders: Orders of each customer, (U,).

    >>> own_rhythm([0, 4, 6], [0, 30, 60, 105, 0, 10], [4, 2]).gap_days.tolist()
    [30.0, nan]
    """
    starts, ordered = np.asarray(indptr, dtype=np.int64), np.asarray(days, dtype=np.int64)
    active_days = np.diff(starts)
    owner, gaps = _gaps(starts, ordered)
    by_length = np.lexsort((gaps, owner))
    lengths = gaps[by_length].astype(np.float64)
    count = np.maximum(active_days - 1, 0)
    first = np.cumsum(count) - count
    has_rhythm = (np.asarray(n_orders) >= 3) & (count >= 2)
    median = _quantile_by_customer(lengths, first, count, has_rhythm, 0.5)
    long_gap = _quantile_by_customer(lengths, first, count, has_rhythm, _LONG_GAP)
    spread = np.maximum((long_gap - median) / median - REGULAR_WITHIN, 0.0)
    return Rhythm(median, spread, active_days)


def fit_survival(gap_days: ArrayLike, observed: ArrayLike, *, min_at_risk: int = 1) -> SurvivalCurve:
    """Kaplan-Meier curve of gaps, some of them still open at as_of.

    Args:
        gap_days: Days to the next active day, or days waited so far, (N,).
        observed: True where the gap ended in an active day, (N,).
        min_at_risk: The curve ends where fewer than this many are still waiting.

    Source: Kaplan & Meier 1958, the product-limit estimate; a gap that is still open at t counts as
    at risk at t.

    >>> curve = fit_survival([10, 20, 20, 40], [True, True, False, False])
    >>> curve.times.tolist(), curve.survival.tolist()
    ([10.0, 20.0], [0.75, 0.5])
    """
    length = np.asarray(gap_days, dtype=np.float64)
    ended = np.asarray(observed, dtype=np.bool_)
    times, group = np.unique(length, return_inverse=True)
    returns = np.bincount(group[ended], minlength=times.size)
    at_risk = length.size - np.concatenate([[0], np.cumsum(np.bincount(group, minlength=times.size))])[:-1]
    keep = (returns > 0) & (at_risk >= min_at_risk)
    survival = np.cumprod(1.0 - returns[keep] / at_risk[keep])
    return SurvivalCurve(times[keep], survival, int(ended.sum()), int(length.size))


def return_curves(indptr: ArrayLike, days: ArrayLike, as_of_day: int) -> dict[int, SurvivalCurve]:
    """The shop's curves of the time from the first, the second, and any later active day to the next.

    Args:
        indptr: Where each customer's days start in `days`, (U + 1,).
        days: Distinct active days before as_of, ascending within a customer.
        as_of_day: as_of on the same scale; open gaps end there.

    Returns:
        Curves by class 1, 2 and 3 (the third and all later active days).
    """
    starts, ordered = np.asarray(indptr, dtype=np.int64), np.asarray(days, dtype=np.int64)
    if ordered.size == 0:
        return {number: fit_survival([], []) for number in (1, 2, 3)}
    active_days = np.diff(starts)
    # Every active day opens a gap: to the next one, or to as_of if it is the customer's last.
    number = np.arange(ordered.size) - np.repeat(starts[:-1], active_days) + 1
    is_last = np.zeros(ordered.size, dtype=np.bool_)
    is_last[starts[1:][active_days > 0] - 1] = True
    following = np.append(ordered[1:], as_of_day)
    gap = np.where(is_last, as_of_day, following) - ordered
    return {
        wanted: fit_survival(gap[mask], ~is_last[mask], min_at_risk=MIN_AT_RISK)
        for wanted in (1, 2, 3)
        for mask in [np.minimum(number, 3) == wanted]
    }


def _gaps(starts: IntArray, days: IntArray) -> tuple[IntArray, IntArray]:
    """Gaps between consecutive days of one customer, and whose they are."""
    owner = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    same = owner[1:] == owner[:-1]
    return owner[1:][same], np.diff(days)[same]


def _quantile_by_customer(
    values: FloatArray, first: IntArray, count: IntArray, wanted: NDArray[np.bool_], share: float
) -> FloatArray:
    """Interpolated quantile of each customer's sorted values, NaN where not wanted, (U,)."""
    place = share * (count[wanted] - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, count[wanted] - 1)
    lower, upper = values[first[wanted] + below], values[first[wanted] + above]
    out = np.full(count.size, np.nan)
    out[wanted] = lower + (place - below) * (upper - lower)
    return out
