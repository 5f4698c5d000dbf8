"""The rule: a tree of `all`, `any` and `none` over leaves, each true or false of one customer.

What comes in: JSON, YAML or text (`text`, `parse`). What goes out: frozen values that say who, and compute
nothing. A leaf about something unknown of a customer is false; only `none` turns it round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, Field, Tag, TypeAdapter, ValidationError

from intentml.audiences.definitions import mistakes
from intentml.audiences.leaves import (
    Comparison,
    Frozen,
    Happened,
    InAudience,
    InBucket,
    InterestedIn,
    Leaf,
    Purchased,
    SimilarTo,
    WithinKm,
)
from intentml.errors import RuleError

MAX_DEPTH, MAX_LEAVES = 32, 500
MAX_VALUES = 10_000


class All(Frozen):
    """Every part holds."""

    all: tuple[Rule, ...] = Field(min_length=1)


class AnyOf(Frozen):
    """At least one part holds."""

    any: tuple[Rule, ...] = Field(min_length=1)


class NoneOf(Frozen):
    """No part holds."""

    none: tuple[Rule, ...] = Field(min_length=1)


Group = All | AnyOf | NoneOf

_BY_KEY: Mapping[str, type[BaseModel]] = {
    "all": All, "any": AnyOf, "none": NoneOf, "field": Comparison, "purchased": Purchased, "event": Happened,
    "interested_in": InterestedIn, "similar_to": SimilarTo, "within_km": WithinKm, "bucket": InBucket,
    "audience": InAudience,
}  # fmt: skip


def _key(node: Any) -> str | None:
    """Which kind of node it is, by its first telling key; None where it is none."""
    if isinstance(node, Mapping):
        return next((key for key in _BY_KEY if key in node), None)
    return next((key for key, kind in _BY_KEY.items() if isinstance(node, kind)), None)


Rule = Annotated[
    Annotated[All, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[NoneOf, Tag("none")]
    | Annotated[Comparison, Tag("field")]
    | Annotated[Purchased, Tag("purchased")]
    | Annotated[Happened, Tag("event")]
    | Annotated[InterestedIn, Tag("interested_in")]
    | Annotated[SimilarTo, Tag("similar_to")]
    | Annotated[WithinKm, Tag("within_km")]
    | Annotated[InBucket, Tag("bucket")]
    | Annotated[InAudience, Tag("audience")],
    Discriminator(
        _key,
        custom_error_type="rule",
        custom_error_message=f"a rule has one of the keys {', '.join(_BY_KEY)}",
    ),
]

for _group in (All, AnyOf, NoneOf):
    _group.model_rebuild()
_RULES: TypeAdapter[Rule] = TypeAdapter(Rule)


def rule_of(told: Any) -> Rule:
    """A rule from what JSON or YAML gave.

    Raises:
        RuleError: It is none; every mistake is told with its place.
    """
    depth = _depth(told)
    if depth > MAX_DEPTH:
        raise RuleError(f"the rule nests deeper than {MAX_DEPTH} levels", hint="write it flatter")
    try:
        rule = _RULES.validate_python(told)
    except ValidationError as problem:
        raise RuleError(f"the rule cannot be used: {_told(problem)}") from None
    count = sum(1 for _ in leaves(rule))
    if count > MAX_LEAVES:
        raise RuleError(
            f"the rule has {count} leaves, more than {MAX_LEAVES}", hint="use `in`, or audiences of audiences"
        )
    values = sum(_values(leaf) for leaf in leaves(rule))
    if values > MAX_VALUES:
        raise RuleError(
            f"the rule names {values:,} values, more than {MAX_VALUES:,}",
            hint="name a field that they have in common, such as a category or a region",
        )
    return rule


def told(rule: Rule) -> dict[str, Any]:
    """The rule as plain JSON, without what was left out."""
    found: dict[str, Any] = _RULES.dump_python(rule, mode="json", exclude_none=True, exclude_defaults=True)
    return found


def parts_of(rule: Rule) -> tuple[Rule, ...]:
    """The parts of a group; of a leaf, none."""
    match rule:
        case All():
            return rule.all
        case AnyOf():
            return rule.any
        case NoneOf():
            return rule.none
    return ()


def with_parts(group: Rule, parts: tuple[Rule, ...]) -> Rule:
    """A group of the same kind with other parts."""
    match group:
        case All():
            return All.model_construct(all=parts)
        case AnyOf():
            return AnyOf.model_construct(any=parts)
        case NoneOf():
            return NoneOf.model_construct(none=parts)
    raise TypeError(f"{type(group).__name__} has no parts")


def leaves(rule: Rule) -> Iterator[Leaf]:
    """Every leaf, in order."""
    if isinstance(rule, Group):
        for part in parts_of(rule):
            yield from leaves(part)
    else:
        yield rule


def _values(leaf: Leaf) -> int:
    """How many values a leaf names."""
    if isinstance(leaf, Comparison):
        return len(leaf.value) if isinstance(leaf.value, tuple) else 1
    match leaf:
        case Purchased(purchased=asked) | Happened(event=asked) | InterestedIn(interested_in=asked):
            return sum(len(value) for _, value in asked if isinstance(value, tuple))
    return 0


def _depth(node: Any) -> int:
    """Levels of lists and mappings, counted without recursion: what comes may be hostile."""
    deepest, waiting = 0, [(node, 0)]
    while waiting:
        here, depth = waiting.pop()
        inside = (
            here.values() if isinstance(here, Mapping) else here if isinstance(here, list | tuple) else ()
        )
        # A group is a mapping and a list.
        deepest = max(deepest, (depth + 1) // 2)
        if deepest > MAX_DEPTH:
            return deepest
        waiting.extend((one, depth + 1) for one in inside)
    return deepest


def _told(problem: ValidationError) -> str:
    """All mistakes in one line, each after the keys that lead to it."""
    return "; ".join(
        f"{place}: {words}" if place else words
        for path, words in mistakes(problem)
        for place in [".".join(map(str, _without_tags(path)))]
    )


def _without_tags(path: tuple[int | str, ...]) -> Iterator[int | str]:
    """The path as the author wrote it: the library names each part's kind before its keys."""
    key: int | str | None = None
    steps = iter(path)
    while next(steps, None) is not None:  # the kind of a rule
        for step in steps:
            yield step
            if isinstance(step, int) and key in ("all", "any", "none"):
                break
            key = step
