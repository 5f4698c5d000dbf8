from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from intentml.prediction import Predictions
from intentml.scores.customers import customer_table
from intentml.scores.limits import stage_limits
from intentml.scores.stages import IMPORTANCES, LIFECYCLES
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import Snapshot
from intentml.traits import PREDICTED, fields_of
from tiny import log_of, tiny_frames, tiny_known, tiny_log, tiny_snapshot

ANA, BEN, CHO, DEE = range(4)
SPEND = np.array([10.0, 20.0, 30.0, 1.0])


def predictions(snapshot: Snapshot, days: int) -> Predictions:
    """Everybody orders once every hundred days, whenever."""
    users = len(snapshot)
    return Predictions(
        customer_ids=snapshot.customer_ids,
        as_of=snapshot.as_of,
        horizon_days=days,
        no_order=np.full(users, np.exp(-days / 100)),
        orders=np.full(users, days / 100),
        spend=SPEND[:users] * days / 100,
        survival=np.tile(np.exp(-np.array(SURVIVAL_DAYS) / 100), (users, 1)),
    )


def table(snapshot: Snapshot | None = None, **heads: object) -> dict[str, list]:
    """The columns, each as a list."""
    snapshot = snapshot or tiny_snapshot()
    told = [replace(predictions(snapshot, days), **heads) for days in (28, 90, 365)]
    return customer_table(snapshot, told[:2], told[2], stage_limits(tiny_log(), snapshot))[0].to_pydict()


def test_everybody_known_has_a_row_in_order_of_id():
    # eve signs up at the very instant, and cannot be known.
    assert table()["customer_id"] == ["ana", "ben", "cho", "dee"]


def test_orders_recency_and_tenure_are_those_of_the_lines():
    columns = table()
    assert columns["orders"] == [3, 2, 1, 0]
    assert columns["recency_days"] == [29.25, 9.5, 4.5, None]  # ana's last: January 31 at 18:00
    assert columns["tenure_days"] == [59.625, 19.5, 4.5, None]


def test_money_is_gross_of_returns_with_the_net_beside_it():
    columns = table()
    # ana: 2 x 1.5 + 4, 1.5, 2; ben: 3 x 1, 4.2; cho: 10. A return of tomorrow is not known.
    assert columns["monetary"] == pytest.approx([10.5, 7.2, 10.0, 0.0])
    assert columns["monetary_net"] == pytest.approx([10.5, 6.2, 0.0, 0.0])


def test_each_horizon_has_its_columns_and_the_first_the_plain_names():
    columns = table()
    assert columns["churn_probability"][ANA] == pytest.approx(np.exp(-0.28))
    assert columns["churn_probability_90"][ANA] == pytest.approx(np.exp(-0.9))
    assert columns["expected_orders"][ANA] == pytest.approx(0.28)
    assert columns["expected_spend_90"][BEN] == pytest.approx(18.0)
    assert columns["expected_orders_365"][ANA] == pytest.approx(3.65)


def test_every_column_is_a_field_that_says_what_it_means():
    fields = fields_of(tiny_known(), [28, 90])
    columns = set(table()) - {"customer_id"}
    assert columns - set(fields) == set()
    assert {field.name for field in PREDICTED} - columns == set()


def test_expected_spend_net_takes_off_what_comes_back():
    columns = table()
    # Of 27.70 paid 11.00 came back; own shares are drawn to that by five mean orders of 27.70 / 6.
    belief = 5 * 27.7 / 6
    own = {"ana": (0.0, 10.5), "ben": (1.0, 7.2), "cho": (10.0, 10.0), "dee": (0.0, 0.0)}
    shares = [(back + belief * 11 / 27.7) / (paid + belief) for back, paid in own.values()]
    expected = [spend * (1 - share) for spend, share in zip(columns["expected_spend"], shares, strict=True)]
    assert columns["expected_spend_net"] == pytest.approx(expected)


def test_a_shop_without_returns_has_no_net_column():
    frames = tiny_frames()
    frames["orders"] = frames["orders"].drop(columns="returned_at").query("quantity != '-1'")
    assert "expected_spend_net" not in table(log_of(frames).as_of("2024-03-01"))


def test_the_next_order_is_the_median_instant_of_those_within_a_year():
    columns = table()
    last = np.exp(-3.65)
    days = -100 * np.log(last + (1 - last) / 2)
    due = dt.datetime(2024, 3, 1, tzinfo=dt.UTC) + dt.timedelta(days=days)
    assert abs(columns["expected_next_order_at"][ANA] - due) < dt.timedelta(minutes=2)


def test_whom_nothing_brings_back_within_a_year_is_due_as_late_as_can_be_told():
    columns = table(survival=np.ones((4, len(SURVIVAL_DAYS))))
    due = dt.datetime(2024, 3, 1, tzinfo=dt.UTC) + dt.timedelta(days=365)
    assert columns["expected_next_order_at"] == [due, due, due, None]


def test_the_return_probability_is_an_order_within_the_own_cycle():
    columns = table()
    assert columns["rhythm_days"] == [None] * 4  # ana's three orders fell on two days
    limits = stage_limits(tiny_log(), tiny_snapshot())
    cycle = limits.later.cycle_days  # the shop's, for customers with three orders or more
    assert columns["return_probability"][ANA] == pytest.approx(1 - np.exp(-cycle / 100), rel=1e-3)


def test_a_prospect_is_predicted_and_promised_nothing():
    columns = table()
    assert columns["lifecycle"][DEE] == "prospect"
    for name in ("importance", "expected_next_order_at", "return_probability", "recency_days", "rhythm_days"):
        assert columns[name][DEE] is None, name
    assert columns["churn_probability"][DEE] is not None
    assert columns["lifecycle_disagrees"][DEE] is False


def test_stages_and_groups_are_of_the_known_words():
    columns = table()
    assert set(columns["lifecycle"]) <= set(LIFECYCLES)
    # Orders and expected ones: 6.65, 5.65, 4.65; frequent from their mean and one deviation, 6.47.
    assert columns["importance"][:3] == ["frequent", "loyal", "one_time"]
    assert set(columns["importance"][:3]) <= set(IMPORTANCES)


def test_money_of_unknown_prices_is_unknown():
    frames = tiny_frames()
    frames["orders"].loc[frames["orders"]["customer_id"] == "ben", "unit_price"] = None
    columns = table(log_of(frames).as_of("2024-03-01"))
    assert columns["monetary"] == [pytest.approx(10.5), None, pytest.approx(10.0), 0.0]
    assert columns["monetary_net"][BEN] is None


def test_a_predictor_without_heads_leaves_their_columns_out():
    columns = table(no_order=None, orders=None, spend=None, survival=None)
    assert columns["lifecycle"][DEE] == "prospect"
    for name in (
        "churn_probability",
        "expected_spend",
        "survival_7",
        "return_probability",
        "expected_spend_365",
    ):
        assert name not in columns


def test_limits_given_are_the_limits_used():
    snapshot = tiny_snapshot()
    told = [predictions(snapshot, days) for days in (28, 365)]
    limits = stage_limits(tiny_log(), snapshot)
    whole, importance = customer_table(snapshot, told[:1], told[1], limits)
    strict = importance.model_copy(update={"frequent_from": 7.0})
    other, used = customer_table(snapshot, told[:1], told[1], limits, strict)
    assert used == strict
    assert whole["importance"].to_pylist()[ANA] == "frequent"
    assert other["importance"].to_pylist()[ANA] == "loyal"
