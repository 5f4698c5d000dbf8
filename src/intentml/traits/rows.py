"""The rows of the relations that traits read, as Arrow.

What comes in: what is known at an instant. What goes out: one table a relation, by its schema. Times are
told as ages, and numbers with null for NaN, which SQL would order above everything and add into sums.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.timeline import Known, Snapshot
from intentml.timeline.known import rank_values

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

PEOPLE = pa.schema(
    [
        ("age", pa.int64()),  # whole years
        ("gender", pa.string()),
        ("country", pa.string()),
        ("region", pa.string()),
        ("department", pa.string()),
        ("city", pa.string()),
        ("latitude", pa.float64()),  # degrees north
        ("longitude", pa.float64()),  # degrees east
        ("area_type", pa.string()),
        ("language", pa.string()),
        ("subscribed", pa.bool_()),
        ("client_type", pa.string()),
        ("groups", pa.list_(pa.string())),
        ("acquisition_source", pa.string()),
        ("consent_ad_user_data", pa.string()),
        ("consent_ad_personalization", pa.string()),
        ("has_email", pa.bool_()),
        ("has_phone", pa.bool_()),
    ]
)
CUSTOMERS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("listed_days", pa.float64()),  # since the customers table knew them; null = not listed, or undated
        ("returned_amount", pa.float64()),  # money paid back
        ("recency_score", pa.int64()),  # 1 to 5: fifths of the shop's buyers
        ("frequency_score", pa.int64()),
        ("monetary_score", pa.int64()),
        *PEOPLE,
    ]
)
ORDERS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("nth", pa.int64()),  # 1 = the customer's first order; same-time orders by order id
        ("nth_last", pa.int64()),  # 1 = the customer's last order
        ("age_days", pa.float64()),  # from the order to as_of
        ("day", pa.int64()),  # of the shop's calendar, days since 1970-01-01
        ("spend", pa.float64()),  # money paid; null where no line has a known price
        ("tax", pa.float64()),  # the part of it that is tax; null where no line tells
        ("items", pa.float64()),  # pieces
        ("lines", pa.int64()),  # order lines
        ("channel", pa.string()),  # of several, the first in the alphabet
    ]
)
LINES = pa.schema(
    [
        ("customer_id", pa.string()),
        ("order", pa.int64()),  # `nth` of the line's order
        ("age_days", pa.float64()),  # of the line's order
        ("product_id", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("quantity", pa.float64()),
        ("amount", pa.float64()),  # money paid; null where unknown
        ("discount", pa.float64()),  # money taken off the line
        ("tax", pa.float64()),
        ("promo_code", pa.string()),
        ("channel", pa.string()),
        ("returned_days", pa.float64()),  # since it came back; null = kept
    ]
)
RETURNS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("age_days", pa.float64()),  # since it came back
        ("product_id", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("quantity", pa.float64()),
        ("amount", pa.float64()),  # money paid back; null where unknown
    ]
)
EVENTS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("nth", pa.int64()),  # 1 = the customer's first event
        ("age_days", pa.float64()),
        ("event_type", pa.string()),
        ("product_id", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("session_id", pa.string()),
        ("page_type", pa.string()),
        ("source", pa.string()),
        ("duration_s", pa.float64()),
        ("value", pa.float64()),
        ("campaign_id", pa.string()),
    ]
)
SCHEMAS = {"customers": CUSTOMERS, "orders": ORDERS, "lines": LINES, "returns": RETURNS, "events": EVENTS}


def arrow_tables(known: Known, names: tuple[str, ...] = tuple(SCHEMAS)) -> dict[str, pa.Table]:
    """Some of the relations by name, as Arrow.

    Args:
        known: What is known.
        names: Of `SCHEMAS`; all by default.
    """
    return {name: _ROWS[name](known) for name in SCHEMAS if name in names}


def _customers(known: Known) -> pa.Table:
    snapshot = known.snapshot
    listed = np.where(np.isinf(snapshot.listed_days), np.nan, snapshot.listed_days)
    columns = {
        "customer_id": pa.array(snapshot.customer_ids, pa.string()),
        "listed_days": _known(listed),
        "returned_amount": pa.array(snapshot.returned_amount),
        **_scores(known),
        **{name: known.customers[name] for name in PEOPLE.names},
    }
    return pa.table(columns, schema=CUSTOMERS)


def _scores(known: Known) -> dict[str, pa.Array]:
    """The fifth that each buyer is in, 5 = the best; who stands at a limit is below it."""
    values, limits = rank_values(known.snapshot), known.quintiles

    def fifths(name: str, sign: int = 1) -> pa.Array:
        fifth = 1 + np.searchsorted(np.sort(sign * limits[name]), sign * values[name])
        return pa.array(fifth, pa.int64(), mask=np.isnan(values[name]))

    return {
        "recency_score": fifths("recency_days", -1),  # the newest are the best
        "frequency_score": fifths("frequency"),
        "monetary_score": fifths("monetary"),
    }


def _orders(known: Known) -> pa.Table:
    snapshot = known.snapshot
    orders = snapshot.orders
    priced = np.isfinite(snapshot.line_amount)
    has_price = np.bincount(snapshot.line_order[priced], minlength=len(orders)) > 0
    lines = pa.table(
        {"order": snapshot.line_order, "tax": known.lines["tax"], "channel": known.lines["channel"]}
    )
    # One thread, so that the money of an order is added up in the order of its lines.
    told = lines.group_by("order", use_threads=False).aggregate([("tax", "sum"), ("channel", "min")])
    told = told.sort_by("order")
    columns = {
        "customer_id": _ids(snapshot, orders.customer),
        "nth": _nth(snapshot),
        "nth_last": snapshot.order_indptr[orders.customer + 1] - np.arange(len(orders)),
        "age_days": orders.age_days,
        "day": orders.day,
        "spend": _known(np.where(has_price, orders.spend, np.nan)),
        "tax": told["tax_sum"],
        "items": orders.items,
        "lines": orders.lines,
        "channel": told["channel_min"],
    }
    return pa.table(columns, schema=ORDERS)


def _lines(known: Known) -> pa.Table:
    snapshot = known.snapshot
    product = pa.array(snapshot.line_product, mask=snapshot.line_product < 0)
    columns = {
        "customer_id": _ids(snapshot, snapshot.line_customer),
        "order": _nth(snapshot)[snapshot.line_order],
        "age_days": snapshot.orders.age_days[snapshot.line_order],
        "product_id": pa.array(snapshot.catalogue.product_ids, pa.string()).take(product),
        **_described(snapshot, product),
        "quantity": snapshot.line_quantity,
        "amount": _known(snapshot.line_amount),
        **{name: known.lines[name] for name in known.lines.column_names},
    }
    return pa.table(columns, schema=LINES)


def _returns(known: Known) -> pa.Table:
    return _of_customers(known.snapshot, known.returns, RETURNS)


def _events(known: Known) -> pa.Table:
    return _of_customers(known.snapshot, known.events, EVENTS)


_ROWS: dict[str, Callable[[Known], pa.Table]] = {
    "customers": _customers,
    "orders": _orders,
    "lines": _lines,
    "returns": _returns,
    "events": _events,
}


def _of_customers(snapshot: Snapshot, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with ids instead of customers' rows, and its products described where the catalogue does."""
    product = pa.compute.index_in(
        table["product_id"], value_set=pa.array(snapshot.catalogue.product_ids, pa.string())
    )
    columns = {name: table[name] for name in table.column_names}
    columns["customer_id"] = _ids(snapshot, table["customer"].to_numpy())
    columns |= _described(snapshot, product)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _described(snapshot: Snapshot, product: pa.Array) -> dict[str, pa.Array]:
    """Category and brand of products of the catalogue, null where there is none."""
    catalogue = snapshot.catalogue
    return {
        "category": pa.array(catalogue.categories, pa.string()).take(product),
        "brand": pa.array(catalogue.brands, pa.string()).take(product),
    }


def _ids(snapshot: Snapshot, customer: I64) -> pa.Array:
    return pa.array(snapshot.customer_ids, pa.string()).take(pa.array(customer))


def _nth(snapshot: Snapshot) -> I64:
    """The number of each order in its customer's history, from 1."""
    nth: I64 = np.arange(len(snapshot.orders)) - snapshot.order_indptr[snapshot.orders.customer] + 1
    return nth


def _known(values: F64) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
