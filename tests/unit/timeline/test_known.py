"""Everything known at an instant, on shops small enough to check with a finger."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from intentml.timeline import Instant, Known, known_by
from intentml.timeline.people import plain, unusable_birth_dates, whole_years
from tiny import AS_OF, log_of, tiny_known, tiny_log

BOUGHT = {
    "customer_id": ["ana", "ana", "ben"],
    "order_id": ["o1", "o1", "o2"],
    "ordered_at": ["2024-02-20", "2024-02-20", "2024-02-28"],
    "product_id": ["tea", "cup", "tea"],
    "unit_price": [8.0, 4.0, 7.0],
    "currency": ["EUR", "USD", "EUR"],
    "discount": [2.0, 1.0, None],
    "promo_code": ["SPRING", None, None],
}


def known_of(**tables: dict[str, Any]) -> Known:
    """What is known on 1 March 2024 of a shop with these lines and other tables."""
    frames = {name: pd.DataFrame(columns) for name, columns in {"orders": BOUGHT, **tables}.items()}
    return known_by(log_of(frames), AS_OF)


def events_at(*times: tuple[str, str | None]) -> dict[str, Any]:
    """Visits of ana at some times, recorded at others."""
    return {
        "customer_id": ["ana"] * len(times),
        "event_type": ["visit"] * len(times),
        "occurred_at": [at for at, _ in times],
        "recorded_at": pd.to_datetime([recorded for _, recorded in times], utc=True),
        "session_id": [f"s{number}" for number in range(len(times))],
    }


def test_the_snapshot_inside_is_that_of_the_log():
    assert tiny_known().snapshot.customer_ids.tolist() == tiny_log().as_of(AS_OF).customer_ids.tolist()
    assert tiny_known().customers.num_rows == 4
    assert tiny_known().lines.num_rows == len(tiny_known().snapshot.line_customer)


def test_an_event_at_as_of_itself_is_not_seen_and_one_just_before_is():
    known = known_of(events=events_at(("2024-03-01", None), ("2024-02-29T23:59:59", None)))
    assert known.events["session_id"].to_pylist() == ["s1"]
    assert known.events["age_days"].to_pylist() == [1 / 86_400]


def test_an_event_recorded_at_as_of_or_later_is_not_seen():
    known = known_of(
        events=events_at(("2024-02-01", "2024-03-01"), ("2024-02-02", "2024-02-03"), ("2024-02-04", None))
    )
    assert known.events["session_id"].to_pylist() == ["s1", "s2"]


def test_an_event_recorded_before_it_happens_is_known_when_it_happens():
    assert known_of(events=events_at(("2024-03-01", "2024-02-01"))).events.num_rows == 0


def test_events_are_numbered_by_time_within_their_customer():
    known = known_of(events=events_at(("2024-02-03", None), ("2024-02-01", None)))
    assert known.events.select(["session_id", "nth"]).to_pylist() == [
        {"session_id": "s1", "nth": 1},
        {"session_id": "s0", "nth": 2},
    ]


def test_events_of_a_stranger_are_counted_and_in_nobodys_history():
    events = events_at(("2024-02-01", None), ("2024-02-02", None))
    known = known_of(events={**events, "customer_id": ["zoe", "ana"]})
    assert known.events["customer"].to_pylist() == [0]
    assert {count.rule: count.count for count in known.counts}["customer_not_known"] == 1


def test_a_shop_without_events_or_customers_has_empty_ones():
    known = known_of()
    assert known.events.num_rows == 0
    assert known.customers["country"].to_pylist() == [None, None]
    assert known.customers["has_email"].to_pylist() == [None, None]


def test_line_details_lie_beside_their_lines_and_money_of_another_currency_is_unknown():
    known = known_of()
    products = known.snapshot.catalogue.product_ids[known.snapshot.line_product].tolist()
    assert products == ["cup", "tea", "tea"]
    assert known.lines["discount"].to_pylist() == [None, 2.0, None]
    assert known.lines["promo_code"].to_pylist() == [None, "SPRING", None]


def test_what_came_back_has_the_age_of_its_return():
    returns = tiny_known().returns.to_pylist()
    assert [(row["customer"], row["product_id"], row["age_days"], row["amount"]) for row in returns] == [
        (1, "soap", 18.5, 1.0),  # a line that is a return itself
        (2, "bag", 1.5, 10.0),  # a purchase that came back; the one that comes back in March has not
    ]
    assert tiny_known().lines["returned_days"].to_pylist() == [None] * 6 + [1.5]


def test_a_row_that_the_customers_table_did_not_have_yet_tells_nothing():
    customers = {
        "customer_id": ["ana", "ben"],
        "country": ["ES", "PT"],
        "tier": ["gold", "gold"],
        "created_at": ["2024-02-29T23:59:59", "2024-03-01"],
    }
    known = known_of(customers=customers)
    assert known.customers["country"].to_pylist() == ["ES", None]
    assert known.further["tier"].to_pylist() == ["gold", None]


def test_addresses_stay_behind_and_leave_whether_there_is_one():
    known = known_of(customers={"customer_id": ["ana"], "email": ["ana@example.com"], "phone": [None]})
    assert known.customers["has_email"].to_pylist() == [True, None]
    assert known.customers["has_phone"].to_pylist() == [False, None]
    assert "example.com" not in str(known.customers.to_pylist()) + repr(known)


def test_groups_are_a_list():
    known = known_of(customers={"customer_id": ["ana"], "groups": ["vip ; press;"]})
    assert known.customers["groups"].to_pylist() == [["vip", "press"], None]


def test_unusable_birth_dates_are_counted():
    born = ["1900-01-01", "2024-03-02"]
    known = known_of(customers={"customer_id": ["ana", "ben"], "birth_date": born})
    assert known.customers["age"].to_pylist() == [None, None]
    assert {count.rule: count.count for count in known.counts}["unusable_birth_date"] == 2


def test_the_count_of_birth_dates_is_the_same_from_the_table_alone():
    born = ["1900-01-01", "2024-03-02", "1994-05-05", "1900-01-01", None]
    at = ["2020-01-01", None, None, "2024-03-01", None]
    ids = ["ana", "ben", "cho", "dee", "eve"]
    frame = {"customer_id": ids, "birth_date": born, "created_at": at}
    known = known_of(customers=frame)
    log = log_of({"orders": pd.DataFrame(BOUGHT), "customers": pd.DataFrame(frame)})
    counted = unusable_birth_dates(log.tables.customers, known.snapshot.as_of)
    assert counted in known.counts
    assert counted.count == 2  # dee is listed at as_of, which is too late


@pytest.mark.parametrize(
    ("born", "age"),
    [
        ((1994, 3, 1), 30),  # the birthday itself
        ((1994, 3, 2), 29),
        ((1994, 2, 28), 30),
        ((2000, 2, 29), 24),
        ((2024, 3, 1), 0),
        ((2024, 3, 2), None),  # in the future
        ((1904, 3, 1), 120),
        ((1903, 3, 1), None),  # over 120
        ((1900, 1, 1), None),
        (None, None),
    ],
)
def test_age_is_whole_years_at_as_of(born, age):
    dates = pa.array([dt.date(*born) if born else None], pa.date32())
    ages, unusable = whole_years(dates, Instant.of(AS_OF))
    assert ages.to_pylist() == [age]
    assert unusable == (born is not None and age is None)


def test_a_placeholder_is_one_where_it_would_be_a_possible_age_too():
    assert whole_years(pa.array([dt.date(1900, 1, 1)]), Instant.of("1997-06-01"))[0].to_pylist() == [None]


def test_the_day_of_the_age_is_the_shops_own():
    born = pa.array([dt.date(1994, 3, 1)])
    evening = "2024-02-29T23:30:00Z"
    assert whole_years(born, Instant.of(evening))[0].to_pylist() == [29]
    assert whole_years(born, Instant(Instant.of(evening).us, "Europe/Madrid"))[0].to_pylist() == [30]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (pa.array([1], pa.int32()), pa.int64()),
        (pa.array([1.5], pa.float32()), pa.float64()),
        (pa.array([dt.date(2024, 1, 1)]), pa.timestamp("us", tz="UTC")),
        (pa.array([["a"]]), pa.list_(pa.string())),
        (pa.array([{"a": 1}]), None),
    ],
)
def test_a_further_column_is_one_of_few_types_or_none(values, told):
    column = plain(pa.chunked_array([values]))
    assert (column and column.type) == told


def test_some_customers_keep_their_own_rows_and_the_shops_quintiles():
    some = tiny_known().take([1, 3])
    assert some.customers["city"].to_pylist() == ["Vigo", "Porto"]
    assert some.events.select(["customer", "event_type"]).to_pylist() == [
        {"customer": 0, "event_type": "cart_add"},
        {"customer": 1, "event_type": "signup"},
    ]
    assert some.returns["customer"].to_pylist() == [0]
    assert some.lines.num_rows == 2
    assert some.quintiles is tiny_known().quintiles
