"""The customers at the top: all of them ranked, cut by number, by probability or by share.

What comes in: one probability a customer. What goes out: rows of customers, best first. It does not
know what the probability is of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intentml.errors import ScoresError
from intentml.prediction import F64

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """How much of the ranked list is wanted: all of it, or one way of cutting it.

    Attributes:
        limit: At most this many customers.
        min_probability: Only customers at least this likely.
        share: Only this share of the customers, rounded up.
    """

    limit: int | None = None
    min_probability: float | None = None
    share: float | None = None

    def check(self) -> None:
        """Raise where the numbers make no sense.

        Raises:
            ScoresError: More than one is given, or one is out of its range.
        """
        given = [cut for cut in (self.limit, self.min_probability, self.share) if cut is not None]
        if len(given) > 1:
            raise ScoresError("limit, min_probability and share exclude each other", hint="give one of them")
        if self.limit is not None:
            check_count(self.limit, "limit", "customer")
        for name, value in (("min_probability", self.min_probability), ("share", self.share)):
            if value is not None and not 0 <= value <= 1:
                raise ScoresError(f"{name} {value} is outside 0 to 1", hint="write 20 % as 0.2")

    def rows(self, probability: F64) -> I64:
        """The customers wanted, best first, ties by row."""
        keep = len(probability)
        if self.limit is not None:
            keep = min(self.limit, keep)
        if self.share is not None:
            keep = percentage(self.share, keep)
        best = top(probability, keep)
        return best if self.min_probability is None else best[probability[best] >= self.min_probability]


def check_count(number: int, word: str, noun: str) -> None:
    """Raise unless it is a whole number from 1.

    Raises:
        ScoresError: It is not.
    """
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise ScoresError(f"a {word} of {number!r} {noun}s is no whole number", hint=f"e.g. {word} 10")
    if number < 1:
        raise ScoresError(f"a {word} of {number} {noun}s is below 1", hint=f"ask for at least one {noun}")


def top(probability: F64, keep: int) -> I64:
    """Rows of the `keep` highest, best first, ties by row (rows are sorted by customer_id)."""
    if keep <= 0:
        return np.zeros(0, np.int64)
    rows = np.arange(len(probability))
    if keep < len(probability):
        cut = -np.partition(-probability, keep - 1)[keep - 1]
        rows = np.flatnonzero(probability >= cut)
    return rows[np.lexsort((rows, -probability[rows]))][:keep]


def percentage(share: float, customers: int) -> int:
    """How many customers a share of them is, rounded up.

    >>> percentage(0.1, 101), percentage(0.07, 100)
    (11, 7)
    """
    return min(customers, math.ceil(share * customers - 1e-9))
