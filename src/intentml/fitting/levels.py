"""What gated corrections would add to the shop's level today: it is taken away again when they are at work.

What comes in: a correction without levels, the newest slice, its fitted priors. What goes out: logarithms of
factors: of each bin's hazard, of total orders and spend at each horizon.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intentml.fitting.examples import hazard_of
from intentml.fitting.slices import Slice
from intentml.fitting.values import base_amounts, levels_of, numbers_at
from intentml.model.correction import Correction, level_of, value_ratio
from intentml.model.heads import horizon_place
from intentml.priors.predictor import PriorPredictor
from intentml.priors.timing_numbers import timing_numbers
from intentml.survival import SURVIVAL_DAYS

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Levels:
    """Logarithms of factors.

    Attributes:
        timing: Of each bin's hazard. Shape: (K,); none where timing is not corrected.
        values: Of total orders and of total spend, by horizon.
    """

    timing: tuple[float, ...]
    values: dict[int, tuple[float, float]]


def levels_today(
    correction: Correction,
    now: Slice,
    priors: PriorPredictor,
    customers: I64,
    horizons: Collection[int],
    weights: tuple[float, float],
) -> Levels:
    """The levels by some of today's customers.

    Args:
        correction: Its timing is gated.
        now: The newest slice.
        priors: Fitted on it.
        customers: Rows of its snapshot. Shape: (n,).
        horizons: Horizons learned.
        weights: Of the gates of orders and of money per order.
    """
    timed = not correction.timing.closed and priors.no_order is not None
    if not timed and not any(weights):
        return Levels((), {})
    snapshot, chosen = now.snapshot.take(customers), priors.activity.name
    states, numbers = correction.states(snapshot), timing_numbers(snapshot, chosen, now.timings(chosen))
    timing: tuple[float, ...] = ()
    if timed:
        assert priors.no_order is not None
        hazard = hazard_of(priors.no_order.no_order(snapshot, SURVIVAL_DAYS))
        timing = tuple(map(float, level_of(hazard, correction.log_ratio(states, numbers))))
    values = {}
    if any(weights):
        told = np.hstack([numbers, numbers_at(now, snapshot, priors)])
        for days in horizons:
            ratio = value_ratio(correction.network, states, told, horizon_place(days))
            values[days] = levels_of(*base_amounts(now, snapshot, priors, days), ratio, weights)
    return Levels(timing, values)
