"""Comparisons as Ibis expressions: true or false of every customer, never null.

What comes in: a column, its field, a comparison. What goes out: a boolean expression that compiles for any
engine. Values enter as typed literals; nothing is pasted into SQL.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from intentml.audiences.fields import RuleField, checked
from intentml.audiences.leaves import Comparison
from intentml.errors import RuleError
from intentml.timeline import Instant

if TYPE_CHECKING:
    import ibis.expr.types as ir


_LONGEST_PATTERN = 1_000


def compared(column: ir.Column, field: RuleField, asked: Comparison, timezone: str) -> ir.BooleanValue:
    """The comparison of a column; false where the column is null, but for `is null`.

    Raises:
        RuleError: Operator or value do not fit the field.
    """
    import ibis

    values = checked(asked, field, timezone)
    if asked.op == "is null":
        return column.isnull()
    if asked.op == "is not null":
        return column.notnull()
    positive = asked.op.removeprefix("not ").replace("!=", "=")
    if field.kind == "instant":
        holds = _of_days(column, positive, values)
    elif field.kind == "list":
        holds = column.contains(values[0])
    elif field.kind == "text":
        holds = _of_text(column, positive, values)
    else:
        holds = _of_numbers(column, positive, values)
    # Not of null is null: what is unknown fits neither a comparison nor its contrary.
    answer = holds if positive == asked.op else ~holds
    return ibis.coalesce(answer, False)


def _of_numbers(column: Any, op: str, values: tuple[Any, ...]) -> Any:
    match op:
        case "=":
            return column == values[0]
        case "in":
            return column.isin(values)
        case "between":
            return (column >= values[0]) & (column <= values[1])
        case ">":
            return column > values[0]
        case ">=":
            return column >= values[0]
        case "<":
            return column < values[0]
        case "<=":
            return column <= values[0]
    raise AssertionError(op)


def _of_text(column: Any, op: str, values: tuple[Any, ...]) -> Any:
    match op:
        case "contains":
            return column.contains(values[0])
        case "starts with":
            return column.startswith(values[0])
        case "ends with":
            return column.endswith(values[0])
        case "matches":
            return column.re_search(_pattern(values[0]))
    return _of_numbers(column, op, values)


def _of_days(column: Any, op: str, values: tuple[Any, ...]) -> Any:
    """A date is the whole day of the shop's calendar: on it, before it, after it."""
    starts = [_literal(day) for day in values]
    ends = [_literal(day.plus_days(1)) for day in values]
    match op:
        case "=":
            return (column >= starts[0]) & (column < ends[0])
        case "between":
            return (column >= starts[0]) & (column < ends[1])
        case ">":
            return column >= ends[0]
        case ">=":
            return column >= starts[0]
        case "<":
            return column < starts[0]
        case "<=":
            return column < ends[0]
    raise AssertionError(op)


def _literal(at: Instant) -> dt.datetime:
    return at.datetime.astimezone(dt.UTC)


def _pattern(text: str) -> str:
    """A regular expression that at least Python can read.

    Raises:
        RuleError: It is none.
    """
    if len(text) > _LONGEST_PATTERN:
        raise RuleError(f"a regular expression has at most {_LONGEST_PATTERN:,} characters")
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as problem:
        raise RuleError(f"{text!r} is no regular expression: {problem}") from None
    return text
