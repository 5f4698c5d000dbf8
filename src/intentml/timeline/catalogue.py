"""The products known at an instant, and the targets they belong to.

What comes in: the products table and the ids seen on order lines. What goes out: a `Catalogue`, and
per kind (product, category, category_node, brand) a `TargetIndex` that maps products to targets.
List prices never enter: they are undated and may change after `as_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from intentml.tables.contracts import PATH_SEPARATOR

KINDS = ("category", "category_node", "brand", "product")

Strings = npt.NDArray[np.object_]


@dataclass(frozen=True)
class TargetIndex:
    """Which targets of one kind each product belongs to.

    Attributes:
        kind: product, category, category_node or brand.
        targets: Names, sorted. Shape: (J,).
        indptr: Row pointers over products. Shape: (P + 1,).
        indices: Target codes of each product. Shape: (nnz,).
    """

    kind: str
    targets: Strings
    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def single(self) -> bool:
        """Whether every product has exactly one target of this kind."""
        return len(self.indices) == len(self.indptr) - 1 and bool(np.all(np.diff(self.indptr) == 1))

    def of_products(self) -> npt.NDArray[np.int32]:
        """The first target of each product, -1 where it has none. Shape: (P,)."""
        first = np.full(len(self.indptr) - 1, -1, np.int32)
        has = np.diff(self.indptr) > 0
        first[has] = self.indices[self.indptr[:-1][has]]
        return first

    def expand(self, products: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """For rows with a product each (-1 = none): the row and the target of every membership.

        Shape: products (n,) -> rows (m,), targets (m,), rows ascending.
        """
        known = np.flatnonzero(products >= 0)
        start = self.indptr[products[known]]
        count = self.indptr[products[known] + 1] - start
        rows = np.repeat(known, count)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
        return rows, self.indices[np.repeat(start, count) + within]


@dataclass(frozen=True)
class Catalogue:
    """Products with the attributes that the model may read; unknown attributes are None.

    Attributes:
        product_ids: Sorted ids. Shape: (P,), like all others.
        names: Product names.
        categories: The source's main level.
        paths: `a > b > c`.
        brands: Brand names.
    """

    product_ids: Strings
    names: Strings
    categories: Strings
    paths: Strings
    brands: Strings

    def __len__(self) -> int:
        return len(self.product_ids)

    def take(self, rows: npt.NDArray[np.int64]) -> Catalogue:
        """The catalogue of some of the products, in the same order."""
        return Catalogue(
            self.product_ids[rows],
            self.names[rows],
            self.categories[rows],
            self.paths[rows],
            self.brands[rows],
        )

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that have at least one target."""
        return tuple(kind for kind in KINDS if len(self.targets(kind)))

    @cached_property
    def _indexes(self) -> dict[str, TargetIndex]:
        return {}

    def targets(self, kind: str) -> TargetIndex:
        """The index of one kind (made once)."""
        if kind not in self._indexes:
            self._indexes[kind] = _index(kind, _members(self, kind))
        return self._indexes[kind]


def path_nodes(path: str) -> list[str]:
    """Every node of a path from the root: `a > b > c` has `a`, `a > b` and `a > b > c`.

    >>> path_nodes("a > b > c")
    ['a', 'a > b', 'a > b > c']
    """
    parts = path.split(PATH_SEPARATOR)
    return [PATH_SEPARATOR.join(parts[: depth + 1]) for depth in range(len(parts))]


def _members(catalogue: Catalogue, kind: str) -> list[list[str]]:
    """The targets of each product, by name."""
    if kind == "product":
        return [[product] for product in catalogue.product_ids]
    if kind == "category":
        return [[] if category is None else [category] for category in catalogue.categories]
    if kind == "brand":
        return [[] if brand is None else [brand] for brand in catalogue.brands]
    nodes_of: dict[tuple[str, str | None], list[str]] = {}
    members: list[list[str]] = []
    for path, category in zip(catalogue.paths, catalogue.categories, strict=True):
        if path is None:
            members.append([])
            continue
        if (path, category) not in nodes_of:
            # The node named like the main level is a target already, of kind category.
            nodes_of[path, category] = [
                node for node in path_nodes(path) if node.rsplit(PATH_SEPARATOR, 1)[-1] != category
            ]
        members.append(nodes_of[path, category])
    return members


def _index(kind: str, members: list[list[str]]) -> TargetIndex:
    """Number the targets in sorted order and lay the memberships out as CSR."""
    counts = np.fromiter((len(names) for names in members), np.int64, len(members))
    flat = [name for names in members for name in names]
    targets = np.array(sorted(set(flat)), dtype=object)
    code = {name: number for number, name in enumerate(targets)}
    indices = np.fromiter((code[name] for name in flat), np.int32, len(flat))
    return TargetIndex(kind, targets, np.concatenate([[0], np.cumsum(counts)]), indices)
