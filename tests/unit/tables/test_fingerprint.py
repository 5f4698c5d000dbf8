"""The fingerprint changes with any value, and with nothing else."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.tables.fingerprint import fingerprint

NEW_YEAR = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
TABLE = pa.table(
    {
        "id": ["a", "bc", None, ""],
        "n": [1.0, None, 0.0, -2.5],
        "at": pa.array([NEW_YEAR, None, None, None], pa.timestamp("us", tz="UTC")),
        "day": pa.array([dt.date(2024, 1, 1), None, None, None]),
        "flag": [True, None, False, None],
        "many": [["x"], None, ["y", "z"], []],
        "whole": [1, 2, None, 4],
    }
)


def test_chunks_columns_order_and_hidden_buffers_do_not_count() -> None:
    whole = fingerprint({"t": TABLE})
    chunked = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1, 0), TABLE.slice(1, 3)])
    assert fingerprint({"t": chunked}) == whole
    assert fingerprint({"t": TABLE.select(TABLE.column_names[::-1])}) == whole
    assert fingerprint({"t": TABLE.append_column("empty", pa.nulls(4, pa.string()))}) == whole
    assert fingerprint({"t": pa.concat_tables([TABLE, TABLE]).slice(4)}) == whole


@pytest.mark.parametrize("column", TABLE.column_names)
def test_every_column_counts(column: str) -> None:
    swapped = TABLE.set_column(
        TABLE.column_names.index(column), column, TABLE[column].take(pa.array([1, 0, 2, 3]))
    )
    assert fingerprint({"t": swapped}) != fingerprint({"t": TABLE})


def test_null_empty_and_zero_differ_and_minus_zero_is_zero() -> None:
    def of(values: list[object], kind: pa.DataType) -> str:
        return fingerprint({"t": pa.table({"x": pa.array(values, kind)})})

    assert of(["", "a"], pa.string()) != of([None, "a"], pa.string())
    assert of([0.0, 1.0], pa.float64()) != of([None, 1.0], pa.float64())
    assert of([-0.0], pa.float64()) == of([0.0], pa.float64())


def test_names_of_tables_and_columns_count_and_rows_without_values_too() -> None:
    table = pa.table({"x": ["a"]})
    assert fingerprint({"t": table}) != fingerprint({"u": table})
    assert fingerprint({"t": table}) != fingerprint({"t": table.rename_columns(["y"])})
    assert fingerprint({"t": pa.table({"x": pa.nulls(1)})}) != fingerprint(
        {"t": pa.table({"x": pa.nulls(2)})}
    )


WORDS = st.lists(st.none() | st.text(max_size=3), max_size=6)


@given(WORDS, WORDS)
def test_two_columns_of_text_share_a_fingerprint_only_when_equal(left: list[str], right: list[str]) -> None:
    hashes = [fingerprint({"t": pa.table({"x": pa.array(words, pa.string())})}) for words in (left, right)]
    same_content = left == right
    assert (hashes[0] == hashes[1]) == same_content
