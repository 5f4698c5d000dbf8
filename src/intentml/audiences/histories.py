"""Leaves over histories: purchases and events within a window, counted for each customer who has any.

What comes in: order lines or events as Ibis tables, what is asked, and the products in question. What goes
out: a table of the customers who fit, with what was counted: the rule asks who, an explanation asks how much.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from intentml.audiences.leaves import Bounds, Events, Purchases
from intentml.errors import RuleError, nearest
from intentml.tables.contracts import EVENT_TYPES

if TYPE_CHECKING:
    import ibis.expr.types as ir


def purchased(lines: ir.Table, asked: Purchases, products: ir.Table | None) -> ir.Table:
    """Customers with such purchases: row, orders, quantity, spend, last_days.

    Args:
        lines: row (of the customer), order, age_days, product, quantity, amount.
        asked: What of them.
        products: Those in question, a column `product`; None for every line.
    """
    import ibis

    some = _within(lines, asked.last_days, asked.before_last_days)
    if products is not None:
        some = some.filter(some["product"].isin(products["product"]))
    counted = some.group_by("row").aggregate(
        orders=some["order"].nunique(),
        quantity=some["quantity"].sum(),
        spend=ibis.coalesce(some["amount"], 0.0).sum(),
        last_days=some["age_days"].min(),
    )
    return _bounded(counted, {"orders": asked.orders, "quantity": asked.quantity, "spend": asked.spend})


def happened(events: ir.Table, asked: Events, products: ir.Table | None) -> ir.Table:
    """Customers with such events: row, count, last_days.

    Args:
        events: row (of the customer), event_type, age_days, product, value, page_type, source, campaign_id.
        asked: What of them.
        products: Those in question, a column `product`; None for every event.
    """
    some = _within(events, asked.last_days, asked.before_last_days)
    some = some.filter(some["event_type"].isin(asked.type))
    for name in ("page_type", "source", "campaign_id"):
        names = getattr(asked, name)
        if names:
            some = some.filter(some[name].isin(names))
    if products is not None:
        some = some.filter(some["product"].isin(products["product"]))
    some = _bounded(some, {"value": asked.value})
    counted = some.group_by("row").aggregate(count=some.count(), last_days=some["age_days"].min())
    return _bounded(counted, {"count": asked.count})


def check_types(asked: Events, known: Collection[str]) -> None:
    """Raise for a type that neither the contract nor any event of the shop has.

    Args:
        asked: Names types.
        known: Those that some event of the shop has.

    Raises:
        RuleError: Of the first one.
    """
    for name in asked.type:
        if name not in EVENT_TYPES and name not in known:
            near = nearest(name, {*EVENT_TYPES, *known})
            told = f"did you mean {', '.join(near)}?" if near else ", ".join(sorted(known))
            raise RuleError(f"no event is called {name!r}", hint=told)


def _within(rows: ir.Table, last_days: float | None, before_last_days: float | None) -> ir.Table:
    """Rows of the window; ages count back from as_of, so its end is open and its start is not."""
    if last_days is not None:
        rows = rows.filter(rows["age_days"] <= last_days)
    if before_last_days is not None:
        rows = rows.filter(rows["age_days"] > before_last_days)
    return rows


def _bounded(rows: ir.Table, bounds: dict[str, Bounds | None]) -> ir.Table:
    """Rows whose numbers lie within their bounds; a null lies in none."""
    for name, bound in bounds.items():
        column: Any = rows[name]
        if bound is not None and bound.at_least is not None:
            rows = rows.filter(column >= bound.at_least)
        if bound is not None and bound.at_most is not None:
            rows = rows.filter(column <= bound.at_most)
    return rows
