"""The pairs that have numbers of their own: bought before, or near to what was bought.

What comes in: pair history and item-item tables. What goes out: `Candidates`, the same for every horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from intentml.pairs.ease import EaseWeights, ease_scores
from intentml.pairs.history import F64, I64, PairTable
from intentml.pairs.neighbours import neighbour_scores
from intentml.timeline.keys import distinct


@dataclass(frozen=True)
class Candidates:
    """Some pairs, sorted by customer then target.

    Attributes:
        indptr: Row pointers over customers. Shape: (U + 1,).
        target: Shape: (n,).
        own: Where the pairs with history stand among them. Shape: (pairs with history,).
        near: Where the pairs with neighbours stand among them. Shape: (m,).
        neighbours: Neighbour score of those. Shape: (m,).
        ease: Item-item score of every pair. Shape: (n,).
    """

    indptr: I64
    target: I64
    own: I64
    near: I64
    neighbours: F64
    ease: F64


def candidates_of(history: PairTable, similarity: sparse.csr_array, ease: EaseWeights) -> Candidates:
    """The candidates of some customers.

    Args:
        history: What they bought.
        similarity: Of `fit_neighbours`, in the numbering of the history. Shape: (J, J).
        ease: Item-item weights, likewise.
    """
    scores = neighbour_scores(history, similarity)
    count = max(1, history.n_targets)
    own = history.customer * count + history.target
    near = np.repeat(np.arange(history.n_customers), np.diff(scores.indptr)) * count + scores.indices
    pair = distinct(np.concatenate([own, near]))
    indptr = np.searchsorted(pair // count, np.arange(history.n_customers + 1))
    return Candidates(
        indptr=indptr,
        target=pair % count,
        own=np.searchsorted(pair, own),
        near=np.searchsorted(pair, near),
        neighbours=scores.data.astype(np.float64),
        ease=ease_scores(history, ease, indptr, pair % count),
    )
