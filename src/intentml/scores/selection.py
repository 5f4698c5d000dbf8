"""From what a person names to columns of scores: products, a category, a node, a brand, a keyword.

What comes in: names. What goes out: a `Selection` of target columns and the products it stands for.
Unknown names offer the nearest ones; a bare name that fits several nodes lists them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from intentml.errors import UnknownTargetError, nearest
from intentml.tables.contracts import PATH_SEPARATOR
from intentml.timeline.catalogue import Catalogue

if TYPE_CHECKING:
    from intentml.scores.keyword import Match


class NewProduct(BaseModel):
    """A product that is not in the catalogue yet.

    Attributes:
        name: Its name.
        category: An exact value of products.category.
        brand: Its brand.
        price: Its price, in the shop's currency.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = Field(None, gt=0, allow_inf_nan=False)


@dataclass(frozen=True)
class Selection:
    """Columns of scores whose union is asked about.

    Attributes:
        columns: Kind and target name of each.
        products: Catalogue rows of the products in question.
        newcomers: Products that are not in the catalogue.
    """

    columns: tuple[tuple[str, str], ...] = ()
    products: tuple[int, ...] = ()
    newcomers: tuple[NewProduct, ...] = field(default=())


class Searched(Protocol):
    """What selecting needs of scores."""

    @property
    def catalogue(self) -> Catalogue:
        """The products."""
        ...

    def search(self, keyword: str) -> Sequence[Match]:
        """Products matching a keyword, best first."""
        ...


def select(
    scores: Searched,
    *,
    products: Iterable[str] = (),
    categories: Iterable[str] = (),
    brands: Iterable[str] = (),
    keyword: str | None = None,
    new_product: NewProduct | None = None,
) -> Selection:
    """The columns that the names stand for.

    Raises:
        UnknownTargetError: A name is unknown, fits several nodes, or nothing was named.
    """
    catalogue = scores.catalogue
    columns: list[tuple[str, str]] = []
    rows: list[int] = []
    for name in products:
        columns.append(("product", _known(catalogue, "product", name, "product")))
        rows.append(int(np.searchsorted(catalogue.product_ids, name)))
    for name in categories:
        column = find_category(catalogue, name)
        columns.append(column)
        rows += _products_of(catalogue, *column)
    for name in brands:
        columns.append(("brand", _known(catalogue, "brand", name, "brand")))
        rows += _products_of(catalogue, "brand", name)
    if keyword is not None:
        found = [match.product_id for match in scores.search(keyword)]
        columns += [("product", product) for product in found]
        rows += [int(np.searchsorted(catalogue.product_ids, product)) for product in found]
    newcomers: tuple[NewProduct, ...] = ()
    if new_product is not None:
        if new_product.category is not None:
            _known(catalogue, "category", new_product.category, "category")
        newcomers = (new_product,)
    if not columns and not newcomers:
        raise UnknownTargetError(
            "no product, category, brand or keyword was named", hint="name at least one, e.g. --category CHEESE"
        )
    return Selection(tuple(dict.fromkeys(columns)), tuple(dict.fromkeys(rows)), newcomers)


def find_category(catalogue: Catalogue, name: str) -> tuple[str, str]:
    """A category by its exact name, or a node by its path, or by its last part where that is unique."""
    if _has(catalogue, "category", name):
        return "category", name
    nodes = catalogue.targets("category_node").targets
    if _has(catalogue, "category_node", name):
        return "category_node", name
    fitting = [node for node in nodes if node.rsplit(PATH_SEPARATOR, 1)[-1] == name]
    if len(fitting) == 1:
        return "category_node", fitting[0]
    if fitting:
        raise UnknownTargetError(
            f"{name!r} fits {len(fitting)} nodes: {_listed(fitting)}", hint="write the node's full path"
        )
    known = [*catalogue.targets("category").targets, *nodes]
    last_parts = [node.rsplit(PATH_SEPARATOR, 1)[-1] for node in nodes]
    raise _unknown("category", name, [*known, *last_parts])


def percentage(share: float, customers: int) -> int:
    """How many customers a share of them is, rounded up."""
    return min(customers, math.ceil(share * customers - 1e-9))


def _known(catalogue: Catalogue, kind: str, name: str, word: str) -> str:
    """The name, if it is a target of the kind."""
    if not _has(catalogue, kind, name):
        raise _unknown(word, name, catalogue.targets(kind).targets)
    return name


def _has(catalogue: Catalogue, kind: str, name: str) -> bool:
    targets = catalogue.targets(kind).targets
    at = int(np.searchsorted(targets, name)) if len(targets) else 0
    return at < len(targets) and targets[at] == name


def _products_of(catalogue: Catalogue, kind: str, name: str) -> list[int]:
    """Catalogue rows of a target's products."""
    index = catalogue.targets(kind)
    code = int(np.searchsorted(index.targets, name))
    members = np.flatnonzero(index.indices == code)
    return [int(row) for row in np.searchsorted(index.indptr, members, side="right") - 1]


def _unknown(word: str, name: str, known: Iterable[str]) -> UnknownTargetError:
    names = list(dict.fromkeys(known))
    near = nearest(name, names)
    if not names:
        hint = f"this shop has no {word} at all"
    elif near:
        hint = f"did you mean {_listed(near)}?"
    else:
        hint = f"{len(names)} are known, e.g. {_listed(names[:3])}"
    return UnknownTargetError(f"{word} {name!r} is unknown", hint=hint)


def _listed(names: Sequence[str], limit: int = 12) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(repr(name) for name in names[:limit]) + more


Search = Callable[[str], "Sequence[Match]"]
