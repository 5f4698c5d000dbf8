"""Segments that nobody asked for: customers grouped by what the model learned of them and what is plain.

What comes in: a scored shop. What goes out: groups with a persona each, named by what sets them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from intentml.audiences.ranking import ScoresRanking
from intentml.audiences.view import I32, ShopView
from intentml.errors import RuleError
from intentml.insights.clusters import clusters
from intentml.insights.members import numbers
from intentml.insights.personas import Persona, persona_of, short
from intentml.prediction import F64

if TYPE_CHECKING:
    import pandas as pd

NO_SEGMENT = -1
_WORDS = 2


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments found among the customers with an order.

    Attributes:
        segment: Of each customer, from 0 on, the largest first; -1 of prospects. Shape: (U,).
        personas: Of each segment, in order.
        tried: What numbers of segments were tried (`Clusters.tried`).
        note: What was found, in a sentence.
    """

    segment: I32
    personas: tuple[Persona, ...]
    tried: pd.DataFrame
    note: str


def discovered_segments(view: ShopView, seed: int = 0) -> Segments:
    """The segments of a scored shop; one where there is nothing to find.

    Customers with an order are compared by the learned vectors, orders, recency, tenure, money and rhythm.
    The same seed and shop give the same segments.

    Raises:
        RuleError: The shop has no scores.
    """
    if not isinstance(view.ranking, ScoresRanking):
        raise RuleError("discovered segments need scores", hint="score the shop first: intentml score")
    return segments_of(view, view.ranking.numbers, seed)


def segments_of(view: ShopView, compared_by: F64, seed: int = 0) -> Segments:
    """The segments of a shop's customers by any numbers.

    Args:
        view: The shop.
        compared_by: Of comparable spread. Shape: (U, D).
        seed: Of everything drawn.
    """
    buyers = np.flatnonzero(numbers(view.customers, "frequency") > 0).astype(np.int32)
    found = clusters(compared_by[buyers], seed)
    segment = np.full(len(view.customers), NO_SEGMENT, np.int32)
    segment[buyers] = found.group
    if found.groups == 1:
        note = "The customers with an order are one segment: no grouping of them was found again for sure."
        everybody = persona_of(view, buyers, "segment-1", "Customers with an order")
        return Segments(segment, (everybody,), found.tried, note)
    personas = [
        persona_of(view, buyers[found.group == one], f"segment-{one + 1}", "", among=buyers)
        for one in range(found.groups)
    ]
    agreed = found.tried["stability"][found.groups]
    note = f"{found.groups} segments, found again under resampling (adjusted Rand index {agreed:.2f})."
    return Segments(segment, tuple(map(_titled, personas)), found.tried, note)


def _titled(persona: Persona) -> Persona:
    """The persona named by what sets it apart most."""
    words = [short(one) for one in persona.traits[:_WORDS]] + [one.target for one in persona.favourites[:1]]
    number = persona.name.removeprefix("segment-")
    return replace(persona, title=f"{number}: {', '.join(words) or 'like the others'}")
