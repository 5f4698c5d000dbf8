"""Timing priors on snapshots: silence, orders, prospects, calibration."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentml.priors.activity import (
    ACTIVITY_PRIORS,
    BTYD_NAMES,
    ActivityPrior,
    first_order_rate,
    fit_activity,
)
from intentml.sequences.timing import timing_statistics
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import Snapshot
from prior_designs import random_snapshot
from tiny import tiny_snapshot

EVERY_DAY = np.arange(1, 366)
ANA, BEN, CHO, DEE = range(4)


def fitted(name: str, snapshot: Snapshot) -> ActivityPrior:
    return fit_activity(name, snapshot, first_order_rate=0.002)


@pytest.mark.parametrize("name", ACTIVITY_PRIORS)
def test_silence_falls_with_time_and_orders_rise(name):
    snapshot = random_snapshot(0)
    prior = fitted(name, snapshot)
    silence, orders = prior.no_order(snapshot, EVERY_DAY), prior.orders(snapshot, EVERY_DAY)
    assert silence.shape == orders.shape == (len(snapshot), 365)
    assert (silence >= 0).all()
    assert (silence <= 1).all()
    assert (np.diff(silence, axis=1) <= 0).all()
    assert (np.diff(orders, axis=1) >= -1e-6).all()
    assert (orders >= 0).all()


@pytest.mark.parametrize("name", ACTIVITY_PRIORS)
@settings(max_examples=8)
@given(seed=st.integers(0, 50))
def test_a_customer_alone_is_the_customer_in_the_crowd(name, seed):
    snapshot = random_snapshot(seed, customers=12, lines=120)
    prior = fitted(name, snapshot).calibrated({28: (-0.4, 1.2), 90: (0.1, 0.9)})
    rows = np.flatnonzero(np.random.default_rng(seed).random(len(snapshot)) < 0.4)
    part = snapshot.take(rows)
    np.testing.assert_allclose(
        prior.no_order(part, [7, 28]), prior.no_order(snapshot, [7, 28])[rows], rtol=1e-9
    )
    np.testing.assert_allclose(prior.orders(part, [7, 28]), prior.orders(snapshot, [7, 28])[rows], rtol=1e-9)


@pytest.mark.parametrize("name", BTYD_NAMES)
def test_any_buyer_may_come_back(name):
    snapshot = random_snapshot(0)
    plain, days, rate = fitted(name, snapshot), np.array([7, 28, 365]), 0.003
    back, bought = plain.coming_back(rate), snapshot.n_orders > 0
    silence, orders = plain.no_order(snapshot, days), plain.orders(snapshot, days)
    np.testing.assert_allclose(
        back.no_order(snapshot, days)[bought], (silence * np.exp(-rate * days))[bought], rtol=1e-9
    )
    assert (back.orders(snapshot, days)[bought] > orders[bought]).all()
    assert (1 - back.no_order(snapshot, days)[bought] <= back.orders(snapshot, days)[bought] + 1e-9).all()
    np.testing.assert_array_equal(back.no_order(snapshot, days)[~bought], silence[~bought])
    assert ActivityPrior.from_dict(json.loads(json.dumps(back.to_dict()))) == back


@pytest.mark.parametrize("name", ACTIVITY_PRIORS)
def test_prospects_have_a_rate_of_their_own(name):
    snapshot = random_snapshot(0)
    prospects = snapshot.n_orders == 0
    assert prospects.any()
    prior = fitted(name, snapshot)
    days = np.array([7, 28, 365])
    np.testing.assert_allclose(
        prior.no_order(snapshot, days)[prospects],
        np.tile(np.exp(-0.002 * days), (prospects.sum(), 1)),
    )
    np.testing.assert_allclose(
        prior.orders(snapshot, days)[prospects],
        np.tile(0.002 * days * prior.orders_per_active_day, (prospects.sum(), 1)),
    )


def test_the_base_rate_says_the_same_of_every_buyer():
    snapshot = tiny_snapshot()
    prior = fitted("base_rate", snapshot)
    # Active days again after the first: ana one in 59 days, ben one in 19, cho none in 4.
    assert prior.order_rate == pytest.approx(2 / (59 + 19 + 4))
    silence = prior.no_order(snapshot, 28)[:, 0]
    # Of the customers who had ordered t days ago, those without an order since.
    timing = timing_statistics(snapshot)
    seven = timing.tenure_days > 7
    expected = (np.sum(timing.recency_days[seven] > 7) + 0.5) / (seven.sum() + 1)
    assert prior.silence[0] == pytest.approx(expected)
    assert (np.diff(prior.silence) <= 0).all()
    assert len(set(silence[[ANA, BEN, CHO]])) == 1
    assert silence[DEE] == pytest.approx(np.exp(-28 * 0.002))


def test_orders_are_active_days_times_orders_on_one():
    snapshot = tiny_snapshot()
    prior = fitted("base_rate", snapshot)
    # Six orders on five active days: ana ordered twice on 31 January.
    assert prior.orders_per_active_day == pytest.approx(6 / 5)
    orders = prior.orders(snapshot, 28)[:, 0]
    active = 28 * prior.order_rate
    # A customer's own days count beside five of the shop's.
    assert orders[ANA] == pytest.approx(active * (3 + 5 * 1.2) / (2 + 5))
    assert orders[BEN] == pytest.approx(active * (2 + 5 * 1.2) / (2 + 5))
    assert orders[ANA] > orders[BEN]


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_who_ordered_often_and_lately_is_likelier_to_order(name):
    snapshot = random_snapshot(3, customers=200, lines=2000)
    silence = fitted(name, snapshot).no_order(snapshot, 28)[:, 0]
    timing = timing_statistics(snapshot)
    buyers = timing.n_orders > 0
    busy = buyers & (timing.active_days >= 5) & (timing.recency_days < 20)
    quiet = buyers & (timing.active_days <= 2) & (timing.recency_days > 50)
    assert busy.any()
    assert quiet.any()
    assert silence[busy].max() < silence[quiet].min()


def test_calibration_moves_the_log_odds_of_buyers_alone():
    snapshot = random_snapshot(0)
    plain = fitted("pareto_nbd", snapshot)
    mended = plain.calibrated({28: (-0.5, 1.3)})
    before, after = (prior.no_order(snapshot, 28)[:, 0] for prior in (plain, mended))
    buyers = snapshot.n_orders > 0
    odds = np.log(before[buyers] / (1 - before[buyers]))
    np.testing.assert_allclose(after[buyers], 1 / (1 + np.exp(0.5 - 1.3 * odds)))
    np.testing.assert_array_equal(after[~buyers], before[~buyers])
    np.testing.assert_array_equal(mended.orders(snapshot, 28), plain.orders(snapshot, 28))


def test_between_horizons_the_correction_is_in_between():
    snapshot = random_snapshot(0)
    plain = fitted("pareto_nbd", snapshot)
    mended = plain.calibrated({14: (-0.4, 1.0), 56: (-0.8, 1.0)})
    at_28 = plain.calibrated({28: (-0.6, 1.0)})
    np.testing.assert_allclose(mended.no_order(snapshot, 28), at_28.no_order(snapshot, 28))
    outside = plain.calibrated({7: (-0.4, 1.0)})
    np.testing.assert_allclose(mended.no_order(snapshot, 7), outside.no_order(snapshot, 7))


WILD = {28: (-1.5, 0.8), 60: (1.5, 1.4), 180: (-2.0, 1.0)}


def test_a_wild_correction_still_falls_with_time():
    snapshot = random_snapshot(0)
    curve = fitted("pareto_nbd", snapshot).calibrated(WILD).no_order(snapshot, EVERY_DAY)
    assert (np.diff(curve, axis=1) <= 0).all()
    assert (curve > 0).all()


@pytest.mark.parametrize("calibration", [{}, WILD], ids=["plain", "wild"])
def test_the_survival_days_say_the_same_whatever_else_is_asked(calibration):
    snapshot = random_snapshot(0)
    prior = fitted("pareto_nbd", snapshot).calibrated(calibration)
    curve = prior.no_order(snapshot, SURVIVAL_DAYS)
    for column, days in enumerate(SURVIVAL_DAYS):
        np.testing.assert_array_equal(prior.no_order(snapshot, days)[:, 0], curve[:, column])
    asked = np.union1d(SURVIVAL_DAYS, [8, 28, 61, 200])
    everything = prior.no_order(snapshot, asked)
    np.testing.assert_array_equal(everything[:, np.isin(asked, SURVIVAL_DAYS)], curve)


@pytest.mark.parametrize("name", ACTIVITY_PRIORS)
def test_json_gives_the_same_prior_back(name):
    snapshot = random_snapshot(0)
    prior = fitted(name, snapshot).calibrated({28: (-0.4, 1.2)})
    back = ActivityPrior.from_dict(json.loads(json.dumps(prior.to_dict())))
    assert back == prior
    np.testing.assert_array_equal(back.no_order(snapshot, [7, 90]), prior.no_order(snapshot, [7, 90]))


def test_a_part_with_nobody_and_a_part_of_prospects_alone():
    snapshot = random_snapshot(0)
    prior = fitted("pareto_nbd", snapshot).calibrated({28: (-0.4, 1.2)})
    nobody = snapshot.take([])
    assert prior.no_order(nobody, [7, 28]).shape == prior.orders(nobody, [7, 28]).shape == (0, 2)
    prospects = snapshot.take(np.flatnonzero(snapshot.n_orders == 0))
    assert (prior.no_order(prospects, 28) == np.exp(-28 * 0.002)).all()


def test_the_first_order_rate_is_conversions_a_prospect_and_day():
    assert first_order_rate(prospects=999, converted=27, days=28) == pytest.approx(27.5 / 28_000)


@pytest.mark.parametrize(("prospects", "days"), [(0, 28.0), (10, 0.0)])
def test_a_shop_without_prospects_or_past_still_has_a_rate(prospects, days):
    assert 0 < first_order_rate(prospects, 0, days) <= 0.5
