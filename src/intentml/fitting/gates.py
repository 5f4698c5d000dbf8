"""The cannot-lose gate: how much of a correction a head takes, and its calibration.

What comes in: on validation, the prior's logits, the network's corrections, what happened. What goes
out: `Mend`s. A correction that did not gain more than its standard error over customers, or cost
ranking, is shut out whole; what is left is then the prior, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from intentml.metrics.ranking import users_for_target
from intentml.metrics.recommendation import targets_for_user
from intentml.prediction import F32, F64, Mend
from intentml.priors.linear import platt

if TYPE_CHECKING:
    from intentml.fitting.corrections import Corrections

# Ranking is looked at for so many openings, the most gainful first.
_OPENINGS_TRIED = 12
WEIGHTS = (0.25, 0.5, 0.75, 1.0)
# Of the sequence and of the pair network.
Weights = tuple[float, float]
SHUT: Weights = (0.0, 0.0)
_PAIRS_OF_WEIGHTS: tuple[Weights, ...] = tuple(
    (of_sequence, of_pairs) for of_sequence in (0.0, 0.25, 0.5, 1.0) for of_pairs in (0.0, 0.5, 1.0)
)
# Logits are counted in bins of 1/64: as good as each for itself, and a thousand times fewer.
_BINS_PER_UNIT, _FARTHEST = 64, 20
_JUDGED_TARGETS, _FEWEST_BUYERS = 400, 10
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Validation:
    """Customers x targets of one kind and horizon, on validation. Shapes: (n, E).

    Attributes:
        honest: Logits of the prior that has not seen the window.
        final: Logits of the prior as it will be used.
        said: What the network says.
        bought: What was bought.
        seen: Pairs with history.
    """

    honest: F32
    final: F32
    said: Corrections
    bought: Mask
    seen: Mask

    def corrected(self, repeat: Weights, explore: Weights) -> F32:
        """The honest prior's logits with corrections of these weights; not calibrated."""
        return corrected_cells(
            self.honest,
            self.seen,
            weighed(repeat, self.said.repeat, self.said.learned),
            weighed(explore, self.said.explore, self.said.learned),
        )


def gate_targets(window: Validation) -> tuple[Mend, Mend]:
    """The gates of repeat and explore: of the openings that gain log-loss, the best that costs no ranking.

    Neither of customers for a target (mean average precision), nor, beyond its standard error, of targets
    for a customer (nDCG at 10).
    """
    repeat = _openings(window, window.said.repeat, window.seen)
    explore = _openings(window, window.said.explore, ~window.seen)
    pairs = sorted(product(repeat, explore), key=lambda pair: -(pair[0].gain + pair[1].gain))
    shut = rankings(window, SHUT, SHUT)
    for one, other in pairs[:_OPENINGS_TRIED]:
        if one.weights == other.weights == SHUT:
            break
        precision, quality = rankings(window, one.weights, other.weights)
        if precision >= shut[0] and not beyond_doubt(shut[1] - quality):
            return (
                _mend(window, window.said.repeat, window.seen, one.weights),
                _mend(window, window.said.explore, ~window.seen, other.weights),
            )
    return Mend(), Mend()


def gate_timing(prior: list[F64], corrected: list[dict[float, F64]]) -> float:
    """The weight of the timing correction: the same for all horizons, so that survival stays one curve.

    Args:
        prior: Log-loss of no order per customer, one array a horizon. Shape: (n,) each.
        corrected: The same under each weight.
    """

    def gains(weight: float) -> list[F64]:
        """In units of the prior's own loss."""
        return [
            (base - by_weight[weight]) / base.mean() for base, by_weight in zip(prior, corrected, strict=True)
        ]

    # By what is left of the gain after one standard error: a small sure gain before a large doubtful one.
    best = max(corrected[0], key=lambda weight: sure_gain(gains(weight)))
    return best if sure_gain(gains(best)) > 0 else 0.0


def weighed(weights: Weights, of_sequence: F32, of_pairs: F32) -> F32:
    """Both corrections with their weights. Shape: any."""
    total: F32 = np.float32(weights[0]) * of_sequence + np.float32(weights[1]) * of_pairs
    return total


def corrected_cells(logits: F32, seen: Mask, repeat: F32, explore: F32) -> F32:
    """Logits with the correction of each cell's stratum. Shape: (n, E) each."""
    return (logits + np.where(seen, repeat, explore)).astype(np.float32)


def calibrate(logits: npt.NDArray[np.floating], bought: Mask) -> tuple[float, float]:
    """Intercept and slope by maximum likelihood, over logits counted in fine bins."""
    at = np.rint(np.clip(logits, -_FARTHEST, _FARTHEST) * _BINS_PER_UNIT).astype(np.int64)
    at += _FARTHEST * _BINS_PER_UNIT
    count = np.bincount(at, minlength=2 * _FARTHEST * _BINS_PER_UNIT + 1).astype(np.float64)
    share = np.bincount(at, weights=bought, minlength=len(count))
    used = count > 0
    centre = np.flatnonzero(used) / _BINS_PER_UNIT - _FARTHEST
    return platt(centre, share[used] / count[used], count[used])


def pair_log_loss(logits: npt.NDArray[np.floating], happened: Mask) -> F64:
    """Log-loss of each pair. Shape: any."""
    losses: F64 = np.logaddexp(0.0, np.where(happened, -logits, logits))
    return losses


def rankings(window: Validation, repeat: Weights, explore: Weights) -> tuple[float, F64]:
    """Mean average precision, and the nDCG at 10 of each customer who bought, with these weights."""
    judged = judged_columns(window.bought)
    if not len(judged):
        return 0.0, np.zeros(0)
    logits = window.corrected(repeat, explore)
    for stratum in (window.seen, ~window.seen):
        intercept, slope = calibrate(logits[stratum], window.bought[stratum])
        logits[stratum] = intercept + slope * logits[stratum]
    precision = target_precision(logits, window.bought, window.seen, judged).mean()
    columns = logits[:, judged], window.bought[:, judged], window.seen[:, judged]
    quality = targets_for_user(*columns).overall.ndcg
    return float(precision), quality[~np.isnan(quality)]


def judged_columns(bought: Mask) -> npt.NDArray[np.int64]:
    """Targets with enough buyers to rank them, thinned evenly by popularity."""
    buyers = bought.sum(axis=0)
    enough = np.flatnonzero(buyers >= _FEWEST_BUYERS)
    if len(enough) <= _JUDGED_TARGETS:
        return enough
    by_buyers = enough[np.argsort(-buyers[enough], kind="stable")]
    return np.sort(by_buyers[np.linspace(0, len(enough) - 1, _JUDGED_TARGETS).astype(np.int64)])


def target_precision(logits: F32, bought: Mask, seen: Mask, judged: npt.NDArray[np.int64]) -> F64:
    """Average precision of each judged target. Shape: (judged,)."""
    measured = users_for_target(logits[:, judged], bought[:, judged], seen[:, judged])
    precision: F64 = measured.average_precision
    return precision


@dataclass(frozen=True)
class _Opening:
    """Weights, and what they gain in log-loss over the closed gate, summed over pairs, a customer."""

    weights: Weights
    gain: float


def _openings(window: Validation, correction: F32, stratum: Mask) -> list[_Opening]:
    """The weights that gain beyond doubt, both sides calibrated, and the closed gate."""
    closed = _Opening(SHUT, 0.0)
    if not window.bought[stratum].any():
        return [closed]

    honest, of_sequence, of_pairs = (
        values[stratum] for values in (window.honest, correction, window.said.learned)
    )

    def losses(weights: Weights) -> F64:
        """Summed a customer."""
        logits = honest + weighed(weights, of_sequence, of_pairs)
        intercept, slope = calibrate(logits, window.bought[stratum])
        cells = np.zeros(stratum.shape, np.float32)
        cells[stratum] = pair_log_loss(intercept + slope * logits, window.bought[stratum])
        summed: F64 = cells.sum(axis=1, dtype=np.float64)
        return summed

    prior = losses(SHUT)
    gains = {weights: prior - losses(weights) for weights in _PAIRS_OF_WEIGHTS if weights != SHUT}
    opened = [_Opening(weights, float(gain.mean())) for weights, gain in gains.items() if beyond_doubt(gain)]
    return [*opened, closed]


def _mend(window: Validation, correction: F32, stratum: Mask, weights: Weights) -> Mend:
    """The opening, calibrated over the prior as it will be used; the closed gate changes nothing."""
    if weights == SHUT:
        return Mend()
    final = window.final[stratum] + weighed(weights, correction[stratum], window.said.learned[stratum])
    return Mend(weights[0], *calibrate(final, window.bought[stratum]), pairs=weights[1])


def beyond_doubt(*gains: F64) -> bool:
    """Whether the mean gain exceeds its standard error over customers.

    Args:
        gains: Per customer, one array a window. Shape: (n,) each.
    """
    return sure_gain(gains) > 0


def sure_gain(gains: Sequence[F64]) -> float:
    """The mean gain less its standard error over customers; 0 where there is nobody.

    Several windows hold mostly the same customers, so the errors of their means do not average out.
    """
    if not all(len(one) for one in gains):
        return 0.0
    return float(np.mean([one.mean() - one.std() / np.sqrt(len(one)) for one in gains]))
