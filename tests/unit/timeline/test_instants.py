from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.errors import TimeError
from intentml.timeline.instants import (
    DAY_US,
    Instant,
    Window,
    check_horizon,
    first_instant_of_day,
    local_days,
    rolling_windows,
    zone,
)


def utc(text: str) -> int:
    """Microseconds of an instant written in UTC, by another road than the code's."""
    return int(pd.Timestamp(text, tz="UTC").value // 1000)


@pytest.mark.parametrize(
    "written",
    [
        "2017-11-01",
        " 2017-11-01 ",
        "2017-11-01T00:00",
        "2017-11-01T00:00:00Z",
        "2017-11-01T02:00:00+02:00",
        dt.date(2017, 11, 1),
        dt.datetime(2017, 11, 1, tzinfo=dt.UTC),
        dt.datetime(2017, 11, 1),  # noqa: DTZ001 - a naive datetime is in the shop's zone
        pd.Timestamp("2017-11-01"),
        pd.Timestamp("2017-11-01", tz="UTC"),
        Instant.of("2017-11-01"),
    ],
    ids=repr,
)
def test_every_way_to_write_the_first_of_november_is_the_same_instant(written):
    assert Instant.of(written).us == utc("2017-11-01")


@pytest.mark.parametrize("written", ["yesterday", "", "01/11/2017", "2017-13-01"])
def test_what_is_not_a_date_is_refused_with_an_example_of_one(written):
    with pytest.raises(TimeError, match="is not a date") as refused:
        Instant.of(written)
    assert "2017-11-01" in refused.value.hint


def test_a_plain_date_is_midnight_of_the_shop_not_of_greenwich():
    assert Instant.of("2017-11-01", "Europe/Madrid").us == utc("2017-10-31T23:00")
    assert Instant.of("2017-07-01", "Europe/Madrid").us == utc("2017-06-30T22:00")
    assert Instant.of("2017-11-01", "America/New_York").us == utc("2017-11-01T04:00")


def test_a_written_offset_wins_over_the_zone_of_the_shop():
    assert Instant.of("2017-11-01T00:00:00Z", "Europe/Madrid").us == utc("2017-11-01")


@pytest.mark.parametrize(
    ("day", "zone_name", "first_instant"),
    [
        ("2017-03-26", "Europe/Madrid", "2017-03-25T23:00"),  # 23 hours long
        ("2017-03-27", "Europe/Madrid", "2017-03-26T22:00"),
        ("2017-10-29", "Europe/Madrid", "2017-10-28T22:00"),  # 25 hours long
        ("2017-10-30", "Europe/Madrid", "2017-10-29T23:00"),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00"),  # begins at 01:00, midnight never comes
        ("2017-11-05", "America/Havana", "2017-11-05T04:00"),  # midnight comes twice, the first counts
    ],
)
def test_a_day_with_a_clock_change_starts_at_its_first_instant(day, zone_name, first_instant):
    assert Instant.of(day, zone_name).us == utc(first_instant)


def test_an_instant_is_told_in_its_zone():
    assert Instant.of("2017-07-01", "Europe/Madrid").iso == "2017-07-01T00:00:00+02:00"
    assert Instant.of("2017-07-01T12:00:00Z", "Europe/Madrid").iso == "2017-07-01T14:00:00+02:00"


def test_instants_before_1970_keep_every_microsecond():
    assert Instant.of("1969-12-31T23:59:59.999999Z").us == -1


def test_an_unknown_zone_is_named():
    with pytest.raises(TimeError, match="'Mars/Olympus' is unknown") as refused:
        zone("Mars/Olympus")
    assert "Europe/Madrid" in refused.value.hint


def test_days_ahead_keep_the_time_of_day_over_a_clock_change():
    noon = Instant.of("2017-10-28T12:00", "Europe/Madrid")
    assert noon.plus_days(2).iso == "2017-10-30T12:00:00+01:00"
    assert noon.plus_days(2).days_since(noon) == 2 + 1 / 24
    assert noon.plus_days(-0.5).iso == "2017-10-28T00:00:00+02:00"


def test_a_window_ends_where_the_next_one_starts():
    window = Window(Instant.of("2024-03-01"), 28)
    assert window.end == Instant.of("2024-03-29")


def test_rolling_windows_come_oldest_first_and_end_with_the_last():
    windows = rolling_windows(Instant.of("2024-03-01"), 28, windows=3, step_days=14)
    assert [window.as_of.iso[:10] for window in windows] == ["2024-02-02", "2024-02-16", "2024-03-01"]
    assert {window.horizon_days for window in windows} == {28}


@pytest.mark.parametrize("days", [7, 28, 365])
def test_horizons_from_a_week_to_a_year_pass(days):
    assert check_horizon(days) == days


@pytest.mark.parametrize("days", [6, 0, -28, 366])
def test_other_horizons_are_refused_with_the_limits(days):
    with pytest.raises(TimeError, match=f"{days} days is outside 7 to 365 days"):
        check_horizon(days)


@pytest.mark.parametrize("days", [28.0, 28.5, "28", True, None])
def test_a_horizon_that_is_no_whole_number_is_refused(days):
    with pytest.raises(TimeError, match="is no whole number"):
        check_horizon(days)


def test_a_whole_number_of_numpy_is_a_horizon_and_comes_out_as_a_plain_one():
    assert type(check_horizon(np.int64(28))) is int


@pytest.mark.parametrize("as_of", [None, 20240301, np.datetime64("2024-03-01")])
def test_what_is_no_date_at_all_is_refused(as_of):
    with pytest.raises(TimeError, match="is not a date"):
        Instant.of(as_of)


def test_the_local_day_changes_at_the_shop_s_midnight():
    instants = np.array([utc("2017-10-31T22:59:59.999999"), utc("2017-10-31T23:00")])
    assert np.diff(local_days(instants, "Europe/Madrid")).tolist() == [1]
    assert np.diff(local_days(instants, "UTC")).tolist() == [0]


def test_local_days_before_1970_are_negative():
    assert local_days(np.array([-1, 0]), "UTC").tolist() == [-1, 0]


@given(
    day=st.dates(dt.date(1971, 1, 1), dt.date(2037, 12, 31)),
    zone_name=st.sampled_from(["UTC", "Europe/Madrid", "America/Sao_Paulo", "Asia/Kathmandu"]),
)
def test_the_first_instant_of_a_day_is_on_it_and_the_microsecond_before_is_not(day, zone_name):
    number = (day - dt.date(1970, 1, 1)).days
    first = first_instant_of_day(number, zone_name)
    assert first == Instant.of(day.isoformat(), zone_name)
    around = local_days(np.array([first.us - 1, first.us]), zone_name)
    assert around.tolist() == [number - 1, number]


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)))  # noqa: DTZ001 - naive on purpose
def test_an_instant_survives_being_told_and_read(naive):
    instant = Instant.of(naive, "Europe/Madrid")
    assert Instant.of(instant.iso, "Europe/Madrid") == instant
    assert instant.us % DAY_US == Instant.of(instant.iso).us % DAY_US
