"""Cutoffs: whole outcomes before as_of, enough history before the cutoff."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.fitting.windows import cutoffs
from intentml.timeline import OrderLog
from tiny import log_of

START = pd.Timestamp("2023-01-01", tz="UTC")


def log_of_days(days: int, known_from: int = 0) -> OrderLog:
    """A shop with one order a day; those before `known_from` were recorded on that day."""
    at = START + pd.to_timedelta(range(days), unit="D")
    began = START + pd.Timedelta(days=known_from)
    orders = pd.DataFrame(
        {
            "customer_id": "a",
            "order_id": [f"o{day:03d}" for day in range(days)],
            "ordered_at": at,
            "recorded_at": at.where(at >= began, began),
        }
    )
    return log_of({"orders": orders})


def dates(log: OrderLog, horizon: int, windows: int) -> list[str]:
    plan = cutoffs(log, horizon, windows)
    return [] if plan is None else [cutoff.iso[:10] for cutoff in plan.all]


def test_cutoffs_stand_one_horizon_apart_newest_first():
    # 200 days of 2023 end on 20 July.
    assert dates(log_of_days(200), 28, 3) == ["2023-06-22", "2023-05-25", "2023-04-27"]


def test_the_newest_is_for_validation_and_the_others_for_training():
    plan = cutoffs(log_of_days(200), 28, 3)
    assert plan.validation == plan.all[0]
    assert plan.training == plan.all[1:]
    assert plan.horizon_days == 28


@given(days=st.integers(1, 500), horizon=st.integers(7, 365), windows=st.integers(1, 6))
def test_every_outcome_ends_by_as_of_and_every_cutoff_has_a_past(days, horizon, windows):
    log = LOGS.setdefault(days // 25, log_of_days(25 * (days // 25) + 1))
    plan = cutoffs(log, horizon, windows)
    if plan is None:
        assert log.until.days_since(log.start) - horizon < max(28, horizon / 2)
        return
    assert 1 <= len(plan.all) <= windows
    for back, cutoff in enumerate(plan.all, start=1):
        assert log.until.days_since(cutoff) == horizon * back
        assert cutoff.days_since(log.start) >= max(28, horizon / 2)


LOGS: dict[int, OrderLog] = {}


@pytest.mark.parametrize(("days", "count"), [(55, 0), (56, 1), (111, 1), (112, 2), (139, 2), (140, 3)])
def test_the_newest_needs_four_weeks_of_history_and_older_ones_two_horizons(days, count):
    assert len(dates(log_of_days(days), 28, 3)) == count


@pytest.mark.parametrize(("days", "count"), [(90 + 44, 0), (90 + 45, 1), (180 + 179, 1), (180 + 180, 2)])
def test_a_long_horizon_needs_half_of_itself_before_it(days, count):
    assert len(dates(log_of_days(days), 90, 3)) == count


@pytest.mark.parametrize(("known_from", "count"), [(172, 0), (171, 1), (144, 1), (143, 2), (115, 3)])
def test_history_recorded_later_is_no_history_yet(known_from, count):
    # The cutoffs are days 172, 144 and 116: a shop that began to record that day knew nothing before.
    assert len(dates(log_of_days(200, known_from), 28, 3)) == count
