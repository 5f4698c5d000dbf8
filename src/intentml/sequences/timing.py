"""Timing statistics: when each customer ordered, as the numbers that rhythm and BTYD models read.

What comes in: a snapshot. What goes out: arrays per customer, and the active days in CSR layout. An
active day is a day of the shop's calendar with at least one order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intentml.timeline import Snapshot
from intentml.timeline.instants import local_days

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TimingStatistics:
    """Timing of each customer's orders. Shapes: (U,) unless told; NaN where there is no order.

    Attributes:
        n_orders: Orders.
        recency_days: Days since the last order.
        tenure_days: Days since the first order.
        active_indptr: Row pointers into `active_day`. Shape: (U + 1,).
        active_day: Active days, days since 1970-01-01, ascending per customer. Shape: (m,).
        today: The day of `as_of` on the same calendar.
    """

    n_orders: I64
    recency_days: F64
    tenure_days: F64
    active_indptr: I64
    active_day: I64
    today: int

    @property
    def active_days(self) -> I64:
        """Active days per customer. Shape: (U,)."""
        return np.diff(self.active_indptr)


# As a cached property would call it, of a room that the snapshot does not know.
_KEPT = "_timing_statistics"


def timing_statistics(snapshot: Snapshot) -> TimingStatistics:
    """The timing of the snapshot's customers; worked out once a snapshot, and kept with it."""
    kept = vars(snapshot)
    if _KEPT not in kept:
        kept[_KEPT] = _worked_out(snapshot)
    statistics: TimingStatistics = kept[_KEPT]
    return statistics


def _worked_out(snapshot: Snapshot) -> TimingStatistics:
    orders, indptr = snapshot.orders, snapshot.order_indptr
    buyer = np.flatnonzero(np.diff(indptr) > 0)
    new_day = np.ones(len(orders), bool)
    new_day[1:] = (np.diff(orders.customer) != 0) | (np.diff(orders.day) != 0)
    active_customer, active_day = orders.customer[new_day], orders.day[new_day]
    active_indptr = np.searchsorted(active_customer, np.arange(len(snapshot) + 1))

    def at_buyers(values: F64) -> F64:
        full = np.full(len(snapshot), np.nan)
        full[buyer] = values
        return full

    as_of = snapshot.as_of
    return TimingStatistics(
        n_orders=np.diff(indptr),
        recency_days=at_buyers(orders.age_days[indptr[buyer + 1] - 1]),
        tenure_days=at_buyers(orders.age_days[indptr[buyer]]),
        active_indptr=active_indptr,
        active_day=active_day,
        today=int(local_days(np.array([as_of.us]), as_of.timezone)[0]),
    )
