"""Families of audiences: one for each product name of a list, one for each combination of groups.

What comes in: names, or audiences. What goes out: `Audience`s by name, as if each stood in a YAML file. A
file of a shop's own folder holds one audience, or a whole family under the word `interested`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from intentml.audiences.audience import Audience, audience_of
from intentml.audiences.definitions import read_one, told_mistakes
from intentml.audiences.lead_score import FILE as LEAD_SCORE
from intentml.audiences.leaves import Frozen
from intentml.audiences.view import ShopView
from intentml.errors import RuleError

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


class Interested(Frozen):
    """A family in YAML; each as `interested` takes it."""

    keywords: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    among: str | None = None
    top_share: float = Field(0.1, gt=0, le=1)


def read_folder(folder: Path) -> tuple[dict[str, Audience], dict[str, RuleError]]:
    """Every audience of a folder, by name, a family's under the names of its own; and the broken files.

    `lead_score.yaml` holds the points of the lead score, and is passed over.

    Returns:
        The audiences; and of each file that holds none, or one of a name that is taken, by the file's name
        without its ending, why it cannot be used. No audience has a name of those.

    Raises:
        RuleError: There is no such folder.
    """
    if not folder.is_dir():
        raise RuleError(f"there is no folder {folder}")
    found: dict[str, Audience] = {}
    broken: dict[str, RuleError] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == LEAD_SCORE:
            continue
        try:
            told = read_one(path, _audiences_of)
            for name in told:
                _check_free(found, name)
            found |= told
        except RuleError as problem:
            broken[path.stem] = problem
    return {name: audience for name, audience in found.items() if name not in broken}, broken


def _audiences_of(name: str, content: Any) -> dict[str, Audience]:
    """The audiences of a file: the one it is named after, or a family."""
    if not isinstance(content, Mapping) or "interested" not in content:
        return {name: audience_of(name, content)}
    if len(content) > 1:
        raise RuleError(f"the family {name!r}: interested stands alone in its file")
    try:
        told = Interested.model_validate(content["interested"])
    except ValidationError as problem:
        raise RuleError(f"the family {name!r}: interested: {told_mistakes(problem)}") from None
    try:
        family = interested(**dict(told))
    except RuleError as problem:
        raise RuleError(f"the family {name!r}: {problem.message}", hint=problem.hint) from None
    if not family:
        raise RuleError(
            f"the family {name!r} names nothing", hint="list keywords, categories, brands or products"
        )
    return family


def interested(
    keywords: Iterable[str] = (),
    *,
    categories: Iterable[str] = (),
    brands: Iterable[str] = (),
    products: Iterable[str] = (),
    among: str | None = None,
    top_share: float = 0.1,
) -> dict[str, Audience]:
    """An audience for each name: the customers likeliest to buy it, long tail and newcomers too.

    Args:
        keywords: Words that products are searched by, such as Sneakers or Nike.
        categories: Categories, or nodes of the category tree.
        brands: Brands.
        products: Product ids; one without an order is served like any other.
        among: Of the members of this audience alone; the share is of all customers even so.
        top_share: Of all customers.

    Raises:
        RuleError: Two names that come to the same in lower case, or a name without a letter.

    >>> for name, audience in interested(["Nike"], categories=["Sneakers"], among="one-time").items():
    ...     print(name, "=", audience.text)
    interested-nike = audience('one-time') AND interested_in('Nike', top 10%)
    interested-category-sneakers = audience('one-time') AND interested_in(category = 'Sneakers', top 10%)
    """
    asked = {"keyword": keywords, "category": categories, "brand": brands, "product": products}
    found: dict[str, Audience] = {}
    for kind, names in asked.items():
        for one in names:
            of_kind = [] if kind == "keyword" else [kind]
            name = "-".join(["interested", *of_kind, _plain(one)])
            wanted = {kind: one if kind == "keyword" else [one], "top_share": top_share}
            rule: dict[str, Any] = {"interested_in": wanted}
            if among is not None:
                rule = {"all": [{"audience": among}, rule]}
            _add(
                found, name, {"title": f"Interested in {one}", "about": f"Likely to buy {one}.", "rule": rule}
            )
    return found


def crossed(*groups: Mapping[str, Audience]) -> dict[str, Audience]:
    """An audience for each combination of one of each group: age by gender by satisfaction, say."""
    found: dict[str, Audience] = {}
    for combination in product(*(group.values() for group in groups)):
        told = {
            "title": ", ".join(one.title for one in combination),
            "rule": {"all": [{"audience": one.name} for one in combination]},
        }
        _add(found, "-and-".join(one.name for one in combination), told)
    return found


def long_tail(view: ShopView, count: int = 10) -> list[str]:
    """Ids of the products that fewest customers bought, but somebody did; the rarest first, ties by id."""
    buyers = _buyers(view)
    sold = np.flatnonzero(buyers)
    rarest = sold[np.argsort(buyers[sold], kind="stable")][:count]
    return [str(one) for one in view.catalogue.product_ids[rarest]]


def never_sold(view: ShopView) -> list[str]:
    """Ids of the products that nobody bought yet, sorted: what has just arrived is among them."""
    return [str(one) for one in view.catalogue.product_ids[_buyers(view) == 0]]


def _buyers(view: ShopView) -> Any:
    """Number of customers who bought each product. Shape: (P,)."""
    if view.lines is None:
        raise RuleError("who bought what needs the shop's tables", hint="hand over --data DIR")
    pairs = view.lines.select(["product", "row"]).drop_null().group_by(["product", "row"]).aggregate([])
    return np.bincount(pairs["product"].to_numpy(), minlength=len(view.catalogue))


def _add(found: dict[str, Audience], name: str, told: dict[str, Any]) -> None:
    _check_free(found, name)
    found[name] = audience_of(name, told)


def _check_free(found: Mapping[str, Audience], name: str) -> None:
    if name in found:
        raise RuleError(f"two audiences would be called {name!r}", hint="leave one of the names out")


def _plain(name: str) -> str:
    """A name for a file: lower case, without accents, dashes for all else."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = _NOT_IN_A_NAME.sub("-", letters).strip("-")
    if not plain:
        raise RuleError(f"{name!r} has no letter from a to z", hint="write its audience into a YAML file")
    return plain
