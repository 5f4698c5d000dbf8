"""A customer's place in [0, 1) by hashed id, and the holdout cut from it.

What comes in: customer ids and a salt. What goes out: one number a customer, the same on every machine
and in every engine, because SHA-256 is the same everywhere and no engine's own hash is asked. Another
salt shuffles anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from intentml.errors import LedgerError

_DIGITS_BYTES = 4  # 8 hexadecimal digits


def buckets(customer_ids: Iterable[str], salt: str) -> NDArray[np.float64]:
    """First 8 hexadecimal digits of SHA-256 of salt + id, as a number, over 2^32.

    Args:
        customer_ids: Ids (U,), as text.
        salt: Put before each id; UTF-8.

    Returns:
        Numbers in [0, 1), (U,).

    >>> buckets(["C-7"], "spring").tolist() == [int(sha256(b"springC-7").hexdigest()[:8], 16) / 2**32]
    True
    """
    digits = b"".join([sha256((salt + one).encode()).digest()[:_DIGITS_BYTES] for one in customer_ids])
    return np.frombuffer(digits, dtype=">u4") / 2**32


@dataclass(frozen=True)
class Holdout:
    """Members kept back, so that what contacting the others does can be measured.

    Attributes:
        share: Share of the customers held out, in [0, 1].
        salt: Two audiences with one salt hold the same customers out; with two salts, independent ones.
    """

    share: float
    salt: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise LedgerError(
                f"a holdout of {self.share} is no share of the members",
                hint="choose a number from 0 to 1, such as 0.1",
            )

    def of(self, customer_ids: Iterable[str]) -> NDArray[np.bool_]:
        """Whether each customer is held out, (U,)."""
        return buckets(customer_ids, self.salt) < self.share
