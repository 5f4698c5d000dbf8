"""Whether as many came as were expected: the number of a target's buyers, and the interval around it.

What comes in: predictions, the recipe's `BuyersSpread`, and what happened. What goes out: notes on a `Sheet`.
Looked at are all targets that were bought by at least 5 customers before (at most the 1,500 with most), also
those that nobody bought in the window: without them more would have come than is expected of the others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from intentml.evaluation.measurement import ALL, EXPECTED_BUYERS, HEAD, TAIL, MetricKey, Sheet
from intentml.metrics import judged_targets, tail_targets
from intentml.prediction import Predictions, sigmoid
from intentml.priors.buyers import BuyersSpread
from intentml.tasks import Labels
from intentml.timeline import Snapshot

_TARGETS_AT_ONCE = 50


def measure_buyers(
    predictions: Predictions,
    spread: BuyersSpread,
    snapshot: Snapshot,
    labels: Labels,
    customers: npt.NDArray[np.int64],
    sheet: Sheet,
) -> None:
    """Predicted over actual, and the share of targets whose buyers lie in their interval, by popularity.

    Args:
        predictions: For every customer of the snapshot.
        spread: How far the recipe lets buyers stray.
        snapshot: What was known.
        labels: What happened after.
        customers: Rows judged: those with an order.
        sheet: Where to note.
    """
    for kind, scores in predictions.targets.items():
        popularity = snapshot.shop.popularity[kind][0]
        known = judged_targets(popularity, np.zeros(len(popularity)), min_in_window=0)
        if not len(known) or not scores.probabilities:
            continue
        expected, independent = np.zeros((2, len(known)))
        own = scores.take(customers)
        for start in range(0, len(known), _TARGETS_AT_ONCE):
            block = slice(start, start + _TARGETS_AT_ONCE)
            probability = sigmoid(own.columns(known[block]).astype(np.float64))
            expected[block] = probability.sum(axis=0)
            independent[block] = (probability * (1 - probability)).sum(axis=0)
        came = np.bincount(labels.bought[kind][customers].indices, minlength=len(popularity))[known]
        ends = spread.interval([kind], predictions.horizon_days, expected, independent)
        tail = tail_targets(popularity[known])
        for stratum, some in ((ALL, tail | ~tail), (HEAD, ~tail), (TAIL, tail)):
            if not came[some].any():
                continue
            found = {"predicted_over_actual": expected[some].sum() / came[some].sum()}
            if ends is not None:
                found["interval_coverage"] = ((ends[0] <= came) & (came <= ends[1]))[some].mean()
            for metric, value in found.items():
                key = MetricKey(kind, EXPECTED_BUYERS, metric, stratum)
                sheet.note(key, value, customers=len(customers), targets=int(some.sum()))
