"""Orders and spend: examples of a window, gates that do not lose, totals that stay the prior's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from intentml.fitting.priors import PriorsConfig, fit_priors
from intentml.fitting.slices import Past
from intentml.fitting.values import Amounts, ValueWindow, gate_values, levels_of, value_examples
from intentml.model.values import ValueGates
from random_shop import AS_OF_TEXT
from scored_shop import log

CUSTOMERS = 3_000


def window(seed: int = 0, *, said: float = 1.0) -> ValueWindow:
    """A prior that knows half of who orders and of what baskets cost; a network that knows the rest."""
    rng = np.random.default_rng(seed)
    known, hidden, of_money = rng.normal(0, 0.7, (3, CUSTOMERS))
    orders, money = np.exp(known), np.exp(rng.normal(3, 0.3, CUSTOMERS))
    came = rng.poisson(orders * np.exp(hidden)).astype(float)
    spent = came * money * np.exp(of_money) * rng.gamma(5.0, 0.2, CUSTOMERS)
    ratio = np.stack([hidden, of_money], axis=1).astype(np.float32)
    return ValueWindow(Amounts(orders, money, came, spent), np.float32(said) * ratio)


def telling(of: ValueWindow, column: int) -> ValueWindow:
    """The window with noise in one column of what the network says."""
    ratio = of.log_ratio.copy()
    ratio[:, column] = np.random.default_rng(9).normal(0, 1.0, CUSTOMERS)
    return replace(of, log_ratio=ratio)


def test_residuals_that_know_more_are_let_in_whole_and_louder_ones_in_part():
    assert gate_values([window()]) == (1.0, 1.0)
    assert gate_values([window(said=2.0)]) == (0.5, 0.5)


def test_a_residual_that_knows_nothing_is_shut_out_whatever_the_other_does():
    assert gate_values([telling(window(), 0)]) == (0.0, 1.0)
    assert gate_values([telling(window(), 1)]) == (1.0, 0.0)


def test_a_residual_that_helps_one_horizon_and_spoils_another_is_shut_out():
    spoilt = window(1, said=-1.0)
    assert gate_values([window(), spoilt]) == (0.0, 0.0)


def test_a_shop_without_prices_has_no_gate_of_money():
    of = window()
    bare = replace(of, amounts=replace(of.amounts, money=None, came_spend=np.zeros(CUSTOMERS)))
    assert gate_values([bare]) == (1.0, 0.0)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.5, 0.0), (0.0, 0.75), (0.0, 0.0)])
def test_the_level_keeps_the_shop_s_totals_as_the_prior_says(weights):
    of = window()
    prior, money = of.amounts.orders, of.amounts.money
    levels = levels_of(prior, money, of.log_ratio, weights)
    gates = ValueGates(*weights, {28: levels})
    factors = np.exp(gates.log_factors(of.log_ratio, 28))
    orders = prior * factors[:, 0]
    assert orders.sum() == pytest.approx(prior.sum())
    np.testing.assert_allclose(orders, of.orders(weights[0]))
    np.testing.assert_allclose(orders * money * factors[:, 1], of.spend(*weights))
    if weights[1]:
        assert of.spend(*weights).sum() == pytest.approx((prior * money).sum())
    for weight, column in zip(weights, factors.T, strict=True):
        assert weight or (column == 1.0).all()


def test_between_two_horizons_the_level_is_between_by_the_logarithm_of_days():
    gates = ValueGates(1.0, 1.0, {7: (0.0, 0.4), 28: (0.2, 0.0)})
    nothing = np.zeros((1, 2), np.float32)
    wanted = {3: [0.0, -0.4], 7: [0.0, -0.4], 14: [-0.1, -0.2], 28: [-0.2, 0.0], 90: [-0.2, 0.0]}
    for days, level in wanted.items():
        np.testing.assert_allclose(gates.log_factors(nothing, days)[0], level, atol=1e-12)
    assert [gates.learned_days(days) for days in (3, 14, 90)] == [7, 14, 28]


def test_examples_are_what_the_priors_say_and_what_came_and_settled_their_totals_agree():
    past = Past(log().before(log().instant(AS_OF_TEXT)))
    config = PriorsConfig(horizons_days=(14,), windows=1, kinds=(), sample_per_window=1000)
    priors = fit_priors(log(), log().instant(AS_OF_TEXT), config).best
    part = past.at(past.log.until.plus_days(-14))
    customers = np.flatnonzero(part.snapshot.n_orders > 0)[::2]
    plain, settled = (
        value_examples(part, customers, past.log, [7, 14], priors, settled=settled)
        for settled in (False, True)
    )
    for days in (7, 14):
        one, other = plain.amounts[days], settled.amounts[days]
        np.testing.assert_array_equal(one.came_orders, part.labels(days).orders[customers])
        np.testing.assert_array_equal(one.came_spend, part.labels(days).spend[customers])
        assert priors.orders is not None
        told = part.activity(priors.orders.name).orders(part.snapshot, days)[customers, 0]
        assert (one.orders >= told).all()
        assert one.came_orders.sum() > 5
        np.testing.assert_allclose(other.orders / one.orders, other.orders[0] / one.orders[0])
        for wrong, right, actual in (
            (one.orders.sum(), other.orders.sum(), one.came_orders.sum()),
            ((one.orders * one.money).sum(), (other.orders * other.money).sum(), one.came_spend.sum()),
        ):
            assert abs(right - actual) <= abs(wrong - actual)
