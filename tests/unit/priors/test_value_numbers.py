"""The numbers of baskets: by hand for one customer, and free of the currency's unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intentml.priors.spend import SpendPrior, fit_spend
from intentml.priors.value_numbers import VALUE_NUMBERS, value_numbers
from intentml.timeline import Snapshot
from prior_designs import random_snapshot

SNAPSHOT = random_snapshot(0, customers=40, lines=900)


def money(snapshot: Snapshot) -> SpendPrior:
    prior = fit_spend("gamma_gamma", snapshot)
    assert prior is not None
    return prior


def costlier(factor: float) -> Snapshot:
    """The same shop in smaller coins."""
    orders = SNAPSHOT.orders
    return replace(SNAPSHOT, orders=replace(orders, spend=factor * orders.spend))


def test_baskets_are_told_against_what_the_prior_expects():
    told, prior = value_numbers(SNAPSHOT, money(SNAPSHOT)), money(SNAPSHOT)
    assert told.shape == (len(SNAPSHOT), VALUE_NUMBERS)
    row = int(np.argmax(SNAPSHOT.n_orders))
    own = slice(SNAPSHOT.order_indptr[row], SNAPSHOT.order_indptr[row + 1])
    spend, age = SNAPSHOT.orders.spend[own], SNAPSHOT.orders.age_days[own]
    expected, shop = prior.per_order(SNAPSHOT)[row], prior.shop_mean
    assert len(spend) > 5
    last, *relative = np.log(np.maximum([spend[-1] / expected, *(spend / shop)], np.exp(-4)))
    wanted = [np.log(expected / shop), np.log(spend.mean() / expected), last]
    relative = np.minimum(relative, 4.0)
    np.testing.assert_allclose(told[row, :5], [*wanted, relative.mean(), relative.std()], rtol=1e-4)
    lately = spend[age <= 28]
    basket = np.log((lately.sum() / expected + 1) / (len(lately) + 1))
    wanted = [np.log1p(len(lately)), basket, np.log1p(lately.sum() / shop)]
    np.testing.assert_allclose(told[row, 5:8], wanted, rtol=1e-4, atol=1e-6)
    fresh = 0.5 ** (age / 14)
    basket = np.log((fresh @ spend / expected + 1) / (fresh.sum() + 1))
    np.testing.assert_allclose(told[row, 14:16], [np.log1p(fresh.sum()), basket], rtol=1e-4, atol=1e-6)


def test_in_another_unit_of_money_the_numbers_are_the_same():
    in_coins = costlier(100.0)
    told, same = (value_numbers(each, money(each)) for each in (SNAPSHOT, in_coins))
    np.testing.assert_allclose(same, told, atol=1e-3)


def test_without_prices_orders_are_told_and_of_money_the_same_of_everybody():
    told = value_numbers(costlier(0.0), None)
    buyers = SNAPSHOT.n_orders > 0
    counts = [5, 8, 11, 14, 16, 18]
    assert (told[buyers].std(axis=0)[counts] > 0.01).all()
    assert np.isfinite(told).all()
    assert not told[buyers][:, [0, 3, 4, 7, 10, 13]].std(axis=0).any()


def test_a_customer_alone_has_the_numbers_of_the_crowd():
    told, prior = value_numbers(SNAPSHOT, money(SNAPSHOT)), money(SNAPSHOT)
    for row in range(0, len(SNAPSHOT), 7):
        np.testing.assert_array_equal(value_numbers(SNAPSHOT.take([row]), prior), told[[row]])
