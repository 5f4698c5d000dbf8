"""When the next order comes: an event where it was seen, a censored gap where it was not.

What comes in: a snapshot's outcomes up to where the log ends. What goes out: bins of time, for a
discrete hazard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intentml.timeline import Outcomes

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NextOrder:
    """The bin of each customer's next order. Shapes: (U,).

    Attributes:
        event_bin: Bin of the next order; the number of bins where none was seen in them.
        full_bins: Bins that were seen whole; the next order of a later one is not known.
    """

    event_bin: I64
    full_bins: I64


def next_order_of(outcomes: Outcomes, edges_days: Sequence[float]) -> NextOrder:
    """The bin of the next order, bins ending at `edges_days` (ascending) and beginning where one ends.

    A purchase exactly at an edge falls in the bin that begins there, as in half-open windows.
    """
    edges = np.asarray(edges_days, dtype=np.float64)
    days = np.full(outcomes.customers, np.inf)
    np.minimum.at(days, outcomes.customer, outcomes.days)
    full = int(np.searchsorted(edges, outcomes.window.horizon_days, side="right"))
    return NextOrder(
        event_bin=np.searchsorted(edges, days, side="right").astype(np.int64),
        full_bins=np.full(outcomes.customers, full, np.int64),
    )
