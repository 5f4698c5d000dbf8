"""What gated corrections would add to the shop's level today: it is taken away again when they are at work.

What comes in: a correction without levels, the newest slice, its fitted priors. What goes out: logarithms of
factors: of each bin's hazard, of total orders and spend at each horizon.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from intentml.fitting.examples import hazard_of
from intentml.fitting.slices import Slice
from intentml.fitting.values import base_amounts, levels_of, numbers_at
from intentml.model.correction import Correction, level_of, value_ratio
from intentml.model.heads import horizon_place
from intentml.prediction import SURVIVAL_DAYS
from intentml.priors.predictor import PriorPredictor
from intentml.priors.timing_numbers import timing_numbers

I64 = npt.NDArray[np.int64]


def timing_level(
    correction: Correction, now: Slice, priors: PriorPredictor, customers: I64
) -> tuple[float, ...]:
    """The level of the timing, by some of today's customers. Shape: (K,), or none."""
    if correction.timing == 0.0 or priors.no_order is None:
        return ()
    snapshot, timing = now.snapshot.take(customers), priors.activity.name
    hazard = hazard_of(priors.no_order.no_order(snapshot, SURVIVAL_DAYS))
    numbers = timing_numbers(snapshot, timing, now.timings(timing))
    return tuple(map(float, level_of(hazard, correction.log_ratio(correction.states(snapshot), numbers))))


def value_levels(
    correction: Correction,
    now: Slice,
    priors: PriorPredictor,
    customers: I64,
    horizons: Collection[int],
    weights: tuple[float, float],
) -> dict[int, tuple[float, float]]:
    """The levels of orders and of money per order by horizon, by some of today's customers."""
    snapshot, timing = now.snapshot.take(customers), priors.activity.name
    numbers = np.hstack(
        [timing_numbers(snapshot, timing, now.timings(timing)), numbers_at(now, snapshot, priors)]
    )
    states, levels = correction.states(snapshot), {}
    for days in horizons:
        ratio = value_ratio(correction.network, states, numbers, horizon_place(days))
        levels[days] = levels_of(*base_amounts(now, snapshot, priors, days), ratio, weights)
    return levels
