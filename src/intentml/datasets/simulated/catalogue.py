"""The shop's catalogue: the category tree, products, brands, prices and how demand spreads over them.

What comes in: `SimulatedShop`. What goes out: `Catalogue`, with the products table and the arrays
that draws and truth share. It knows no customer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.datasets.simulated.calendar import instants
from intentml.datasets.simulated.settings import SimulatedShop
from intentml.datasets.simulated.tree import BRANDS, COMPANIONS, HABITS, SEASONS, TYPES, TypeWords
from intentml.datasets.simulated.vocabulary import ADJECTIVES, PERSONAS
from intentml.tables.contracts import PATH_SEPARATOR, PRODUCTS

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
ALWAYS = -1
"""Day index of a product that was there when the shop opened."""


@dataclass(frozen=True)
class Companion:
    """A category whose purchase may bring a product of another type into the same order.

    Attributes:
        source: Category that brings it.
        target: Category of what is brought.
        products: Products that may be brought. Shape: (m,).
        weights: Their shares, summing to 1. Shape: (m,).
        chance: Probability, once per order that holds the source.
    """

    source: int
    target: int
    products: I64
    weights: F64
    chance: float


@dataclass(frozen=True)
class Catalogue:
    """Products (P, sorted by category and brand), categories (J) and personas (K).

    Attributes:
        table: The products table by contract.
        categories: Category names. Length J, sorted.
        brands: Brand names.
        category: Category of each product. Shape: (P,).
        brand: Brand of each product. Shape: (P,).
        price: List price, EUR. Shape: (P,).
        pieces: Mean pieces beyond the first. Shape: (P,).
        joined: Day index of its arrival, ALWAYS where it was there first. Shape: (P,).
        cumulative: Cumulated demand weights by month, products in order. Shape: (12, P + 1).
        lasting: The same over products that were always there. Shape: (12, P + 1).
        segments: First product of each (category, brand) and one past the last. Shape: (J, B, 2).
        bounds: First product of each category and one past the last. Shape: (J, 2).
        season: Demand of a category in a month relative to its year. Shape: (12, J).
        repeat: Chance that an average customer repeats the product of last time. Shape: (J,).
        returns: Return rate relative to the shop's. Shape: (J,).
        companions: What joins what in a basket.
        personas: Mean tastes of each kind of person; rows sum to 1. Shape: (K, J).
        persona_shares: Shares of the kinds. Shape: (K,).
        tastes: The shop's mean tastes, the average of the personas. Shape: (J,).
    """

    table: pa.Table
    categories: tuple[str, ...]
    brands: tuple[str, ...]
    category: I64
    brand: I64
    price: F64
    pieces: F64
    joined: I64
    cumulative: F64
    lasting: F64
    segments: I64
    bounds: I64
    season: F64
    repeat: F64
    returns: F64
    companions: tuple[Companion, ...]
    personas: F64
    persona_shares: F64
    tastes: F64


def _tree(settings: SimulatedShop) -> list[TypeWords]:
    """The types of the shop's part of the vocabulary: the first nodes below each node."""
    departments = list(BRANDS)[: settings.departments]
    kept = []
    for department in departments:
        below = [words for words in TYPES if words.department == department]
        categories = list(dict.fromkeys(words.category for words in below))
        for category in categories[: settings.categories_per_department]:
            kept += [words for words in below if words.category == category][: settings.types_per_category]
    return kept


@lru_cache(maxsize=4)
def catalogue(settings: SimulatedShop) -> Catalogue:
    """Draw the catalogue. Customers, blocks and everything personal leave it as it is."""
    rng = settings.rng(0)
    nodes = _tree(settings)
    categories = tuple(sorted({node.category for node in nodes}))
    brands = tuple(sorted({brand for node in nodes for brand in BRANDS[node.department]}))
    kind = np.repeat(np.arange(len(nodes)), settings.products_per_type)
    rank = np.tile(np.arange(settings.products_per_type), len(nodes))
    brand = _draw_brands(rng, nodes, brands, kind)
    category = np.array([categories.index(node.category) for node in nodes])[kind]
    joined, weight = _draw_demand(rng, settings, rank)
    price = _draw_prices(rng, np.array([node.price for node in nodes])[kind], brand, len(brands))
    names = _names(rng, nodes, brands, kind, brand)

    order = np.lexsort((rank, kind, brand, category))
    kind, brand, category = kind[order], brand[order], category[order]
    joined, weight, price = joined[order], weight[order], price[order]
    by_month = np.array([SEASONS[node.season] for node in nodes]).T
    by_month = by_month / by_month.mean(axis=0)
    demand = weight * by_month[:, kind]
    bounds = np.searchsorted(category, np.arange(len(categories) + 1))
    pairs = category * len(brands) + brand
    edges = np.searchsorted(pairs, np.arange(len(categories) * len(brands) + 1))
    personas, shares = _draw_personas(rng, len(categories))
    return Catalogue(
        table=_table(settings, nodes, kind, [names[row] for row in order], brands, brand, price, joined),
        categories=categories,
        brands=brands,
        category=category,
        brand=brand,
        price=price,
        pieces=np.array([node.pieces for node in nodes])[kind],
        joined=joined,
        cumulative=_cumulate(demand),
        lasting=_cumulate(demand * (joined == ALWAYS)),
        segments=np.stack([edges[:-1], edges[1:]], axis=1).reshape(len(categories), len(brands), 2),
        bounds=np.stack([bounds[:-1], bounds[1:]], axis=1),
        season=np.add.reduceat(demand, bounds[:-1], axis=1) / np.add.reduceat(weight, bounds[:-1]),
        repeat=np.array([HABITS[name].repeat for name in categories]),
        returns=np.array([HABITS[name].returns for name in categories]),
        companions=_companions(nodes, categories, kind, weight * (joined == ALWAYS)),
        personas=personas,
        persona_shares=shares,
        tastes=shares @ personas,
    )


def _draw_brands(
    rng: np.random.Generator, nodes: list[TypeWords], brands: tuple[str, ...], kind: I64
) -> npt.NDArray[np.int64]:
    """A brand for each product, Zipf among the brands of its department."""
    drawn = np.empty(len(kind), np.int64)
    for row, node in enumerate(nodes):
        sold = BRANDS[node.department]
        share = 1 / np.arange(1, len(sold) + 1)
        known = np.array([brands.index(name) for name in sold])
        here = kind == row
        drawn[here] = rng.choice(known, size=int(here.sum()), p=share / share.sum())
    return drawn


def _draw_demand(rng: np.random.Generator, settings: SimulatedShop, rank: I64) -> tuple[I64, F64]:
    """Arrival days and demand weights: Zipf within the type; some arrive late, some never sell.

    The first product of a type is always there and sells. Products of the last two weeks exist
    and have sold nothing, so that cold start has cases.
    """
    draw = rng.random(len(rank))
    head = rank == 0
    late = (draw < 0.15) & ~head
    fresh = (draw >= 0.15) & (draw < 0.17) & ~head
    unsold = (draw >= 0.17) & (draw < 0.22) & ~head
    joined = np.full(len(rank), ALWAYS, np.int64)
    joined[late] = rng.integers(1, max(settings.days - 14, 2), size=int(late.sum()))
    joined[fresh] = settings.days - rng.integers(1, min(14, settings.days - 1) + 1, size=int(fresh.sum()))
    weight: F64 = 1 / (1.0 + rank)
    weight[fresh | unsold] = 0.0
    return joined, weight


def _draw_prices(rng: np.random.Generator, median: F64, brand: I64, brands: int) -> F64:
    """Log-normal list prices around the type's median, dearer for some brands, ending in .99 or .90."""
    premium = np.exp(rng.normal(0, 0.2, size=brands))[brand]
    raw = median * premium * np.exp(rng.normal(0, 0.3, size=len(median)))
    price: F64 = np.maximum(np.ceil(raw), 2) - np.where(raw > 50, 0.1, 0.01)
    return np.round(price, 2)


def _names(
    rng: np.random.Generator, nodes: list[TypeWords], brands: tuple[str, ...], kind: I64, brand: I64
) -> list[str]:
    """Brand, adjective and noun, numbered where they meet again."""
    seen: dict[str, int] = {}
    names = []
    for row, adjective in enumerate(rng.integers(len(ADJECTIVES), size=len(kind))):
        noun = nodes[kind[row]].noun.title().replace("'S", "'s")
        name = f"{brands[brand[row]]} {ADJECTIVES[adjective]} {noun}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return names


def _draw_personas(rng: np.random.Generator, categories: int) -> tuple[F64, F64]:
    """Tastes of each kind of person: the shop's Zipf popularity with a few categories lifted."""
    popularity = (1.0 + rng.permutation(categories)) ** -0.7
    personas = np.tile(popularity, (PERSONAS, 1))
    favourites = min(4, categories)
    for row in range(PERSONAS):
        personas[row, rng.choice(categories, size=favourites, replace=False)] *= 8
    personas /= personas.sum(axis=1, keepdims=True)
    shares = rng.dirichlet(np.full(PERSONAS, 8.0))
    return personas, shares


def _companions(
    nodes: list[TypeWords], categories: tuple[str, ...], kind: I64, weight: F64
) -> tuple[Companion, ...]:
    """The companions whose both ends this shop has."""
    types = [node.name for node in nodes]
    found = []
    for source, target, brought, chance in COMPANIONS:
        if source in categories and target in categories and brought in types:
            products = np.flatnonzero((kind == types.index(brought)) & (weight > 0))
            share = weight[products] / weight[products].sum()
            found.append(
                Companion(categories.index(source), categories.index(target), products, share, chance)
            )
    return tuple(found)


def _cumulate(demand: F64) -> F64:
    """Cumulated weights by month with a leading 0. Shape: (12, P + 1)."""
    return np.concatenate([np.zeros((len(demand), 1)), np.cumsum(demand, axis=1)], axis=1)


def _table(
    settings: SimulatedShop,
    nodes: list[TypeWords],
    kind: I64,
    names: list[str],
    brands: tuple[str, ...],
    brand: I64,
    price: F64,
    joined: I64,
) -> pa.Table:
    """The products table by contract; null created_at = always there."""
    paths = [PATH_SEPARATOR.join((node.department, node.category, node.name)) for node in nodes]
    created = instants(settings.start, np.maximum(joined, 0), np.full(len(joined), 6 * 3600))
    width = max(5, len(str(len(kind))))
    columns = {
        "product_id": [f"P-{row + 1:0{width}d}" for row in range(len(kind))],
        "name": names,
        "category": [nodes[row].category for row in kind],
        "category_path": [paths[row] for row in kind],
        "brand": [brands[row] for row in brand],
        "price": price,
        "created_at": pa.array(created, pa.int64(), mask=joined == ALWAYS).cast(
            PRODUCTS["created_at"].arrow_type
        ),
    }
    return pa.table([columns[name] for name in PRODUCTS.names], schema=PRODUCTS.schema)
