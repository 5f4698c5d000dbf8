"""Timing of the tiny shop by hand: orders, active days, recency, in the shop's own calendar."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.sequences.timing import TimingStatistics, timing_statistics
from random_shop import AS_OF_TEXT, random_shop
from tiny import log_of, tiny_frames, tiny_log, tiny_snapshot

ANA, BEN, CHO, DEE = range(4)


def days_of(timing: TimingStatistics, row: int) -> list[str]:
    own = timing.active_day[timing.active_indptr[row] : timing.active_indptr[row + 1]]
    return [str(np.datetime64(int(day), "D")) for day in own]


def test_orders_recency_and_tenure():
    timing = timing_statistics(tiny_snapshot())
    assert timing.n_orders.tolist() == [3, 2, 1, 0]
    # Ana last ordered at 18:00 on 31 January and first at 9:00 on 1 January.
    np.testing.assert_allclose(timing.recency_days[:3], [29.25, 9.5, 4.5])
    np.testing.assert_allclose(timing.tenure_days[:3], [59.625, 19.5, 4.5])


def test_without_an_order_there_is_no_recency():
    timing = timing_statistics(tiny_snapshot())
    assert np.isnan(timing.recency_days[DEE])
    assert np.isnan(timing.tenure_days[DEE])
    assert days_of(timing, DEE) == []


def test_two_orders_on_a_day_are_one_active_day():
    timing = timing_statistics(tiny_snapshot())
    assert days_of(timing, ANA) == ["2024-01-01", "2024-01-31"]
    assert days_of(timing, BEN) == ["2024-02-10", "2024-02-20"]
    assert days_of(timing, CHO) == ["2024-02-25"]
    assert timing.active_days.tolist() == [2, 2, 1, 0]


def test_today_is_the_day_of_as_of():
    assert str(np.datetime64(timing_statistics(tiny_snapshot()).today, "D")) == "2024-03-01"


def test_days_are_those_of_the_shops_own_calendar():
    # In Auckland (UTC+13) the afternoon of 31 January is the first of February.
    snapshot = tiny_log("Pacific/Auckland").as_of("2024-03-01")
    timing = timing_statistics(snapshot)
    assert days_of(timing, ANA) == ["2024-01-01", "2024-01-31", "2024-02-01"]
    assert str(np.datetime64(timing.today, "D")) == "2024-03-01"
    np.testing.assert_allclose(timing.recency_days[ANA], 29.25 - 13 / 24)


def test_an_order_late_in_the_day_before_is_no_order_of_today():
    frames = tiny_frames()
    frames["orders"].loc[frames["orders"]["order_id"] == "o09", "ordered_at"] = "2024-02-29T23:59:59Z"
    timing = timing_statistics(log_of(frames).as_of("2024-03-01"))
    assert days_of(timing, CHO) == ["2024-02-29"]
    assert timing.recency_days[CHO] == pytest.approx(1 / 86_400)


def test_nobody_and_a_part_of_the_customers():
    snapshot = tiny_snapshot()
    nobody = timing_statistics(snapshot.take([]))
    assert len(nobody.n_orders) == len(nobody.active_day) == 0
    assert nobody.active_indptr.tolist() == [0]
    two = timing_statistics(snapshot.take([CHO, DEE]))
    assert days_of(two, 0) == ["2024-02-25"]
    assert two.active_days.tolist() == [1, 0]


@pytest.mark.parametrize("seed", range(3))
def test_active_days_ascend_and_number_no_more_than_the_orders(seed):
    timing = timing_statistics(log_of(random_shop(seed, customers=30, lines=400)).as_of(AS_OF_TEXT))
    for row, orders in enumerate(timing.n_orders):
        own = timing.active_day[timing.active_indptr[row] : timing.active_indptr[row + 1]]
        assert (np.diff(own) > 0).all()
        assert (orders > 0) <= len(own) <= orders
        assert (own < timing.today).all()
