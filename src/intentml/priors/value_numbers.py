"""What the orders and spend heads read of a customer besides the timing: baskets and how they changed.

What comes in: a snapshot and the fitted money per order. What goes out: a matrix, one row a customer. Money
is told against the prior's money per order, or the shop's, so that no currency's unit enters.
"""

from __future__ import annotations

import numpy as np

from intentml.prediction import F32, F64
from intentml.priors.spend import SpendPrior, mean_spend
from intentml.timeline import Snapshot

_LATELY_DAYS = (28, 90, 365)
_HALF_LIVES_DAYS = (14.0, 45.0, 120.0)
_FARTHEST = 4.0
_BASKETS = 5

VALUE_NUMBERS = _BASKETS + 3 * len(_LATELY_DAYS) + 2 * len(_HALF_LIVES_DAYS)


def value_numbers(snapshot: Snapshot, money: SpendPrior | None) -> F32:
    """The numbers of every customer; of those without an order they say nothing. Shape: (U, `VALUE_NUMBERS`).

    Args:
        snapshot: Any partition of customers.
        money: Money per order, fitted at the same instant; None for a shop without prices, where all that is
            told of money is the same for everybody.
    """
    orders, users = snapshot.orders, len(snapshot)
    shop = money.shop_mean if money else 1.0
    expected = np.maximum(money.per_order(snapshot), shop * np.exp(-_FARTHEST)) if money else np.ones(users)

    def total(values: F64) -> F64:
        return np.bincount(orders.customer, weights=values, minlength=users).astype(np.float64)

    def against(amount: F64, usual: F64 | float) -> F64:
        return np.log(np.maximum(amount / usual, np.exp(-_FARTHEST)))

    newest = np.zeros(users)
    newest[orders.customer] = orders.spend  # sorted by time: the last one written stays
    relative = np.minimum(against(orders.spend, shop), _FARTHEST)
    count = np.maximum(snapshot.n_orders, 1)
    mean = total(relative) / count
    spread = np.sqrt(np.maximum(total(relative**2) / count - mean**2, 0.0))
    columns = [
        against(expected, shop),
        against(np.nan_to_num(mean_spend(snapshot)), expected),
        against(newest, expected),
        mean,
        spread,
    ]
    for days in _LATELY_DAYS:
        lately = (orders.age_days <= days).astype(np.float64)
        count, spent = total(lately), total(lately * orders.spend)
        columns += [np.log1p(count), _basket(spent, count, expected), np.log1p(spent / shop)]
    for half_life in _HALF_LIVES_DAYS:
        fresh = np.exp2(-orders.age_days / half_life)
        count, spent = total(fresh), total(fresh * orders.spend)
        columns += [np.log1p(count), _basket(spent, count, expected)]
    return np.stack(columns, axis=1).astype(np.float32)


def _basket(spent: F64, orders: F64, expected: F64) -> F64:
    """Logarithm of the mean basket against the expected one, which counts as one order more."""
    basket: F64 = np.log((spent / expected + 1.0) / (orders + 1.0))
    return basket
