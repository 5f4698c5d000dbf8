"""What was bought at a reduction: promotion codes, discounts, coupons.

What comes in: nothing. What goes out: declarations. A line's price is what was paid, after its discount.
"""

from __future__ import annotations

from intentml.traits.trait import Trait

TOPIC = "Promotions"

PROMOTIONS = (
    Trait(
        name="promo_orders",
        topic=TOPIC,
        type="int64",
        unit="orders",
        meaning="Orders with a promotion code on a line.",
        null_means="",
        needs=("orders.promo_code",),
        relation="lines",
        expression=lambda lines: lines.order.nunique(where=lines.promo_code.notnull()),
        prospects=0,
    ),
    Trait(
        name="promo_share",
        topic=TOPIC,
        type="float64",
        unit="share of orders",
        meaning="`promo_orders` over `frequency`.",
        null_means="no order yet",
        needs=("orders.promo_code",),
        relation="customers",
        expression=lambda customers: customers.promo_orders / customers.frequency.nullif(0),
        uses=("promo_orders", "frequency"),
    ),
    Trait(
        name="last_promo_days",
        topic=TOPIC,
        type="float64",
        unit="days",
        meaning="Days since the last order with a promotion code.",
        null_means="no promotion code used so far",
        needs=("orders.promo_code",),
        relation="lines",
        expression=lambda lines: lines.age_days.min(where=lines.promo_code.notnull()),
    ),
    Trait(
        name="discount",
        topic=TOPIC,
        type="float64",
        unit="money",
        meaning="Total taken off by discounts; lines that tell none count as 0.",
        null_means="there are orders, but no line tells a discount",
        needs=("orders.discount",),
        relation="lines",
        expression=lambda lines: lines.discount.sum(),
        prospects=0,
    ),
    Trait(
        name="discount_share",
        topic=TOPIC,
        type="float64",
        unit="share of the price before discount",
        meaning="Discount over discount and money paid, over the lines where both are known.",
        null_means="no line with a known discount and a known price, or nothing asked for them",
        needs=("orders.discount", "orders.unit_price"),
        relation="lines",
        expression=lambda lines: (
            lines.discount.sum(where=lines.amount.notnull()) / (lines.discount + lines.amount).sum().nullif(0)
        ),
    ),
    Trait(
        name="coupons_redeemed",
        topic=TOPIC,
        type="int64",
        unit="coupons",
        meaning="Events `coupon_redeemed`.",
        null_means="",
        needs=("events.event_type",),
        relation="events",
        expression=lambda events: events.count(where=events.event_type == "coupon_redeemed"),
        prospects=0,
    ),
    Trait(
        name="last_coupon_days",
        topic=TOPIC,
        type="float64",
        unit="days",
        meaning="Days since a coupon was last redeemed.",
        null_means="no coupon redeemed so far",
        needs=("events.event_type",),
        relation="events",
        expression=lambda events: events.age_days.min(where=events.event_type == "coupon_redeemed"),
    ),
)
