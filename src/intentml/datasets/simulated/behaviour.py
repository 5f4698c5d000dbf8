"""What customers do beside ordering, as the events table: sign-ups, visits, e-mails, surveys, coupons.

What comes in: hidden state, orders, baskets. What goes out: the events table by contract. Events
of earlier days tell of the future only what the hidden state knows.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.datasets.simulated.calendar import DAY_US, day_index, instants
from intentml.datasets.simulated.catalogue import Catalogue
from intentml.datasets.simulated.customers import Hidden
from intentml.datasets.simulated.order_lines import MINUTE_US, PROMOTIONS, OrderFacts, numbered
from intentml.datasets.simulated.profiles import Profiles
from intentml.datasets.simulated.purchases import GUEST, Basket, OrderDays
from intentml.datasets.simulated.settings import SimulatedShop
from intentml.datasets.simulated.visits import (
    NONE,
    PAGES,
    SECOND_US,
    Rows,
    Sessions,
    buying_sessions,
    idle_sessions,
    idle_steps,
    order_steps,
    rows_of,
    visits,
)
from intentml.datasets.simulated.vocabulary import SOURCES
from intentml.tables.contracts import EVENT_TYPES, EVENTS, TIMESTAMP


def events_table(
    rng: np.random.Generator,
    settings: SimulatedShop,
    catalogue: Catalogue,
    hidden: Hidden,
    orders: OrderDays,
    facts: OrderFacts,
    basket: Basket,
    profiles: Profiles,
    block: int,
) -> pa.Table:
    """All events of a block, sorted by time."""
    buying, online = buying_sessions(rng, orders, facts)
    idle = idle_sessions(rng, settings, hidden)
    sessions = Sessions(
        *(np.concatenate([getattr(buying, f), getattr(idle, f)]) for f in ("owner", "start", "length"))
    )
    campaigns = _campaigns(settings)
    names = [*(name for name, _ in campaigns), *(code for code, _ in PROMOTIONS[1:])]
    redeemed = np.flatnonzero((orders.owner != GUEST) & (facts.promotion > 0))
    parts = [
        rows_of("signup", np.arange(len(hidden)), profiles.signup_at),
        *visits(rng, sessions),
        *order_steps(rng, catalogue, buying, online, basket, facts),
        *idle_steps(rng, settings, catalogue, hidden, idle, len(buying.owner)),
        *_mails(rng, settings, hidden, profiles, [day for _, day in campaigns]),
        *_answers(rng, settings, hidden, orders, facts),
        rows_of(
            "coupon_redeemed",
            orders.owner[redeemed],
            facts.at[redeemed],
            campaign=len(campaigns) + facts.promotion[redeemed] - 1,
        ),
    ]
    return _table(
        rng, settings, catalogue, parts, profiles.table["customer_id"].combine_chunks(), names, block
    )


def _campaigns(settings: SimulatedShop) -> list[tuple[str, int]]:
    """Newsletters, one on the fifth of each month: name and day index."""
    found = []
    for month in range(
        settings.start.year * 12 + settings.start.month - 1, settings.end.year * 12 + settings.end.month
    ):
        date = dt.date(month // 12, month % 12 + 1, 5)
        if settings.start <= date < settings.end:
            found.append((f"NEWS-{date:%Y-%m}", day_index(settings.start, date)))
    return found


def _mails(
    rng: np.random.Generator, settings: SimulatedShop, hidden: Hidden, profiles: Profiles, days: list[int]
) -> list[Rows]:
    """Sends to subscribers with an account, opens by the customer's habit (rare once lost), clicks."""
    day = np.asarray(days, np.int64)
    campaign, owner = np.nonzero((hidden.signup_day < day[:, None]) & profiles.subscribed)
    sent = instants(settings.start, day[campaign], 9 * 3600 + rng.uniform(0, 1800, size=len(owner)))
    habit = hidden.opener[owner] * np.where(hidden.death_day[owner] > day[campaign], 1.0, 0.15)
    opened_at = (
        sent + (rng.exponential(7, size=len(owner)) * 60 * MINUTE_US).astype(np.int64) + 30 * SECOND_US
    )
    end = instants(settings.start, settings.days, 0)
    opened = (rng.random(len(owner)) < habit) & (opened_at < end)
    clicked = opened & (rng.random(len(owner)) < 0.22) & (opened_at + MINUTE_US < end)
    return [
        rows_of("email_sent", owner, sent, campaign=campaign),
        rows_of("email_opened", owner[opened], opened_at[opened], campaign=campaign[opened]),
        rows_of("email_clicked", owner[clicked], opened_at[clicked] + MINUTE_US, campaign=campaign[clicked]),
    ]


def _answers(
    rng: np.random.Generator, settings: SimulatedShop, hidden: Hidden, orders: OrderDays, facts: OrderFacts
) -> list[Rows]:
    """Answers 0 to 10 to "would you recommend us?", days after an order, if the customer is still there."""
    asked = np.flatnonzero((orders.owner != GUEST) & (rng.random(len(orders)) < 0.1))
    owner = orders.owner[asked]
    wait = rng.integers(5, 11, size=len(asked))
    answers = (hidden.death_day[owner] > orders.day[asked] + wait) & (
        orders.day[asked] + wait < settings.days
    )
    score = np.clip(
        np.round(7.6 + 1.9 * hidden.satisfaction[owner] + rng.normal(0, 1.0, size=len(asked))), 0, 10
    )
    at = facts.at[asked] + wait * DAY_US
    return [rows_of("nps_answer", owner[answers], at[answers], value=score[answers])]


def _table(
    rng: np.random.Generator,
    settings: SimulatedShop,
    catalogue: Catalogue,
    parts: list[Rows],
    customer_ids: pa.Array,
    campaigns: list[str],
    block: int,
) -> pa.Table:
    """The parts as one table by contract, sorted by time."""
    at = np.concatenate([part.at for part in parts])
    order = np.argsort(at, kind="stable")
    at = at[order]

    def column(name: str) -> npt.NDArray[np.generic]:
        values: npt.NDArray[np.generic] = np.concatenate([getattr(part, name) for part in parts])[order]
        return values

    def words(values: pa.Array, name: str) -> pa.Array:
        codes = column(name)
        return values.take(pa.array(codes, mask=codes == NONE))

    def numbers(name: str) -> pa.Array:
        return pa.array(column(name), from_pandas=True)

    session = column("session")
    delay = np.where(rng.random(len(at)) < 0.003, 8 * 3600.0, rng.exponential(2, size=len(at)))
    columns = {
        "customer_id": words(customer_ids, "owner"),
        "event_type": words(pa.array(EVENT_TYPES), "kind"),
        "occurred_at": pa.array(at).cast(TIMESTAMP),
        "recorded_at": pa.array(at + (delay * SECOND_US).astype(np.int64)).cast(TIMESTAMP),
        "product_id": words(catalogue.table["product_id"].combine_chunks(), "product"),
        "session_id": words(
            numbered(f"S-{block:05d}-", np.arange(max(int(session.max(initial=0)), 0) + 1)), "session"
        ),
        "page_type": words(pa.array(PAGES), "page"),
        "source": words(pa.array(SOURCES), "source"),
        "duration_s": numbers("duration_s"),
        "value": numbers("value"),
        "campaign_id": words(pa.array(campaigns, pa.string()), "campaign"),
    }
    return pa.table([columns[name] for name in EVENTS.names], schema=EVENTS.schema)
