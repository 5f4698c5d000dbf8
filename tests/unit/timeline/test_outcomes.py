from __future__ import annotations

import numpy as np
import pytest

from intentml.errors import IncompleteOutcomeError
from tiny import AS_OF, HORIZON_DAYS, log_of, tiny_frames, tiny_log, tiny_snapshot


def test_the_window_takes_its_first_instant_and_leaves_its_last():
    snapshot = tiny_snapshot()
    outcomes = tiny_log().outcomes(snapshot, HORIZON_DAYS)
    names = snapshot.customer_ids[outcomes.customer].tolist()
    assert names == ["ana", "ben", "cho"]  # o11 at as_of, o14 in the last second; not o15 on March 29
    np.testing.assert_allclose(outcomes.amount, [1.6, 4.2, 30.0])


def test_one_day_more_takes_the_order_at_the_end():
    outcomes = tiny_log().outcomes(tiny_snapshot(), HORIZON_DAYS + 1)
    assert np.bincount(outcomes.customer).tolist() == [2, 1, 1]


def test_customers_unknown_at_as_of_have_no_outcomes():
    outcomes = tiny_log().outcomes(tiny_snapshot(), HORIZON_DAYS)  # eve bought on March 6
    assert outcomes.customers == 4
    assert len(outcomes.customer) == 3


def test_a_product_unknown_at_as_of_is_a_purchase_of_no_target():
    snapshot = tiny_snapshot()
    product = tiny_log().outcomes(snapshot, HORIZON_DAYS).product  # the lamp joined at as_of
    assert [snapshot.catalogue.product_ids[row] if row >= 0 else None for row in product] == [
        "milk",
        "brie",
        None,
    ]


def test_a_line_before_as_of_that_was_recorded_late_is_no_outcome():
    outcomes = tiny_log().outcomes(tiny_snapshot(), HORIZON_DAYS)
    bread = tiny_snapshot().catalogue.product_ids.tolist().index("bread")
    assert bread not in outcomes.product


def test_a_line_of_the_window_that_was_recorded_after_it_is_an_outcome():
    frames = tiny_frames()
    frames["orders"].loc[frames["orders"]["order_id"] == "o11", "recorded_at"] = "2024-05-01T00:00:00Z"
    log = log_of(frames)
    assert 0 in log.outcomes(log.as_of(AS_OF), HORIZON_DAYS).customer


def test_returns_are_no_outcomes():
    frames = tiny_frames()
    frames["orders"].loc[frames["orders"]["order_id"] == "o05", "ordered_at"] = "2024-03-05T00:00:00Z"
    log = log_of(frames)
    assert len(log.outcomes(log.as_of(AS_OF), HORIZON_DAYS).customer) == 3


def test_a_window_that_ends_with_the_data_is_answered():
    assert tiny_log().outcomes(tiny_snapshot(), 29).window.end.iso == "2024-03-30T00:00:00+00:00"


def test_a_window_past_the_data_is_refused_with_the_dates_and_the_way_out():
    with pytest.raises(IncompleteOutcomeError) as refused:
        tiny_log().outcomes(tiny_snapshot(), 30)
    error = refused.value
    assert "30 days after 2024-03-01T00:00:00+00:00 end 2024-03-31T00:00:00+00:00" in error.message
    assert "the data ends 2024-03-30T00:00:00+00:00" in error.message
    assert error.hint == "choose an as_of of 2024-02-29 or before, or a horizon of at most 29 days"
    assert (error.table, error.column) == ("orders", "ordered_at")


def test_a_horizon_under_a_week_is_never_offered():
    log = tiny_log()
    with pytest.raises(IncompleteOutcomeError) as refused:
        log.outcomes(log.as_of("2024-03-25"), 28)
    assert refused.value.hint == "choose an as_of of 2024-03-02 or before"


def test_the_log_as_it_was_knows_nothing_of_what_came_after():
    known = tiny_log().before(AS_OF)
    with pytest.raises(IncompleteOutcomeError):
        known.outcomes(known.as_of("2024-02-15"), HORIZON_DAYS)
    assert len(known.outcomes(known.as_of("2024-02-15"), 15).customer) == 1  # ben's brie; ana did not buy


def test_outcomes_of_some_customers_are_theirs():
    snapshot = tiny_snapshot()
    some = tiny_log().outcomes(snapshot.take([1, 3]), HORIZON_DAYS)
    assert (some.customers, some.customer.tolist()) == (2, [0])
    np.testing.assert_allclose(some.amount, [4.2])
