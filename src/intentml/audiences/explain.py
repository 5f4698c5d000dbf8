"""Why somebody is in, or is not: the rule's tree, true or false at every node, with the value seen.

What comes in: a selector, a rule, a customer, and the model where it is at hand; or a rule alone. What goes
out: `Reason`s to print or send, and the number of customers at every node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from intentml.audiences.leaves import Comparison, InAudience, InterestedIn, WithinKm
from intentml.audiences.reasons import Explainer, InterestReasons
from intentml.audiences.rule import All, NoneOf, Rule, leaves, parts_of
from intentml.audiences.text import text_of
from intentml.audiences.view import Because
from intentml.audiences.who import Bools, Who


class Reason(BaseModel):
    """One node of a rule about one customer.

    Attributes:
        rule: The node as text.
        holds: Whether it does.
        seen: What was seen of the customer: the field's value, what was counted, probability and rank.
        reasons: Of an `interested_in`: the model's, for the target that it is about; of several, for the
            customer's likeliest. None without a model, and of somebody who never bought.
        parts: The parts of a group, or of the audience named.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    holds: bool
    seen: dict[str, Any] | None = None
    reasons: InterestReasons | None = None
    parts: tuple[Reason, ...] = ()

    def lines(self, depth: int = 0) -> Iterator[str]:
        """For people: a node a line, its reasons and its parts further in."""
        seen = "" if self.seen is None else "  " + ", ".join(f"{k} {_shown(v)}" for k, v in self.seen.items())
        yield f"{'  ' * depth}{'yes' if self.holds else 'no '}  {self.rule}{seen}"
        for line in self.reasons.lines() if self.reasons is not None else ():
            yield f"{'  ' * depth}       {line}"
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


def why(selector: Who, rule: Rule, customer_id: str, model: Explainer | None = None) -> Reason:
    """Why a customer fits a rule, or does not.

    Args:
        selector: Answers it.
        rule: The rule.
        customer_id: The customer.
        model: What made the scores; tells the reasons of interests.

    Raises:
        UnknownCustomerError: Nobody has that id.
        RuleError: The rule cannot be asked.
        ModelError: Another model made the scores.
    """
    row = selector.row_of(customer_id)
    because = None if model is None else selector.reasons(row, model)
    selector.resolved(rule)  # an audience that leads back to itself has no leaves to end at
    asked = list(_asked(selector, rule))
    return _reason(selector, rule, row, (bool(fit[0]) for fit in selector.fits(asked, row)), because)


def _asked(selector: Who, rule: Rule) -> Iterator[Rule]:
    """The leaves of a rule and of the audiences that it names, in order."""
    parts = _parts(selector, rule)
    for part in parts:
        yield from _asked(selector, part)
    if not parts:
        yield rule


def _parts(selector: Who, rule: Rule) -> tuple[Rule, ...]:
    return (selector.rule_named(rule.audience),) if isinstance(rule, InAudience) else parts_of(rule)


def _reason(selector: Who, rule: Rule, row: int, fits: Iterator[bool], because: Because | None) -> Reason:
    """The reason; `fits` says of each leaf, in order, whether it holds, `because` why of an interest."""
    parts = tuple(_reason(selector, part, row, fits, because) for part in _parts(selector, rule))
    if not parts:
        reasons = because(rule.interested_in) if because and isinstance(rule, InterestedIn) else None
        seen = _seen(selector, rule, row)
        return Reason(rule=text_of(rule), holds=next(fits), seen=seen, reasons=reasons)
    hold = [part.holds for part in parts]
    holds = not any(hold) if isinstance(rule, NoneOf) else all(hold) if isinstance(rule, All) else any(hold)
    return Reason(rule=text_of(rule), holds=holds, parts=parts)


def _seen(selector: Who, leaf: Any, row: int) -> dict[str, Any]:
    """What a leaf saw of a customer; a leaf over histories or rankings in which they are not: nothing."""
    if isinstance(leaf, Comparison | WithinKm):
        fields = ("latitude", "longitude") if isinstance(leaf, WithinKm) else (leaf.field,)
        rows = np.array([row], np.int32)
        return {name: selector.values(name, rows)[0].as_py() for name in fields}
    return selector.seen(leaf, row)


def funnel(selector: Who, rule: Rule) -> tuple[Clause, Bools]:
    """How many customers fit the rule, each of its parts, and, within `all`, the parts so far.

    And who fits the rule. Shape: (U,).
    """
    return _clause(rule, selector.fits(list(leaves(rule))))


def _clause(rule: Rule, fits: Iterator[Bools]) -> tuple[Clause, Bools]:
    """A node, and who fits it; `fits` says of each leaf, in order, who does. Shape: (U,)."""
    who: Bools | None = None
    clauses: list[Clause] = []
    for part in parts_of(rule):
        clause, mine = _clause(part, fits)
        who = mine if who is None else who & mine if isinstance(rule, All) else who | mine
        left = {"remaining": int(np.count_nonzero(who))} if isinstance(rule, All) else {}
        clauses.append(clause.model_copy(update=left))
    if who is None:
        who = next(fits)
    elif isinstance(rule, NoneOf):
        who = ~who
    return Clause(rule=text_of(rule), customers=int(np.count_nonzero(who)), parts=tuple(clauses)), who


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
