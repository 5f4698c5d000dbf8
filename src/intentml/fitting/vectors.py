"""Where the network's vectors of targets start: what is bought by the same customers lies close.

What comes in: who bought what before a cutoff. What goes out: one vector a target. Random vectors would
hand every rarely bought target a noise of its own, which a small shop cannot unlearn.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from intentml.pairs.history import PairTable
from intentml.prediction import F32

_HALF_LIFE_COLUMN = -1  # the longest of the half-lives: all history, the newest a little more


def co_purchase_vectors(history: PairTable, rank: int, seed: int) -> F32:
    """Vectors whose dot products approximate how targets go together; popular ones are longer.

    A truncated singular value decomposition of log-counts, each customer scaled to length 1; mean length of
    a target's vector: 1. Targets without history are at the origin.

    Args:
        history: Customers x targets.
        rank: Width; columns beyond the matrix's own rank are zero.
        seed: Of the decomposition's random start.

    Returns:
        Shape: (J, rank).
    """
    vectors = np.zeros((history.n_targets, rank), np.float32)
    width = min(rank, history.n_targets, history.n_customers)
    if not len(history) or width < 1:
        return vectors
    counts = sparse.csr_array(
        (np.log1p(history.decays[:, _HALF_LIFE_COLUMN]), history.target, history.indptr),
        shape=(history.n_customers, history.n_targets),
    )
    length = np.sqrt(counts.multiply(counts).sum(axis=1))
    counts = sparse.diags_array(1.0 / np.maximum(length, 1e-9)) @ counts
    _, strength, right = randomized_svd(sparse.csr_matrix(counts), width, random_state=seed)
    vectors[:, :width] = (right * np.sqrt(strength)[:, np.newaxis]).T
    lengths = np.linalg.norm(vectors, axis=1)
    mean = lengths[lengths > 0].mean() if (lengths > 0).any() else 1.0
    return (vectors / mean).astype(np.float32)
