"""The relations that traits read, as Ibis tables of one backend.

What comes in: what is known at an instant. What goes out: `TraitRelations`, on an in-memory DuckDB.
Everything in them was known at `as_of`, and times are told as ages, so no trait compares a timestamp
with `as_of`. Any other Ibis backend can hold the same tables; the trait expressions stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from intentml.timeline import Known
from intentml.traits.rows import SCHEMAS, arrow_tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

# One thread adds numbers up in one order: the same snapshot gives the same bytes.
ONE_THREAD: dict[str, str | bool | int | float | list[str]] = {"threads": 1}
ON_SITE = ("visit", "page_view", "product_view", "cart_add", "cart_remove", "checkout_started")
DERIVED = {"active_days": "orders", "visits": "events"}
"""Relations made from another one by Ibis, and which."""


@dataclass(frozen=True)
class TraitRelations:
    """The tables that trait expressions are written over, all of one backend (schemas in `rows`).

    Attributes:
        customers: One row a customer, prospects included.
        orders: One row an order.
        lines: One row a purchase line.
        returns: One row a purchase or line that came back.
        events: One row an event.
    """

    customers: ir.Table
    orders: ir.Table
    lines: ir.Table
    returns: ir.Table
    events: ir.Table

    @cached_property
    def active_days(self) -> ir.Table:
        """One row a customer and active day: `day`, and `gap_days` since the one before (first: null)."""
        import ibis

        days = self.orders.select("customer_id", "day").distinct()
        before = days.day.lag().over(ibis.window(group_by=days.customer_id, order_by=days.day))
        return days.mutate(gap_days=(days.day - before).cast("float64"))

    @cached_property
    def visits(self) -> ir.Table:
        """One row a visit: `age_days` of its start, and `seconds` on the site (null where nothing tells).

        A visit is a session on the site, or a `visit` event without one. It lasted as long as its own event
        says, else as long as its pages together.
        """
        import ibis

        events = self.events
        itself = events.event_type == "visit"
        on_site = events.filter(events.event_type.isin(ON_SITE) & (events.session_id.notnull() | itself))
        # Only an event without a session has the number; so it never meets a session of that name.
        keyed = on_site.mutate(alone=on_site.session_id.isnull().ifelse(on_site.nth, ibis.null("int64")))
        itself = keyed.event_type == "visit"
        told = keyed.duration_s.max(where=itself)
        pages = keyed.duration_s.sum(where=~itself)
        return keyed.group_by("customer_id", "session_id", "alone").aggregate(
            age_days=keyed.age_days.max(), seconds=ibis.coalesce(told, pages)
        )


def relations(known: Known) -> TraitRelations:
    """The tables on an in-memory DuckDB of their own."""
    import ibis

    connection = ibis.duckdb.connect(**ONE_THREAD)
    for name, content in arrow_tables(known).items():
        connection.con.register(name, content)
    return TraitRelations(**{name: connection.table(name) for name in SCHEMAS})


def declared() -> TraitRelations:
    """The tables by schema alone, bound to no engine: to compile expressions for any."""
    import ibis

    return TraitRelations(
        **{name: ibis.table(ibis.Schema.from_pyarrow(schema), name=name) for name, schema in SCHEMAS.items()}
    )
