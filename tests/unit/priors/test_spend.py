"""Money per order: of the shop, of the customer, and Gamma-Gamma between the two."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from intentml.priors.spend import SPEND_PRIORS, SpendPrior, fit_spend, mean_spend
from intentml.timeline import Snapshot
from prior_designs import random_snapshot
from tiny import tiny_snapshot

ANA, BEN, CHO, DEE = range(4)
# ana: 2 x 1.50 + 4.00, 1.50, 2.00; ben: 3 x 1.00, 4.20; cho: 10.00.
SPENDS = {ANA: [7.0, 1.5, 2.0], BEN: [3.0, 4.2], CHO: [10.0]}
SHOP_MEAN = float(np.mean([spend for spends in SPENDS.values() for spend in spends]))


def fitted(name: str, snapshot: Snapshot) -> SpendPrior:
    prior = fit_spend(name, snapshot)
    assert prior is not None
    return prior


def test_mean_spend_is_money_over_orders():
    mean = mean_spend(tiny_snapshot())
    np.testing.assert_allclose(mean[:3], [np.mean(spends) for spends in SPENDS.values()])
    assert np.isnan(mean[DEE])


def test_the_shop_mean_says_the_same_of_everybody():
    snapshot = tiny_snapshot()
    np.testing.assert_allclose(fitted("shop_mean", snapshot).per_order(snapshot), SHOP_MEAN)


def test_the_own_mean_is_the_customers_own_and_the_shops_without_an_order():
    snapshot = tiny_snapshot()
    expected = [*(np.mean(spends) for spends in SPENDS.values()), SHOP_MEAN]
    np.testing.assert_allclose(fitted("own_mean", snapshot).per_order(snapshot), expected)


def test_gamma_gamma_lies_between_the_own_mean_and_the_shops():
    snapshot = random_snapshot(0, customers=200, lines=3000)
    own = mean_spend(snapshot)
    between = fitted("gamma_gamma", snapshot).per_order(snapshot)
    centre = between[snapshot.n_orders == 0]
    assert len(np.unique(centre)) == 1
    known = np.isfinite(own)
    low, high = np.minimum(own, centre[0]), np.maximum(own, centre[0])
    assert (between[known] >= low[known] - 1e-9).all()
    assert (between[known] <= high[known] + 1e-9).all()


def test_a_shop_without_prices_has_no_spend():
    snapshot = tiny_snapshot()
    free = replace(snapshot, orders=replace(snapshot.orders, spend=np.zeros(len(snapshot.orders))))
    assert [fit_spend(name, free) for name in SPEND_PRIORS] == [None] * len(SPEND_PRIORS)


@pytest.mark.parametrize("name", SPEND_PRIORS)
def test_a_customer_alone_is_the_customer_in_the_crowd(name):
    snapshot = random_snapshot(0)
    prior = fitted(name, snapshot)
    crowd = prior.per_order(snapshot)
    assert np.isfinite(crowd).all()
    assert (crowd >= 0).all()
    for row in range(0, len(snapshot), 5):
        assert prior.per_order(snapshot.take([row]))[0] == pytest.approx(crowd[row], rel=1e-12)


@pytest.mark.parametrize("name", SPEND_PRIORS)
def test_json_gives_the_same_prior_back(name):
    snapshot = random_snapshot(0)
    prior = fitted(name, snapshot)
    back = SpendPrior.from_dict(json.loads(json.dumps(prior.to_dict())))
    assert back == prior
    np.testing.assert_array_equal(back.per_order(snapshot), prior.per_order(snapshot))
