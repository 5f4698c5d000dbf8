"""The validation window of a horizon, and how far the timing's corrections are let in by it.

What comes in: windows after all that was learned from, what the timing network and the orders say there. What
goes out: losses of no order, `TimingGates`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intentml.fitting.examples import Examples
from intentml.fitting.gates import WEIGHTS, gate_timing, pair_log_loss
from intentml.model.correction import corrected_silence, level_of
from intentml.model.timing_network import TimingGates
from intentml.prediction import F32, F64, logit
from intentml.survival import SURVIVAL_DAYS


@dataclass(frozen=True)
class ValidationWindow:
    """The validation window of one horizon.

    Attributes:
        examples: Its customers.
        silence: The prior's P(no order) within `silence_days(days)`. Shape: (n, D).
        no_order: What happened. Shape: (n,).
    """

    examples: Examples
    silence: F64
    no_order: npt.NDArray[np.bool_]

    def timing_losses(self, days: int, log_ratio: F32) -> F64:
        """Log-loss of no order within the horizon, at the prior's own level. Shape: (n,)."""
        grid = silence_days(days)
        log_ratio = log_ratio - level_of(self.examples.timing.hazard, log_ratio)
        silence = corrected_silence(self.silence, grid, log_ratio)[:, np.searchsorted(grid, days)]
        return pair_log_loss(logit(silence), self.no_order)


def gated_timing(windows: Sequence[tuple[ValidationWindow, int, F32, F32]]) -> TimingGates:
    """What the numbers tell, as far as it gains over the prior; what the orders tell, as it gains over that.

    Args:
        windows: Each with its horizon, and what the numbers and the orders tell there.
    """

    def losses(numbers: float, sequence: float) -> list[F64]:
        return [
            judged.timing_losses(days, np.float32(numbers) * one + np.float32(sequence) * other)
            for judged, days, one, other in windows
        ]

    def best(of: Callable[[float], list[F64]]) -> float:
        corrected = [dict(zip(WEIGHTS, each, strict=True)) for each in zip(*map(of, WEIGHTS), strict=True)]
        return gate_timing(of(0.0), corrected)

    numbers = best(lambda weight: losses(weight, 0.0))
    return TimingGates(numbers, best(lambda weight: losses(numbers, weight)))


def silence_days(days: int) -> npt.NDArray[np.int64]:
    """The days of the survival curve, and the horizon."""
    return np.union1d(SURVIVAL_DAYS, [days])
