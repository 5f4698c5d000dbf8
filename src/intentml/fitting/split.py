"""Which customers are learned from where time alone cannot split the past, and which products are new.

What comes in: ids. What goes out: who teaches; the others judge. Priors and network share the split, so that
neither has seen those who judge it.
"""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import numpy.typing as npt

from intentml.timeline.catalogue import Strings

# One customer in so many is kept for validation.
_KEPT_ONE_IN = 4


def taught(customer_ids: Strings) -> npt.NDArray[np.bool_]:
    """Who is learned from: by the id itself, so that nobody changes sides with what else the shop knows.

    Shape: (U,).
    """
    marks = [zlib.crc32(str(customer).encode()) % _KEPT_ONE_IN for customer in customer_ids]
    return np.array(marks, dtype=np.int64) > 0


def drawn(ids: Strings, share: float, salt: str) -> Strings:
    """A share of some ids, by a hash of each: the same on every machine, others with another salt.

    >>> drawn(np.array([f"P-{number}" for number in range(40)], dtype=object), 0.1, "0").tolist()
    ['P-4', 'P-7', 'P-27']
    """

    def place(name: str) -> float:
        digest = hashlib.blake2b(f"{salt}/{name}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64

    return ids[np.array([place(str(name)) < share for name in ids], dtype=np.bool_)]
