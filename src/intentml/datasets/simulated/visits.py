"""Visits to the shop online: who looks at what, fills a cart, orders or leaves.

What comes in: hidden state, orders, baskets. What goes out: `Sessions` and event `Rows`, as codes.
A visit that ends in an order lies on the order's own day; all others come at a rate of the hidden
state alone. It makes no table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intentml.datasets.simulated.calendar import DAY_US, instants, months
from intentml.datasets.simulated.catalogue import Catalogue
from intentml.datasets.simulated.customers import Hidden
from intentml.datasets.simulated.order_lines import MINUTE_US, STORE, OrderFacts
from intentml.datasets.simulated.purchases import GUEST, Basket, OrderDays, pick
from intentml.datasets.simulated.settings import SimulatedShop
from intentml.datasets.simulated.vocabulary import SOURCES
from intentml.tables.contracts import EVENT_TYPES

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

PAGES = ("home", "category", "pricing", "info", "jobs", "product")
PAGE_SHARES = (0.5, 0.33, 0.09, 0.06, 0.02)
PRODUCT_PAGE = PAGES.index("product")
SECOND_US = 1_000_000
NONE = -1


@dataclass(frozen=True)
class Rows:
    """Events of one kind as codes, NONE or NaN where the column does not apply. Shapes: (n,).

    Attributes:
        owner: Row of the customer.
        at: When, microseconds.
        kind: Row in EVENT_TYPES.
        product: Row of the product.
        session: Row of the session.
        page: Row in PAGES.
        source: Row in SOURCES.
        campaign: Row in the campaigns.
        duration_s: Seconds.
        value: An answer.
    """

    owner: I64
    at: I64
    kind: I64
    product: I64
    session: I64
    page: I64
    source: I64
    campaign: I64
    duration_s: F64
    value: F64


def rows_of(kind: str, owner: I64, at: I64, **columns: npt.ArrayLike) -> Rows:
    """Events of one kind; columns that are not given do not apply."""
    size = len(owner)

    def filled(name: str, absent: float, dtype: type) -> npt.NDArray[np.generic]:
        return np.broadcast_to(np.asarray(columns.get(name, absent), dtype), (size,))

    codes = {
        name: filled(name, NONE, np.int64) for name in ("product", "session", "page", "source", "campaign")
    }
    amounts = {name: filled(name, np.nan, np.float64) for name in ("duration_s", "value")}
    return Rows(owner, at, np.full(size, EVENT_TYPES.index(kind)), **codes, **amounts)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Sessions:
    """Visits with an account. Shapes: (S,).

    Attributes:
        owner: Row of the customer.
        start: First instant, microseconds.
        length: Microseconds.
    """

    owner: I64
    start: I64
    length: I64


def buying_sessions(rng: np.random.Generator, orders: OrderDays, facts: OrderFacts) -> tuple[Sessions, I64]:
    """Visits that end in an order, on its day, and the orders' rows; store and guest orders have none."""
    online = np.flatnonzero((orders.owner != GUEST) & (facts.channel != STORE))
    length = (rng.uniform(4, 50, size=len(online)) * MINUTE_US).astype(np.int64)
    return Sessions(orders.owner[online], facts.at[online] - length, length + MINUTE_US), online


def idle_sessions(rng: np.random.Generator, settings: SimulatedShop, hidden: Hidden) -> Sessions:
    """Visits without an order: a Poisson process from the day after sign-up while the customer is alive."""
    last = np.minimum(hidden.death_day, settings.days)
    open_days = np.maximum(last - hidden.signup_day - 1, 0)
    owner = np.repeat(np.arange(len(hidden)), rng.poisson(hidden.browsing * open_days))
    day = hidden.signup_day[owner] + 1 + (rng.random(len(owner)) * open_days[owner]).astype(np.int64)
    start = instants(settings.start, day, rng.uniform(7, 23, size=len(owner)) * 3600)
    length = (np.minimum(rng.exponential(6, size=len(owner)) + 1, 45) * MINUTE_US).astype(np.int64)
    return Sessions(owner, start, length)


def visits(rng: np.random.Generator, sessions: Sessions) -> list[Rows]:
    """The visits and their pages beside the products' own."""
    size = len(sessions.owner)
    pages = np.repeat(np.arange(size), 1 + rng.poisson(0.5, size=size))
    into = (rng.random(len(pages)) * 0.3 * sessions.length[pages]).astype(np.int64)
    source = rng.choice(len(SOURCES), size=size, p=(0.35, 0.15, 0.08, 0.15, 0.25, 0.02))
    return [
        rows_of(
            "visit",
            sessions.owner,
            sessions.start,
            session=np.arange(size),
            source=source,
            duration_s=np.round(sessions.length / SECOND_US),
        ),
        rows_of(
            "page_view",
            sessions.owner[pages],
            sessions.start[pages] + into,
            session=pages,
            page=rng.choice(len(PAGE_SHARES), size=len(pages), p=PAGE_SHARES),
            duration_s=np.round(rng.exponential(40, size=len(pages)) + 2),
        ),
    ]


def order_steps(
    rng: np.random.Generator,
    catalogue: Catalogue,
    buying: Sessions,
    online: I64,
    basket: Basket,
    facts: OrderFacts,
) -> list[Rows]:
    """Views and carts of what is then bought, now and then something put back, and the checkout."""
    row = np.full(len(facts.at), NONE)
    row[online] = np.arange(len(online))
    lines = np.flatnonzero(row[basket.order] != NONE)
    session, product = row[basket.order[lines]], basket.product[lines]
    seen = buying.start[session] + ((0.1 + 0.5 * rng.random(len(lines))) * buying.length[session]).astype(
        np.int64
    )
    added = seen + (0.05 * buying.length[session]).astype(np.int64)
    # What is put back is another product of the same category, carted and removed before the checkout.
    other = np.flatnonzero(rng.random(len(lines)) < 0.12)
    bounds = catalogue.bounds[catalogue.category[product[other]]]
    spare = pick(rng, catalogue.lasting, np.zeros(len(other), np.int64), bounds, bounds)
    changed = spare != product[other]
    other, spare = other[changed], spare[changed]
    put_back = added[other] + (0.05 * buying.length[session[other]]).astype(np.int64)
    owner, checkout = buying.owner, facts.at[online] - 40 * SECOND_US
    view = {"page": PRODUCT_PAGE}
    return [
        rows_of(
            "product_view",
            owner[session],
            seen,
            product=product,
            session=session,
            duration_s=np.round(rng.exponential(60, size=len(lines)) + 3),
            **view,
        ),
        rows_of("cart_add", owner[session], added, product=product, session=session),
        rows_of("cart_add", owner[session[other]], added[other], product=spare, session=session[other]),
        rows_of("cart_remove", owner[session[other]], put_back, product=spare, session=session[other]),
        rows_of("checkout_started", owner, checkout, session=np.arange(len(owner))),
    ]


def idle_steps(
    rng: np.random.Generator,
    settings: SimulatedShop,
    catalogue: Catalogue,
    hidden: Hidden,
    idle: Sessions,
    first_session: int,
) -> list[Rows]:
    """Views by taste; some carts are filled and abandoned, some of them at the checkout."""
    session = np.repeat(np.arange(len(idle.owner)), rng.poisson(1.8, size=len(idle.owner)))
    owner = idle.owner[session]
    edges = np.cumsum(hidden.tastes, axis=1)
    mark = rng.random(len(session)) * edges[owner, -1]
    category = np.minimum((edges[owner] <= mark[:, None]).sum(axis=1), hidden.tastes.shape[1] - 1)
    first_day = instants(settings.start, 0, 0)
    day = (idle.start[session] - first_day) // DAY_US
    month = months(settings.start, settings.days)[day]
    product = pick(rng, catalogue.lasting, month, catalogue.bounds[category], catalogue.bounds[category])
    seen = idle.start[session] + (rng.random(len(session)) * 0.7 * idle.length[session]).astype(np.int64)
    added = np.flatnonzero(rng.random(len(session)) < 0.1)
    added_at = seen[added] + (0.1 * idle.length[session[added]]).astype(np.int64)
    later = rng.random(len(added))
    removed, checkout = later < 0.3, later > 0.75
    after = added_at + (0.1 * idle.length[session[added]]).astype(np.int64)
    number = first_session + session
    return [
        rows_of(
            "product_view",
            owner,
            seen,
            product=product,
            session=number,
            page=PRODUCT_PAGE,
            duration_s=np.round(rng.exponential(45, size=len(session)) + 2),
        ),
        rows_of("cart_add", owner[added], added_at, product=product[added], session=number[added]),
        rows_of(
            "cart_remove",
            owner[added[removed]],
            after[removed],
            product=product[added[removed]],
            session=number[added[removed]],
        ),
        rows_of("checkout_started", owner[added[checkout]], after[checkout], session=number[added[checkout]]),
    ]
