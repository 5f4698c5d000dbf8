"""Item-item neighbours: which targets go with those a customer buys.

What comes in: the pair history of many customers, once, to find each target's neighbours; then the
history of any customers, to score targets by their neighbours. Cosine of decayed purchases, shrunk
where few customers support it.

Source: Sarwar et al., Item-based collaborative filtering, WWW 2001; Deshpande and Karypis 2004.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.pairs.history import HALF_LIVES_DAYS, PairTable

F32 = npt.NDArray[np.float32]

_HALF_LIFE = HALF_LIVES_DAYS.index(90)
# Co-occurrence costs grow with the square of a customer's targets: the tail has no neighbours to trust.
MAX_TARGETS = 3000
MIN_BUYERS = 5
SHRINK = 5.0


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


def weights(pairs: PairTable) -> sparse.csr_array:
    """Each customer's taste: log of decayed purchases. Shape: (U, J), sparse.

    Not of unit length: scores are compared between customers, and who buys more is likelier to buy.
    """
    value = np.log1p(pairs.decays[:, _HALF_LIFE])
    return sparse.csr_array(
        (value.astype(np.float32), pairs.target, pairs.indptr), shape=(pairs.n_customers, pairs.n_targets)
    )


def fit_neighbours(pairs: PairTable, targets: npt.NDArray[np.object_], nearest: int = 30) -> Neighbours:
    """The `nearest` most similar targets of each target, over the customers of `pairs`."""
    buyers = np.bincount(pairs.target, minlength=pairs.n_targets)
    eligible = np.flatnonzero(buyers >= MIN_BUYERS)
    eligible = np.sort(eligible[np.argsort(-buyers[eligible], kind="stable")[:MAX_TARGETS]])
    bought = weights(pairs)[:, eligible]
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
    taste = weights(pairs)
    blocks = []
    for start in range(0, pairs.n_customers, 4096):
        scores = (taste[start : start + 4096] @ similarity).tocsr()
        scores.sort_indices()
        blocks.append(_best_per_row(scores, per_customer))
    return sparse.csr_array(sparse.vstack(blocks, format="csr"))


def _best_per_row(scores: sparse.csr_array, keep: int) -> sparse.csr_array:
    """The `keep` largest entries of each row."""
    count = np.diff(scores.indptr)
    if not len(count) or count.max(initial=0) <= keep:
        return scores
    row = np.repeat(np.arange(len(count)), count)
    order = np.lexsort((scores.indices, -scores.data, row))
    rank = np.arange(len(order)) - np.repeat(scores.indptr[:-1], count)
    kept = np.sort(order[rank < keep])
    indptr = np.concatenate([[0], np.cumsum(np.minimum(count, keep))])
    return sparse.csr_array((scores.data[kept], scores.indices[kept], indptr), shape=scores.shape)
