"""How long ago: the last order, the first order, the sign-up.

What comes in: nothing. What goes out: declarations.
"""

from __future__ import annotations

from intentml.traits.trait import Trait

TOPIC = "Recency"

RECENCY = (
    Trait(
        name="recency_days",
        topic=TOPIC,
        type="float64",
        unit="days",
        meaning="Days since the last order.",
        null_means="no order yet",
        needs=("orders.ordered_at",),
        relation="orders",
        expression=lambda orders: orders.age_days.min(),
    ),
    Trait(
        name="tenure_days",
        topic=TOPIC,
        type="float64",
        unit="days",
        meaning="Days since the first order.",
        null_means="no order yet",
        needs=("orders.ordered_at",),
        relation="orders",
        expression=lambda orders: orders.age_days.max(),
    ),
    Trait(
        name="listed_days",
        topic=TOPIC,
        type="float64",
        unit="days",
        meaning="Days since the customers table knew the customer (the sign-up).",
        null_means="not in the customers table, or listed there without a date",
        needs=("customers.created_at",),
        relation="customers",
        expression=lambda customers: customers.listed_days,
    ),
)
