"""Expected orders and money per order at work: how far each residual is let in, and the shop's level.

What comes in: logs of factors, as the network's head says them. What goes out: the same, gated, with what
would change the shop's totals taken away. A closed gate changes nothing at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from intentml.prediction import F32, F64


@dataclass(frozen=True)
class ValueGates:
    """Gates of orders and of money per order.

    Attributes:
        orders: Weight of the residual of orders; 0 = closed.
        money: Weight of the residual of money per order; 0 = closed.
        levels: By horizon, the logarithms of the factors by which the two would change the shop's total
            orders and spend.
    """

    orders: float = 0.0
    money: float = 0.0
    levels: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        """Whether both change nothing."""
        return self.orders == self.money == 0.0

    def learned_days(self, days: int) -> int:
        """The horizon, kept within those that were learned."""
        return min(max(days, min(self.levels)), max(self.levels))

    def log_factors(self, log_ratio: F32, days: int) -> F64:
        """What the prior's orders and money per order are multiplied by, as logarithms.

        Args:
            log_ratio: What the network says. Shape: (U, 2).
            days: The horizon; between those learned the level is linear in log-days, outside the nearest.
        """
        horizons = sorted(self.levels)
        told = np.array([self.levels[each] for each in horizons])
        level = [np.interp(math.log(days), np.log(horizons), column) for column in told.T]
        factors: F64 = np.array([self.orders, self.money]) * log_ratio.astype(np.float64) - level
        return factors


def log_level(base: F64, log_factor: F64, total: float) -> float:
    """Logarithm of how far the factors bring the sum of `base` from a total; 0 where nothing is expected.

    The prior keeps the shop's level, as it does for timing: one past window tells who orders more than the
    prior says, but a level learned on it would carry one season into the next (experiments/0008-level).

    Args:
        base: Amounts. Shape: (n,).
        log_factor: Logarithms of their factors. Shape: (n,).
        total: The sum that is wanted.
    """
    reached = float((base * np.exp(log_factor)).sum())
    return math.log(reached / total) if reached > 0 and total > 0 else 0.0
