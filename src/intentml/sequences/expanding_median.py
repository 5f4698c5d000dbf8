"""The median of everything so far, for the newest entries of many lists at once.

What comes in: lists of numbers in time order, in CSR layout. What goes out: at each of a list's
newest entries, the exact median of the list up to and including it. No loop over lists.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


def expanding_median(values: F64, indptr: I64, newest: int) -> F64:
    """The median of each list up to each of its `newest` last entries; NaN at older entries.

    Every list is sorted once, as a linked list with a pointer at its middle. Then the newest entry of
    every list is taken out, again and again: the middle moves by at most one link. So the cost is one
    sort and `newest` passes over the lists, however long they are.

    Args:
        values: Entries, oldest first within a list, without NaN. Shape: (n,).
        indptr: Row pointers of the lists. Shape: (rows + 1,).
        newest: How many medians are wanted per list, counted from its end.

    Returns:
        Medians. Shape: (n,).
    """
    n = len(values)
    medians = np.full(n, np.nan)
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    by_value = np.lexsort((values, row))
    ranked = values[by_value]
    place = np.empty(n, np.int64)
    place[by_value] = np.arange(n)
    # Links may leave a list at its ends; nobody follows those. One spare cell takes links past the end.
    before, after = np.arange(n + 1) - 1, np.arange(n + 1) + 1

    rows = np.flatnonzero(np.diff(indptr) > 0)
    size, last = np.diff(indptr)[rows], indptr[rows + 1] - 1
    middle = indptr[rows] + (size - 1) // 2
    for _ in range(newest):
        even = size % 2 == 0
        medians[last] = (ranked[middle] + ranked[np.where(even, after[middle], middle)]) / 2
        gone = place[last]
        moved = np.where(
            even,
            np.where(gone <= middle, after[middle], middle),
            np.where(gone >= middle, before[middle], middle),
        )
        left, right = before[gone], after[gone]
        after[left], before[right] = right, left
        more = size > 1
        if not more.any():
            break
        size, last, middle = size[more] - 1, last[more] - 1, moved[more]
    return medians
