"""The products known at an instant, and the targets they belong to.

What comes in: the products table and the ids seen on order lines. What goes out: a `Catalogue`, and
per kind (product, category, category_node, brand) a `TargetIndex` that maps products to targets.
List prices never enter: they are undated and may change after `as_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from intentml.tables.contracts import PATH_SEPARATOR

Kind = Literal["category", "category_node", "brand", "product"]
KINDS: tuple[str, ...] = get_args(Kind)

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
        if len(self.indices) <= len(self.indptr) - 1 and np.diff(self.indptr).max(initial=0) <= 1:
            target = np.append(self.of_products(), np.int32(-1))[products]  # a product of -1 reads the end
            rows = np.flatnonzero(target >= 0)
            return rows, target[rows]
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
            self._indexes[kind] = _index(self, kind)
        return self._indexes[kind]


def path_nodes(path: str) -> list[str]:
    """Every node of a path from the root: `a > b > c` has `a`, `a > b` and `a > b > c`.

    >>> path_nodes("a > b > c")
    ['a', 'a > b', 'a > b > c']
    """
    parts = path.split(PATH_SEPARATOR)
    return [PATH_SEPARATOR.join(parts[: depth + 1]) for depth in range(len(parts))]


def _index(catalogue: Catalogue, kind: str) -> TargetIndex:
    """Number the targets of a kind in sorted order and lay the memberships out as CSR."""
    if kind == "product":
        every = np.arange(len(catalogue) + 1)
        return TargetIndex(kind, catalogue.product_ids, every, every[:-1].astype(np.int32))
    # Many products share what decides their targets: those are worked out once.
    group, deciders = _grouped(catalogue, kind)
    names = [_targets_of(kind, *decider) for decider in deciders]
    targets = np.array(sorted({name for some in names for name in some}), dtype=object)
    code = {name: number for number, name in enumerate(targets)}
    codes = [[code[name] for name in some] for some in names]
    of_group = np.fromiter(map(len, codes), np.int64, len(codes))
    flat = np.fromiter((number for some in codes for number in some), np.int32, int(of_group.sum()))
    counts = of_group[group]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    start = np.cumsum(of_group) - of_group
    within = np.arange(indptr[-1]) - np.repeat(indptr[:-1], counts)
    return TargetIndex(kind, targets, indptr, flat[np.repeat(start[group], counts) + within])


Decider = tuple[str | None, str | None]


def _grouped(catalogue: Catalogue, kind: str) -> tuple[npt.NDArray[np.int64], list[Decider]]:
    """What decides the targets of each product: the group of each, and (value, category) of each group."""
    values = {
        "category": catalogue.categories,
        "brand": catalogue.brands,
        "category_node": catalogue.paths,
    }[kind]
    group_of: dict[Decider, int] = {}
    group = np.fromiter(
        (
            group_of.setdefault(decider, len(group_of))
            for decider in zip(values, catalogue.categories, strict=True)
        ),
        np.int64,
        len(catalogue),
    )
    return group, list(group_of)


def _targets_of(kind: str, value: str | None, category: str | None) -> list[str]:
    """The targets that a category, brand or path stands for."""
    if value is None:
        return []
    if kind != "category_node":
        return [value]
    # The node named like the main level is a target already, of kind category.
    return [node for node in path_nodes(value) if node.rsplit(PATH_SEPARATOR, 1)[-1] != category]
