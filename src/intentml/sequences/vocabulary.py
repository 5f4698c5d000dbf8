"""The vocabulary: which number stands for each product, category, brand and price bucket.

What comes in: the snapshot a model is fitted on. What goes out: `Vocabulary`, which encodes the
products of any later snapshot by name; a name it never saw gets 0. It reads no list prices: those
are undated, so price buckets come from what was paid before `as_of`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from intentml.errors import ModelError
from intentml.timeline import Snapshot
from intentml.timeline.catalogue import KINDS, Catalogue

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

UNKNOWN = 0
PRICE_BUCKETS = 8
# Below this many priced lines a category's own quantiles are noise, and the shop's stand in.
MIN_PRICED_LINES = 80


@dataclass(frozen=True)
class ProductCodes:
    """Codes of some products; 0 = unknown. Shapes: (n,)."""

    product: I32
    category: I32
    brand: I32


@dataclass(frozen=True)
class Vocabulary:
    """Names to codes. Code 0 is the unknown, code k the k-th name in sorted order.

    Attributes:
        names: Sorted target names of each kind (product, category, category_node, brand).
        price_edges: Upper edges of the price buckets but the last, per category code; row 0 holds the
            whole shop's, for products without a known category. Shape: (categories + 1, buckets - 1);
            no rows where the shop has no prices.
    """

    names: dict[str, tuple[str, ...]]
    price_edges: tuple[tuple[float, ...], ...]

    @classmethod
    def fit(cls, snapshot: Snapshot, price_buckets: int = PRICE_BUCKETS) -> Vocabulary:
        """Take the names known at `as_of`, and price quantiles within category over the lines before it."""
        names = {kind: tuple(map(str, snapshot.catalogue.targets(kind).targets)) for kind in KINDS}
        unpriced = cls(names, ())
        lines = np.flatnonzero(snapshot.line_product >= 0)
        products = snapshot.line_product[lines]
        category = unpriced.encode(snapshot.catalogue).category[products]
        price = unit_prices(snapshot.line_amount[lines], snapshot.line_quantity[lines])
        return cls(names, _price_edges(price, category, len(names["category"]), price_buckets))

    def size(self, kind: str) -> int:
        """Number of codes of a kind, the unknown included: the rows that an embedding table needs."""
        return len(self.names[kind]) + 1

    @property
    def price_buckets(self) -> int:
        """Number of price codes, the unknown included."""
        return len(self.price_edges[0]) + 2 if self.price_edges else 1

    def encode(self, catalogue: Catalogue, products: I64 | I32 | None = None) -> ProductCodes:
        """The codes of a catalogue's products, found by name.

        Args:
            catalogue: Any snapshot's catalogue.
            products: Rows of the catalogue; all where None. Shape: (n,).
        """
        rows = slice(None) if products is None else products
        return ProductCodes(
            product=self.codes("product", catalogue.product_ids[rows]),
            category=self.codes("category", catalogue.categories[rows]),
            brand=self.codes("brand", catalogue.brands[rows]),
        )

    def codes(self, kind: str, names: Iterable[str | None]) -> I32:
        """The code of each name of one kind; 0 for None and for names never seen."""
        known = self._code_of[kind]
        return np.array([known.get(name, UNKNOWN) for name in names], np.int32)

    def price_codes(self, unit_price: F64, category: I32) -> I32:
        """The price bucket within its category, 1 (cheapest) upwards; 0 for a price of NaN.

        Args:
            unit_price: Money per piece. Shape: (n,).
            category: Category codes. Shape: (n,).
        """
        if not self.price_edges:
            return np.zeros(len(unit_price), np.int32)
        codes = np.ones(len(unit_price), np.int32)
        for edge in self._edges.T:
            codes += unit_price > edge[category]
        codes[np.isnan(unit_price)] = UNKNOWN
        return codes

    def to_json(self) -> str:
        """The vocabulary as JSON text, for a model folder."""
        return json.dumps({"names": self.names, "price_edges": self.price_edges}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Vocabulary:
        """Read what `to_json` wrote.

        Raises:
            ModelError: The text is not a vocabulary.
        """
        try:
            content = json.loads(text)
            names = {kind: tuple(map(str, content["names"][kind])) for kind in KINDS}
            edges = tuple(tuple(map(float, row)) for row in content["price_edges"])
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"the vocabulary cannot be read ({error})",
                hint="the model folder is damaged: train or copy it again",
            ) from None
        if edges and (len(edges) != len(names["category"]) + 1 or len({len(row) for row in edges}) > 1):
            raise ModelError(
                f"the vocabulary has price buckets for {len(edges) - 1} categories, "
                f"but names {len(names['category'])}",
                hint="the model folder is damaged: train or copy it again",
            )
        return cls(names, edges)

    @cached_property
    def _code_of(self) -> dict[str, dict[str | None, int]]:
        return {
            kind: {name: code for code, name in enumerate(names, 1)} for kind, names in self.names.items()
        }

    @cached_property
    def _edges(self) -> F64:
        return np.array(self.price_edges, np.float64)


def unit_prices(amount: F64, quantity: F64) -> F64:
    """Money per piece; NaN where unknown or not positive. Shape: (n,), (n,) -> (n,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        price = amount / quantity
        return np.where(np.isfinite(price) & (price > 0), price, np.nan)


def _price_edges(price: F64, category: I32, categories: int, buckets: int) -> tuple[tuple[float, ...], ...]:
    """Inner quantiles of the prices per category code, by lines; row 0 over the whole shop."""
    priced = np.isfinite(price)
    price, category = price[priced], category[priced]
    if not len(price):
        return ()
    share = np.arange(1, buckets) / buckets
    edges = np.tile(
        _at_share(np.sort(price), np.zeros(1, np.int64), np.array([len(price)]), share), (categories + 1, 1)
    )
    order = np.lexsort((price, category))
    count = np.bincount(category, minlength=categories + 1)
    start = np.cumsum(count) - count
    own = np.flatnonzero(count >= MIN_PRICED_LINES)
    own = own[own != UNKNOWN]
    edges[own] = _at_share(price[order], start[own], count[own], share)
    return tuple(tuple(map(float, row)) for row in edges)


def _at_share(ordered: F64, start: I64, count: I64, share: F64) -> F64:
    """The smallest price with at least each share of the prices at or below it. Shape: (rows, shares)."""
    rank = np.ceil(np.outer(count, share)).astype(np.int64) - 1
    at_share: F64 = ordered[start[:, None] + rank]
    return at_share
