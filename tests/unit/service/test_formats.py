"""The forms of an answer: the same rows in each, the rest beside them, and the one that was asked for."""

from __future__ import annotations

import datetime as dt
import io
import json
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from intentml.errors import RequestError
from intentml.service.formats import (
    ARROW,
    JSON,
    METADATA,
    PARQUET,
    as_json,
    check_rows,
    preferred,
    written,
)

ROWS = pa.table(
    {
        "customer_id": ["c1", "c2"],
        "probability": [0.5, float("nan")],
        "expected_next_order_at": pa.array(
            [dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC), None], pa.timestamp("us", "UTC")
        ),
        "interests": [[{"kind": "brand", "rank": 1}], []],
    }
)
ANSWER = {"as_of": "2025-06-01T00:00:00+00:00", "customers": ROWS, "unknown_customer_ids": ["x"]}
REST = {"as_of": "2025-06-01T00:00:00+00:00", "unknown_customer_ids": ["x"]}


def test_as_json_rows_are_a_list_and_what_is_missing_is_null():
    content, media_type = written(ANSWER, None)
    assert media_type == JSON
    told = json.loads(content)
    assert list(told) == list(ANSWER)
    assert told["customers"] == [
        {
            "customer_id": "c1",
            "probability": 0.5,
            "expected_next_order_at": "2025-06-01T12:00:00+00:00",
            "interests": [{"kind": "brand", "rank": 1}],
        },
        {"customer_id": "c2", "probability": None, "expected_next_order_at": None, "interests": []},
    ]


def test_as_arrow_and_parquet_the_rows_are_the_table_and_the_rest_is_its_metadata():
    arrow, parquet = written(ANSWER, ARROW), written(ANSWER, PARQUET)
    assert (arrow[1], parquet[1]) == (ARROW, PARQUET)
    for table in (ipc.open_stream(arrow[0]).read_all(), pq.read_table(io.BytesIO(parquet[0]))):
        assert table.drop_columns("probability").to_pylist() == ROWS.drop_columns("probability").to_pylist()
        assert table["expected_next_order_at"].type == ROWS["expected_next_order_at"].type
        assert json.loads(table.schema.metadata[METADATA]) == REST
    assert pd.read_parquet(io.BytesIO(parquet[0]))["customer_id"].tolist() == ["c1", "c2"]


def test_an_answer_without_rows_is_json_whatever_is_asked_for():
    assert written(REST, ARROW) == (as_json(REST), JSON)


@pytest.mark.parametrize(("accept", "most"), [(None, 1), (ARROW, 0.1), (PARQUET, 0.1)])
def test_more_rows_than_an_answer_may_have_are_refused_and_never_cut(accept, most):
    with pytest.raises(RequestError) as caught:
        written(ANSWER, accept, most)
    assert "at most 1 rows" in caught.value.message
    assert f"as {ARROW} or {PARQUET} an answer has up to {10 * most:,.0f}" in caught.value.hint
    assert written(ANSWER, accept, 2 * most) == written(ANSWER, accept)
    assert written(REST, accept, 1) == written(REST, accept)


def test_a_limit_beyond_the_rows_of_an_answer_is_refused_by_its_name():
    check_rows(100_000, None, 100_000, "limit")
    check_rows(100_001, ARROW, 100_000, "limit")
    with pytest.raises(RequestError, match=r"^limit: one answer has at most 100,000 rows") as caught:
        check_rows(10**400, None, 100_000, "limit")
    assert caught.value.column == "limit"


def test_no_rows_are_a_table_with_its_columns():
    content, _ = written({**ANSWER, "customers": ROWS[:0]}, ARROW)
    assert ipc.open_stream(content).read_all().schema.names == ROWS.column_names


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*, text/html", JSON),
        (ARROW, ARROW),
        (PARQUET.upper(), PARQUET),
        (f"{PARQUET}, */*;q=0.1", PARQUET),
        (f"{JSON};q=0.9, {ARROW}", ARROW),
        (f"{JSON}, {ARROW}", JSON),
        (f"{ARROW};q=0", JSON),
        (f"{ARROW};q=much", JSON),
        (f"{ARROW};q=nan", JSON),
        (",;,;q=,", JSON),
    ],
)
def test_the_form_is_the_one_that_the_client_likes_best(accept, wanted):
    assert preferred(accept) == wanted


def test_json_knows_what_tables_hold():
    fine = pd.Timestamp("2025-06-01T00:00:00.000000001Z")
    told = {"decimal": Decimal("1.50"), "day": dt.date(2025, 6, 1), "fine": fine}
    assert json.loads(as_json(told)) == {"decimal": 1.5, "day": "2025-06-01", "fine": fine.isoformat()}
    with pytest.raises(TypeError):
        as_json({"thing": object()})
