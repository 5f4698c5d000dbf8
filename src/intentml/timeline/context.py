"""The shop-wide context of a snapshot: how popular each target is, and what products cost.

What comes in: a whole snapshot. What goes out: counts per target and window, kept beside every part
of the shop, because a customer's probability may lean on the crowd only through these numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from intentml.timeline.snapshot import Snapshot

# Short enough to follow a season, long enough that the tail has buyers; 0 stands for all history.
WINDOWS_DAYS = (28, 90, 365, 0)


@dataclass(frozen=True)
class ShopContext:
    """Numbers of the whole shop at `as_of`.

    Attributes:
        customers: Customers known.
        buyers: Customers with at least one order.
        active: Customers with an order inside each window (days; 0 = ever).
        popularity: For each kind and window, distinct buyers of each target. Shape: (J,) each.
        price: Median unit price of each product over lines before `as_of`, NaN where unknown. Shape: (P,).
        mean_order: Mean money per order.
        returned_share: Money paid back over money paid.
    """

    customers: int
    buyers: int
    active: dict[int, int]
    popularity: dict[str, dict[int, npt.NDArray[np.int64]]]
    price: npt.NDArray[np.float64]
    mean_order: float = 0.0
    returned_share: float = 0.0


def shop_context(snapshot: Snapshot) -> ShopContext:
    """Count buyers per target and window, and take median prices."""
    orders = snapshot.orders
    inside = {
        window: (orders.age_days <= window) if window else np.ones(len(orders), bool)
        for window in WINDOWS_DAYS
    }
    popularity = {}
    for kind in snapshot.catalogue.kinds:
        index, rows, targets = snapshot.line_targets(kind)
        popularity[kind] = _buyers(
            snapshot.line_customer[rows], targets, orders.age_days[snapshot.line_order[rows]], len(index)
        )
    return ShopContext(
        customers=len(snapshot),
        buyers=len(np.unique(orders.customer)),
        active={window: len(np.unique(orders.customer[mask])) for window, mask in inside.items()},
        popularity=popularity,
        price=_median_price(snapshot),
        mean_order=float(orders.spend.mean()) if len(orders) else 0.0,
        returned_share=float(snapshot.returned_amount.sum() / max(orders.spend.sum(), 1e-9)),
    )


def _buyers(
    customer: npt.NDArray[np.int64], target: npt.NDArray[np.int32], age_days: npt.NDArray[np.float64], n: int
) -> dict[int, npt.NDArray[np.int64]]:
    """Distinct customers per target whose newest purchase of it lies inside each window."""
    ends = sorted(window for window in WINDOWS_DAYS if window)
    # 0 = inside the shortest window ... len(ends) = older than all. One number a line sorts fastest.
    nth_window = np.searchsorted(ends, age_days)
    key = (customer * n + target) * (len(ends) + 1) + nth_window
    key.sort()
    pair, nth_window = np.divmod(key, len(ends) + 1)
    newest = np.ones(len(pair), bool)
    newest[1:] = pair[1:] != pair[:-1]
    of_target, nth_window = pair[newest] % n, nth_window[newest]
    return {
        window: np.bincount(of_target[nth_window <= ends.index(window)] if window else of_target, minlength=n)
        for window in WINDOWS_DAYS
    }


def _median_price(snapshot: Snapshot) -> npt.NDArray[np.float64]:
    """Median of amount / quantity per product, over lines with a known positive price."""
    price = np.full(len(snapshot.catalogue), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = snapshot.line_amount / snapshot.line_quantity
    rows = np.flatnonzero((snapshot.line_product >= 0) & np.isfinite(unit) & (unit > 0))
    if not len(rows):
        return price
    product, unit = snapshot.line_product[rows], unit[rows]
    unit, rank = np.unique(unit, return_inverse=True)
    key = product.astype(np.int64) * len(unit) + rank
    key.sort()
    product, unit = key // len(unit), unit[key % len(unit)]
    starts = np.flatnonzero(np.r_[True, product[1:] != product[:-1]])
    count = np.diff(np.r_[starts, len(product)])
    low, high = starts + (count - 1) // 2, starts + count // 2
    price[product[starts]] = (unit[low] + unit[high]) / 2
    return price
