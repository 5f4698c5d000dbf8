"""The relations that traits read: what a snapshot knows, as Ibis tables.

What comes in: a snapshot. What goes out: `TraitRelations`, on an in-memory DuckDB. Everything in them
was known at `as_of`, and times are told as ages, so no trait compares a timestamp with `as_of`. Any
other Ibis backend can hold the same three tables; the trait expressions stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.timeline import Snapshot

if TYPE_CHECKING:
    import ibis.expr.types as ir

F64 = npt.NDArray[np.float64]

CUSTOMERS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("listed_days", pa.float64()),  # since the customers table knew them; null = not listed, or undated
        ("returned_amount", pa.float64()),  # money paid back
    ]
)
ORDERS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("nth", pa.int64()),  # 1 = the customer's first order; same-time orders by order id
        ("age_days", pa.float64()),  # from the order to as_of
        ("day", pa.int64()),  # of the shop's calendar, days since 1970-01-01
        ("spend", pa.float64()),  # money paid; null where no line has a known price
        ("items", pa.float64()),  # pieces
        ("lines", pa.int64()),  # order lines
    ]
)
LINES = pa.schema(
    [
        ("customer_id", pa.string()),
        ("age_days", pa.float64()),  # of the line's order
        ("product_id", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("quantity", pa.float64()),
        ("amount", pa.float64()),  # money paid; null where unknown
    ]
)
SCHEMAS = {"customers": CUSTOMERS, "orders": ORDERS, "lines": LINES}
# One thread adds numbers up in one order: the same snapshot gives the same bytes.
ONE_THREAD: dict[str, str | bool | int | float | list[str]] = {"threads": 1}


@dataclass(frozen=True)
class TraitRelations:
    """The tables that trait expressions are written over, all of one backend.

    Attributes:
        customers: One row a customer, prospects included (`CUSTOMERS`).
        orders: One row an order (`ORDERS`).
        lines: One row a purchase line (`LINES`).
    """

    customers: ir.Table
    orders: ir.Table
    lines: ir.Table

    @cached_property
    def active_days(self) -> ir.Table:
        """One row a customer and active day: `day`, and `gap_days` since the one before (first: null)."""
        import ibis

        days = self.orders.select("customer_id", "day").distinct()
        before = days.day.lag().over(ibis.window(group_by=days.customer_id, order_by=days.day))
        return days.mutate(gap_days=(days.day - before).cast("float64"))


def arrow_tables(snapshot: Snapshot) -> dict[str, pa.Table]:
    """The three tables by name, as Arrow."""
    return {"customers": _customers(snapshot), "orders": _orders(snapshot), "lines": _lines(snapshot)}


def relations(snapshot: Snapshot) -> TraitRelations:
    """The three tables on an in-memory DuckDB of their own."""
    import ibis

    connection = ibis.duckdb.connect(**ONE_THREAD)
    for name, content in arrow_tables(snapshot).items():
        connection.con.register(name, content)
    return TraitRelations(**{name: connection.table(name) for name in SCHEMAS})


def declared() -> TraitRelations:
    """The three tables by schema alone, bound to no engine: to compile expressions for any."""
    import ibis

    return TraitRelations(
        **{name: ibis.table(ibis.Schema.from_pyarrow(schema), name=name) for name, schema in SCHEMAS.items()}
    )


def _customers(snapshot: Snapshot) -> pa.Table:
    listed = np.where(np.isinf(snapshot.listed_days), np.nan, snapshot.listed_days)
    columns = [
        pa.array(snapshot.customer_ids, pa.string()),
        _known(listed),
        pa.array(snapshot.returned_amount),
    ]
    return pa.table(columns, schema=CUSTOMERS)


def _orders(snapshot: Snapshot) -> pa.Table:
    orders = snapshot.orders
    priced = np.isfinite(snapshot.line_amount)
    has_price = np.bincount(snapshot.line_order[priced], minlength=len(orders)) > 0
    columns = [
        pa.array(snapshot.customer_ids, pa.string()).take(pa.array(orders.customer)),
        pa.array(np.arange(len(orders)) - snapshot.order_indptr[orders.customer] + 1),
        pa.array(orders.age_days),
        pa.array(orders.day),
        _known(np.where(has_price, orders.spend, np.nan)),
        pa.array(orders.items),
        pa.array(orders.lines),
    ]
    return pa.table(columns, schema=ORDERS)


def _lines(snapshot: Snapshot) -> pa.Table:
    catalogue = snapshot.catalogue
    product = pa.array(snapshot.line_product, mask=snapshot.line_product < 0)
    columns = [
        pa.array(snapshot.customer_ids, pa.string()).take(pa.array(snapshot.line_customer)),
        pa.array(snapshot.orders.age_days[snapshot.line_order]),
        *(
            pa.array(names, pa.string()).take(product)
            for names in (catalogue.product_ids, catalogue.categories, catalogue.brands)
        ),
        pa.array(snapshot.line_quantity),
        _known(snapshot.line_amount),
    ]
    return pa.table(columns, schema=LINES)


def _known(values: F64) -> pa.Array:
    """Numbers with null for NaN, which SQL would order above everything and add into sums."""
    return pa.array(values, mask=np.isnan(values))
