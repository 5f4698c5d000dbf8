"""What came back: pieces, money, when.

What comes in: nothing. What goes out: declarations. Who returns much may be among the best customers: a high
rate says how somebody shops, and the net money what is left of it.
"""

from __future__ import annotations

from intentml.traits.trait import Trait

TOPIC = "Returns"

RETURNING = (
    Trait(
        name="returned_items",
        topic=TOPIC,
        type="float64",
        unit="pieces",
        meaning="Pieces that came back.",
        null_means="",
        needs=("orders.order_id",),
        relation="returns",
        expression=lambda returns: returns.quantity.sum(),
        prospects=0,
    ),
    Trait(
        name="last_return_days",
        topic=TOPIC,
        type="float64",
        unit="days",
        meaning="Days since something last came back.",
        null_means="nothing came back so far",
        needs=("orders.order_id",),
        relation="returns",
        expression=lambda returns: returns.age_days.min(),
    ),
    Trait(
        name="return_rate",
        topic=TOPIC,
        type="float64",
        unit="share",
        meaning="Pieces that came back over pieces bought; above 1 where a purchase is not on record.",
        null_means="no order yet",
        needs=("orders.order_id",),
        relation="customers",
        expression=lambda customers: customers.returned_items / customers["items"].nullif(0),
        uses=("returned_items", "items"),
    ),
    Trait(
        name="returned_spend_share",
        topic=TOPIC,
        type="float64",
        unit="share",
        meaning="`returned_amount` over `monetary`: the share of the money that went back.",
        null_means="nothing paid so far, or no price known",
        needs=("orders.unit_price",),
        relation="customers",
        expression=lambda customers: customers.returned_amount / customers.monetary.nullif(0),
        uses=("returned_amount", "monetary"),
    ),
)
