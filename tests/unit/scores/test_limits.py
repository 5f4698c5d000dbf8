from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from intentml.scores.limits import stage_limits
from intentml.scores.stages import LifecycleLimits
from scored_shop import orders_at
from tiny import log_of

AS_OF = "2024-06-01"


# Somebody buys on the last day, so that the data reach to AS_OF.
ANCHOR = {"anchor": [1]}


def limits_of(days: dict[str, list[int]]) -> LifecycleLimits:
    shop = log_of({"orders": orders_at(days | ANCHOR, AS_OF)})
    return stage_limits(shop, shop.as_of(AS_OF))


def test_the_usual_time_to_a_second_order_is_the_shops():
    # Everybody comes back after 30 days.
    limits = limits_of({f"c{number:02d}": [200 - number, 170 - number, 140 - number] for number in range(40)})
    assert limits.second_order_usual_days == 30
    assert limits.first.source == "first"


def test_regular_customers_who_stop_for_good_widen_nothing():
    days = {f"c{number:02d}": list(range(200 + number, 100 + number, -10)) for number in range(30)}
    days |= {f"k{number:02d}": list(range(200 + number, 0, -10)) for number in range(30)}
    assert limits_of(days).widen == 0.0


def test_a_shop_that_is_a_week_old_has_limits_and_no_past_to_widen_them_by():
    limits = limits_of({"a": [5, 3, 1], "b": [6]})
    assert limits.widen == 0.0
    assert limits.first.source == "assumed"


@pytest.mark.parametrize("day", ["2024-04-01", AS_OF])
def test_nothing_known_from_as_of_on_moves_a_limit(day):
    days = {f"c{number:02d}": [190 - number, 150 - number, 100 - number, 3] for number in range(40)}
    orders = orders_at(days | ANCHOR, AS_OF)
    shop = log_of({"orders": orders})
    known = log_of({"orders": orders[orders["ordered_at"] < pd.Timestamp(day, tz="UTC")]})
    known = replace(known, until=shop.instant(day))  # nobody need have bought on the day before
    assert stage_limits(known, known.as_of(day)) == stage_limits(shop, shop.as_of(day))
