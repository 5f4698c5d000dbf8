"""The documented rules for dirt: what is looked for, and what is done with it.

What comes in: a shop after reading. What goes out: a `RuleCount` for each rule of the catalogue
`DIRT` that applies to the columns the shop has, zeros too. No rule drops a row. How the rows are
found is in `marks`; what a line counts as is in `lines`, and handed on here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from intentml.tables import marks
from intentml.tables.lines import PURCHASE, RETURN, UNUSED, line_amounts, line_roles, main_currency
from intentml.tables.parse import without
from intentml.tables.shop import RuleCount, ShopTables

__all__ = [
    "DIRT",
    "PURCHASE",
    "RETURN",
    "UNUSED",
    "DirtRule",
    "count_dirt",
    "line_amounts",
    "line_roles",
    "main_currency",
    "without_impossible_positions",
]


@dataclass(frozen=True)
class DirtRule:
    """One kind of dirt.

    Attributes:
        name: Short name; with `table` unique.
        table: Table it is in.
        needs: Columns (`column`, or `table.column` of another table) that the source must have for
            the rule to apply.
        mark: Finds the rows it touches.
        meaning: What is done with them, in one sentence.
    """

    name: str
    table: str
    needs: tuple[str, ...]
    mark: marks.Mark
    meaning: str

    def applies(self, present: dict[str, tuple[str, ...]]) -> bool:
        """Whether the source has what the rule is about."""
        wanted = [need if "." in need else f"{self.table}.{need}" for need in self.needs]
        return all(column in present[table] for table, column in (need.split(".") for need in wanted))


DIRT: tuple[DirtRule, ...] = (
    DirtRule(
        "no_customer",
        "orders",
        ("customer_id",),
        marks.is_null("orders", "customer_id"),
        "The buyer is unknown: the line stays, and is in nobody's history.",
    ),
    DirtRule(
        "other_status",
        "orders",
        ("status",),
        marks.other_status,
        "Neither bought nor returned (cancelled, adjustment ...): the line is not used; "
        "a shop whose word for bought is not `completed` must say `completed`.",
    ),
    DirtRule(
        "returned",
        "orders",
        ("customer_id",),
        marks.returned,
        "A return, from returned_at where known, else from its own time; it is no purchase.",
    ),
    DirtRule(
        "returned_later",
        "orders",
        ("returned_at",),
        marks.returned_later,
        "A purchase when it was ordered, and a return from returned_at on.",
    ),
    DirtRule(
        "negative_quantity",
        "orders",
        ("quantity",),
        marks.is_negative("quantity"),
        "A return of so many pieces, unless its status says otherwise.",
    ),
    DirtRule(
        "zero_quantity",
        "orders",
        ("quantity",),
        marks.is_zero("quantity"),
        "Nothing changed hands: the line is not used.",
    ),
    DirtRule(
        "no_quantity",
        "orders",
        ("quantity",),
        marks.is_null("orders", "quantity"),
        "Counts as one piece.",
    ),
    DirtRule(
        "no_price",
        "orders",
        ("unit_price",),
        marks.is_null("orders", "unit_price"),
        "The purchase counts, its amount is unknown.",
    ),
    DirtRule(
        "zero_price",
        "orders",
        ("unit_price",),
        marks.is_zero("unit_price"),
        "The purchase counts, its amount is zero (a gift, a sample).",
    ),
    DirtRule(
        "negative_price",
        "orders",
        ("unit_price",),
        marks.is_negative("unit_price"),
        "Taken as it stands: it lowers what the order cost (a voucher, a correction).",
    ),
    DirtRule(
        "other_currency",
        "orders",
        ("currency",),
        marks.other_currency,
        "Money is added up in the currency of most lines only: the purchase counts, its amount is unknown.",
    ),
    DirtRule(
        "no_currency",
        "orders",
        ("currency",),
        marks.is_null("orders", "currency"),
        "Taken to be in the currency of most lines.",
    ),
    DirtRule(
        "no_product",
        "orders",
        ("product_id",),
        marks.is_null("orders", "product_id"),
        "Counts as a purchase, of no product known.",
    ),
    DirtRule(
        "unknown_product",
        "orders",
        ("product_id", "products.product_id"),
        marks.is_unknown("orders", "product_id", "products"),
        "Not in the products table: a product of its own, without name, category and brand.",
    ),
    DirtRule(
        "unknown_customer",
        "orders",
        ("customer_id", "customers.customer_id"),
        marks.is_unknown("orders", "customer_id", "customers"),
        "Not in the customers table: a customer like all others, with attributes unknown.",
    ),
    DirtRule(
        "recorded_late",
        "orders",
        ("recorded_at",),
        marks.is_before("orders", "ordered_at", "recorded_at"),
        "Happened at ordered_at, known from recorded_at on.",
    ),
    DirtRule(
        "recorded_early",
        "orders",
        ("recorded_at",),
        marks.is_before("orders", "recorded_at", "ordered_at"),
        "Nothing is known before it happens: known from ordered_at on.",
    ),
    DirtRule(
        "returned_early",
        "orders",
        ("returned_at",),
        marks.is_before("orders", "returned_at", "ordered_at"),
        "Nothing comes back before it was bought: a return from ordered_at on.",
    ),
    DirtRule(
        "order_of_several_customers",
        "orders",
        ("order_id",),
        marks.order_of_several_customers,
        "One order id with several buyers: an order of each of them, with their own lines.",
    ),
    DirtRule(
        "far_from_order",
        "orders",
        ("order_id",),
        marks.far_from_order,
        "More than a day from its order's first line, and still the same order; "
        "where receipt numbers start again, join the day to the order id.",
    ),
    DirtRule(
        "repeated_line",
        "orders",
        ("order_id",),
        marks.is_repeat("orders", "order_id", "product_id"),
        "Equal to an earlier line in every column: kept, because two equal pieces may be two scans.",
    ),
    DirtRule(
        "no_category",
        "products",
        ("category",),
        marks.is_null("products", "category"),
        "A target as a product (and brand), and in no category.",
    ),
    DirtRule(
        "impossible_position",
        "customers",
        ("latitude",),
        marks.impossible_position,
        "Latitude or longitude is not on earth: the position is taken as unknown.",
    ),
    DirtRule(
        "no_customer",
        "events",
        ("customer_id",),
        marks.is_null("events", "customer_id"),
        "An unknown visitor: the event stays, and is in nobody's history.",
    ),
    DirtRule(
        "unknown_event_type",
        "events",
        ("event_type",),
        marks.unknown_event_type,
        "Not one of the contract's types: kept, and usable by its name.",
    ),
    DirtRule(
        "unknown_customer",
        "events",
        ("customer_id", "customers.customer_id"),
        marks.is_unknown("events", "customer_id", "customers"),
        "Not in the customers table: kept, with the customer's attributes unknown.",
    ),
    DirtRule(
        "unknown_product",
        "events",
        ("product_id", "products.product_id"),
        marks.is_unknown("events", "product_id", "products"),
        "Not in the products table: kept, with the product's attributes unknown.",
    ),
    DirtRule(
        "recorded_late",
        "events",
        ("recorded_at",),
        marks.is_before("events", "occurred_at", "recorded_at"),
        "Happened at occurred_at, known from recorded_at on.",
    ),
    DirtRule(
        "recorded_early",
        "events",
        ("recorded_at",),
        marks.is_before("events", "recorded_at", "occurred_at"),
        "Nothing is known before it happens: known from occurred_at on.",
    ),
    DirtRule(
        "repeated_event",
        "events",
        ("customer_id",),
        marks.is_repeat("events", "customer_id", "occurred_at"),
        "Equal to an earlier event in every column: kept, because clocks are coarse.",
    ),
)
"""Every rule, in the order in which `check` tells them."""


def count_dirt(shop: ShopTables) -> tuple[RuleCount, ...]:
    """How many rows each rule touches: every rule that applies, those that found nothing too."""
    marked = marks.Marked(shop)
    return tuple(
        RuleCount(rule.table, rule.name, int(np.count_nonzero(rule.mark(marked))), rule.meaning)
        for rule in DIRT
        if rule.applies(shop.present)
    )


def without_impossible_positions(customers: pa.Table) -> pa.Table:
    """Customers with latitude and longitude null where they are not on earth."""
    rows = marks.off_earth(customers)
    if not rows.any():
        return customers
    for name in ("latitude", "longitude"):
        position = customers.schema.get_field_index(name)
        customers = customers.set_column(position, name, without(customers[name], rows))
    return customers
