"""How much a customer matters to the shop: one_time, loyal, frequent or vip, relative to the shop.

In: orders, orders with the expected ones, and revenue a customer (U,). Out: the shop's limits, kept in
the manifest, and each customer's group. Limits move with the shop; nobody's group is a fixed number of
orders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

IMPORTANCES = ("one_time", "loyal", "frequent", "vip")

_FEWEST_FREQUENT, _FEWEST_VIP = 3.0, 4.0


class ImportanceLimits(BaseModel):
    """The shop's limits, for the manifest.

    Attributes:
        mean_orders: Mean of n = orders + expected orders over 365 days, customers with an order.
        std_orders: Standard deviation of the same.
        frequent_from: n from which a customer is frequent: max(mean + std, 3).
        vip_from: n from which a customer may be vip: max(mean + 2 std, 4).
        vip_revenue_from: Observed + expected revenue a vip must reach as well, the median of the
            customers at or above `frequent_from`; null where the shop has no prices or nobody is
            frequent: then n alone decides.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean_orders: float = Field(ge=0)
    std_orders: float = Field(ge=0)
    frequent_from: float
    vip_from: float
    vip_revenue_from: float | None


def importance_limits(
    n_orders: ArrayLike, n_total: ArrayLike, revenue_total: ArrayLike | None
) -> ImportanceLimits:
    """The shop's limits over its customers with at least one order.

    Mean and standard deviation are of n, the same number that is compared with the limits, and over
    one-time buyers too. The standard deviation is the population's (divided by the count).

    Args:
        n_orders: Orders, (U,); customers without one are left out.
        n_total: n = orders + expected orders over the next 365 days, (U,).
        revenue_total: Observed + expected revenue over the next 365 days, (U,); None or all NaN for a
            shop without prices.

    Source: the scheme of a vendor's documentation, as recorded in the project's reference: limits at
    one and two standard deviations above the mean; the revenue condition is ours.
    """
    has_order = np.asarray(n_orders) >= 1
    n = np.asarray(n_total, dtype=np.float64)[has_order]
    mean, std = (float(n.mean()), float(n.std())) if n.size else (0.0, 0.0)
    frequent_from = max(mean + std, _FEWEST_FREQUENT)
    vip_revenue_from = None
    if revenue_total is not None:
        # One-time buyers are never frequent, however many orders are expected of them.
        frequent = (n >= frequent_from) & (np.asarray(n_orders)[has_order] >= 2)
        revenue = np.asarray(revenue_total, dtype=np.float64)[has_order][frequent]
        revenue = revenue[~np.isnan(revenue)]
        vip_revenue_from = float(np.median(revenue)) if revenue.size else None
    return ImportanceLimits(
        mean_orders=mean,
        std_orders=std,
        frequent_from=frequent_from,
        vip_from=max(mean + 2 * std, _FEWEST_VIP),
        vip_revenue_from=vip_revenue_from,
    )


def importance(
    n_orders: ArrayLike, n_total: ArrayLike, revenue_total: ArrayLike | None, limits: ImportanceLimits
) -> NDArray[np.object_]:
    """The group of each customer; None for prospects.

    one_time is exactly one order. Others are loyal below `frequent_from`, frequent from there, and
    vip from `vip_from` if their revenue reaches `vip_revenue_from`; a frequent customer with many
    orders and little or unknown revenue stays frequent.

    Args:
        n_orders: Orders, (U,).
        n_total: Orders + expected orders over the next 365 days, (U,).
        revenue_total: Observed + expected revenue, (U,), or None.
        limits: Of the shop.

    Returns:
        Names out of `IMPORTANCES`, or None, (U,).
    """
    orders, n = np.asarray(n_orders), np.asarray(n_total, dtype=np.float64)
    groups = np.full(orders.shape, None, dtype=object)
    rich = np.ones(orders.shape, dtype=np.bool_)
    if limits.vip_revenue_from is not None:
        revenue = np.full(orders.shape, np.nan) if revenue_total is None else np.asarray(revenue_total)
        rich = revenue >= limits.vip_revenue_from
    repeat = orders >= 2
    groups[orders == 1] = "one_time"
    groups[repeat] = "loyal"
    groups[repeat & (n >= limits.frequent_from)] = "frequent"
    groups[repeat & (n >= limits.vip_from) & rich] = "vip"
    return groups


def revenue_shares(groups: ArrayLike, revenue: ArrayLike) -> dict[str, float]:
    """Share of the revenue that each group brought; empty for a shop without revenue."""
    named: NDArray[Any] = np.asarray(groups, dtype=object)
    amount = np.nan_to_num(np.asarray(revenue, dtype=np.float64))
    total = float(amount.sum())
    if total <= 0:
        return {}
    return {name: float(amount[named == name].sum() / total) for name in IMPORTANCES}
