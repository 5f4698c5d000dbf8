"""What becomes of new customers, told while they are still new: one-off, returning, of high potential.

What comes in: orders, first order and money of each customer, and the shop's usual time to a second order.
What goes out: a word for each who is still new. New customers are measured by each other, not by a limit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEWCOMERS = ("one_off", "returning", "high_potential")


def newcomers(
    orders: ArrayLike, tenure_days: ArrayLike, spend: ArrayLike, usual_days: float
) -> NDArray[np.object_]:
    """The word of each customer; None where there is no order, or the first is too long ago.

    one_off: one order so far. returning: several. high_potential: several, and more orders and more money
    than the mean of all who are still new; where no price is known, more orders.

    Args:
        orders: Number of orders. Shape: (U,).
        tenure_days: Days since the first order, NaN without one. Shape: (U,).
        spend: Money paid, NaN where unknown. Shape: (U,).
        usual_days: The shop's usual time to a second order: new is who first ordered within it.

    >>> newcomers([1, 1, 3, 2, 9], [10, 99, 20, 30, 400], [5, 5, 70, 10, 900], 60).tolist()
    ['one_off', None, 'high_potential', 'returning', None]
    """
    count, money = np.asarray(orders, np.float64), np.asarray(spend, np.float64)
    new = np.asarray(tenure_days, np.float64) < usual_days  # false of NaN
    words = np.full(count.shape, None, object)
    if not new.any():
        return words
    priced = new & ~np.isnan(money)
    much = money > money[priced].mean() if priced.any() else np.True_
    words[new] = "one_off"
    words[new & (count > 1)] = "returning"
    words[new & (count > 1) & (count > count[new].mean()) & much] = "high_potential"
    return words
