"""Why somebody may not order: steps from a first order to today, and nothing lost on the way."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from intentml.prediction import logit
from intentml.priors.activity import ACTIVITY_PRIORS, ActivityPrior, buyer_counts, fit_activity
from intentml.priors.btyd import no_purchase_probability
from intentml.priors.btyd_counts import BtydCounts
from intentml.priors.silence import FLOOR, silence_contributions
from intentml.sequences.timing import timing_statistics
from intentml.timeline import Snapshot
from prior_designs import random_snapshot


@cache
def snapshot() -> Snapshot:
    return random_snapshot(0, lines=600)


@cache
def prior(name: str) -> ActivityPrior:
    mended = {7: (0.3, 0.8), 28: (-0.2, 1.1)}
    return fit_activity(name, snapshot(), first_order_rate=0.001).coming_back(2e-3).calibrated(mended)


@pytest.mark.parametrize("name", ACTIVITY_PRIORS)
@pytest.mark.parametrize("days", [7, 20, 28, 300])
def test_the_steps_sum_to_the_logit_of_every_customer(name, days):
    expected = logit(prior(name).no_order(snapshot(), days)[:, 0], FLOOR)
    for row in range(len(snapshot())):
        parts = silence_contributions(prior(name), snapshot().take([row]), days)
        assert sum(parts.values()) == pytest.approx(expected[row], abs=1e-6)


@pytest.mark.parametrize("name", [name for name in ACTIVITY_PRIORS if name != "base_rate"])
def test_a_step_is_what_btyd_says_of_one_thing_more(name):
    timing, days = prior(name), 28
    buyers, counts = buyer_counts(timing_statistics(snapshot()))
    pace = 1 / timing.order_rate

    def says(x: float, t_x: float, age: float) -> float:
        history = BtydCounts(x=np.array([x]), t_x=np.array([t_x]), T=np.array([age]))
        silent = no_purchase_probability(timing.btyd, history, days)[0, 0]
        return float(logit(silent * np.exp(-2e-3 * days), FLOOR))

    for row, x, t_x, age in list(zip(buyers, counts.x, counts.t_x, counts.T, strict=True))[::4]:
        parts = silence_contributions(timing, snapshot().take([row]), days)
        begun, with_orders = says(0, 0, 0), says(x, x * pace, x * pace)
        assert parts["base_rate"] == pytest.approx(begun)
        assert parts["orders_so_far"] == pytest.approx(with_orders - begun, abs=1e-6)
        assert parts["own_rhythm"] == pytest.approx(says(x, t_x, t_x) - with_orders, abs=1e-6)
        assert parts["idle"] == pytest.approx(says(x, t_x, age) - says(x, t_x, t_x), abs=1e-6)


def test_somebody_who_never_ordered_has_no_history_to_tell():
    prospect = int(np.flatnonzero(snapshot().n_orders == 0)[0])
    parts = silence_contributions(prior("bg_nbd"), snapshot().take([prospect]), 28)
    assert {name for name, value in parts.items() if value} == {"base_rate"}


def test_who_ordered_once_has_no_rhythm_of_their_own():
    idle = timing_statistics(snapshot()).recency_days
    once = int(np.argmax(np.where(snapshot().n_orders == 1, idle, 0.0)))
    parts = silence_contributions(prior("bg_nbd"), snapshot().take([once]), 28)
    assert parts["orders_so_far"] == parts["own_rhythm"] == 0.0
    assert parts["idle"] != 0.0


def test_a_shop_in_which_nobody_came_back_has_no_pace():
    once = np.flatnonzero(snapshot().n_orders == 1)
    nobody = fit_activity("bg_nbd", snapshot().take(once), first_order_rate=0.001)
    assert nobody.order_rate == 0.0
    often = int(np.argmax(snapshot().n_orders))
    parts = silence_contributions(nobody, snapshot().take([often]), 28)
    assert parts["own_rhythm"] == 0.0
    assert np.isfinite(list(parts.values())).all()
