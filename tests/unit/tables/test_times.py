"""Times: zones, daylight saving, plain dates, and what is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.tables.parse import Parsed
from intentml.tables.times import parse_date, parse_time


def column(values: list[Any], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, type=kind)])


def iso(parsed: Parsed) -> list[str | None]:
    return [None if time is None else time.isoformat() for time in parsed.values.to_pylist()]


def rows(parsed: Parsed) -> dict[str, list[int]]:
    return {rule: mask.nonzero()[0].tolist() for rule, mask in parsed.broken.items()}


def test_a_time_without_a_zone_is_local_to_the_shop() -> None:
    naive = column([dt.datetime.fromisoformat("2024-07-01 12:00")])
    assert iso(parse_time(naive, "Europe/Madrid")) == ["2024-07-01T10:00:00+00:00"]
    assert iso(parse_time(column(["2024-07-01 12:00"]), "Europe/Madrid")) == ["2024-07-01T10:00:00+00:00"]


def test_a_time_with_a_zone_is_that_instant() -> None:
    aware = column([dt.datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo"))])
    assert iso(parse_time(aware, "Europe/Madrid")) == ["2024-07-01T03:00:00+00:00"]
    texts = column(["2024-07-01T12:00:00+09:00", "2024-07-01 03:00Z", "2024-07-01 03:00:00 UTC"])
    assert iso(parse_time(texts, "Europe/Madrid")) == ["2024-07-01T03:00:00+00:00"] * 3


@pytest.mark.parametrize(
    "values", [[dt.date(2024, 7, 1)], ["2024-07-01"], ["20240701"], [20240701], ["2024/07/01"]]
)
def test_a_plain_date_is_its_first_instant_in_the_shops_zone(values: list[Any]) -> None:
    assert iso(parse_time(column(values), "Europe/Madrid")) == ["2024-06-30T22:00:00+00:00"]


def test_a_day_without_midnight_starts_when_its_clock_does() -> None:
    assert iso(parse_time(column(["2018-11-04"]), "America/Sao_Paulo")) == ["2018-11-04T03:00:00+00:00"]


def test_a_local_time_that_never_was_is_the_first_instant_after_the_gap() -> None:
    assert iso(parse_time(column(["2024-03-31 02:30"]), "Europe/Berlin")) == ["2024-03-31T01:00:00+00:00"]


def test_a_local_time_that_was_twice_is_the_first_of_the_two() -> None:
    assert iso(parse_time(column(["2024-10-27 02:30"]), "Europe/Berlin")) == ["2024-10-27T00:30:00+00:00"]


def test_what_is_not_iso_8601_is_told_by_row() -> None:
    texts = ["2024-01-01", "14/03/2026", None, "2024-02-30", "03-04-2026", "2024-01-01T25:00", "soon"]
    parsed = parse_time(column(texts), "UTC")
    assert iso(parsed) == ["2024-01-01T00:00:00+00:00", None, None, None, None, None, None]
    assert rows(parsed) == {"not_a_time": [1, 3, 4, 5, 6]}


def test_mixed_naive_aware_and_fractional_texts_are_each_read_right() -> None:
    texts = ["2024-01-01 10:00", "2024-01-01 10:00+0200", "2024-01-01T10:00:00.123456789Z"]
    assert iso(parse_time(column(texts), "Europe/Berlin")) == [
        "2024-01-01T09:00:00+00:00",
        "2024-01-01T08:00:00+00:00",
        "2024-01-01T10:00:00.123456+00:00",
    ]


def test_numbers_are_no_times() -> None:
    assert rows(parse_time(column([1700000000]), "UTC")) == {"not_a_time": [0]}
    assert rows(parse_time(column([45292.5, None]), "UTC")) == {"not_a_time": [0]}


def test_years_are_judged_on_the_shops_own_calendar() -> None:
    texts = column(["1969-12-31 23:59", "1970-01-01", "2200-12-31 23:59", "2201-01-01", "9999-12-31"])
    for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
        assert rows(parse_time(texts, zone)) == {"year_out_of_range": [0, 3, 4]}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_every_unit_becomes_microseconds_and_impossible_ticks_are_told(unit: str) -> None:
    second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    ticks = column([1_704_067_200 * second, 2**63 - 1, None], pa.int64()).cast(pa.timestamp(unit))
    parsed = parse_time(ticks, "UTC")
    assert iso(parsed) == ["2024-01-01T00:00:00+00:00", None, None]
    assert rows(parsed) == {"year_out_of_range": [1]}


def test_a_date_of_birth_may_lie_before_1970_and_knows_no_zone() -> None:
    parsed = parse_date(column(["1946-05-01", "1700-01-01", "yesterday", None]), "Asia/Tokyo")
    assert parsed.values.to_pylist() == [dt.date(1946, 5, 1), None, None, None]
    assert rows(parsed) == {"not_a_date": [2], "year_out_of_range": [1]}
    assert parse_date(column([dt.date(1946, 5, 1)]), "Asia/Tokyo").values.to_pylist() == [dt.date(1946, 5, 1)]


INSTANTS = st.datetimes(
    min_value=dt.datetime.fromisoformat("1970-01-03"),
    max_value=dt.datetime.fromisoformat("2200-12-28"),
    timezones=st.just(dt.UTC),
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])


@given(st.lists(INSTANTS), ZONES)
def test_an_instant_with_its_zone_survives_any_shop_zone(times: list[dt.datetime], zone: str) -> None:
    texts = column([time.isoformat() for time in times], pa.string())
    assert parse_time(texts, zone).values.to_pylist() == times


@given(INSTANTS, ZONES)
def test_the_fast_and_the_slow_way_of_reading_text_agree(time: dt.datetime, zone: str) -> None:
    text = time.replace(tzinfo=None).isoformat(sep=" ")
    fast = parse_time(column([text]), zone).values[0]
    assert parse_time(column([text, "not a time"]), zone).values[0] == fast
