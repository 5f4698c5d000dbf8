"""Who they are: a card of an audience that a person can read.

What comes in: an audience of a shop at one `as_of`. What goes out: `Persona`: what sets it apart from the
other customers, and what it buys more than they. It names nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intentml.audiences.audiences import Asked, Audiences
from intentml.audiences.leaves import Comparison, InAudience
from intentml.audiences.rule import Rule, leaves
from intentml.audiences.view import I32, ShopView
from intentml.audiences.who import Who
from intentml.insights.differences import (
    MOST,
    Difference,
    Favourite,
    Question,
    differences,
    favourites,
    questions,
)
from intentml.prediction import F64

TRAITS_TOLD, FAVOURITES_TOLD = 6, 3
# Two fields that rank customers so much alike tell the same thing twice.
_ALIKE = 0.7
_SEED = 0


@dataclass(frozen=True)
class Persona:
    """What sets a group of customers apart.

    Attributes:
        name: Of the audience.
        title: For people.
        customers: How many they are.
        share: Of all customers.
        traits: What sets them apart from the others, each told once, the surest large one first.
        favourites: What they buy more than the others.
    """

    name: str
    title: str
    customers: int
    share: float
    traits: tuple[Difference, ...]
    favourites: tuple[Favourite, ...]

    def lines(self) -> list[str]:
        """The card as text."""
        told = [f"{self.title}: {self.customers:,} customers, {self.share:.1%} of all"]
        told += [f"  {trait_line(one)}" for one in self.traits]
        told += [f"  {favourite_line(one)}" for one in self.favourites]
        return told if len(told) > 1 else [*told, "  nothing sets them apart from the others for sure"]


def persona(audiences: Audiences, asked: Asked) -> Persona:
    """The persona of an audience.

    The fields that its own rule compares are left out: everybody in `lifecycle = lost` is lost.

    Raises:
        RuleError: There is no such audience.
    """
    audience = audiences.find(asked)
    rows = audiences.selector.rows(audience.rule)
    without = frozenset(_compared(audience.rule, audiences.selector))
    return persona_of(audiences.view, rows, audience.name, audience.title, without=without)


def persona_of(
    view: ShopView,
    rows: I32,
    name: str,
    title: str,
    *,
    without: frozenset[str] = frozenset(),
    among: I32 | None = None,
) -> Persona:
    """The persona of some customers.

    Of large groups 20,000 customers are asked, drawn by a fixed seed.

    Args:
        view: The shop.
        rows: Who.
        name: What they are called.
        title: For people.
        without: Fields that are not asked.
        among: Whom they are compared with; everybody else where None.
    """
    everybody = len(view.customers)
    rng = np.random.default_rng(_SEED)
    others = np.setdiff1d(np.arange(everybody, dtype=np.int32) if among is None else among, rows)
    mine, theirs = (np.sort(rng.permutation(part)[:MOST]) for part in (rows, others))
    asked = list(questions(view, np.concatenate([mine, theirs]).astype(np.int32), without))
    inside = np.arange(len(mine) + len(theirs)) < len(mine)
    kind = next((kind for kind in ("category", "brand") if kind in view.catalogue.kinds), "product")
    return Persona(
        name,
        title,
        len(rows),
        len(rows) / max(everybody, 1),
        tuple(_each_once(differences(asked, inside), asked)),
        tuple(favourites(view, rows, kind)[:FAVOURITES_TOLD]),
    )


def _compared(rule: Rule, selector: Who) -> set[str]:
    """The fields that a rule compares, those of the audiences it names too."""
    found = set()
    for leaf in leaves(rule):
        if isinstance(leaf, Comparison):
            found.add(leaf.field)
        elif isinstance(leaf, InAudience):
            found |= _compared(selector.rule_named(leaf.audience), selector)
    return found


def _each_once(ranked: list[Difference], asked: list[Question]) -> list[Difference]:
    """The first few of the differences, without those that say again what one before said."""
    values = {(question.field, question.word): question.values for question in asked}
    told: list[Difference] = []
    ranks: list[F64] = []
    for one in ranked:
        if one.difference < 0 and one.word not in (None, "yes"):
            continue  # that few are so says less than what they are instead
        mine = _ranked(values[one.field, one.word])
        if all(abs(float(mine @ other)) < _ALIKE for other in ranks):
            told.append(one)
            ranks.append(mine)
        if len(told) == TRAITS_TOLD:
            break
    return told


def _ranked(values: F64) -> F64:
    """Ranks with mean 0 and length 1, so that a product of two is their correlation; unknown is 0."""
    from scipy.stats import rankdata

    known = np.isfinite(values)
    ranks = np.zeros(len(values))
    ranks[known] = rankdata(values[known]) - (known.sum() + 1) / 2
    return ranks / max(float(np.linalg.norm(ranks)), 1e-12)


def short(one: Difference) -> str:
    """A difference in two or three words.

    >>> short(Difference("recency_days", None, 300.0, 20.0, 0.8, 0.7, 0.9))
    'high recency days'
    """
    more = one.difference > 0
    name = one.field.replace("_", " ")
    if one.word is None:
        return f"{'high' if more else 'low'} {name}"
    if one.word == "yes":
        return name if more else f"not {name}"
    return f"{name} {one.word}" if more else f"{name} seldom {one.word}"


def trait_line(one: Difference) -> str:
    """A difference in a sentence."""
    if one.word is None:
        return f"{short(one)}: {one.inside:,.4g} against {one.others:,.4g}"
    return f"{short(one)}: {one.inside:.0%} against {one.others:.0%}"


def favourite_line(one: Favourite) -> str:
    """A favourite in a sentence."""
    times = "nobody else" if np.isinf(one.lift) else f"{one.lift:.1f} times the others"
    return f"buys {one.target}: {one.inside:.0%}, {times}"
