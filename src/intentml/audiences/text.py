"""A rule as text: what `parse` reads back to the very same rule.

What comes in: a rule. What goes out: one line, such as
`importance = vip AND NOT purchased(brand = 'Nike', last 90 days)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from pydantic import BaseModel

from intentml.audiences.leaves import (
    OF_PAIRS,
    Bounds,
    Comparison,
    Happened,
    InAudience,
    InBucket,
    InterestedIn,
    Purchased,
    Scalar,
    SimilarTo,
    WithinKm,
)
from intentml.audiences.rule import All, AnyOf, Group, NoneOf, Rule, parts_of

# Words that would be read as something else: a field or value of that name is quoted.
RESERVED = frozenset({"and", "or", "not", "true", "false", "null"})
# Whole numbers beyond are no longer exact.
_EXACT = 2**53
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def text_of(rule: Rule) -> str:
    """The rule in one line."""
    return _part(rule) if isinstance(rule, NoneOf) or not isinstance(rule, Group) else _group(rule)


def _group(rule: All | AnyOf) -> str:
    """Parts joined by AND or OR; one alone is written as a function, so that it stays a group."""
    word, name = ("AND", "ALL") if isinstance(rule, All) else ("OR", "ANY")
    parts = parts_of(rule)
    if len(parts) == 1:
        return f"{name}({text_of(parts[0])})"
    return f" {word} ".join(map(_part, parts))


def _part(rule: Rule) -> str:
    """A rule as a part of another: groups of several in brackets."""
    match rule:
        case NoneOf(none=(one,)):
            return f"NOT {_part(one)}"
        case NoneOf(none=parts):
            return f"NONE({', '.join(map(text_of, parts))})"
        case All() | AnyOf():
            return f"({_group(rule)})" if len(parts_of(rule)) > 1 else _group(rule)
        case Comparison():
            return _comparison(rule)
        case Purchased(purchased=asked):
            return f"purchased({', '.join(_arguments(asked))})"
        case Happened(event=events):
            return f"event({', '.join(_arguments(events, first='type'))})"
        case InterestedIn(interested_in=interest):
            return f"interested_in({', '.join(_arguments(interest, first='keyword'))})"
        case SimilarTo(similar_to=likeness):
            return f"similar_to({', '.join([quoted(likeness.audience), *_arguments(likeness)])})"
        case WithinKm(within_km=circle):
            return f"within_km({number(circle.latitude)}, {number(circle.longitude)}, {number(circle.km)})"
        case InBucket(bucket=bucket):
            return f"bucket({quoted(bucket.salt)}, {percent(bucket.start)} to {percent(bucket.end)})"
        case InAudience(audience=name):
            return f"audience({quoted(name)})"
    raise AssertionError(f"{type(rule).__name__} has no text")


def _comparison(rule: Comparison) -> str:
    field = rule.field if _is_bare(rule.field) else quoted(rule.field, '"')
    if rule.value is None:
        return f"{field} {rule.op.upper()}"
    if not isinstance(rule.value, tuple):
        return f"{field} {rule.op.upper()} {_value(rule.value)}"
    values = list(map(_value, rule.value))
    told = " AND ".join(values) if rule.op in OF_PAIRS else f"({', '.join(values)})"
    return f"{field} {rule.op.upper()} {told}"


def _arguments(asked: BaseModel, first: str = "") -> Iterator[str]:
    """What is asked of products, windows and rankings, one argument each; `first` goes without its name."""
    keyword: str | None = getattr(asked, "keyword", None)
    if first == "keyword" and keyword is not None:
        yield quoted(keyword)
    for name in ("type", "product", "category", "brand", "page_type", "source", "campaign_id"):
        names: tuple[str, ...] = getattr(asked, name, ())
        if len(names) == 1:
            yield quoted(names[0]) if name == first else f"{name} = {quoted(names[0])}"
        elif names:
            yield f"{name} IN ({', '.join(map(quoted, names))})"
    if first != "keyword" and keyword is not None:
        yield f"keyword = {quoted(keyword)}"
    for name in ("orders", "quantity", "spend", "count", "value"):
        bounds: Bounds | None = getattr(asked, name, None)
        if bounds is not None:
            yield from (
                f"{name} {op} {number(limit)}"
                for op, limit in ((">=", bounds.at_least), ("<=", bounds.at_most))
                if limit is not None
            )
    for name, shape in _SHAPES.items():
        value = getattr(asked, name, None)
        if value is not None:
            yield shape.format(percent(value) if name == "top_share" else number(value))


_SHAPES = {
    "last_days": "last {} days",
    "before_last_days": "before last {} days",
    "top_share": "top {}",
    "top": "top {}",
    "min_probability": "probability >= {}",
    "horizon_days": "horizon {} days",
}


def number(value: float) -> str:
    """A number, without a point where it is whole.

    >>> number(90.0), number(0.1)
    ('90', '0.1')
    """
    return str(int(value)) if value == int(value) and abs(value) < _EXACT else repr(value)


def percent(share: float) -> str:
    """A share in percent, exactly.

    >>> percent(0.2), percent(0.07), percent(1.0)
    ('20%', '7%', '100%')
    """
    return f"{(Decimal(repr(share)) * 100).normalize():f}%"


def quoted(text: str, mark: str = "'") -> str:
    """In quotes; a quote inside is doubled.

    >>> quoted("Levi's")
    "'Levi''s'"
    """
    return f"{mark}{text.replace(mark, mark * 2)}{mark}"


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if _is_bare(value) else quoted(value)
    return repr(value)


def _is_bare(text: str) -> bool:
    """Whether a name or value can stand without quotes."""
    return NAME.fullmatch(text) is not None and text.lower() not in RESERVED
