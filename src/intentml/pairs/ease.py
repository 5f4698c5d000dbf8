"""Item-item weights that explain each target by all others at once.

What comes in: the pair history of many customers, once; then the history of any customers, to score pairs.
Where neighbours count what goes together, these weights leave out what a third target explains already.

Source: Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from intentml.pairs.history import F64, I64, PairTable
from intentml.pairs.neighbours import MIN_BUYERS, Neighbours, in_blocks

# The matrix to invert grows with their square: rarer targets lean on their neighbours alone.
_MOST_TARGETS = 1500
# Ridge penalty; between 20 and 1000 the shops of experiments/0007-pair-network hardly tell them apart.
_RIDGE = 200.0
# The largest weights of each bought target.
_KEPT = 50
# Cells of scores laid out at once.
_CELLS_AT_ONCE = 4_000_000


def fit_ease(pairs: PairTable, targets: np.ndarray) -> Neighbours:
    """Weight of each bought target (row) on another (column), over the customers of `pairs`."""
    buyers = np.bincount(pairs.target, minlength=pairs.n_targets)
    eligible = np.flatnonzero(buyers >= MIN_BUYERS)
    eligible = np.sort(eligible[np.argsort(-buyers[eligible], kind="stable")[:_MOST_TARGETS]])
    taste = pairs.taste[:, eligible].astype(np.float64)
    shape = (pairs.n_targets, pairs.n_targets)
    if not len(eligible):
        return Neighbours(pairs.kind, targets, sparse.csr_array(shape, dtype=np.float32))
    inverse = np.linalg.inv((taste.T @ taste).toarray() + _RIDGE * np.eye(len(eligible)))
    weight = -inverse / np.diag(inverse)
    np.fill_diagonal(weight, 0.0)
    if len(eligible) > _KEPT:
        size = np.abs(weight)
        weight[size < -np.partition(-size, _KEPT - 1, axis=1)[:, _KEPT - 1 : _KEPT]] = 0.0
    local = sparse.coo_array(weight.astype(np.float32))
    return Neighbours(
        pairs.kind,
        targets,
        sparse.csr_array((local.data, (eligible[local.coords[0]], eligible[local.coords[1]])), shape=shape),
    )


@dataclass(frozen=True)
class EaseWeights:
    """Weights laid out for scoring: the targets that any other speaks for, and what is said of each.

    Attributes:
        column: Where each target stands among those, -1 for the others. Shape: (J,).
        weight: Of each bought target on each of those. Shape: (J, K), sparse.
    """

    column: I64
    weight: sparse.csr_array

    @classmethod
    def of(cls, weight: sparse.csr_array) -> EaseWeights:
        """Those of `fit_ease`. Shape: (J, J), sparse."""
        told = np.unique(weight.indices)
        column = np.full(weight.shape[1], -1)
        column[told] = np.arange(len(told))
        return cls(column, weight[:, told].tocsr())


def ease_scores(pairs: PairTable, ease: EaseWeights, indptr: I64, target: I64) -> F64:
    """Each customer's taste times the weights, at some pairs.

    Args:
        pairs: History.
        ease: The weights, in the numbering of the history.
        indptr: Row pointers of the wanted pairs over the customers of `pairs`. Shape: (U + 1,).
        target: Their targets. Shape: (n,).
    """
    scores = np.zeros(len(target))
    told = ease.weight.shape[1]
    if not told:
        return scores
    start = 0
    for taste in in_blocks(pairs.taste, max(1, _CELLS_AT_ONCE // told)):
        stop = start + taste.shape[0]
        laid_out = (taste @ ease.weight).toarray()
        at = slice(indptr[start], indptr[stop])
        who = np.repeat(np.arange(stop - start), np.diff(indptr[start : stop + 1]))
        what = ease.column[target[at]]
        scores[at] = np.where(what >= 0, laid_out[who, what], 0.0)
        start = stop
    return scores
