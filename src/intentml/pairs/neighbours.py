"""Item-item neighbours: which targets go with those a customer buys.

What comes in: the pair history of many customers, once, to find each target's neighbours; then the
history of any customers, to score targets by their neighbours. Cosine of decayed purchases, shrunk
where few customers support it.

Source: Sarwar et al., Item-based collaborative filtering, WWW 2001; Deshpande and Karypis 2004.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.pairs.history import PairTable

F32 = npt.NDArray[np.float32]

# Co-occurrence costs grow with the square of a customer's targets: the tail has no neighbours to trust.
MAX_TARGETS = 3000
MIN_BUYERS = 5
SHRINK = 5.0
_CUSTOMERS_AT_ONCE = 4096
_ALL_BITS = np.int64(2**31 - 1)


@dataclass(frozen=True)
class Neighbours:
    """The nearest targets of each target of one kind.

    Attributes:
        kind: Kind of target.
        targets: Names, sorted. Shape: (J,).
        similarity: Similarity of a bought target (row) to another (column). Shape: (J, J), sparse.
    """

    kind: str
    targets: npt.NDArray[np.object_]
    similarity: sparse.csr_array

    def aligned(self, targets: npt.NDArray[np.object_]) -> sparse.csr_array:
        """The similarities in another snapshot's numbering of targets; unknown ones have none."""
        if len(targets) == len(self.targets) and bool(np.all(targets == self.targets)):
            return self.similarity
        row = np.searchsorted(self.targets, targets)
        row[row == len(self.targets)] = 0
        known = self.targets[row] == targets if len(self.targets) else np.zeros(len(targets), bool)
        here = np.flatnonzero(known)
        select = sparse.csr_array(
            (np.ones(len(here), np.float32), (here, row[here])), shape=(len(targets), len(self.targets))
        )
        return (select @ self.similarity @ select.T).tocsr()

    def emptied(self) -> Neighbours:
        """The same targets with no similarities."""
        return replace(self, similarity=sparse.csr_array(self.similarity.shape, dtype=np.float32))


def fit_neighbours(pairs: PairTable, targets: npt.NDArray[np.object_], nearest: int = 30) -> Neighbours:
    """The `nearest` most similar targets of each target, over the customers of `pairs`."""
    buyers = np.bincount(pairs.target, minlength=pairs.n_targets)
    eligible = np.flatnonzero(buyers >= MIN_BUYERS)
    eligible = np.sort(eligible[np.argsort(-buyers[eligible], kind="stable")[:MAX_TARGETS]])
    bought = pairs.taste[:, eligible]
    bought.data = np.ones_like(bought.data)
    together = (bought.T @ bought).toarray()
    count = np.diag(together).copy()
    np.fill_diagonal(together, 0.0)
    cosine = together / np.sqrt(np.outer(count, count)).clip(1e-12)
    cosine *= together / (together + SHRINK)
    keep = min(nearest, len(eligible))
    if keep:
        cut = -np.partition(-cosine, keep - 1, axis=1)[:, keep - 1 : keep]
        cosine[cosine < np.maximum(cut, 1e-9)] = 0.0
    local = sparse.coo_array(cosine.astype(np.float32))
    shape = (pairs.n_targets, pairs.n_targets)
    similarity = sparse.csr_array(
        (local.data, (eligible[local.coords[0]], eligible[local.coords[1]])), shape=shape
    )
    return Neighbours(pairs.kind, targets, similarity)


def neighbour_scores(
    pairs: PairTable, similarity: sparse.csr_array, per_customer: int = 100
) -> sparse.csr_array:
    """Each customer's best targets by what they bought: sum of taste x similarity. Shape: (U, J), sparse.

    `per_customer` best are kept (ties by target), the rest are zero.
    """
    if not len(pairs) or not similarity.nnz:
        return sparse.csr_array((pairs.n_customers, pairs.n_targets), dtype=np.float32)
    blocks = []
    for taste in in_blocks(pairs.taste, _CUSTOMERS_AT_ONCE):
        scores = (taste @ similarity).tocsr()
        scores.sort_indices()
        blocks.append(_best_per_row(scores, per_customer))
    return blocks[0] if len(blocks) == 1 else sparse.csr_array(sparse.vstack(blocks, format="csr"))


def in_blocks(matrix: sparse.csr_array, rows: int) -> Iterator[sparse.csr_array]:
    """The matrix, so many rows at a time; one that is no longer is not copied."""
    count = matrix.shape[0]
    return iter([matrix]) if count <= rows else (matrix[at : at + rows] for at in range(0, count, rows))


def _best_per_row(scores: sparse.csr_array, keep: int) -> sparse.csr_array:
    """The `keep` largest entries of each row, ties by column; all are above 0."""
    count = np.diff(scores.indptr)
    if not len(count) or count.max(initial=0) <= keep:
        return scores
    row = np.repeat(np.arange(len(count)), count)
    # The bits of positive floats sort as they do: by row and then downward in one sort of integers, which is
    # several times as fast as one by two keys.
    key = (row << 32) | (_ALL_BITS - scores.data.view(np.int32))
    wanted = np.minimum(count, keep)
    cut = np.sort(key)[scores.indptr[:-1] + wanted - 1][row]
    kept = np.flatnonzero(key <= cut)
    if len(kept) > wanted.sum():  # of those that stand level with the last one the first by target are kept
        level = np.flatnonzero(key == cut)
        place = np.arange(len(level)) - np.searchsorted(row[level], row[level])
        room = wanted - np.bincount(row[key < cut], minlength=len(count))
        kept = np.setdiff1d(kept, level[place >= room[row[level]]], assume_unique=True)
    indptr = np.concatenate([[0], np.cumsum(wanted)])
    return sparse.csr_array((scores.data[kept], scores.indices[kept], indptr), shape=scores.shape)
