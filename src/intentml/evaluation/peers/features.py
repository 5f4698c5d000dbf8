"""Recency, frequency and money of customers, for trees and timing models of other packages.

What comes in: a snapshot, or its labels. What goes out: columns by name, a row for each customer with an
order. Nothing is fitted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from intentml.priors.btyd_counts import BtydCounts
from intentml.sequences.timing import timing_statistics
from intentml.tasks import Labels
from intentml.timeline import Snapshot

I64 = npt.NDArray[np.int64]

_LATELY_DAYS = (28, 90)


def customer_columns(snapshot: Snapshot, rows: I64) -> dict[str, npt.NDArray[np.float64]]:
    """What is known of customers with an order.

    x, t_x and T are those of BTYD on active days, in days; money is gross of returns; what a single order
    cannot tell (gaps) is NaN.

    Shape: rows (n,) -> (n,) each.
    """
    timing, orders = timing_statistics(snapshot), snapshot.orders
    first = timing.active_day[timing.active_indptr[rows]]
    last = timing.active_day[timing.active_indptr[rows + 1] - 1]
    btyd = BtydCounts.from_active_days(timing.active_days[rows], first, last, timing.today)
    count = timing.n_orders.astype(np.float64)

    def total(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.bincount(orders.customer, weights=values, minlength=len(snapshot)).astype(np.float64)

    columns = {
        "orders": count,
        "recency_days": timing.recency_days,
        "tenure_days": timing.tenure_days,
        "spend": total(orders.spend),
        "spend_per_order": total(orders.spend) / np.maximum(count, 1.0),
        "items_per_order": total(orders.items) / np.maximum(count, 1.0),
    }
    for days in _LATELY_DAYS:
        lately = (orders.age_days <= days).astype(np.float64)
        columns |= {f"orders_{days}": total(lately), f"spend_{days}": total(orders.spend * lately)}
    known = {name: values[rows] for name, values in columns.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.where(btyd.x > 0, btyd.t_x / btyd.x, np.nan)
        overdue = known["recency_days"] / gap
    oldest = orders.spend[snapshot.order_indptr[rows]]
    repeats = known["orders"] - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        per_repeat = np.where(repeats > 0, (known["spend"] - oldest) / repeats, 0.0)
    return known | {
        "active_days": timing.active_days[rows].astype(np.float64),
        "x": btyd.x,
        "t_x": btyd.t_x,
        "T": btyd.T,
        "gap_days": gap,
        "overdue": overdue,
        "spend_per_repeat": per_repeat,
    }


def outcome_columns(labels: Labels, rows: I64) -> dict[str, npt.NDArray[np.generic]]:
    """What came, in columns that begin with `came_`. Shape: rows (n,) -> (n,) each."""
    return {
        "came_no_order": labels.no_order[rows],
        "came_orders": labels.orders[rows],
        "came_spend": labels.spend[rows],
    }
