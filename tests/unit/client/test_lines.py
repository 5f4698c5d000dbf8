"""Order lines on their way into JSON."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from intentml.client.lines import json_value, order_lines
from intentml.errors import RequestError

AT = pd.Timestamp("2017-09-02 10:12:00", tz="Europe/Berlin")


def test_a_frame_becomes_a_dictionary_a_line_without_what_is_missing():
    frame = pd.DataFrame(
        {
            "customer_id": ["C-1", "C-2"],
            "order_id": [17850.0, np.nan],
            "ordered_at": [AT, pd.NaT],
            "quantity": pd.array([2, pd.NA], dtype="Int64"),
            "unit_price": [np.nan, 0.97],
            "status": [None, "returned"],
        },
        index=[7, 7],
    )
    lines = order_lines(frame)
    assert lines == [
        {
            "customer_id": "C-1",
            "order_id": "17850",
            "ordered_at": "2017-09-02T10:12:00+02:00",
            "quantity": 2,
        },
        {"customer_id": "C-2", "unit_price": 0.97, "status": "returned"},
    ]
    assert json.loads(json.dumps(lines, allow_nan=False)) == lines


def test_dictionaries_go_the_same_way_and_stay_as_they_were():
    row = {"customer_id": 7, "ordered_at": AT, "unit_price": float("nan")}
    assert order_lines([row]) == [{"customer_id": "7", "ordered_at": "2017-09-02T10:12:00+02:00"}]
    assert row["customer_id"] == 7


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.str_("a"), "a"),
        (True, True),
        (Decimal("0.97"), 0.97),
        (Decimal("nan"), None),
        (np.datetime64("2017-09-02T10:12"), "2017-09-02T10:12:00"),
        (np.datetime64("NaT"), None),
        (dt.date(2017, 9, 2), "2017-09-02"),
        (dt.datetime(2017, 9, 2, 10, tzinfo=dt.UTC), "2017-09-02T10:00:00+00:00"),
        (pd.NA, None),
    ],
)
def test_a_value_of_any_library_is_told_as_json_knows_it(value, told):
    assert json_value(value) == told


def test_every_digit_of_a_number_is_kept():
    price = 0.1 + 0.2
    assert json.loads(json.dumps(order_lines([{"unit_price": price}])))[0]["unit_price"] == price


@pytest.mark.parametrize("value", [float("inf"), -np.inf, object(), [1], pd.Timedelta(1)])
def test_what_json_cannot_carry_is_told_before_it_is_sent(value):
    with pytest.raises(RequestError, match=r"orders.unit_price: 2 of 3 lines") as caught:
        order_lines([{"unit_price": value}, {"unit_price": 1.0}, {"unit_price": value}])
    assert (caught.value.column, caught.value.rows) == ("unit_price", (0, 2))


def test_ids_that_are_text_stay_as_they_are():
    assert order_lines([{"customer_id": "17850.0", "product_id": "007"}]) == [
        {"customer_id": "17850.0", "product_id": "007"}
    ]
