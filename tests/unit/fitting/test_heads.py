"""Timing, orders and spend: which prior, and a correction only where an earlier one helped."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from intentml.fitting.heads import fit_money, fit_no_order, fit_orders, likeliest_btyd
from intentml.fitting.slices import Past
from intentml.fitting.windows import Cutoffs, cutoffs
from intentml.priors.activity import ACTIVITY_PRIORS, BTYD_NAMES
from intentml.priors.spend import SPEND_PRIORS
from intentml.timeline import OrderLog
from simulated_log import simulated
from tiny import log_of

AS_OF = "2024-10-01"
START = pd.Timestamp("2023-01-01", tz="UTC")


@cache
def past() -> Past:
    return Past(simulated(1500)[0].before(AS_OF))


def plans_of(log: OrderLog, *horizons: int) -> list[Cutoffs]:
    return [plan for days in horizons if (plan := cutoffs(log, days, 3)) is not None]


def test_the_churn_head_takes_the_likeliest_btyd_and_beats_the_base_rate():
    prior, said = fit_no_order(past(), plans_of(past().log, 28, 90))
    assert prior.name == likeliest_btyd(past())
    by_name = {name: [one.loss for one in said if one.prior == name] for name in ACTIVITY_PRIORS}
    assert all(np.mean(by_name[name]) < 0.8 * np.mean(by_name["base_rate"]) for name in BTYD_NAMES)
    assert {one.prior for one in said if one.chosen} == {prior.name}


def test_orders_take_the_least_deviance():
    plans = plans_of(past().log, 28)
    prior, said = fit_orders(past(), plans)
    assert prior.name == min(said, key=lambda one: one.loss).prior
    assert prior.calibration == {}


def test_money_takes_the_least_deviance():
    plans = plans_of(past().log, 28)
    orders, _ = fit_orders(past(), plans)
    prior, said = fit_money(past(), plans, orders)
    assert prior is not None
    assert [one.prior for one in said] == list(SPEND_PRIORS)
    assert prior.name == min(said, key=lambda one: one.loss).prior


def test_without_a_window_the_likeliest_btyd_stands_and_nothing_is_said():
    for fit in (fit_no_order, fit_orders):
        prior, said = fit(past(), [])
        assert (prior.name, said) == (likeliest_btyd(past()), [])
        assert prior.calibration == {}


def random_orders(rate: np.ndarray, days: int, seed: int) -> OrderLog:
    """Customers who order each day with its chance, whatever they did before. Shape: (days, 1 or 300)."""
    day, customer = np.nonzero(np.random.default_rng(seed).random((days, 300)) < rate)
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{number:03d}" for number in customer],
            "order_id": np.arange(len(day)).astype(str),
            "ordered_at": START + pd.to_timedelta(day, unit="D"),
        }
    )
    return log_of({"orders": frame})


def test_where_the_model_is_right_no_correction_is_worth_much():
    log = random_orders(np.full((400, 1), 0.02), 400, seed=0)
    prior, _ = fit_no_order(Past(log), plans_of(log, 28))
    intercept, slope = prior.calibration.get(28, (0.0, 1.0))
    silence = prior.no_order(Past(log).now.snapshot, 28)[:, 0]
    assert silence.mean() == pytest.approx((1 - 0.02) ** 28, abs=0.06)
    assert abs(intercept) < 0.5
    assert slope > 0.3


def test_customers_whom_the_model_gives_up_come_back_at_a_rate_of_their_own():
    # Every fifth day up to a day of their own, and then once in some years: to BTYD they are lost for good.
    loyal_until = np.random.default_rng(2).integers(30, 900, 300)
    day = np.arange(500)[:, np.newaxis]
    log = random_orders(np.where(day < loyal_until, 0.2, 0.002), 500, seed=1)
    prior, _ = fit_no_order(Past(log), plans_of(log, 28))
    assert 3e-4 <= prior.comeback_rate <= 3e-3
    assert fit_no_order(Past(log), [])[0].comeback_rate == 0.0


def slowed_down(days_ago: int) -> OrderLog:
    """A shop of 600 days whose pace fell to a third so many days ago."""
    day = np.arange(600)[:, np.newaxis]
    return random_orders(np.where(day < 600 - days_ago, 0.03, 0.01), 600, seed=0)


def test_a_shop_that_slowed_down_for_good_is_corrected():
    # Window after window, what mended the ones before has mended the next; or the newest share says it all.
    log = slowed_down(200)
    slowed = Past(log)
    prior, _ = fit_no_order(slowed, plans_of(log, 28))
    truth = (1 - 0.01) ** 28
    plain = slowed.now.activity(likeliest_btyd(slowed)).no_order(slowed.now.snapshot, 28).mean()
    mended = prior.no_order(slowed.now.snapshot, 28).mean()
    assert prior.name == "base_rate" or prior.calibration[28] != (0.0, 1.0)
    assert abs(mended - truth) < 0.5 * abs(plain - truth)


def test_a_shop_that_slowed_down_just_now_is_not_corrected_by_that_alone():
    log = slowed_down(28)
    prior, _ = fit_no_order(Past(log), plans_of(log, 28))
    assert prior.calibration.get(28, (0.0, 1.0)) == (0.0, 1.0)


def test_a_horizon_that_earned_no_correction_keeps_the_identity():
    # In 600 days there is one window of 180, and nothing to tell whether a correction helps.
    log = slowed_down(200)
    prior, _ = fit_no_order(Past(log), plans_of(log, 28, 180))
    assert prior.calibration[28] != (0.0, 1.0)
    assert prior.calibration[180] == (0.0, 1.0)


def test_a_shop_without_prices_has_no_money_head():
    log = random_orders(np.full((200, 1), 0.02), 200, seed=0)
    small = Past(log)
    orders, _ = fit_orders(small, plans_of(log, 28))
    assert fit_money(small, plans_of(log, 28), orders) == (None, [])
