"""What the customer did on the site: views, cart, checkout, visits.

What comes in: nothing. What goes out: declarations. A visit is a session with an event on the site, or a
`visit` event without a session; it falls into a window by its start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from intentml.traits.trait import Trait, Type

FUNNEL, VISITS = "Funnel", "Visits"
WINDOWS_DAYS = (28, 90)
# What the shop does, not the customer.
_OF_THE_SHOP = ("email_sent", "campaign_received")


def _last(event_type: str) -> Callable[[Any], Any]:
    return lambda events: events.age_days.min(where=events.event_type == event_type)


def _views_within(days: int) -> Callable[[Any], Any]:
    return lambda events: events.count(
        where=(events.event_type == "product_view") & (events.age_days <= days)
    )


def _visits_within(days: int) -> Callable[[Any], Any]:
    return lambda visits: visits.count(where=visits.age_days <= days)


def _time_within(days: int) -> Callable[[Any], Any]:
    # Times zero, not filtered: null where no visit tells a duration, 0 where none falls inside.
    return lambda visits: (visits.seconds * (visits.age_days <= days).cast("int64")).sum()


def _since_last_order(customers: Any, age: str) -> Any:
    """Whether something happened after the last order (ages: the smaller is the newer)."""
    return customers[age].notnull() & (
        customers.recency_days.isnull() | (customers[age] < customers.recency_days)
    )


def _funnel_step(customers: Any) -> Any:
    import ibis

    return ibis.cases(
        (_since_last_order(customers, "last_checkout_days"), "checkout"),
        (_since_last_order(customers, "last_cart_days"), "carted"),
        (_since_last_order(customers, "last_view_days"), "viewed"),
        (customers.recency_days.notnull(), "ordered"),
        else_="prospect",
    )


def _of_events(
    name: str,
    meaning: str,
    expression: Callable[[Any], Any],
    null_means: str = "",
    kind: Type = "float64",
    unit: str = "days",
) -> Trait:
    """A trait over events; a number of things is 0 without any."""
    return Trait(
        name=name,
        topic=FUNNEL,
        type=kind,
        unit=unit,
        meaning=meaning,
        null_means=null_means,
        needs=("events.event_type",),
        relation="events",
        expression=expression,
        prospects=0 if kind == "int64" else None,
    )


SITE = (
    _of_events(
        "last_interaction_days",
        "Days since the customer last did anything that is an event; what the shop sends does not count.",
        lambda events: events.age_days.min(where=events.event_type.notin(_OF_THE_SHOP)),
        "no event of the customer's own so far",
    ),
    _of_events(
        "last_view_days",
        "Days since the customer last looked at a product.",
        _last("product_view"),
        "no product looked at so far",
    ),
    *(
        _of_events(
            f"product_views_{days}d",
            f"Looks at products in the last {days} days.",
            _views_within(days),
            kind="int64",
            unit="views",
        )
        for days in WINDOWS_DAYS
    ),
    _of_events(
        "last_cart_days",
        "Days since the customer last put a product into the cart.",
        _last("cart_add"),
        "nothing put into the cart so far",
    ),
    _of_events(
        "last_checkout_days",
        "Days since the customer last started a checkout.",
        _last("checkout_started"),
        "no checkout started so far",
    ),
    Trait(
        name="abandoned_cart",
        topic=FUNNEL,
        type="boolean",
        unit="",
        meaning="Something was put into the cart after the last order; what was taken out is not looked at.",
        null_means="",
        needs=("events.event_type",),
        relation="customers",
        expression=lambda customers: _since_last_order(customers, "last_cart_days"),
        uses=("last_cart_days", "recency_days"),
    ),
    Trait(
        name="funnel_step",
        topic=FUNNEL,
        type="string",
        unit="",
        meaning="The furthest since the last order: viewed, carted, checkout; else ordered, or prospect.",
        null_means="",
        needs=("events.event_type",),
        relation="customers",
        expression=_funnel_step,
        uses=("last_view_days", "last_cart_days", "last_checkout_days", "recency_days"),
        words=("prospect", "ordered", "viewed", "carted", "checkout"),
    ),
    Trait(
        name="visits",
        topic=VISITS,
        type="int64",
        unit="visits",
        meaning="Visits of the site so far.",
        null_means="",
        needs=("events.event_type",),
        relation="visits",
        expression=lambda visits: visits.count(),
        prospects=0,
    ),
    *(
        Trait(
            name=f"visits_{days}d",
            topic=VISITS,
            type="int64",
            unit="visits",
            meaning=f"Visits begun in the last {days} days.",
            null_means="",
            needs=("events.event_type",),
            relation="visits",
            expression=_visits_within(days),
            prospects=0,
        )
        for days in WINDOWS_DAYS
    ),
    Trait(
        name="last_visit_days",
        topic=VISITS,
        type="float64",
        unit="days",
        meaning="Days since the last visit began.",
        null_means="no visit so far",
        needs=("events.event_type",),
        relation="visits",
        expression=lambda visits: visits.age_days.min(),
    ),
    *(
        Trait(
            name=f"time_on_site_{days}d",
            topic=VISITS,
            type="float64",
            unit="seconds",
            meaning=f"Time on the site in visits of the last {days} days: told by visits, else by pages.",
            null_means="there are visits, but none tells a duration",
            needs=("events.duration_s",),
            relation="visits",
            expression=_time_within(days),
            prospects=0,
        )
        for days in WINDOWS_DAYS
    ),
    Trait(
        name="visitor",
        topic=VISITS,
        type="string",
        unit="",
        meaning="new = exactly one visit so far, recurring = more.",
        null_means="no visit so far",
        needs=("events.event_type",),
        relation="visits",
        expression=lambda visits: (visits.count() > 1).ifelse("recurring", "new"),
        words=("new", "recurring"),
    ),
)
