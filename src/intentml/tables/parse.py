"""One raw column -> the contract's type, and which rows could not be read.

What comes in: an Arrow column of any type (all text, from CSV; typed, from everywhere else). What
goes out: `Parsed` values (null where the source says nothing, or nothing readable) and, rule by
rule, a mask of the rows in fault. Times are in `times`. It knows no table and makes no message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

Mask = npt.NDArray[np.bool_]

NOTHING = ("", "NULL", "null", "Null", "\\N", "NaN", "nan", "None", "<NA>", "NaT")
"""What exporting programs write for nothing; in every text column they are null."""
NOT_AVAILABLE = (*NOTHING, "NA", "N/A", "n/a", "#N/A", "-")
"""The same for numbers, times and flags, where (unlike in text: NA is Namibia) no word is a value."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE_AS_FLOAT = r"^-?[0-9]+\.0$"
_PLAIN_WHOLE = r"^(0|-?[1-9][0-9]{0,14})$"
_PLAIN_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_FLAGS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False),
}


@dataclass(frozen=True)
class Parsed:
    """A column after reading.

    Attributes:
        values: The typed values; null where broken.
        broken: Failure rule -> mask of the rows that break it, only where there are any.
    """

    values: pa.ChunkedArray
    broken: dict[str, Mask] = field(default_factory=dict)


def parse_text(values: pa.ChunkedArray, *, is_id: bool = False) -> Parsed:
    """Any column as trimmed text, with the words for nothing as null.

    Whole numbers become their digits: 17850 and 17850.0 are both "17850", so that an id that one
    program stored as a float meets the same id elsewhere. Text ids lose a ".0" only where every
    value of the column ends so (a float column that went through CSV).
    """
    text = nothing_as_null(pc.utf8_trim_whitespace(as_text(values)), NOTHING)
    if is_id and _all_match(text, _WHOLE_AS_FLOAT):
        text = pc.utf8_slice_codeunits(text, 0, -2)
    return Parsed(text)


def parse_number(values: pa.ChunkedArray) -> Parsed:
    """Any column as float64; NaN and infinities are in fault, and so is text that is no number."""
    kind = values.type
    broken: dict[str, Mask] = {}
    if pt.is_floating(kind) or pt.is_integer(kind) or pt.is_decimal(kind) or pt.is_boolean(kind):
        numbers = values.cast(pa.float64(), safe=False)
    elif pt.is_temporal(kind) or pt.is_nested(kind):
        return _all_broken(values, "not_a_number", pa.float64())
    else:
        text = nothing_as_null(pc.utf8_trim_whitespace(as_text(values)), NOT_AVAILABLE)
        try:
            numbers = text.cast(pa.float64())
        except pa.ArrowInvalid:
            numbers = by_distinct_value(text, _read_number, pa.float64())
            broken = fault("not_a_number", lost(text, numbers))
    if numbers.null_count == len(numbers):
        return Parsed(numbers, broken)
    infinite = mask_of(pc.fill_null(pc.invert(pc.is_finite(numbers)), False))
    if not infinite.any():
        return Parsed(numbers, broken)
    return Parsed(without(numbers, infinite), broken | fault("not_finite", infinite))


def parse_flag(values: pa.ChunkedArray) -> Parsed:
    """Any column as a boolean: true, t, yes, y, 1 and false, f, no, n, 0, in any case."""
    if pt.is_boolean(values.type):
        return Parsed(values)
    text = nothing_as_null(pc.utf8_trim_whitespace(as_text(values)), NOT_AVAILABLE)
    flags = by_distinct_value(text, lambda word: _FLAGS.get(word.casefold()), pa.bool_())
    return Parsed(flags, fault("not_a_flag", lost(text, flags)))


def infer_text(values: pa.ChunkedArray, read_time: Callable[[pa.ChunkedArray], Parsed]) -> pa.ChunkedArray:
    """An untyped column that no contract names, as the narrowest type that fits all of its values.

    Flags (true / false), whole numbers of up to 15 digits, numbers, ISO times, else text. A column
    in which any number has a leading zero is text: it holds codes, not amounts.
    """
    text = parse_text(values).values
    if text.null_count == len(text):
        return text
    if _all_match(pc.utf8_lower(text), r"^(true|false)$"):
        return parse_flag(text).values
    if _all_match(text, _PLAIN_WHOLE):
        return text.cast(pa.int64())
    if _all_match(text, _PLAIN_NUMBER):
        return parse_number(text).values
    if _all_match(text, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"):
        times = read_time(text)
        return text if times.broken else times.values
    return text


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Any column as text, floats of whole numbers as their digits, lists joined by `;`."""
    kind = values.type
    if pt.is_string(kind):
        return values
    if pt.is_dictionary(kind):
        return as_text(values.cast(kind.value_type))
    if pt.is_floating(kind):
        return _float_text(values.cast(pa.float64()))
    if pt.is_decimal(kind):
        try:
            return values.cast(pa.int64()).cast(pa.string())
        except pa.ArrowInvalid:
            return values.cast(pa.string())
    if pt.is_list(kind) or pt.is_large_list(kind):
        return pc.binary_join(values.cast(pa.list_(pa.string())), ";")
    try:
        return values.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        texts = [None if value is None else str(value) for value in values.to_pylist()]
        return pa.chunked_array([pa.array(texts, type=pa.string())])


def by_distinct_value(
    text: pa.ChunkedArray, read: Callable[[str], Any], arrow_type: pa.DataType
) -> pa.ChunkedArray:
    """`read` applied once to each distinct text; None becomes null."""
    distinct = pc.unique(text)
    values = pa.array(
        [None if word is None else read(word) for word in distinct.to_pylist()], type=arrow_type
    )
    return pa.chunked_array([values]).take(pc.index_in(text, value_set=distinct))


def nothing_as_null(text: pa.ChunkedArray, words: tuple[str, ...]) -> pa.ChunkedArray:
    """Text with the words for nothing as null."""
    nothing = pc.is_in(text, value_set=pa.array(words))
    if not pc.any(nothing).as_py():
        return text
    return pc.if_else(nothing, pa.scalar(None, pa.string()), text)


def lost(before: pa.ChunkedArray, after: pa.ChunkedArray) -> Mask:
    """Rows that said something before reading and nothing after."""
    return mask_of(pc.and_(pc.is_valid(before), pc.is_null(after)))


def without(values: pa.ChunkedArray, rows: Mask) -> pa.ChunkedArray:
    """The column with some rows set to null."""
    return pc.if_else(pa.array(rows), pa.scalar(None, values.type), values)


def fault(rule: str, rows: Mask) -> dict[str, Mask]:
    """`{rule: rows}` where any row is in fault, else nothing."""
    return {rule: rows} if rows.any() else {}


def mask_of(values: pa.ChunkedArray) -> Mask:
    """A boolean column as a numpy mask; null is False."""
    mask: Mask = pc.fill_null(values, False).to_numpy().astype(bool, copy=False)
    return mask


def _all_broken(values: pa.ChunkedArray, rule: str, arrow_type: pa.DataType) -> Parsed:
    """A column of a type that can hold no such value: every row that says something is in fault."""
    nothing = pa.chunked_array([pa.nulls(len(values), arrow_type)])
    return Parsed(nothing, fault(rule, mask_of(pc.is_valid(values))))


def _all_match(text: pa.ChunkedArray, pattern: str) -> bool:
    """Whether every value matches, and there is at least one."""
    known = text.drop_null()
    if not len(known) or not pc.match_substring_regex(known[0], pattern).as_py():
        return False
    return bool(pc.all(pc.match_substring_regex(known, pattern)).as_py())


def _float_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats as text: 17850.0 is "17850", NaN is null, 1.5 stays "1.5"."""
    values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    try:
        return values.cast(pa.int64()).cast(pa.string())
    except pa.ArrowInvalid:
        texts = values.cast(pa.string())
        return pc.replace_substring_regex(texts, pattern=r"^(-?[0-9]+)\.0$", replacement=r"\1")


def _read_number(word: str) -> float | None:
    """A number as Python reads it, without its underscores and foreign digits."""
    if _NUMBER.fullmatch(word) or word.casefold().lstrip("+-") in {"inf", "infinity"}:
        return float(word)
    return None
