"""When customers order and what is in the basket.

What comes in: hidden state and the catalogue. What goes out: order days and basket lines as arrays
of product rows and pieces. Prices, ids and returns come later (`order_lines`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intentml.datasets.simulated.calendar import months, shop_time
from intentml.datasets.simulated.catalogue import Catalogue
from intentml.datasets.simulated.customers import (
    BUYS_AGAIN,
    NEVER_BUYS,
    Hidden,
    first_order_delay,
    same_day_chance,
)
from intentml.datasets.simulated.settings import SimulatedShop

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
GUEST = -1


@dataclass(frozen=True)
class OrderDays:
    """Orders, sorted by customer row and day; guests last.

    Attributes:
        owner: Row of the customer in the block, GUEST for none. Shape: (N,).
        day: Day index. Shape: (N,).
    """

    owner: I64
    day: I64

    def __len__(self) -> int:
        return len(self.owner)


@dataclass(frozen=True)
class Basket:
    """Basket lines, sorted by order and product; a product once per order.

    Attributes:
        order: Row of the order. Shape: (n,).
        product: Row of the product. Shape: (n,).
        pieces: Quantity. Shape: (n,).
    """

    order: I64
    product: I64
    pieces: I64


def draw_order_days(rng: np.random.Generator, settings: SimulatedShop, hidden: Hidden) -> OrderDays:
    """Renewal processes in shop time: the next order falls on the day in which the gap runs out.

    From an order (or the sign-up) on day s with gap g, the next order is on the first day d with
    shop_time(d) >= shop_time(s) + g, unless the customer is lost by then.
    """
    clock = shop_time(settings.start, settings.days)
    rows = np.flatnonzero(hidden.kind != NEVER_BUYS)
    signup = hidden.signup_day[rows]
    wait = rng.exponential(first_order_delay(settings), size=len(rows))
    at_once = rng.random(len(rows)) < same_day_chance(settings)
    day = np.where(at_once, signup, np.searchsorted(clock, clock[signup] + wait))
    owners, days = [], []
    while len(rows):
        happens = (day < settings.days) & (day < hidden.death_day[rows])
        rows, day = rows[happens], day[happens]
        owners.append(rows)
        days.append(day)
        again = hidden.kind[rows] == BUYS_AGAIN
        rows, day = rows[again], day[again]
        shape = hidden.regularity[rows]
        gap = rng.standard_gamma(shape) * hidden.mean_gap[rows] / shape
        day = np.searchsorted(clock, clock[day] + gap)
    owner, day = (
        np.concatenate([*owners, np.empty(0, np.int64)]),
        np.concatenate([*days, np.empty(0, np.int64)]),
    )
    order = np.lexsort((day, owner))
    guests = rng.poisson(settings.guest_orders * len(owner))
    guest_days = np.sort(np.searchsorted(clock, rng.uniform(0, clock[-1], size=guests)))
    return OrderDays(
        owner=np.concatenate([owner[order], np.full(guests, GUEST)]).astype(np.int64),
        day=np.concatenate([day[order], guest_days]).astype(np.int64),
    )


def draw_baskets(
    rng: np.random.Generator, settings: SimulatedShop, catalogue: Catalogue, hidden: Hidden, orders: OrderDays
) -> Basket:
    """Lines of each order.

    Lines arise as a Poisson process over the categories with mean basket x taste x season, given
    that there is at least one; so categories enter a basket independently but for that condition.
    Then companions join, then each line takes a product.
    """
    month = months(settings.start, settings.days)[orders.day]
    # A guest (owner -1) takes the last row: the shop's average person.
    basket = np.append(hidden.basket, settings.lines_per_order)
    tastes = np.vstack([hidden.tastes, catalogue.tastes])
    intensity = basket[orders.owner, None] * tastes[orders.owner] * catalogue.season[month]
    order, category = _draw_categories(rng, intensity)
    product = _draw_products(rng, catalogue, hidden, orders, month, order, category)
    order, product = _add_companions(rng, catalogue, order, category, product)
    pieces = 1 + rng.poisson(catalogue.pieces[product] * _piece_factor(settings, hidden)[orders.owner[order]])
    key, where = np.unique(order * len(catalogue.price) + product, return_inverse=True)
    return Basket(
        order=key // len(catalogue.price),
        product=key % len(catalogue.price),
        pieces=np.bincount(where, weights=pieces, minlength=len(key)).astype(np.int64),
    )


def _piece_factor(settings: SimulatedShop, hidden: Hidden) -> F64:
    """Companies and governments buy several pieces; the last row is the guest's. Shape: (U + 1,)."""
    return np.append(1 + (1 - settings.dial) * 1.5 * (hidden.client > 0), 1.0)


def _draw_categories(rng: np.random.Generator, intensity: F64) -> tuple[I64, I64]:
    """Zero-truncated Poisson numbers of lines and their categories.

    The first event of a unit-rate process, given that it comes before the total, is a truncated
    exponential; the others follow freely after it.

    Args:
        rng: Source of randomness.
        intensity: Mean lines by order and category. Shape: (N, J).

    Returns:
        Order row and category of each line, sorted by order. Shapes: (n,).
    """
    edges = np.cumsum(intensity, axis=1)
    total = edges[:, -1]
    first = -np.log1p(rng.random(len(total)) * np.expm1(-total))
    lines = 1 + rng.poisson(np.maximum(total - first, 0.0))
    order = np.repeat(np.arange(len(total)), lines)
    mark = rng.random(len(order)) * total[order]
    category = (edges[order] <= mark[:, None]).sum(axis=1)
    return order, np.minimum(category, intensity.shape[1] - 1)


def _draw_products(
    rng: np.random.Generator,
    catalogue: Catalogue,
    hidden: Hidden,
    orders: OrderDays,
    month: I64,
    order: I64,
    category: I64,
) -> I64:
    """A product for each line: last time's, one of the favourite brand, or any by popularity."""
    owner = orders.owner[order]
    known = owner != GUEST
    favourite = _favourite_brands(rng, catalogue, len(hidden))[owner, category]
    loyal = known & (rng.random(len(order)) < np.append(hidden.brand_loyalty, 0.0)[owner])
    bounds = np.where(loyal[:, None], catalogue.segments[category, favourite], catalogue.bounds[category])
    product = pick(rng, catalogue.cumulative, month[order], bounds, catalogue.bounds[category])
    early = catalogue.joined[product] > orders.day[order]
    product[early] = pick(
        rng,
        catalogue.lasting,
        month[order][early],
        catalogue.bounds[category[early]],
        catalogue.bounds[category[early]],
    )
    habit = np.append(hidden.repeat_habit, 0.0)[owner] * catalogue.repeat[category]
    repeats = known & (rng.random(len(order)) < habit)
    return _repeat_last(product, repeats, owner * len(catalogue.categories) + category, orders.day[order])


def pick(rng: np.random.Generator, cumulative: F64, month: I64, bounds: I64, fallback: I64) -> I64:
    """One product for each row, by weight, among the products of a range.

    Args:
        rng: Source of randomness.
        cumulative: Cumulated weights by month. Shape: (12, P + 1).
        month: Month of each row. Shape: (n,).
        bounds: First product and one past the last. Shape: (n, 2).
        fallback: The range to take where `bounds` holds no weight. Shape: (n, 2).
    """
    low, high = cumulative[month, bounds[:, 0]], cumulative[month, bounds[:, 1]]
    empty = high <= low
    low = np.where(empty, cumulative[month, fallback[:, 0]], low)
    high = np.where(empty, cumulative[month, fallback[:, 1]], high)
    mark = np.minimum(low + rng.random(len(month)) * (high - low), np.nextafter(high, low))
    product = np.empty(len(month), np.int64)
    for each in range(12):
        here = month == each
        product[here] = np.searchsorted(cumulative[each], mark[here], side="right") - 1
    return product


def _favourite_brands(rng: np.random.Generator, catalogue: Catalogue, customers: int) -> I64:
    """Each customer's favourite brand in each category: one ranking of all brands per person.

    A ranking by log demand plus Gumbel noise picks brands in proportion to their demand, and the
    same brand comes first wherever it is sold. Shape: (U + 1, J); the last row serves guests.
    """
    year = catalogue.cumulative.sum(axis=0)
    demand = year[catalogue.segments[..., 1]] - year[catalogue.segments[..., 0]]
    noise = rng.gumbel(size=(customers + 1, demand.shape[1]))
    with np.errstate(divide="ignore"):
        score = np.log(demand)
    return np.stack([np.argmax(noise + row, axis=1) for row in score], axis=1)


def _repeat_last(product: I64, repeats: Flags, group: I64, day: I64) -> I64:
    """Repeating lines take the product of the group's last line before them that did not repeat."""
    order = np.lexsort((day, group))
    first = np.ones(len(order), bool)
    first[1:] = np.diff(group[order]) != 0
    source = np.where(first | ~repeats[order], np.arange(len(order)), 0)
    source = np.maximum.accumulate(source)
    result = np.empty_like(product)
    result[order] = product[order][source]
    return result


def _add_companions(
    rng: np.random.Generator, catalogue: Catalogue, order: I64, category: I64, product: I64
) -> tuple[I64, I64]:
    """Adds the lines that a category's purchase brings with it."""
    orders, products = [order], [product]
    for companion in catalogue.companions:
        holders = np.unique(order[category == companion.source])
        joins = holders[rng.random(len(holders)) < companion.chance]
        orders.append(joins)
        products.append(rng.choice(companion.products, size=len(joins), p=companion.weights))
    return np.concatenate(orders), np.concatenate(products)
