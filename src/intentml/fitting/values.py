"""Orders and spend of past windows: what is learned from, the gates, the shop's level.

What comes in: slices of the past, fitted priors, the network's residuals on validation. What goes out:
`ValueExamples`, weights and levels. A residual that did not gain more than its standard error over customers,
or that ranked customers worse or missed by more, is shut out whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from intentml.fitting.gates import WEIGHTS, beyond_doubt, sure_gain
from intentml.fitting.heads import poisson_deviance
from intentml.fitting.slices import Slice
from intentml.metrics.value import normalised_gini
from intentml.model.losses import spend_losses
from intentml.model.values import log_level
from intentml.prediction import F32, F64, at_least_ordering
from intentml.priors.predictor import PriorPredictor
from intentml.priors.value_numbers import value_numbers
from intentml.tasks import amounts_of
from intentml.timeline import OrderLog, Snapshot

I64 = npt.NDArray[np.int64]
Losses = Callable[[F64, F64], F64]

# A window's level is taken from its orders as far as they outnumber these.
_TRUSTED_ORDERS = 20.0


@dataclass(frozen=True)
class Amounts:
    """Orders and spend within a horizon. Shapes: (n,).

    Attributes:
        orders: The prior's expected orders.
        money: The prior's expected money per order; None for a shop without prices.
        came_orders: Orders that came.
        came_spend: Money that came.
    """

    orders: F64
    money: F64 | None
    came_orders: F64
    came_spend: F64

    def settled(self) -> Amounts:
        """The prior brought to the totals of the window itself."""
        share = (self.came_orders.sum() + _TRUSTED_ORDERS) / (self.orders.sum() + _TRUSTED_ORDERS)
        orders, money = self.orders * share, self.money
        if money is not None:
            trusted = _TRUSTED_ORDERS * money.mean()
            money = money * (self.came_spend.sum() + trusted) / ((orders * money).sum() + trusted)
        return Amounts(orders, money, self.came_orders, self.came_spend)


@dataclass(frozen=True)
class ValueExamples:
    """What customers ordered and spent.

    Attributes:
        numbers: What the value head reads besides the timing's numbers. Shape: (n, numbers).
        amounts: By horizon.
    """

    numbers: F32
    amounts: Mapping[int, Amounts]


def value_examples(
    part: Slice,
    customers: I64,
    log: OrderLog,
    horizons: Sequence[int],
    priors: PriorPredictor,
    *,
    settled: bool,
) -> ValueExamples:
    """Orders and spend of some customers of a slice.

    Args:
        part: The window.
        customers: Rows of its snapshot. Shape: (n,).
        log: Cut at `as_of`.
        horizons: Those whose windows are over.
        priors: Which priors are corrected.
        settled: Whether the priors are brought to the window's own level first, as for targets.
    """
    snapshot = part.snapshot.take(customers)
    found = {}
    for days in horizons:
        orders, money = base_amounts(part, snapshot, priors, days)
        came, spent = (each[customers] for each in amounts_of(log.outcomes(part.snapshot, days)))
        amounts = Amounts(orders, money, came, np.maximum(spent, 0.0))
        found[days] = amounts.settled() if settled else amounts
    return ValueExamples(numbers_at(part, snapshot, priors), found)


def base_amounts(
    part: Slice, snapshot: Snapshot, priors: PriorPredictor, days: int
) -> tuple[F64, F64 | None]:
    """Orders and money per order that the priors expect, fitted at the slice. Shape: (U,) each."""
    timing, silence = priors.orders, priors.no_order
    assert timing is not None
    assert silence is not None
    orders = at_least_ordering(
        part.activity(timing.name).orders(snapshot, days)[:, 0],
        part.silence(silence, snapshot, days)[:, 0],
    )
    spend = None if priors.spend is None else part.money(priors.spend.name)
    return orders, None if spend is None else spend.per_order(snapshot)


def numbers_at(part: Slice, snapshot: Snapshot, priors: PriorPredictor) -> F32:
    """What the value head reads, of some customers of a slice. Shape: (U, numbers)."""
    return value_numbers(snapshot, None if priors.spend is None else part.money(priors.spend.name))


@dataclass(frozen=True)
class ValueWindow:
    """One validation window.

    Attributes:
        amounts: What the prior expects and what came.
        log_ratio: What the network says. Shape: (n, 2).
    """

    amounts: Amounts
    log_ratio: F32

    def orders(self, weight: float) -> F64:
        """Expected orders, their total the prior's."""
        return _held(self.amounts.orders, weight * self.log_ratio[:, 0], self.amounts.orders.sum())

    def spend(self, of_orders: float, weight: float) -> F64:
        """Expected spend; where the residual of money speaks, its total is the prior's."""
        money = self.amounts.money
        assert money is not None
        base = self.orders(of_orders) * money
        if weight == 0.0:
            return base
        return _held(base, weight * self.log_ratio[:, 1], float((self.amounts.orders * money).sum()))


def gate_values(windows: Sequence[ValueWindow]) -> tuple[float, float]:
    """Weights of the residuals of orders and of money per order, the same at all horizons."""
    of_orders = _gate(
        [window.amounts.came_orders for window in windows],
        {weight: [window.orders(weight) for window in windows] for weight in (0.0, *WEIGHTS)},
        poisson_deviance,
    )
    if any(window.amounts.money is None for window in windows):
        return of_orders, 0.0
    of_money = _gate(
        [window.amounts.came_spend for window in windows],
        {weight: [window.spend(of_orders, weight) for window in windows] for weight in (0.0, *WEIGHTS)},
        spend_deviance,
    )
    return of_orders, of_money


def levels_of(
    orders: F64, money: F64 | None, log_ratio: F32, weights: tuple[float, float]
) -> tuple[float, float]:
    """What the gated residuals would add to the shop's total orders and spend, as logarithms.

    The second is taken from the money per order, after the first was taken from the orders.

    Args:
        orders: The prior's. Shape: (n,).
        money: The prior's money per order, where there are prices. Shape: (n,).
        log_ratio: What the network says. Shape: (n, 2).
        weights: Of the two gates.
    """
    factor = np.array(weights) * log_ratio.astype(np.float64)
    of_orders = log_level(orders, factor[:, 0], float(orders.sum()))
    if money is None or weights[1] == 0.0:
        return of_orders, 0.0
    corrected = orders * np.exp(factor[:, 0] - of_orders) * money
    return of_orders, log_level(corrected, factor[:, 1], float((orders * money).sum()))


def spend_deviance(expected: F64, came: F64) -> F64:
    """What is minimised of spend. Shape: (n,), (n,) -> (n,)."""
    with torch.inference_mode():
        losses = spend_losses(torch.from_numpy(expected), torch.from_numpy(came))
    found: F64 = losses.numpy()
    return found


def _held(base: F64, log_factor: npt.NDArray[np.floating], total: float) -> F64:
    """Amounts with factors, their sum held."""
    factor = log_factor.astype(np.float64)
    held: F64 = base * np.exp(factor - log_level(base, factor, total))
    return held


def _gate(came: Sequence[F64], expected: Mapping[float, Sequence[F64]], losses: Losses) -> float:
    """The weight that gains most beyond doubt, ranks no worse and misses by no more; 0 where none does.

    Args:
        came: What happened, one array a horizon. Shape: (n,) each.
        expected: The same under each weight, 0 among them.
        losses: Of each customer.
    """

    def against(weight: float, loss: Losses) -> list[F64]:
        """Gains over the closed gate, in units of its own loss."""
        found = []
        for actual, shut, opened in zip(came, expected[0.0], expected[weight], strict=True):
            base = loss(shut, actual)
            found.append((base - loss(opened, actual)) / max(float(base.mean()), 1e-12))
        return found

    def ranking(weight: float) -> float:
        ginis = [normalised_gini(told, actual) for told, actual in zip(expected[weight], came, strict=True)]
        return float(np.nan_to_num(ginis).mean())

    def missed(told: F64, actual: F64) -> F64:
        return np.abs(told - actual)

    gain = {weight: sure_gain(against(weight, losses)) for weight in expected if weight}
    for weight in sorted(gain, key=lambda each: -gain[each]):
        worse = [-each for each in against(weight, missed)]
        if gain[weight] > 0 and ranking(weight) >= ranking(0.0) and not beyond_doubt(*worse):
            return weight
    return 0.0
