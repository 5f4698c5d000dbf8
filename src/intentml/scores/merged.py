"""A shop's customers and others of the same shop, who stand in their place where both know somebody.

What comes in: ids of both, sorted, and numbers in their order. What goes out: everybody as one sorted list,
and the numbers of everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from intentml.timeline.catalogue import Strings

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Merged:
    """The customers of a shop as it was scored, and those scored anew.

    Attributes:
        scored: Ids of the shop's scores, sorted. Shape: (U,).
        anew: Ids of the others, sorted. Shape: (n,).
    """

    scored: Strings
    anew: Strings

    @cached_property
    def customer_ids(self) -> Strings:
        """Everybody, sorted. Shape: (V,)."""
        at, strangers = self._new
        return np.insert(self.scored, at, self.anew[strangers]) if len(at) else self.scored

    @cached_property
    def _new(self) -> tuple[I64, npt.NDArray[np.bool_]]:
        """Before which rows those stand whom the scores do not know, and who of the others they are."""
        at = np.searchsorted(self.scored, self.anew)
        known = np.zeros(len(at), np.bool_)
        inside = at < len(self.scored)
        known[inside] = self.scored[at[inside]] == self.anew[inside]
        return at[~known], ~known

    def rows(self, customer_ids: Strings) -> I64:
        """Where some of them stand. Shape: (n,)."""
        return np.searchsorted(self.customer_ids, customer_ids)

    @cached_property
    def rows_anew(self) -> I64:
        """Where those scored anew stand. Shape: (n,)."""
        return self.rows(self.anew)

    @cached_property
    def source(self) -> I64:
        """Of everybody the row in the one list followed by the other. Shape: (V,)."""
        return self.values(np.arange(len(self.scored)), len(self.scored) + np.arange(len(self.anew)))

    def values(self, scored: npt.NDArray[Any], anew: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """One value of everybody: the other list's where it has one. Shape: (U,), (n,) -> (V,)."""
        at, _ = self._new
        merged = np.insert(scored, at, np.zeros(1, scored.dtype)) if len(at) else scored.copy()
        merged[self.rows_anew] = anew
        return merged
