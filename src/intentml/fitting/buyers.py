"""How far buyers stray from the sum of their probabilities, told by past windows.

What comes in: a past, the best priors, its complete windows by horizon. What goes out: `BuyersSpread`. Each
window is asked about with what was known when it began, and each is held to the level of the window before
it, because that is how far the level of a new one can be known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtri, stdtrit

from intentml.fitting.examples import some_buyers
from intentml.fitting.sets import as_it_stood
from intentml.fitting.slices import Past, Slice
from intentml.prediction import F64, sigmoid
from intentml.priors.buyers import INTERVAL_SHARE, BuyersSpread, Spread
from intentml.priors.predictor import PriorPredictor
from intentml.timeline import Instant

_CUSTOMERS = 1_000
_TARGETS_AT_ONCE = 100
# What the level of a window misses before any has told: a standard deviation, believed like so many windows
# (experiments/0008-level).
_USUAL_MISS, _USUAL_WINDOWS = 0.1, 1
# A target's own miss before any has told, and the least number of buyers expected of one that tells.
_USUAL_TARGET, _FEWEST_EXPECTED = 0.04, 0.5


@dataclass(frozen=True)
class Window:
    """Targets of one kind in one past window.

    Attributes:
        expected: Sum of probabilities of some customers. Shape: (J,), like the others.
        independent: Sum of p (1 - p).
        came: Buyers among those customers.
        of: Customers with an order for each of them.
    """

    expected: F64
    independent: F64
    came: F64
    of: float

    @property
    def level(self) -> float:
        """log(actual / expected) of all targets together."""
        return float(np.log((self.came.sum() + 1.0) / (self.expected.sum() + 1.0)))


def fit_buyers(past: Past, priors: PriorPredictor, windows: Mapping[int, Sequence[Instant]]) -> BuyersSpread:
    """The spread by horizon and kind.

    Args:
        past: Cut at `as_of`.
        priors: The best of each head, calibrated.
        windows: Cutoffs of the complete windows of each horizon, newest first.
    """
    spreads: dict[int, dict[str, Spread]] = {}
    for days, cutoffs in sorted(windows.items()):
        told: dict[str, list[Window]] = {}
        for cutoff in cutoffs:
            for kind, window in windows_of(past.at(cutoff), priors, days).items():
                told.setdefault(kind, []).append(window)
        if told:
            spreads[days] = {kind: spread_of(each) for kind, each in told.items()}
    return BuyersSpread(spreads=spreads)


def windows_of(part: Slice, priors: PriorPredictor, days: int) -> dict[str, Window]:
    """What was expected and what came in one window, by kind; of targets that are learned from."""
    customers = some_buyers(part, np.ones(len(part.snapshot), bool), _CUSTOMERS, days)
    if not len(customers):
        return {}
    answer = as_it_stood(priors, part).predict(part.snapshot.take(customers), days)
    of = float((part.snapshot.n_orders > 0).sum() / len(customers))
    found = {}
    for kind, scores in answer.targets.items():
        eligible = part.eligible(kind)
        expected, independent = np.zeros((2, len(eligible)))
        for start in range(0, len(eligible), _TARGETS_AT_ONCE):
            block = slice(start, start + _TARGETS_AT_ONCE)
            probability = sigmoid(scores.columns(eligible[block]).astype(np.float64))
            expected[block] = probability.sum(axis=0)
            independent[block] = (probability * (1 - probability)).sum(axis=0)
        bought = part.labels(days).bought[kind][customers]
        came = np.bincount(bought.indices, minlength=len(scores))[eligible].astype(np.float64)
        if len(eligible):
            found[kind] = Window(expected, independent, came, of)
    return found


def spread_of(windows: Sequence[Window]) -> Spread:
    """The spread that windows of one kind tell, newest first.

    The level's is a variance with an inverse-gamma prior, widened from a normal's quantile to Student's: few
    windows tell little. A target's is least squares on the squared misses once its window's level is mended.
    """
    levels = np.array([window.level for window in windows])
    misses = levels[:-1] - levels[1:]
    degrees = _USUAL_WINDOWS + len(misses)
    variance = (_USUAL_WINDOWS * _USUAL_MISS**2 + float((misses**2).sum())) / degrees
    end = (1 + INTERVAL_SHARE) / 2
    wider = float(stdtrit(degrees, end) / ndtri(end))
    rows, squares = [np.array([[0.0, 1.0]])], [np.array([_USUAL_TARGET])]
    for window in windows:
        mean, independent = (each * np.exp(window.level) for each in (window.expected, window.independent))
        tell = mean > _FEWEST_EXPECTED
        # As large as such a square usually is.
        usual = independent + _USUAL_TARGET * mean**2
        columns = np.stack([mean / window.of, mean**2], axis=1)
        rows.append((columns / usual[:, np.newaxis])[tell])
        squares.append((((window.came - mean) ** 2 - independent) / usual)[tell])
    (single, target), _ = nnls(np.concatenate(rows), np.concatenate(squares))
    return Spread(single=float(single), target=float(target), level=variance * wider**2)
