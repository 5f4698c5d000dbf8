"""Compressed rows: ragged lists (orders of customers, lines of orders) as one flat array.

What comes in: row pointers. What goes out: positions in the flat array. Row r is the half-open
range `indptr[r] : indptr[r + 1]`; no loop over rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]


def indptr_of(counts: npt.NDArray[np.integer]) -> I64:
    """Row pointers from the length of each row. Shape: (n,) -> (n + 1,).

    >>> indptr_of(np.array([2, 0, 1])).tolist()
    [0, 2, 2, 3]
    """
    indptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    return indptr


def positions(indptr: I64, rows: I64) -> I64:
    """Flat positions of all entries of some rows, row after row.

    >>> positions(np.array([0, 2, 2, 3]), np.array([2, 0])).tolist()
    [2, 0, 1]
    """
    start, count = indptr[rows], indptr[rows + 1] - indptr[rows]
    return np.repeat(start - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
