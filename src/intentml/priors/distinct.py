"""Equal rows, found once: fits and predictions work on distinct histories and scatter the result back.

In: columns of one length. Out: positions. It compares floats exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


def distinct_rows(*columns: Floats) -> tuple[Rows, Rows]:
    """Rows that differ in at least one of the columns.

    Args:
        columns: Arrays of the same shape (U,).

    Returns:
        (first, inverse): the row of each distinct combination, shape (D,), in lexicographic order; and for
        every row the position of its combination, shape (U,).
    """
    order = np.lexsort(columns[::-1])
    starts = np.zeros(len(order), dtype=bool)
    starts[:1] = True
    for column in columns:
        in_order = column[order]
        starts[1:] |= in_order[1:] != in_order[:-1]
    inverse = np.empty(len(order), dtype=np.intp)
    inverse[order] = np.cumsum(starts) - 1
    return order[starts], inverse
