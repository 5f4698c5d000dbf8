"""How regularly: the customer's own gaps between active days.

What comes in: nothing. What goes out: declarations. A gap is the number of days from one active day
to the next, so that several orders on one day (a split basket) make no gap of zero.
"""

from __future__ import annotations

from intentml.traits.trait import Trait

TOPIC = "Rhythm"
NO_GAP = "fewer than two active days"
NEEDS = ("orders.ordered_at",)

RHYTHM = (
    Trait(
        name="gap_median_days",
        topic=TOPIC,
        type="float64",
        unit="days",
        meaning="Median of the customer's own gaps between active days: the own rhythm.",
        null_means=NO_GAP,
        needs=NEEDS,
        relation="active_days",
        expression=lambda active_days: active_days.gap_days.median(),
    ),
    Trait(
        name="gap_mean_days",
        topic=TOPIC,
        type="float64",
        unit="days",
        meaning="Mean of the customer's own gaps between active days.",
        null_means=NO_GAP,
        needs=NEEDS,
        relation="active_days",
        expression=lambda active_days: active_days.gap_days.mean(),
    ),
    Trait(
        name="gap_last_days",
        topic=TOPIC,
        type="float64",
        unit="days",
        meaning="Gap between the last two active days.",
        null_means=NO_GAP,
        needs=NEEDS,
        relation="active_days",
        expression=lambda active_days: active_days.gap_days.argmax(active_days.day),
    ),
    Trait(
        name="recency_in_gaps",
        topic=TOPIC,
        type="float64",
        unit="own gaps",
        meaning="Days since the last order over the own median gap: above 1, later than usual.",
        null_means=NO_GAP,
        needs=NEEDS,
        relation="customers",
        expression=lambda customers: customers.recency_days / customers.gap_median_days,
        uses=("recency_days", "gap_median_days"),
    ),
)
