"""Probabilities of all customers, kept for a while: the same targets are asked about again and again.

What comes in: scores and what is asked. What goes out: one probability a customer, the same array for the
same question. Order lines that come in do not touch it: they have an overlay.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from intentml.prediction import F64
from intentml.scores.scores import Scores
from intentml.scores.selection import Selection

MOST_BYTES = 64 * 2**20


class Rankings:
    """The latest answers of some scores, as many as fit.

    Args:
        scores: Of all customers.
        most_bytes: How much is kept; the newest answer always is.
    """

    def __init__(self, scores: Scores, most_bytes: int = MOST_BYTES) -> None:
        self._scores, self._most_bytes = scores, most_bytes
        self._kept: OrderedDict[tuple[Selection, int], F64] = OrderedDict()
        self._lock = threading.Lock()

    def probability(self, selection: Selection, horizon_days: int) -> F64:
        """P(buys at least one of the selected within the horizon); not to be written to. Shape: (U,)."""
        asked = selection, horizon_days
        with self._lock:
            if asked in self._kept:
                self._kept.move_to_end(asked)
                return self._kept[asked]
        found = self._scores.probability(selection, horizon_days)
        found.flags.writeable = False
        with self._lock:
            self._kept[asked] = found
            while len(self._kept) > 1 and sum(one.nbytes for one in self._kept.values()) > self._most_bytes:
                self._kept.popitem(last=False)
        return found
