"""The base over time: stages as they could have been told, and who went where."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intentml.errors import TimeError
from intentml.insights import base_over_time, stage_flows
from intentml.insights.lifecycle import UNKNOWN, months_before, stages_at
from intentml.scores.stages import LIFECYCLES
from intentml.timeline import Instant
from random_shop import AS_OF_TEXT, random_shop
from scored_shop import log, orders_at, scores
from tiny import AS_OF, log_of, tiny_log

# Before 1 June: ana and ben order every 30 days, ben stopped; cho is new.
DAYS = {
    "ana": [155, 125, 95, 65, 35, 5],
    "ben": [160, 130, 100],
    "cho": [10],
}


def test_stages_now_are_those_of_the_scores():
    now = stages_at(log(), AS_OF_TEXT)
    assert now.stage.tolist() == scores().table["lifecycle"].to_pylist()
    assert now.customer_ids.tolist() == scores().customer_ids.tolist()
    assert now.limits == scores().manifest.limits.lifecycle


def test_the_base_is_counted_at_each_instant():
    shop = log_of({"orders": orders_at(DAYS)})
    base = base_over_time(shop, ["2024-03-01", "2024-06-01"])
    assert base.columns.tolist() == ["customers", *LIFECYCLES]
    assert base["customers"].tolist() == [2, 3]
    assert base["active"].tolist() == [2, 1]  # 92 days before: ben ordered 8 days ago
    assert base["lost"].tolist() == [0, 1]  # now 100 days ago, more than twice 30
    assert base["new"].tolist() == [0, 1]


def test_flows_name_where_everybody_came_from():
    shop = log_of({"orders": orders_at(DAYS)})
    flows = stage_flows(stages_at(shop, "2024-03-01"), stages_at(shop, "2024-06-01"))
    assert flows.to_numpy().sum() == 3
    assert flows.loc["active", "active"] == flows.loc["active", "lost"] == 1
    assert flows.loc[UNKNOWN, "new"] == 1
    assert list(flows.columns) == list(LIFECYCLES)


def test_what_comes_later_changes_no_count_of_the_past():
    """The time machine, for insights: delete all lines of the future and nothing moves."""
    frames = random_shop(3, customers=30, lines=500)
    orders = frames["orders"]
    at = pd.Timestamp(AS_OF_TEXT)
    known = orders["recorded_at"].fillna(orders["ordered_at"])
    past = {**frames, "orders": orders[known < at]}
    instants = [Instant.of(AS_OF_TEXT).plus_days(-days) for days in (30, 0)]
    pd.testing.assert_frame_equal(
        base_over_time(log_of(frames), instants), base_over_time(log_of(past), instants)
    )


def test_months_before_are_calendar_months_within_the_data():
    shop = log_of({"orders": orders_at({"ana": [400, 100, 1]})})
    assert [at.iso[:10] for at in months_before(shop, "2024-05-31", [12, 3, 1, 0]).values()] == [
        "2023-05-31",
        "2024-02-29",
        "2024-04-30",
        "2024-05-31",
    ]
    assert list(months_before(tiny_log(), AS_OF, [12, 1, 0])) == [1, 0]
    with pytest.raises(TimeError):
        base_over_time(tiny_log(), ["2019-01-01"])


def test_a_row_of_flows_adds_up_to_those_who_were_there():
    earlier, later = (stages_at(log(), Instant.of(AS_OF_TEXT).plus_days(-days)) for days in (20, 0))
    flows = stage_flows(earlier, later)
    for stage in LIFECYCLES:
        assert flows.loc[stage].sum() == np.sum(earlier.stage == stage)
