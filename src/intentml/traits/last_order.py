"""How the last order was: money, tax, channel.

What comes in: nothing. What goes out: declarations.
"""

from __future__ import annotations

from intentml.traits.trait import Trait

TOPIC = "Last order"
NO_ORDER = "no order yet"

LAST_ORDER = (
    Trait(
        name="last_order_spend",
        topic=TOPIC,
        type="float64",
        unit="money",
        meaning="Money paid for the last order, tax included, gross of returns.",
        null_means="no order yet, or no price known in it",
        needs=("orders.unit_price",),
        relation="orders",
        expression=lambda orders: orders.spend.max(where=orders.nth_last == 1),
    ),
    Trait(
        name="last_order_spend_without_tax",
        topic=TOPIC,
        type="float64",
        unit="money",
        meaning="Money paid for the last order less the tax told on its lines.",
        null_means="no order yet, or no price or no tax known in it",
        needs=("orders.unit_price", "orders.tax"),
        relation="orders",
        expression=lambda orders: (orders.spend - orders.tax).max(where=orders.nth_last == 1),
    ),
    Trait(
        name="last_order_items",
        topic=TOPIC,
        type="float64",
        unit="pieces",
        meaning="Pieces in the last order.",
        null_means=NO_ORDER,
        needs=("orders.order_id",),
        relation="orders",
        expression=lambda orders: orders["items"].max(where=orders.nth_last == 1),
    ),
    Trait(
        name="last_channel",
        topic=TOPIC,
        type="string",
        unit="",
        meaning="Where the last order was made: web, store, app ...",
        null_means="no order yet, or its channel is not known",
        needs=("orders.channel",),
        relation="orders",
        expression=lambda orders: orders.channel.max(where=orders.nth_last == 1),
    ),
)
