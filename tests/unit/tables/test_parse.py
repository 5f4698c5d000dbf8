"""Columns of any type become the contract's types; what cannot be read is told row by row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.tables.parse import Parsed, infer_text, parse_flag, parse_number, parse_text
from intentml.tables.times import parse_time


def column(values: list[Any], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, type=kind)])


def rows(parsed: Parsed) -> dict[str, list[int]]:
    return {rule: mask.nonzero()[0].tolist() for rule, mask in parsed.broken.items()}


@pytest.mark.parametrize(
    ("given_values", "kind", "expected"),
    [
        ([17850, None], pa.int64(), ["17850", None]),
        ([17850.0, None, float("nan")], pa.float64(), ["17850", None, None]),
        ([1.5, 2.0], pa.float64(), ["1.5", "2"]),
        ([Decimal("12.00")], None, ["12"]),
        (["0042", " 7 ", "", "NULL"], None, ["0042", "7", None, None]),
        (["17850.0", None, "3.0"], None, ["17850", None, "3"]),
        (["17850.0", "79323P"], None, ["17850.0", "79323P"]),
        ([dt.date(2024, 1, 2)], None, ["2024-01-02"]),
        ([["vip", "b2b"], None], None, ["vip;b2b", None]),
        ([None, None], pa.null(), [None, None]),
    ],
)
def test_ids_become_text_however_the_source_stored_them(
    given_values: list[Any], kind: pa.DataType | None, expected: list[str | None]
) -> None:
    parsed = parse_text(column(given_values, kind), is_id=True)
    assert parsed.values.to_pylist() == expected
    assert parsed.values.type == pa.string()


def test_a_dictionary_or_large_text_column_becomes_plain_text() -> None:
    for kind in (pa.dictionary(pa.int8(), pa.string()), pa.large_string(), pa.string_view()):
        assert parse_text(column(["a", "b"], pa.string()).cast(kind)).values.type == pa.string()


def test_text_that_is_no_id_keeps_its_point_zero_and_the_country_na() -> None:
    assert parse_text(column(["1.0", "2.0"])).values.to_pylist() == ["1.0", "2.0"]
    assert parse_text(column(["NA"])).values.to_pylist() == ["NA"]


def test_numbers_with_junk_are_told_by_row_and_become_null() -> None:
    parsed = parse_number(column(["1.5", "3,50", None, "12 EUR", "+2", "1e3", "N/A", "1_000"]))
    assert parsed.values.to_pylist() == [1.5, None, None, None, 2.0, 1000.0, None, None]
    assert rows(parsed) == {"not_a_number": [1, 3, 7]}


@pytest.mark.parametrize("values", [[1.0, float("inf"), float("nan"), None], ["1", "inf", "-Infinity", None]])
def test_infinite_numbers_are_in_fault_and_text_nan_is_nothing(values: list[Any]) -> None:
    parsed = parse_number(column(values))
    assert parsed.values.to_pylist() == [1.0, None, None, None]
    assert rows(parsed) == {"not_finite": [1, 2]}
    assert rows(parse_number(column(["NaN"]))) == {}


def test_a_column_of_times_holds_no_numbers() -> None:
    assert rows(parse_number(column([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None]))) == {"not_a_number": [0]}


def test_flags_are_yes_and_no_in_many_words() -> None:
    parsed = parse_flag(column(["Yes", "n", "TRUE", "0", "maybe", None]))
    assert parsed.values.to_pylist() == [True, False, True, False, None, None]
    assert rows(parsed) == {"not_a_flag": [4]}
    assert parse_flag(column([1, 0])).values.to_pylist() == [True, False]
    assert parse_flag(column([1.0, None])).values.to_pylist() == [True, None]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["true", "FALSE", None], pa.bool_()),
        (["1", "-20", "0"], pa.int64()),
        (["1", "2.5"], pa.float64()),
        (["02139", "90210"], pa.string()),
        (["1234567890123456"], pa.float64()),
        (["2024-01-01", "2024-02-01 10:00"], pa.timestamp("us", tz="UTC")),
        (["2024-01-01", "soon"], pa.string()),
        (["", None], pa.string()),
    ],
)
def test_an_untyped_column_takes_the_narrowest_type_that_fits_all(
    values: list[Any], kind: pa.DataType
) -> None:
    inferred = infer_text(column(values, pa.string()), lambda text: parse_time(text, "UTC"))
    assert inferred.type == kind


@given(st.lists(st.none() | st.integers(-(2**53), 2**53)))
def test_whole_numbers_are_the_same_id_as_int_float_and_text(numbers: list[int | None]) -> None:
    as_int = parse_text(column(numbers, pa.int64()), is_id=True).values.to_pylist()
    as_float = parse_text(column(numbers, pa.int64()).cast(pa.float64()), is_id=True).values.to_pylist()
    as_text = [None if number is None else f"{number}.0" for number in numbers]
    assert as_int == as_float == parse_text(column(as_text, pa.string()), is_id=True).values.to_pylist()


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)))
def test_every_finite_number_survives_its_way_through_text(numbers: list[float | None]) -> None:
    as_text = [None if number is None else repr(number) for number in numbers]
    parsed = parse_number(column(as_text, pa.string()))
    assert parsed.values.to_pylist() == numbers
    assert parsed.broken == {}
