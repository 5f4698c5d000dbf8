"""The bin of the next order: seen, not seen, and not known."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.survival import SURVIVAL_DAYS
from intentml.tasks import next_order_of
from intentml.timeline import Outcomes
from intentml.timeline.instants import Instant, Window
from tiny import tiny_log, tiny_snapshot

NONE = len(SURVIVAL_DAYS)


def outcomes(horizon_days: int, *purchases: tuple[int, float], customers: int = 4) -> Outcomes:
    """Purchases as customer and days after."""
    who = np.array([customer for customer, _ in purchases], np.int64)
    nothing = np.zeros(len(who), np.int64)
    window = Window(Instant.of("2024-03-01"), horizon_days)
    days = np.array([days for _, days in purchases], np.float64)
    return Outcomes(window, customers, who, nothing, nothing.astype(np.int32), nothing.astype(float), days)


def test_the_tiny_shop_s_next_orders_by_hand():
    # ana buys as the window opens, ben in its last second (day 27.99), cho at noon of day 11, dee never.
    snapshot = tiny_snapshot()
    assert snapshot.customer_ids.tolist() == ["ana", "ben", "cho", "dee"]
    found = next_order_of(tiny_log().outcomes(snapshot, 28), SURVIVAL_DAYS)
    assert found.event_bin.tolist() == [0, 3, 1, NONE]
    # 7, 14 and 21 days are over after 28; the bin up to 30 is not, so of ben as much is known as of dee.
    assert found.full_bins.tolist() == [3, 3, 3, 3]


def test_the_tiny_shop_s_purchases_are_told_in_days_from_as_of():
    told = tiny_log().outcomes(tiny_snapshot(), 28)
    days = {int(customer): day for customer, day in zip(told.customer, told.days, strict=True)}
    assert days == pytest.approx({0: 0.0, 1: 28 - 1 / 86_400, 2: 11.5})


def test_of_several_purchases_the_first_counts():
    assert next_order_of(outcomes(90, (0, 40.0), (0, 9.0), (0, 16.0)), SURVIVAL_DAYS).event_bin[0] == 1


def test_a_purchase_at_an_edge_falls_in_the_bin_that_begins_there():
    found = next_order_of(outcomes(365, (0, 6.999), (1, 7.0), (2, 14.0), (3, 364.9)), SURVIVAL_DAYS)
    assert found.event_bin.tolist() == [0, 1, 2, NONE - 1]


@pytest.mark.parametrize(("days", "bins"), [(6, 0), (7, 1), (20, 2), (21, 3), (90, 7), (364, 12), (365, 13)])
def test_a_bin_is_seen_whole_when_its_last_day_is_over(days, bins):
    assert next_order_of(outcomes(days), SURVIVAL_DAYS).full_bins.tolist() == [bins] * 4


def test_nobody_who_orders_nothing_has_a_bin():
    assert next_order_of(outcomes(365), SURVIVAL_DAYS).event_bin.tolist() == [NONE] * 4
    assert next_order_of(outcomes(365, customers=0), SURVIVAL_DAYS).event_bin.shape == (0,)
