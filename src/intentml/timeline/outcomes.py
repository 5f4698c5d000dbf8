"""What happened in a window: the purchases of a snapshot's customers after `as_of`.

What comes in: the order log and a snapshot. What goes out: plain arrays in the snapshot's own
numbering. What they mean as labels is `tasks`' matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intentml.timeline.instants import Window


@dataclass(frozen=True)
class Outcomes:
    """Purchase lines inside the window. Shapes: (n,) but for `customers`.

    Attributes:
        window: The window.
        customers: Number of customers of the snapshot.
        customer: Row in the snapshot's `customer_ids`.
        order: Number that tells orders of one customer apart.
        product: Row in the snapshot's catalogue; -1 for no product or one unknown at `as_of`.
        amount: Money paid; NaN where unknown.
        days: Days from `as_of` to the purchase.
    """

    window: Window
    customers: int
    customer: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    product: npt.NDArray[np.int32]
    amount: npt.NDArray[np.float64]
    days: npt.NDArray[np.float64]
