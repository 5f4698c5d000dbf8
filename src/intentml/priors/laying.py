"""Probabilities of some targets, laid out for some customers after others.

What comes in: scores of one kind and the targets in question. What goes out: blocks of probabilities that
stay near the processor while they are worked on, target by target in memory. However many customers there
are, the sparse parts of the scores are gone through once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.prediction import F32, F64, LikenessTerm, TargetScores

I64 = npt.NDArray[np.int64]


class Laid:
    """Probabilities of some targets, a part of the customers at a time.

    Args:
        scores: Of all customers.
        targets: Columns; one may stand there twice.
        step: Customers of a part; the last may have fewer.
    """

    def __init__(self, scores: TargetScores, targets: I64, step: int) -> None:
        self._customers, self._targets = scores.customer_vectors, scores.target_vectors[targets]
        self._step = step
        self._pairs = _Entries(scores.by_column("pairs"), targets, step)
        self._parents: list[tuple[_Entries, I64, I64]] = []
        for number, parent in enumerate(scores.parents):
            has = np.flatnonzero(parent.parent_of[targets] >= 0)
            codes, place = np.unique(parent.parent_of[targets[has]], return_inverse=True)
            if len(codes):
                entries = _Entries(scores.by_column(f"parent{number}"), codes.astype(np.int64), step)
                self._parents.append((entries, has, place))
        self._alike: tuple[LikenessTerm, sparse.csr_array, sparse.csr_array] | None = None
        if scores.alike is not None:
            likeness = scores.by_column("likeness")[:, targets].tocsr()
            told = np.flatnonzero(np.diff(likeness.indptr))  # of all that was bought, few are like these
            if len(told):
                taste = scores.by_column("taste")[:, told].tocsr()
                self._alike = scores.alike, taste, likeness[told]

    def part(self, number: int) -> F64:
        """Of the customers from number x step on. Shape: (n, J), target by target in memory."""
        some = slice(number * self._step, (number + 1) * self._step)
        logits: F32 = self._targets @ self._customers[some].T  # (J, n)
        self._pairs.add(logits, number)
        for entries, has, place in self._parents:
            of_parents = np.zeros((place.max() + 1, logits.shape[1]), np.float32)
            entries.add(of_parents, number)
            if len(has) == len(logits):
                logits += of_parents[place]
            else:
                logits[has] += of_parents[place]
        if self._alike is not None:
            term, taste, likeness = self._alike
            logits += term.values(taste[some], likeness).toarray().T
        return _probability(logits).T


class _Entries:
    """The entries of some columns of a sparse matrix, read where they lie, one part of the rows at a time.

    Args:
        matrix: Rows are customers, in order within each column.
        columns: Which.
        step: Rows of a part.
    """

    def __init__(self, matrix: sparse.csc_array, columns: I64, step: int) -> None:
        self._rows, self._values, self._step = matrix.indices, matrix.data, step
        starts = np.arange(0, matrix.shape[0] + step, step)
        ends = [(int(matrix.indptr[one]), int(matrix.indptr[one + 1])) for one in columns]
        # Of each part, where the entries of every column begin, and where they end.
        self._bounds = np.array(
            [first + np.searchsorted(matrix.indices[first:last], starts) for first, last in ends]
        ).T.tolist()

    def add(self, dense: F32, number: int) -> None:
        """Add a part's entries. Shape: (columns, rows of the part)."""
        start = number * self._step
        for column, (first, last) in enumerate(
            zip(self._bounds[number], self._bounds[number + 1], strict=True)
        ):
            if first < last:
                dense[column, self._rows[first:last] - start] += self._values[first:last]


def _probability(logits: F32) -> F64:
    """1 / (1 + exp(-x)), worked out where the logits stand, told in double precision."""
    with np.errstate(over="ignore"):  # e^x too large to be a number is a probability of 0
        np.negative(logits, out=logits)
        np.exp(logits, out=logits)
    logits += 1
    return np.reciprocal(logits, out=logits).astype(np.float64)
