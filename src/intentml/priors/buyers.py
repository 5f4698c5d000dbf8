"""How many buyers may come where their probabilities sum to an expected number.

What comes in: sums of probabilities, and `BuyersSpread`: how far buyers strayed from such sums in past
windows. What goes out: an interval of whole buyers.

Customers of a window are not independent: a season moves all of them, a promotion those who like one target.
Counted as if they were, nine intervals in ten become six (experiments/0008-level).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat
from scipy.special import gammaincinv

from intentml.prediction import F64

INTERVAL_SHARE = 0.9
_SMALLEST = 1e-9


class Spread(BaseModel):
    """What the variance of a target's buyers has beyond that of independent customers.

    Attributes:
        single: Times the expected number.
        target: Times its square: what befalls one target in one window.
        level: Times its square: what befalls a whole window, as wide as so few windows ask for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    single: NonNegativeFloat
    target: NonNegativeFloat
    level: NonNegativeFloat

    def variance(self, expected: F64, independent: F64) -> F64:
        """Of the number of buyers. Shape: all alike."""
        return independent + self.single * expected + (self.target + self.level) * expected**2


class BuyersSpread(BaseModel):
    """How far buyers strayed from what was expected, in windows before `as_of`.

    Attributes:
        spreads: By horizon in days and kind of target.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spreads: dict[int, dict[str, Spread]] = Field(default_factory=dict)

    def interval(
        self, kinds: Iterable[str], horizon_days: int, expected: F64 | float, independent: F64 | float
    ) -> tuple[F64, F64] | None:
        """Ends between which the number of buyers lies nine times in ten; None where no window could tell.

        Of a gamma distribution with the mean and the variance, rounded to whole buyers. Of several kinds the
        one that strays most counts; of horizons the nearest that was fitted.

        Args:
            kinds: Kinds of the targets asked about.
            horizon_days: The window.
            expected: Sum of the customers' probabilities.
            independent: Sum of p (1 - p), the variance if customers were independent. Shape: as `expected`.
        """
        if not self.spreads:
            return None
        nearest = min(self.spreads, key=lambda days: abs(np.log(days / horizon_days)))
        known = [self.spreads[nearest][kind] for kind in kinds if kind in self.spreads[nearest]]
        if not known:
            return None
        mean = np.maximum(np.asarray(expected, dtype=np.float64), _SMALLEST)
        alone = np.asarray(independent, dtype=np.float64)
        variance = np.maximum.reduce([one.variance(mean, alone) for one in known])
        variance = np.maximum(variance, _SMALLEST * mean)
        low, high = (
            gammaincinv(mean**2 / variance, end) * variance / mean
            for end in ((1 - INTERVAL_SHARE) / 2, (1 + INTERVAL_SHARE) / 2)
        )
        return np.minimum(np.rint(low), np.floor(mean)), np.maximum(np.rint(high), np.ceil(expected))
