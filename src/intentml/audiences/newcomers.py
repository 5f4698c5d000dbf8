"""What becomes of new customers, told while they are still new: one-off, returning, of high potential.

What comes in: orders, first order and money of each customer, and the shop's usual time to a second order.
What goes out: a word for each who is still new. New customers are measured by each other, not by a limit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEWCOMERS = ("one_off", "returning", "high_potential")


class Usual(NamedTuple):
    """What the newcomers of a shop have in the mean; NaN where nobody has any.

    Attributes:
        orders: Number of orders.
        spend: Money paid, of those of whom a price is known.
    """

    orders: float
    spend: float


def usual_newcomer(orders: ArrayLike, tenure_days: ArrayLike, spend: ArrayLike, usual_days: float) -> Usual:
    """The means of all who are still new; arguments as of `newcomers`."""
    new = np.asarray(tenure_days, np.float64) < usual_days
    return Usual(*(_mean(np.asarray(values, np.float64)[new]) for values in (orders, spend)))


def newcomers(
    orders: ArrayLike, tenure_days: ArrayLike, spend: ArrayLike, usual_days: float, usual: Usual | None = None
) -> NDArray[np.object_]:
    """The word of each customer; None where there is no order, or the first is too long ago.

    one_off: one order so far. returning: several. high_potential: several, and more orders and more money
    than the mean of all who are still new; where no price is known, more orders.

    Args:
        orders: Number of orders. Shape: (U,).
        tenure_days: Days since the first order, NaN without one. Shape: (U,).
        spend: Money paid, NaN where unknown. Shape: (U,).
        usual_days: The shop's usual time to a second order: new is who first ordered within it.
        usual: The means of the whole shop; of these customers, who are then the whole shop, if left out.

    >>> newcomers([1, 1, 3, 2, 9], [10, 99, 20, 30, 400], [5, 5, 70, 10, 900], 60).tolist()
    ['one_off', None, 'high_potential', 'returning', None]
    """
    count, money = np.asarray(orders, np.float64), np.asarray(spend, np.float64)
    new = np.asarray(tenure_days, np.float64) < usual_days  # false of NaN
    words = np.full(count.shape, None, object)
    usual = usual or usual_newcomer(orders, tenure_days, spend, usual_days)
    much = np.isnan(usual.spend) | (money > usual.spend)
    words[new] = "one_off"
    words[new & (count > 1)] = "returning"
    words[new & (count > 1) & (count > usual.orders) & much] = "high_potential"
    return words


def _mean(values: NDArray[np.float64]) -> float:
    """Of those that are known; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
