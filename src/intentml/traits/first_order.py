"""How it began: the size of the first order, and the time to the second.

What comes in: nothing. What goes out: declarations. The first order is the oldest known, so where
the history starts later than the shop did, it is the first one on record.
"""

from __future__ import annotations

from intentml.traits.trait import Trait

TOPIC = "First order"
NO_ORDER = "no order yet"

FIRST_ORDER = (
    Trait(
        name="first_order_items",
        topic=TOPIC,
        type="float64",
        unit="pieces",
        meaning="Pieces in the first order.",
        null_means=NO_ORDER,
        needs=("orders.ordered_at",),
        relation="orders",
        expression=lambda orders: orders["items"].max(where=orders.nth == 1),
    ),
    Trait(
        name="first_order_lines",
        topic=TOPIC,
        type="int64",
        unit="lines",
        meaning="Order lines in the first order.",
        null_means=NO_ORDER,
        needs=("orders.ordered_at",),
        relation="orders",
        expression=lambda orders: orders.lines.max(where=orders.nth == 1),
    ),
    Trait(
        name="first_order_spend",
        topic=TOPIC,
        type="float64",
        unit="money",
        meaning="Money paid for the first order, gross of returns.",
        null_means="no order yet, or no price known in it",
        needs=("orders.ordered_at", "orders.unit_price"),
        relation="orders",
        expression=lambda orders: orders.spend.max(where=orders.nth == 1),
    ),
    Trait(
        name="days_to_second_order",
        topic=TOPIC,
        type="float64",
        unit="days",
        meaning="Days from the first order to the second.",
        null_means="fewer than two orders",
        needs=("orders.ordered_at",),
        relation="orders",
        expression=lambda orders: (
            orders.age_days.max(where=orders.nth == 1) - orders.age_days.max(where=orders.nth == 2)
        ),
    ),
)
