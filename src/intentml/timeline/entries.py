"""Entries of sparse matrices, found by row and column.

What comes in: a matrix in CSR layout with sorted columns; rows and columns that are wanted. What goes out:
where its entries are, and their values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.floating]
F64 = npt.NDArray[np.float64]


def some_rows(matrix: sparse.csr_array, rows: slice | npt.NDArray[np.int64]) -> sparse.csr_array:
    """Some rows; of all of them no copy is made."""
    every = isinstance(rows, slice) and rows.indices(matrix.shape[0]) == (0, matrix.shape[0], 1)
    return matrix if every else matrix[rows]


def at_pairs(
    matrix: sparse.csr_array,
    row: npt.NDArray[np.int64],
    column: npt.NDArray[np.int32] | npt.NDArray[np.int64],
) -> F64:
    """matrix[row, column] for sorted-index CSR; 0 where the column is -1. Shape: (n,), (n,) -> (n,)."""
    place = places(matrix.indptr, matrix.indices, matrix.shape[1], row, column)
    return at_places(matrix.data, place)


def places(
    indptr: npt.NDArray[np.integer],
    indices: npt.NDArray[np.integer],
    columns: int,
    row: npt.NDArray[np.int64],
    column: npt.NDArray[np.int32] | npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Where sorted-index CSR keeps (row, column); -1 where it does not, or the column is -1.

    Shape: row (n,), column (n,) -> (n,).
    """
    if not len(indices):
        return np.full(len(row), -1)
    keys = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)) * columns + indices
    wanted = row * columns + column
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((keys[at] == wanted) & (column >= 0), at, -1)


def at_places(values: Floats, place: npt.NDArray[np.int64]) -> F64:
    """The values at places of `places`, 0 where there is none. Shape: (m,), (n,) -> (n,)."""
    if not len(values):
        return np.zeros(len(place))
    return np.where(place >= 0, values[place], 0.0)
