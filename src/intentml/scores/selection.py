"""From what a person names to columns of scores: products, a category, a node, a brand, a keyword.

What comes in: names. What goes out: a `Selection` of target columns and the products it stands for.
Unknown names offer the nearest ones; a bare name that fits several nodes lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intentml.errors import ScoresError, UnknownTargetError, nearest
from intentml.tables.contracts import PATH_SEPARATOR
from intentml.timeline.catalogue import Catalogue

if TYPE_CHECKING:
    from intentml.scores.keyword import Match, Mode


class NewProduct(BaseModel):
    """A product that is not in the catalogue yet.

    Attributes:
        name: Its name: who bought what is called alike is likelier to want it.
        category: A category or node of the catalogue. Without one, the product is expected to sell
            like the average product (of its brand, near its price).
        brand: Its brand; one that the catalogue does not have is a new brand, and says nothing.
        price: Its price, in the shop's currency.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = Field(None, gt=0, strict=True, allow_inf_nan=False)


Column = tuple[str, str]


@dataclass(frozen=True)
class Selection:
    """Columns of scores whose union is asked about.

    Attributes:
        columns: Kind and target name of each, none inside another.
        products: Catalogue rows of the products in question.
        newcomers: Products that are not in the catalogue.
        matched_by: How a keyword found its products (`Match.mode`); None without one.
    """

    columns: tuple[Column, ...] = ()
    products: tuple[int, ...] = ()
    newcomers: tuple[NewProduct, ...] = ()
    matched_by: Mode | None = None

    @property
    def single(self) -> bool:
        """Whether one target alone is asked about."""
        return len(self.columns) + len(self.newcomers) == 1


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
    groups = [find_category(catalogue, name) for name in categories]
    groups += [("brand", _known(catalogue, "brand", name, "brand")) for name in brands]
    named = [_known(catalogue, "product", name, "product") for name in products]
    matches = scores.search(keyword) if keyword is not None else []
    found = [match.product_id for match in matches]
    if not groups and not named and not found and new_product is None:
        raise UnknownTargetError(
            "no product, category, brand or keyword was named",
            hint="name at least one, e.g. --category CHEESE",
        )
    if new_product is not None and new_product.category is not None:
        find_category(catalogue, new_product.category)
    singles = {name: int(np.searchsorted(catalogue.product_ids, name)) for name in (*named, *found)}
    members = {group: products_of(catalogue, *group) for group in groups}
    return Selection(
        columns=_outermost(members, singles),
        products=tuple(
            dict.fromkeys([*singles.values(), *(row for rows in members.values() for row in rows)])
        ),
        newcomers=() if new_product is None else (new_product,),
        matched_by=matches[0].mode if matches else None,
    )


def one_target(
    catalogue: Catalogue, *, product: str | None, category: str | None, brand: str | None
) -> Column:
    """The kind and target of the one name given; a category may be a node.

    Raises:
        UnknownTargetError: The name is unknown, or fits several nodes.
    """
    if category is not None:
        return find_category(catalogue, category)
    if brand is not None:
        return "brand", _known(catalogue, "brand", brand, "brand")
    return "product", _known(catalogue, "product", product or "", "product")


def _outermost(members: Mapping[Column, Sequence[int]], singles: Mapping[str, int]) -> tuple[Column, ...]:
    """The groups and products that lie in no other group named: whoever buys inside buys the outer one.

    Args:
        members: Product rows of each group.
        singles: Product row of each product named.
    """
    kept: dict[Column, set[int]] = {}
    for group in sorted(members, key=lambda group: len(members[group]), reverse=True):
        rows = set(members[group])
        if not any(rows <= outer for outer in kept.values()):
            kept[group] = rows
    inside = set().union(*kept.values())
    return (
        *(group for group in members if group in kept),
        *(("product", name) for name, row in singles.items() if row not in inside),
    )


def find_category(catalogue: Catalogue, name: str) -> Column:
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


def products_of(catalogue: Catalogue, kind: str, name: str) -> list[int]:
    """Catalogue rows of a target's products."""
    index = catalogue.targets(kind)
    code = int(np.searchsorted(index.targets, name))
    members = np.flatnonzero(index.indices == code)
    return [int(row) for row in np.searchsorted(index.indptr, members, side="right") - 1]


def new_product_of(described: NewProduct | Mapping[str, object] | None) -> NewProduct | None:
    """A new product from its description.

    Raises:
        ScoresError: An unknown key or a value that is none.
    """
    if described is None or isinstance(described, NewProduct):
        return described
    try:
        return NewProduct.model_validate(described)
    except ValidationError as problem:
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg'][0].lower()}{one['msg'][1:]}"
            for one in problem.errors(include_url=False)
        )
        raise ScoresError(
            f"the new product cannot be used: {wrong}", hint="it takes name, category, brand and price"
        ) from None


def _known(catalogue: Catalogue, kind: str, name: str, word: str) -> str:
    """The name, if it is a target of the kind."""
    if not _has(catalogue, kind, name):
        raise _unknown(word, name, catalogue.targets(kind).targets)
    return name


def _has(catalogue: Catalogue, kind: str, name: str) -> bool:
    targets = catalogue.targets(kind).targets
    at = int(np.searchsorted(targets, name)) if len(targets) else 0
    return at < len(targets) and targets[at] == name


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
