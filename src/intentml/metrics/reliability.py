"""Does a probability come true as often as it says: reliability by equal-mass bins, exact or streamed.

In: probabilities and what happened, any shape, optionally weighted. Out: the reliability table, the
expected calibration error (ECE) and predicted over actual. It corrects nothing: calibrating is the
predictor's work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

# Probabilities are grouped by the leading bits of their float32 form: positive floats order like
# their bits, so a cell is an interval, at most 1/4096 of the probability wide.
_DROPPED_BITS = 11
_CELLS = (int(np.float32(1.0).view(np.uint32)) >> _DROPPED_BITS) + 1
_EXACT_UP_TO = 2_000_000
_WILSON_Z = 1.959963984540054


@dataclass(frozen=True)
class ReliabilityTable:
    """One row a bin, lowest probabilities first, (B,) each.

    Attributes:
        predicted: Mean probability.
        observed: Share that happened.
        weight: Pairs in the bin (a share of one where a tie is split between bins).
        low: Lower end of the 95 % Wilson interval of `observed`.
        high: Upper end.
    """

    predicted: FloatArray
    observed: FloatArray
    weight: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def ece(self) -> float:
        """Mean of |observed - predicted| over bins, by weight. Source: Naeini et al. 2015."""
        total = self.weight.sum()
        if not total:
            return math.nan
        return float(np.sum(self.weight * np.abs(self.observed - self.predicted)) / total)


class ReliabilityHistogram:
    """Sums by narrow cells of probability, filled chunk by chunk, for more pairs than can be sorted.

    A cell keeps its exact weight, sum of probabilities and number of events; only where a bin's edge
    falls inside a cell is the cell shared out evenly, so the table differs from the exact one by less
    than a cell's width (1/4096 of the probability) and memory stays at 12 MB.
    """

    def __init__(self) -> None:
        self._sums = np.zeros((3, _CELLS))

    def add(self, probability: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None) -> None:
        """Add pairs of one shape; `weight` may be any shape that broadcasts to it.

        Raises:
            ValueError: A probability outside 0..1, or shapes that differ.
        """
        p, y, w = _flat(probability, label, weight)
        cell = p.astype(np.float32).view(np.uint32) >> np.uint32(_DROPPED_BITS)
        self._sums[0] += np.bincount(cell, weights=w, minlength=_CELLS)
        self._sums[1] += np.bincount(cell, weights=p if w is None else w * p, minlength=_CELLS)
        self._sums[2] += np.bincount(cell[y], weights=None if w is None else w[y], minlength=_CELLS)

    def table(self, bins: int) -> ReliabilityTable:
        """The reliability table of everything added, in `bins` equal-mass bins."""
        filled = self._sums[:, self._sums[0] > 0]
        return _equal_mass(filled, bins)

    @property
    def predicted_over_actual(self) -> float:
        """Sum of probabilities over number of events of everything added; NaN without an event."""
        _, predicted, actual = self._sums.sum(axis=1)
        return float(predicted / actual) if actual else math.nan


def reliability_table(
    probability: ArrayLike, label: ArrayLike, *, bins: int, weight: ArrayLike | None = None
) -> ReliabilityTable:
    """Reliability in equal-mass bins; pairs of any shape.

    Up to 2 million pairs are sorted and binned exactly; more go through `ReliabilityHistogram`.
    Equal probabilities that straddle a bin's edge are shared out evenly, so the order of customers
    never matters. With fewer distinct places than bins, some bins repeat a probability.

    Args:
        probability: In 0..1.
        label: True where it happened.
        bins: Number of bins: 20 for customer x target, 15 for churn.
        weight: Of the pairs, not negative; one each if absent.

    Raises:
        ValueError: A probability outside 0..1, shapes that differ, or bins below 1.

    Source: equal-mass bins, Nixon et al. 2019; interval, Wilson 1927.
    """
    if np.size(probability) > _EXACT_UP_TO:
        histogram = ReliabilityHistogram()
        histogram.add(probability, label, weight)
        return histogram.table(bins)
    p, y, w = _flat(probability, label, weight)
    values, group = np.unique(p, return_inverse=True)
    mass = np.bincount(group, weights=w, minlength=values.size).astype(np.float64)
    happened = np.bincount(group[y], weights=None if w is None else w[y], minlength=values.size)
    keep = mass > 0
    return _equal_mass(np.stack([mass, mass * values, happened])[:, keep], bins)


def ece(probability: ArrayLike, label: ArrayLike, bins: int, *, weight: ArrayLike | None = None) -> float:
    """Expected calibration error over equal-mass bins; see `reliability_table`.

    >>> round(ece([0.2, 0.2, 0.6, 0.6], [False, False, True, True], bins=2), 6)
    0.3
    """
    return reliability_table(probability, label, bins=bins, weight=weight).ece


def predicted_over_actual(probability: ArrayLike, label: ArrayLike) -> float:
    """Sum of probabilities over number of events; 1 is right, below 1 promises too little.

    >>> predicted_over_actual([0.5, 0.5, 0.5], [True, False, True])
    0.75
    """
    actual = float(np.sum(np.asarray(label, dtype=np.bool_)))
    return float(np.sum(np.asarray(probability, dtype=np.float64)) / actual) if actual else math.nan


def _flat(
    probability: ArrayLike, label: ArrayLike, weight: ArrayLike | None
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray | None]:
    p, y = np.asarray(probability), np.asarray(label, dtype=np.bool_)
    if p.shape != y.shape:
        raise ValueError(f"probabilities {p.shape} and labels {y.shape} must have one shape")
    w = None if weight is None else np.broadcast_to(np.asarray(weight, np.float64), p.shape).reshape(-1)
    # Adding zero makes -0.0 the same as 0.0, also in its bits.
    flat = p.reshape(-1).astype(np.float64) + 0.0
    if flat.size and not (flat.min() >= 0.0 and flat.max() <= 1.0):
        outside = int(np.sum(~((flat >= 0.0) & (flat <= 1.0))))
        raise ValueError(f"{outside} of {flat.size} probabilities are not between 0 and 1")
    return flat, y.reshape(-1), w


def _equal_mass(groups: FloatArray, bins: int) -> ReliabilityTable:
    """Bins of equal mass from sorted groups of (mass, sum of probabilities, events), (3, G).

    Running totals, read off at equal steps of mass: a group on an edge is shared out evenly.
    """
    if bins < 1:
        raise ValueError(f"{bins} bins cannot hold anything")
    running = np.concatenate([np.zeros((3, 1)), np.cumsum(groups, axis=1)], axis=1)
    total = running[0, -1]
    if not total:
        empty = np.zeros(0)
        return ReliabilityTable(empty, empty, empty, empty, empty)
    edges = np.linspace(0.0, total, bins + 1)
    mass = np.full(bins, total / bins)
    predicted = np.diff(np.interp(edges, running[0], running[1])) / mass
    observed = np.clip(np.diff(np.interp(edges, running[0], running[2])) / mass, 0.0, 1.0)
    low, high = wilson_interval(observed, mass)
    return ReliabilityTable(predicted, observed, mass, low, high)


def wilson_interval(
    share: ArrayLike, trials: ArrayLike, z: float = _WILSON_Z
) -> tuple[FloatArray, FloatArray]:
    """Interval of a share seen in a number of trials (95 % by default). Source: Wilson 1927."""
    p, n = np.asarray(share, np.float64), np.asarray(trials, np.float64)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
