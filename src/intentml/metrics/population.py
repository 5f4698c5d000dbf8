"""Which targets a ranking metric speaks about, so that every predictor is judged on the same ones.

In: numbers of buyers a target (J,), before as_of and in the window. Out: positions of targets, or a
mask. It counts nobody itself and looks at no prediction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def judged_targets(
    buyers_before: ArrayLike,
    buyers_in_window: ArrayLike,
    *,
    min_in_window: int,
    min_before: int = 5,
    max_targets: int = 1500,
) -> NDArray[np.intp]:
    """Positions of the targets that are judged, ascending.

    A target must have been bought by `min_before` customers before as_of and be among the
    `max_targets` with most such customers (equal ones by position); of those, the ones bought by at
    least `min_in_window` of the scored customers in the window are judged.

    Args:
        buyers_before: Customers who bought the target before as_of, (J,).
        buyers_in_window: Scored customers who buy it in the window, (J,).
        min_in_window: 10 for Complete Journey, 20 elsewhere (contracts, "Population").
        min_before: Fewest customers before as_of.
        max_targets: Most targets considered.

    >>> judged_targets([9, 4, 7, 8], [20, 50, 3, 12], min_in_window=10)
    array([0, 3])
    """
    before, window = np.asarray(buyers_before), np.asarray(buyers_in_window)
    if before.shape != window.shape or before.ndim != 1:
        raise ValueError(f"one count a target expected twice, got shapes {before.shape} and {window.shape}")
    by_buyers = np.argsort(-before.astype(np.int64), kind="stable")
    considered = by_buyers[before[by_buyers] >= min_before][:max_targets]
    return np.sort(considered[window[considered] >= min_in_window])


def tail_targets(buyers_before: ArrayLike) -> NDArray[np.bool_]:
    """Mask of the tail among judged targets: fewer buyers before as_of than their median.

    The head is the rest, so targets at the median are head, and targets that all have the same
    number of buyers have no tail.

    Args:
        buyers_before: Customers who bought each judged target before as_of, (J,).

    >>> tail_targets([5, 6, 80]).tolist()
    [True, False, False]
    """
    before = np.asarray(buyers_before)
    if before.size == 0:
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(before < np.median(before), dtype=np.bool_)
