"""Fields: what a comparison may name, and whether it can be asked of it.

What comes in: a comparison and the type of its field. What goes out: the comparison with values of that type,
or one error that names field, type and remedy. Text is compared as it is written; a date is the whole day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from intentml.audiences.leaves import Comparison, Operator, Scalar
from intentml.errors import RuleError, TimeError, nearest
from intentml.timeline import Instant

Kind = Literal["number", "text", "flag", "instant", "list"]

_NULLS: tuple[Operator, ...] = ("is null", "is not null")
_SAME: tuple[Operator, ...] = ("=", "!=", "in", "not in")
_ORDERED: tuple[Operator, ...] = (">", ">=", "<", "<=", "between", "not between")
_PARTS: tuple[Operator, ...] = (
    "contains", "not contains", "starts with", "not starts with", "ends with", "not ends with",
    "matches", "not matches",
)  # fmt: skip
OPERATORS_OF: Mapping[Kind, tuple[Operator, ...]] = {
    "number": (*_SAME, *_ORDERED, *_NULLS),
    "text": (*_SAME, *_PARTS, *_NULLS),
    "flag": ("=", "!=", *_NULLS),
    "instant": ("=", "!=", *_ORDERED, *_NULLS),
    "list": ("contains", "not contains", *_NULLS),
}
_WORDS: Mapping[Kind, str] = {
    "number": "a number",
    "text": "text",
    "flag": "true or false",
    "instant": "a date",
    "list": "a list of words",
}


_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class RuleField:
    """A column that rules may name.

    Attributes:
        name: Its name.
        kind: What its values are.
        words: All the values that it can have, where they are few and fixed.
        absent: Why this shop has it of nobody; empty where it may have it.
    """

    name: str
    kind: Kind
    words: tuple[str, ...] = ()
    absent: str = ""


def kind_of(type_: pa.DataType) -> Kind:
    """What the values of an Arrow column are to a rule.

    Raises:
        ValueError: Nothing that rules know.
    """
    if pa.types.is_boolean(type_):
        return "flag"
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return "number"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_dictionary(type_):
        return "text"
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return "instant"
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return "list"
    raise ValueError(f"no rule can ask of {type_}")


def field_named(name: str, fields: Mapping[str, RuleField]) -> RuleField:
    """The field of a name.

    Raises:
        RuleError: Nobody knows it; the nearest names are told.
    """
    if name in fields:
        return fields[name]
    near = nearest(name, fields)
    raise RuleError(
        f"the rule names {name!r}, which is no field of these customers",
        column=name,
        hint=f"did you mean {', '.join(near)}?"
        if near
        else f"there are {len(fields)}, such as {_some(fields)}",
    )


def checked(asked: Comparison, field: RuleField, timezone: str) -> tuple[Scalar | Instant, ...]:
    """The values of a comparison, as its field has them.

    Args:
        asked: The comparison.
        field: The field that it names.
        timezone: Of the shop: where a date begins.

    Raises:
        RuleError: The operator or a value does not fit the field.
    """
    if asked.op not in OPERATORS_OF[field.kind]:
        raise RuleError(
            f"{field.name} is {_WORDS[field.kind]}: `{asked.op}` cannot be asked of it",
            column=field.name,
            hint=f"it takes {', '.join(OPERATORS_OF[field.kind])}",
        )
    if asked.value is None:
        return ()
    values = asked.value if isinstance(asked.value, tuple) else (asked.value,)
    found = tuple(_fitting(value, field, timezone) for value in values)
    if field.words and asked.op in _SAME:
        unknown = next((value for value in found if value not in field.words), None)
        if unknown is not None:
            raise RuleError(
                f"{field.name} is never {unknown!r}",
                column=field.name,
                hint=f"it is one of {', '.join(field.words)}",
            )
    return found


def _fitting(value: Scalar, field: RuleField, timezone: str) -> Scalar | Instant:
    """One value as the field has it."""
    match field.kind:
        case "number" if isinstance(value, int | float) and not isinstance(value, bool):
            if isinstance(value, float) or -(2**63) <= value < 2**63:
                return value
        case "flag" if isinstance(value, bool):
            return value
        case "text" | "list" if isinstance(value, str):
            return value
        case "instant" if isinstance(value, str):
            try:
                day = Instant.of(value, timezone)
                day.plus_days(1)  # a date is the whole day, and the calendar ends
                return day
            except (TimeError, OverflowError):
                pass
    raise RuleError(
        f"{field.name} is {_WORDS[field.kind]}, and {_shown(value)} is not",
        column=field.name,
        hint="write dates as 2024-03-01" if field.kind == "instant" else None,
    )


def _shown(value: Scalar) -> str:
    """The value as its author wrote it, if it is no longer than a line."""
    if isinstance(value, int) and abs(value) >= 2**63:
        return "one of 19 digits or more"  # Python refuses to write thousands of them
    return repr(value) if len(repr(value)) <= _LONGEST_SHOWN else f"{repr(value)[:_LONGEST_SHOWN]}..."


def _some(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:5])
