"""Recency, frequency and money as scores from 1 to 5, relative to this shop.

What comes in: nothing. What goes out: declarations. The limits between the fifths are the whole shop's
(`Known.quintiles`), so a customer alone has the scores of the crowd. Equal customers have equal scores: where
more than a fifth of the buyers are alike, a score may be given to nobody.
"""

from __future__ import annotations

from intentml.traits.trait import Trait

TOPIC = "Scores of this shop"


def _score(name: str, meaning: str, null_means: str, need: str) -> Trait:
    return Trait(
        name=name,
        topic=TOPIC,
        type="int64",
        unit="1 to 5",
        meaning=meaning,
        null_means=null_means,
        needs=(need,),
        relation="customers",
        expression=lambda customers: customers[name],
    )


RFM = (
    _score(
        "recency_score",
        "5 = among the fifth of this shop's buyers whose last order is newest.",
        "no order yet",
        "orders.ordered_at",
    ),
    _score(
        "frequency_score",
        "5 = among the fifth of this shop's buyers with most orders.",
        "no order yet",
        "orders.order_id",
    ),
    _score(
        "monetary_score",
        "5 = among the fifth of this shop's buyers who paid most, gross of returns.",
        "no order yet, or no price known",
        "orders.unit_price",
    ),
)
