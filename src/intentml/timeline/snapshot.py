"""Everything a predictor may know at `as_of`, as arrays, for all customers or for some.

What comes in: lines already cut at `as_of` by the order log. What goes out: `Snapshot`, whose
`take` keeps the shop-wide context, so that one customer alone gets the numbers of the crowd.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from intentml.timeline.catalogue import Catalogue, Strings, TargetIndex
from intentml.timeline.context import ShopContext, shop_context
from intentml.timeline.instants import DAY_US, NEVER, Instant, local_days

if TYPE_CHECKING:
    from intentml.timeline.lines import Lines

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Orders:
    """Orders sorted by customer, then time. Shapes: (m,).

    Attributes:
        customer: Row in `customer_ids`.
        age_days: Days from the order to `as_of` (positive).
        day: Local calendar day, days since 1970-01-01.
        spend: Money paid, gross of returns; unknown prices count as 0.
        items: Pieces.
        lines: Order lines.
    """

    customer: I64
    age_days: F64
    day: I64
    spend: F64
    items: F64
    lines: I64

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True)
class Snapshot:
    """What is known at `as_of`.

    Attributes:
        as_of: The instant; all ages count back from it.
        start: First instant of the log: how far back the history goes.
        customer_ids: Sorted ids. Shape: (U,).
        listed_days: Days since the customers table knew each; inf = always there, NaN = no row. Shape: (U,).
        catalogue: Products known.
        orders: Orders of these customers.
        line_customer: Customer row of each purchase line. Shape: (n,), sorted.
        line_order: Row in `orders`. Shape: (n,).
        line_product: Row in the catalogue, -1 where none. Shape: (n,).
        line_quantity: Pieces. Shape: (n,).
        line_amount: Money paid, NaN where unknown. Shape: (n,).
        returned_amount: Money paid back per customer. Shape: (U,).
        shop: Shop-wide context, the same for every part of the shop.
    """

    as_of: Instant
    start: Instant
    customer_ids: Strings
    listed_days: F64
    catalogue: Catalogue
    orders: Orders
    line_customer: I64
    line_order: I64
    line_product: npt.NDArray[np.int32]
    line_quantity: F64
    line_amount: F64
    returned_amount: F64
    shop: ShopContext

    def __len__(self) -> int:
        return len(self.customer_ids)

    @cached_property
    def order_indptr(self) -> I64:
        """Where each customer's orders start. Shape: (U + 1,)."""
        return np.searchsorted(self.orders.customer, np.arange(len(self) + 1))

    @cached_property
    def line_indptr(self) -> I64:
        """Where each customer's lines start. Shape: (U + 1,)."""
        return np.searchsorted(self.line_customer, np.arange(len(self) + 1))

    @cached_property
    def n_orders(self) -> I64:
        """Orders per customer. Shape: (U,)."""
        return np.diff(self.order_indptr)

    @property
    def history_days(self) -> float:
        """Days from the first purchase of the shop to `as_of`."""
        return self.as_of.days_since(self.start)

    def line_targets(self, kind: str) -> tuple[TargetIndex, I64, npt.NDArray[np.int32]]:
        """The targets of one kind on the lines: index, line rows (ascending), target codes."""
        index = self.catalogue.targets(kind)
        rows, targets = index.expand(self.line_product)
        return index, rows, targets

    def take(self, customers: npt.ArrayLike) -> Snapshot:
        """The snapshot of some customers (rows, ascending), with the whole shop's context."""
        rows = np.asarray(customers, dtype=np.int64)
        order_rows = ranges(self.order_indptr, rows)
        line_rows = ranges(self.line_indptr, rows)
        new_order = np.full(len(self.orders), -1, np.int64)
        new_order[order_rows] = np.arange(len(order_rows))
        order_counts, line_counts = np.diff(self.order_indptr)[rows], np.diff(self.line_indptr)[rows]
        kept = {name: getattr(self.orders, name)[order_rows] for name in self.orders.__dataclass_fields__}
        kept["customer"] = np.repeat(np.arange(len(rows)), order_counts)
        return replace(
            self,
            customer_ids=self.customer_ids[rows],
            listed_days=self.listed_days[rows],
            orders=Orders(**kept),
            line_customer=np.repeat(np.arange(len(rows)), line_counts),
            line_order=new_order[self.line_order[line_rows]],
            line_product=self.line_product[line_rows],
            line_quantity=self.line_quantity[line_rows],
            line_amount=self.line_amount[line_rows],
            returned_amount=self.returned_amount[rows],
        )

    def find(self, customer_id: str) -> int | None:
        """The row of a customer, None where unknown."""
        row = int(np.searchsorted(self.customer_ids, customer_id))
        return row if row < len(self) and self.customer_ids[row] == customer_id else None


def snapshot_of(
    *,
    as_of: Instant,
    start: Instant,
    customer_ids: Strings,
    customer_since: I64,
    catalogue: Catalogue,
    purchases: Lines,
    returns: Lines,
    timezone: str,
    shop: ShopContext | None = None,
) -> Snapshot:
    """Group lines (sorted by customer and order) into orders and add the shop-wide context.

    Args:
        as_of: The instant.
        start: First instant of the log.
        customer_ids: Sorted ids. Shape: (U,).
        customer_since: From when the customers table knew each. Shape: (U,).
        catalogue: Products known.
        purchases: Purchase lines of these customers.
        returns: Their return lines.
        timezone: The shop's zone.
        shop: Shop-wide context; counted on these customers, who are then the whole shop, where None.
    """
    count = len(purchases)
    first = np.ones(count, bool)
    first[1:] = (np.diff(purchases.customer) != 0) | (np.diff(purchases.order) != 0)
    starts = np.flatnonzero(first)
    customer = purchases.customer[starts]
    at = np.minimum.reduceat(purchases.at, starts) if count else purchases.at
    by_time = np.lexsort((purchases.order[starts], at, customer))
    new_row = np.empty(len(starts), np.int64)
    new_row[by_time] = np.arange(len(starts))
    line_order = new_row[np.cumsum(first) - 1] if count else np.zeros(0, np.int64)

    def per_order(values: F64) -> F64:
        return np.add.reduceat(values, starts)[by_time] if count else np.zeros(0)

    at = at[by_time]
    orders = Orders(
        customer=customer[by_time],
        age_days=(as_of.us - at) / DAY_US,
        day=local_days(at, timezone),
        spend=per_order(np.nan_to_num(purchases.amount)),
        items=per_order(purchases.quantity),
        lines=per_order(np.ones(count)).astype(np.int64),
    )
    undone = purchases.returned_at != NEVER
    returned_amount = np.zeros(len(customer_ids))
    np.add.at(returned_amount, returns.customer, np.nan_to_num(returns.amount))
    np.add.at(returned_amount, purchases.customer[undone], np.nan_to_num(purchases.amount[undone]))
    snapshot = Snapshot(
        as_of=as_of,
        start=start,
        customer_ids=customer_ids,
        listed_days=_listed_days(as_of, customer_since),
        catalogue=catalogue,
        orders=orders,
        line_customer=purchases.customer,
        line_order=line_order,
        line_product=purchases.product,
        line_quantity=purchases.quantity,
        line_amount=purchases.amount,
        returned_amount=returned_amount,
        shop=shop or ShopContext(customers=0, buyers=0, active={}, popularity={}, price=np.zeros(0)),
    )
    return snapshot if shop is not None else replace(snapshot, shop=shop_context(snapshot))


def _listed_days(as_of: Instant, since: I64) -> F64:
    """Days since each customer's row was created; inf where it always was, NaN where there is none."""
    days = (as_of.us - since.astype(np.float64)) / DAY_US
    return np.where(since == NEVER, np.nan, np.where(since == -NEVER, np.inf, days))


def ranges(indptr: I64, rows: I64) -> I64:
    """The positions of all entries of some CSR rows, in order."""
    start, count = indptr[rows], indptr[rows + 1] - indptr[rows]
    return np.repeat(start - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
