from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from intentml.tables.contracts import TIMESTAMP
from intentml.timeline.columns import codes, micros, ranks, since, sorted_unique, strings
from intentml.timeline.instants import NEVER


def text(*values: str | None) -> pa.ChunkedArray:
    """A text column."""
    return pa.chunked_array([values], type=pa.string())


def times(*values: int | None) -> pa.ChunkedArray:
    """A column of instants, told in microseconds."""
    return pa.chunked_array([values], type=TIMESTAMP)


def test_ids_of_two_tables_are_merged_sorted_and_without_null():
    assert sorted_unique(text("b", None, "a"), text("a", "C")).to_pylist() == ["C", "a", "b"]


@given(st.lists(st.text(max_size=4), unique=True))
def test_ids_sort_as_python_and_numpy_sort_them(ids):
    met = strings(sorted_unique(text(*ids)))
    assert met.tolist() == sorted(ids)
    assert [int(np.searchsorted(met, name)) for name in met] == list(range(len(met)))


def test_codes_are_rows_of_the_ids_and_minus_one_for_null():
    assert codes(text("b", None, "a", "b"), pa.array(["a", "b"])).tolist() == [1, -1, 0, 1]


def test_ranks_number_the_distinct_texts():
    assert ranks(text("o9", "o10", None, "o9")).tolist() == [1, 0, -1, 1]


def test_a_missing_instant_is_never_or_what_stands_in_for_it():
    assert micros(times(5, None)).tolist() == [5, NEVER]
    assert micros(times(5, None), missing=np.array([1, 2])).tolist() == [5, 2]


def test_an_id_without_a_row_is_never_known_and_one_without_a_date_always_was():
    table = pa.table({"customer_id": text("a", "b"), "created_at": times(7, None)})
    assert since(table, "customer_id", pa.array(["a", "b", "c"])).tolist() == [7, -NEVER, NEVER]
