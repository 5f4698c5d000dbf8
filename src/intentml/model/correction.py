"""What a trained network adds to its priors: gated, calibrated, as parts of scores and as hazards.

What comes in: a network with its vocabulary and gates, a catalogue, states. What goes out: low-rank
corrections of target scores, a survival curve, factors of expected orders and spend. A closed gate adds
nothing at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from intentml.model.heads import TargetCodes, horizon_place
from intentml.model.intent_model import IntentModel
from intentml.model.states import states_of
from intentml.model.tensors import F32
from intentml.model.timing_network import TimingGates
from intentml.model.values import ValueGates
from intentml.prediction import F64, SURVIVAL_DAYS, LowRank, Mend
from intentml.sequences.encode import encode_orders
from intentml.sequences.vocabulary import Vocabulary
from intentml.timeline import Snapshot

Gates = tuple[Mend, Mend]

# Bisection: the level lies within e to this, and is found to a millionth.
_FARTHEST_LEVEL, _HALVINGS = 12.0, 32
# What is hidden of so many stays in the processor's cache: 500,000 took half as long again.
_PAIRS_AT_ONCE = 16_384
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Correction:
    """A network at work.

    Attributes:
        network: The network.
        vocabulary: Names to codes.
        gates: Of repeat and of explore, by kind and horizon.
        timing: Gates of the timing.
        values: Gates of expected orders and of money per order.
    """

    network: IntentModel
    vocabulary: Vocabulary
    gates: Mapping[str, Mapping[int, Gates]]
    timing: TimingGates = field(default_factory=TimingGates)
    values: ValueGates = field(default_factory=ValueGates)

    def open_kinds(self) -> tuple[str, ...]:
        """Kinds whose targets it changes."""
        return tuple(
            kind
            for kind, knots in self.gates.items()
            if any(not mend.closed for gates in knots.values() for mend in gates)
        )

    @property
    def idle(self) -> bool:
        """Whether every gate is closed."""
        return not self.open_kinds() and self.timing.closed and self.values.closed

    def states(self, snapshot: Snapshot) -> F32:
        """States of a snapshot's customers. Shape: (U, d)."""
        sequences = encode_orders(snapshot, self.vocabulary, self.network.config.max_orders)
        return states_of(self.network, sequences)

    def gates_at(self, kind: str, days: int) -> Gates:
        """The gates of a horizon: between those chosen linear in log-days, outside the nearest."""
        knots = self.gates[kind]
        horizons = sorted(knots)
        place = float(np.interp(math.log(days), np.log(horizons), np.arange(len(horizons))))
        low, share = int(place), place - int(place)
        left, right = knots[horizons[low]], knots[horizons[min(low + 1, len(horizons) - 1)]]
        return _between(left[0], right[0], share), _between(left[1], right[1], share)

    def place(self, kind: str, days: int) -> float:
        """The horizon as the network knows it: kept within those it learned."""
        horizons = sorted(self.gates[kind])
        return horizon_place(min(max(days, horizons[0]), horizons[-1]))

    def log_ratio(self, states: F32, numbers: F32) -> F32:
        """Gated logarithm of the factor on each bin's hazard. Shape: (U, d), (U, numbers) -> (U, K)."""
        ratio = np.zeros((len(states), self.network.bins), np.float32)
        if self.timing.numbers:
            ratio += np.float32(self.timing.numbers) * timing_ratio(self.network, numbers)
        if self.timing.sequence:
            ratio += np.float32(self.timing.sequence) * sequence_ratio(self.network, states)
        return ratio - np.asarray(self.timing.level, np.float32) if self.timing.level else ratio

    def value_factors(self, states: F32, numbers: F32, days: int) -> F64:
        """Gated logarithms of the factors on orders and on money per order.

        Args:
            states: Shape: (U, d).
            numbers: Of the timing and of the baskets, side by side. Shape: (U, numbers).
            days: The horizon.

        Returns:
            Shape: (U, 2).
        """
        place = horizon_place(self.values.learned_days(days))
        return self.values.log_factors(value_ratio(self.network, states, numbers, place), days)


def timing_ratio(network: IntentModel, numbers: F32) -> F32:
    """What the timing network says, before any gate. Shape: (U, numbers) -> (U, K)."""
    with torch.inference_mode():
        ratio: F32 = network.timing(torch.from_numpy(numbers).to(network.device)).cpu().numpy()
    return ratio


def sequence_ratio(network: IntentModel, states: F32) -> F32:
    """What the orders tell of the timing besides, before any gate. Shape: (U, d) -> (U, K)."""
    with torch.inference_mode():
        ratio: F32 = network.hazard(torch.from_numpy(states).to(network.device)).cpu().numpy()
    return ratio


def value_ratio(network: IntentModel, states: F32, numbers: F32, place: float) -> F32:
    """Logarithms of the factors on orders and on money per order, before any gate. Shape: (U, 2)."""
    with torch.inference_mode():
        told = (torch.from_numpy(values).to(network.device) for values in (states, numbers))
        ratio: F32 = network.value(*told, place).cpu().numpy()
    return ratio


def target_vectors(network: IntentModel, kind: str, codes: TargetCodes) -> tuple[F32, F32]:
    """What repeat and explore know of targets, whoever asks and for how long. Shape: (J, rank + 3) each."""
    with torch.inference_mode():
        repeat, explore = network.head(kind).targets(codes)
        return repeat.cpu().numpy(), explore.cpu().numpy()


def low_rank(
    network: IntentModel, states: F32, kind: str, targets: tuple[F32, F32], place: float
) -> tuple[LowRank, LowRank]:
    """Corrections of repeat and of explore, before any gate.

    Args:
        network: The network.
        states: Shape: (U, d).
        kind: Kind of the targets.
        targets: Of `target_vectors`.
        place: `horizon_place` of the horizon.
    """
    head = network.head(kind)
    with torch.inference_mode():
        told = torch.from_numpy(states).to(network.device)
        repeat, explore = (of(told, place).cpu().numpy() for of in (head.repeat, head.explore))
    return LowRank(repeat, targets[0]), LowRank(explore, targets[1])


def learned_of_pairs(
    network: IntentModel, kind: str, numbers: F32, codes: TargetCodes, target: I64, place: float
) -> F32:
    """Corrections of single pairs, before any gate.

    Args:
        network: The network.
        kind: Kind of the targets.
        numbers: The priors' numbers, in the order of `Sizes.pairs`. Shape: (n, F).
        codes: Of the targets, on the network's device. Length J.
        target: Which of them. Shape: (n,).
        place: `horizon_place` of the horizon.

    Returns:
        Shape: (n,).
    """
    found = np.empty(len(target), np.float32)
    with torch.inference_mode():
        for start in range(0, len(target), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            told, which = (torch.from_numpy(values[part]).to(network.device) for values in (numbers, target))
            found[part] = network.of_pairs(kind)(told.float(), codes, which, place).cpu().numpy()
    return found


def corrected_silence(silence: F64, days: npt.ArrayLike, log_ratio: F32) -> F64:
    """P(no order) with the hazard of each bin multiplied.

    Args:
        silence: The prior's P(no order) within each of `days`. Shape: (U, D).
        days: Ascending, all of `SURVIVAL_DAYS` among them. Shape: (D,).
        log_ratio: Logarithm of the factor on each bin's hazard. Shape: (U, K).
    """
    hazard = -np.diff(np.log(np.maximum(silence, 1e-12)), axis=1, prepend=0.0)
    of_bin = np.minimum(np.searchsorted(SURVIVAL_DAYS, days, side="left"), len(SURVIVAL_DAYS) - 1)
    corrected: F64 = np.exp(-np.cumsum(hazard * np.exp(log_ratio.astype(np.float64))[:, of_bin], axis=1))
    return corrected


def level_of(hazard: F32, log_ratio: F32) -> F32:
    """What to take from the logarithms so that the shop as a whole orders as the prior says.

    The prior keeps the level of the shop: one past window tells who orders sooner than the prior says, but
    a level learned on it would carry one season into the next (experiments/0004-churn-calibration). Bin
    after bin, the mean of P(no order) at its end stays the prior's.

    Args:
        hazard: The prior's cumulative hazard over each bin. Shape: (n, K).
        log_ratio: Logarithms of the factors. Shape: (n, K).

    Returns:
        Shape: (K,).
    """
    wanted = np.exp(-np.cumsum(hazard, axis=1, dtype=np.float64)).mean(axis=0)
    factors = hazard * np.exp(log_ratio.astype(np.float64))
    level = np.zeros(hazard.shape[1], np.float32)
    so_far = np.zeros(len(hazard))
    for column, mean in enumerate(wanted):
        low, high = -_FARTHEST_LEVEL, _FARTHEST_LEVEL
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            silent = np.exp(-so_far - factors[:, column] * np.exp(-middle)).mean()
            low, high = (middle, high) if silent < mean else (low, middle)
        level[column] = (low + high) / 2
        so_far += factors[:, column] * np.exp(-level[column])
    return level


def _between(left: Mend, right: Mend, share: float) -> Mend:
    """The mend between two."""
    if share == 0.0:
        return left
    return Mend(
        **{name: (1 - share) * getattr(left, name) + share * getattr(right, name) for name in vars(left)}
    )
