"""A model at work, online: order lines in a request, read as a shop's tables are.

What comes in: order lines as a client has them, and the shop's state. What goes out: the snapshot that
batch scoring would have of these customers, so that what predicts there predicts here. A history without
a purchase is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intentml.errors import DataError
from intentml.tables.lines import PURCHASE, line_roles
from intentml.tables.read import orders_alone
from intentml.timeline import Snapshot
from intentml.timeline.columns import sorted_unique, strings
from intentml.timeline.histories import ShopState, snapshot_of_histories
from intentml.timeline.log import rows_in

_SHOWN_ROWS = 5


@dataclass(frozen=True)
class Histories:
    """Customers of a request.

    Attributes:
        snapshot: What is known of them, in the shop.
        unknown_products: Ids on their lines that the catalogue does not have, sorted.
    """

    snapshot: Snapshot
    unknown_products: tuple[str, ...]


def read_histories(orders: pa.Table, state: ShopState) -> Histories:
    """Read order lines by the contract of a shop's tables, and lay them out in the shop.

    Args:
        orders: Order lines in the contract's columns, values as the client has them.
        state: The shop.

    Raises:
        ContractError: Lines break the contract; it lists every rule broken.
        DataError: There is no line, or a customer has no purchase among them.
        TimeError: A line was not yet known at the shop's instant.
    """
    if not orders.num_rows:
        raise DataError(
            "the request holds no order line", table="orders", hint="send each customer's whole history"
        )
    tables = orders_alone(orders, timezone=state.as_of.timezone, source="the request")
    _refuse_without_purchase(tables.orders)
    return Histories(snapshot_of_histories(state, tables), unknown_products(tables.orders, state))


def unknown_products(orders: pa.Table, state: ShopState) -> tuple[str, ...]:
    """Ids on order lines that the catalogue does not have, sorted."""
    products = strings(sorted_unique(orders["product_id"]))
    return tuple(products[rows_in(products, state.catalogue.product_ids) < 0])


def _refuse_without_purchase(orders: pa.Table) -> None:
    """Raise where all of a customer's lines are returns, cancelled, or of nothing."""
    customers = orders["customer_id"]
    bought = customers.filter(pa.array(line_roles(orders) == PURCHASE))
    rows = np.flatnonzero(pc.invert(pc.is_in(customers, value_set=bought.combine_chunks())).to_numpy())
    if len(rows):
        count = len(pc.unique(customers.take(pa.array(rows))))
        raise DataError(
            f"{count:,} of the customers {'has' if count == 1 else 'have'} no purchase line",
            table="orders",
            column="customer_id",
            rows=rows[:_SHOWN_ROWS].tolist(),
            hint="a purchase line has a quantity above zero and no status but completed; "
            "send each customer's whole history",
        )
