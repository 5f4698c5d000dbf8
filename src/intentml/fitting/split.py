"""Which customers are learned from, where time alone cannot split the past.

What comes in: customer ids. What goes out: who teaches; the others judge. Priors and network share the
split, so that neither has seen those who judge it.
"""

from __future__ import annotations

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
