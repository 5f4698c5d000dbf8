"""How far audiences are the same people.

What comes in: audiences of one shop at one `as_of`. What goes out: a square table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from intentml.audiences.audiences import Audiences
from intentml.insights.members import Members, members_of

if TYPE_CHECKING:
    import pandas as pd

Measure = Literal["customers", "jaccard", "inside"]


def overlap(
    audiences: Audiences, names: Iterable[str] | None = None, measure: Measure = "customers"
) -> pd.DataFrame:
    """Every audience against every other (see `overlapping`); all that this shop can have if unnamed."""
    return overlapping(members_of(audiences, names), measure)


def overlapping(members: Members, measure: Measure = "customers") -> pd.DataFrame:
    """A square table, audiences in the order given.

    Args:
        members: Rows of customers, by name.
        measure: `customers` counts those in both; `jaccard` is their share of those in either; `inside` is
            the share of the row's members who are in the column's audience too. NaN where nobody could be.
    """
    import pandas as pd
    from scipy.sparse import csr_array

    sizes = np.array([len(rows) for rows in members.values()], dtype=np.int64)
    everybody = np.concatenate([np.zeros(0, np.int64), *members.values()]).astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    width = int(everybody.max(initial=-1)) + 1
    inside = csr_array((np.ones(len(everybody), np.int64), everybody, indptr), shape=(len(sizes), width))
    both = (inside @ inside.T).toarray()
    names = list(members)
    if measure == "customers":
        return pd.DataFrame(both, names, names)
    whole = sizes[:, None] + sizes[None, :] - both if measure == "jaccard" else sizes[:, None]
    shares = np.divide(both, whole, out=np.full(both.shape, np.nan), where=whole > 0)
    return pd.DataFrame(shares, names, names)
