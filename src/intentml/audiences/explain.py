"""Why somebody is in, or is not: the rule's tree, true or false at every node, with the value seen.

What comes in: a selector, a rule, a customer; or a rule alone. What goes out: `Reason`s to print or send, and
the number of customers at every node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from intentml.audiences.leaves import Comparison, InAudience, WithinKm
from intentml.audiences.rule import All, Group, Rule, parts_of
from intentml.audiences.selector import Selector
from intentml.audiences.text import text_of


class Reason(BaseModel):
    """One node of a rule about one customer.

    Attributes:
        rule: The node as text.
        holds: Whether it does.
        seen: What was seen of the customer: the field's value, what was counted, probability and rank.
        parts: The parts of a group, or of the audience named.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    holds: bool
    seen: dict[str, Any] | None = None
    parts: tuple[Reason, ...] = ()

    def lines(self, depth: int = 0) -> Iterator[str]:
        """For people: a node a line, its parts further in."""
        seen = "" if self.seen is None else "  " + ", ".join(f"{k} {_shown(v)}" for k, v in self.seen.items())
        yield f"{'  ' * depth}{'yes' if self.holds else 'no '}  {self.rule}{seen}"
        for part in self.parts:
            yield from part.lines(depth + 1)


class Clause(BaseModel):
    """One node of a rule about everybody.

    Attributes:
        rule: The node as text.
        customers: How many fit this node alone.
        remaining: Of a part of `all`: how many fit it and every part before it; None elsewhere.
        parts: The parts of a group.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    customers: int
    remaining: int | None = None
    parts: tuple[Clause, ...] = ()

    def lines(self, depth: int = 0) -> Iterator[str]:
        """For people: a node a line, its parts further in."""
        left = "" if self.remaining is None else f"  ({self.remaining:,} remain)"
        yield f"{'  ' * depth}{self.customers:>9,}  {self.rule}{left}"
        for part in self.parts:
            yield from part.lines(depth + 1)


def why(selector: Selector, rule: Rule, customer_id: str) -> Reason:
    """Why a customer fits a rule, or does not.

    Raises:
        RuleError: Nobody has that id, or the rule cannot be asked.
    """
    row = selector.view.row_of(customer_id)
    return _reason(selector, rule, row)


def _reason(selector: Selector, rule: Rule, row: int) -> Reason:
    parts: tuple[Rule, ...] = ()
    if isinstance(rule, Group):
        parts = parts_of(rule)
    elif isinstance(rule, InAudience):
        parts = (selector.rule_named(rule.audience),)
    return Reason(
        rule=text_of(rule),
        holds=selector.holds(rule, row),
        seen=None if parts else _seen(selector, rule, row),
        parts=tuple(_reason(selector, part, row) for part in parts),
    )


def _seen(selector: Selector, leaf: Any, row: int) -> dict[str, Any]:
    """What a leaf saw of a customer; a leaf over histories or rankings in which they are not: nothing."""
    if isinstance(leaf, Comparison):
        return {leaf.field: selector.values(leaf.field, np.array([row], np.int32))[0].as_py()}
    if isinstance(leaf, WithinKm):
        return {name: selector.view.customers[name][row].as_py() for name in ("latitude", "longitude")}
    return selector.seen(leaf, row)


def funnel(selector: Selector, rule: Rule) -> Clause:
    """How many customers fit the rule, each of its parts, and, within `all`, the parts so far."""
    parts = parts_of(rule)
    clauses = [funnel(selector, part) for part in parts]
    if isinstance(rule, All):
        so_far = [All(all=parts[: end + 1]) for end in range(len(parts))]
        clauses = [
            clause.model_copy(update={"remaining": selector.count(first)})
            for clause, first in zip(clauses, so_far, strict=True)
        ]
    return Clause(rule=text_of(rule), customers=selector.count(rule), parts=tuple(clauses))


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
