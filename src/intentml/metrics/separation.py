"""Ranks with ties, and the area under the ROC curve of one flat array.

In: one score and one label a customer (U,). Out: ranks or one float. Many targets at once are
`ranking`'s job.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def average_ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Ranks from 1, smallest first; equal values share the mean of their ranks, (U,).

    >>> average_ranks([10.0, 30.0, 10.0]).tolist()
    [1.5, 3.0, 1.5]
    """
    _, position, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[position], dtype=np.float64)


def auroc(label: ArrayLike, score: ArrayLike) -> float:
    """Chance that a random positive scores above a random negative, ties half; NaN if either is missing.

    Source: Hanley & McNeil 1982 (the Mann-Whitney form).

    >>> auroc([True, False, False], [0.7, 0.7, 0.1])
    0.75
    """
    positive = np.asarray(label, dtype=np.bool_)
    count = int(positive.sum())
    others = positive.size - count
    if not count or not others:
        return math.nan
    below = average_ranks(score)[positive].sum() - count * (count + 1) / 2
    return float(below / (count * others))
