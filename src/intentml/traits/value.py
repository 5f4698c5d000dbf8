"""How much: orders, money, returns, baskets, variety; ever and within windows.

What comes in: nothing. What goes out: declarations. Money is gross of returns unless a name says
net, in the shop's main currency. A window of N days is `as_of - N days <= t < as_of`; where the
history is shorter, it counts what there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from intentml.traits.trait import Trait

TOPIC, WINDOWS, BASKETS = "Orders and money", "Windows", "Baskets and variety"
WINDOWS_DAYS = (28, 90, 365)
# The usual bounds between shop-floor, advised and negotiated sales; a rule with others asks the average.
MEDIUM_TICKET = (2_000, 10_000)

NO_ORDER = "no order yet"
NO_PRICE = "there are orders, but none of them has a known price"
MONEY = ("orders.unit_price",)


def _orders_within(days: int) -> Callable[[Any], Any]:
    return lambda orders: orders.count(where=orders.age_days <= days)


def _spend_within(days: int) -> Callable[[Any], Any]:
    # Times zero, not filtered: so a sum is null where no price is known, and 0 where no order falls inside.
    return lambda orders: (orders.spend * (orders.age_days <= days).cast("int64")).sum()


def _ticket_size(customers: Any) -> Any:
    import ibis

    value = customers.average_order_value
    small, large = MEDIUM_TICKET
    return ibis.cases((value < small, "small"), (value <= large, "medium"), (value > large, "large"))


VALUE = (
    Trait(
        name="frequency",
        topic=TOPIC,
        type="int64",
        unit="orders",
        meaning="Number of orders: distinct order ids with at least one purchase line.",
        null_means="",
        needs=("orders.order_id",),
        relation="orders",
        expression=lambda orders: orders.count(),
        prospects=0,
    ),
    Trait(
        name="active_days",
        topic=TOPIC,
        type="int64",
        unit="days",
        meaning="Days of the shop's calendar with at least one order.",
        null_means="",
        needs=("orders.ordered_at",),
        relation="active_days",
        expression=lambda active_days: active_days.count(),
        prospects=0,
    ),
    Trait(
        name="monetary",
        topic=TOPIC,
        type="float64",
        unit="money",
        meaning="Total paid for purchase lines, gross of returns; lines of unknown price count as 0.",
        null_means=NO_PRICE,
        needs=MONEY,
        relation="orders",
        expression=lambda orders: orders.spend.sum(),
        prospects=0,
    ),
    Trait(
        name="returned_amount",
        topic=TOPIC,
        type="float64",
        unit="money",
        meaning="Total paid back for returns known so far; returns of unknown price count as 0.",
        null_means="",
        needs=MONEY,
        relation="customers",
        expression=lambda customers: customers.returned_amount,
    ),
    Trait(
        name="monetary_net",
        topic=TOPIC,
        type="float64",
        unit="money",
        meaning="`monetary` less `returned_amount`; negative where a returned purchase is not on record.",
        null_means=NO_PRICE,
        needs=MONEY,
        relation="customers",
        expression=lambda customers: customers.monetary - customers.returned_amount,
        uses=("monetary", "returned_amount"),
    ),
    *(
        Trait(
            name=f"orders_{days}d",
            topic=WINDOWS,
            type="int64",
            unit="orders",
            meaning=f"Orders of the last {days} days.",
            null_means="",
            needs=("orders.ordered_at",),
            relation="orders",
            expression=_orders_within(days),
            prospects=0,
        )
        for days in WINDOWS_DAYS
    ),
    *(
        Trait(
            name=f"spend_{days}d",
            topic=WINDOWS,
            type="float64",
            unit="money",
            meaning=f"Money paid in the last {days} days, gross of returns.",
            null_means=NO_PRICE,
            needs=MONEY,
            relation="orders",
            expression=_spend_within(days),
            prospects=0,
        )
        for days in WINDOWS_DAYS
    ),
    Trait(
        name="orders_change_90d",
        topic=WINDOWS,
        type="int64",
        unit="orders",
        meaning="Orders of the last 90 days less those of the 90 days before.",
        null_means="",
        needs=("orders.ordered_at",),
        relation="orders",
        expression=lambda orders: (
            orders.count(where=orders.age_days <= 90)
            - orders.count(where=(orders.age_days > 90) & (orders.age_days <= 180))
        ),
        prospects=0,
    ),
    Trait(
        name="items",
        topic=BASKETS,
        type="float64",
        unit="pieces",
        meaning="Pieces bought; a line without a quantity is one.",
        null_means="",
        needs=("orders.order_id",),
        relation="orders",
        expression=lambda orders: orders["items"].sum(),
        prospects=0,
    ),
    Trait(
        name="average_order_value",
        topic=BASKETS,
        type="float64",
        unit="money per order",
        meaning="Average basket: mean money paid, over the orders with a known price.",
        null_means=f"{NO_ORDER}, or {NO_PRICE}",
        needs=MONEY,
        relation="orders",
        expression=lambda orders: orders.spend.mean(),
    ),
    Trait(
        name="ticket_size",
        topic=BASKETS,
        type="string",
        unit="",
        meaning="small, medium (2,000 to 10,000 of the shop's currency) or large, by `average_order_value`.",
        null_means=f"{NO_ORDER}, or {NO_PRICE}",
        needs=MONEY,
        relation="customers",
        expression=_ticket_size,
        uses=("average_order_value",),
        words=("small", "medium", "large"),
    ),
    Trait(
        name="average_order_items",
        topic=BASKETS,
        type="float64",
        unit="pieces per order",
        meaning="Average order size in pieces.",
        null_means=NO_ORDER,
        needs=("orders.order_id",),
        relation="orders",
        expression=lambda orders: orders["items"].mean(),
    ),
    Trait(
        name="average_order_lines",
        topic=BASKETS,
        type="float64",
        unit="lines per order",
        meaning="Average order size in order lines.",
        null_means=NO_ORDER,
        needs=("orders.order_id",),
        relation="orders",
        expression=lambda orders: orders.lines.mean(),
    ),
    Trait(
        name="distinct_products",
        topic=BASKETS,
        type="int64",
        unit="products",
        meaning="Different products bought.",
        null_means="there are orders, but no line names a product",
        needs=("orders.product_id",),
        relation="lines",
        expression=lambda lines: lines.product_id.nunique().nullif(0),
        prospects=0,
    ),
    Trait(
        name="distinct_categories",
        topic=BASKETS,
        type="int64",
        unit="categories",
        meaning="Different categories bought from (the source's main level).",
        null_means="there are orders, but no line's product has a known category",
        needs=("orders.product_id", "products.category"),
        relation="lines",
        expression=lambda lines: lines.category.nunique().nullif(0),
        prospects=0,
    ),
)
