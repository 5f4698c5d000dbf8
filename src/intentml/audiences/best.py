"""The best of a ranking: whom a leaf such as `interested_in(..., top 20%)` takes, and where somebody stands.

What comes in: a leaf, and one number a customer. What goes out: rows, best first. It does not know where the
numbers come from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from intentml.audiences.leaves import InterestedIn, SimilarTo
from intentml.prediction import F64
from intentml.scores.retrieval import Cut


def best_of(leaf: InterestedIn | SimilarTo, name: str, values: F64) -> pa.Table:
    """Whom such a leaf takes, best first: row, the number behind, and rank.

    Args:
        leaf: How many.
        name: Of the number.
        values: Of everybody; NaN of whom it does not rank. Shape: (U,).
    """
    asked = leaf.interested_in if isinstance(leaf, InterestedIn) else leaf.similar_to
    cut = Cut(asked.top, getattr(asked, "min_probability", None), asked.top_share)
    ranked = np.flatnonzero(~np.isnan(values))
    best = ranked[cut.rows(values[ranked])]
    ranks = np.arange(1, len(best) + 1)
    return pa.table({"row": best.astype(np.int32), name: values[best], "rank": ranks})


def seen_in(name: str, values: F64, row: int) -> dict[str, Any]:
    """What such a leaf saw of a customer: the number, and where it stands; equals in their order."""
    mine = values[row]
    if np.isnan(mine):
        return {}
    rank = int(1 + (values > mine).sum() + (values[:row] == mine).sum())
    return {name: float(mine), "rank": rank}
