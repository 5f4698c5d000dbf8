"""How far the level of target heads misses: every model on every window, before and after its own as_of.

python experiments/0008-level/levels.py DATA_DIR --last 2017-12-04 --horizon 28 --models 8 --out levels.npz

A model is fitted at each of `--models` instants, `--step` days apart. Each answers the windows that were over
when it was fitted (what a refresh may look at) and those that come after it (what it is judged on). Kept are
logits by bin, so that any intercept can be tried, and predicted and actual buyers of every target.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import intentml as im
from intentml.fitting.priors import PriorsConfig, fit_priors
from intentml.fitting.slices import Slice
from intentml.prediction import sigmoid
from intentml.priors.predictor import PriorPredictor

EDGES = np.linspace(-16, 8, 481)
KINDS = ("category", "product")


@dataclass(frozen=True)
class Level:
    """One model's scores of one kind in one window; index 0 explored pairs, 1 repeated ones.

    `pairs`: (2, bins) of eligible targets; `chosen`: the same of judged ones (enough buyers came).
    `predicted`, `variance`, `actual`: (2, J) of eligible targets.
    """

    model: str
    window: str
    days_after: float
    kind: str
    pairs: np.ndarray
    chosen: np.ndarray
    predicted: np.ndarray
    variance: np.ndarray
    actual: np.ndarray
    least: int


def levels(
    predictor: PriorPredictor,
    name: str,
    part: Slice,
    days: int,
    after: float,
    kinds: Sequence[str],
    least: int,
) -> list[Level]:
    """A model's level in a window, kind by kind."""
    snapshot = part.snapshot
    who = np.flatnonzero(snapshot.n_orders > 0)
    answer = predictor.predict(snapshot.take(who), days, kinds=kinds)
    found = []
    for kind, scores in answer.targets.items():
        eligible = part.eligible(kind)
        bought = part.labels(days).bought[kind][who].tocsc()
        seen = part.seen(kind)[who].tocsc()
        pairs, chosen = np.zeros((2, 2, len(EDGES) - 1))
        predicted, variance, actual = np.zeros((3, 2, len(eligible)))
        for start in range(0, len(eligible), 100):
            block = slice(start, start + 100)
            logits = scores.columns(eligible[block]).astype(np.float64)
            came = bought[:, eligible[block]].toarray()
            before = seen[:, eligible[block]].toarray()
            probability = sigmoid(logits)
            judged = np.broadcast_to(came.sum(axis=0) >= least, came.shape)
            for stratum, inside in enumerate((~before, before)):
                predicted[stratum, block] = (probability * inside).sum(axis=0)
                variance[stratum, block] = (probability * (1 - probability) * inside).sum(axis=0)
                actual[stratum, block] = (came & inside).sum(axis=0)
                pairs[stratum] += np.histogram(np.clip(logits[inside], -15.9, 7.9), EDGES)[0]
                chosen[stratum] += np.histogram(np.clip(logits[inside & judged], -15.9, 7.9), EDGES)[0]
        found.append(
            Level(
                name, snapshot.as_of.iso[:10], after, kind, pairs, chosen, predicted, variance, actual, least
            )
        )
    return found


def main() -> None:
    """Fit, answer, keep."""
    ask = argparse.ArgumentParser()
    ask.add_argument("data")
    ask.add_argument("--last", required=True)
    ask.add_argument("--horizon", type=int, required=True)
    ask.add_argument("--step", type=int)
    ask.add_argument("--models", type=int, default=8)
    ask.add_argument("--back", type=int, default=4)
    ask.add_argument("--ahead", type=int, default=2)
    ask.add_argument("--year", action="store_true")
    ask.add_argument("--least", type=int, default=20)
    ask.add_argument("--kinds", nargs="+", default=list(KINDS))
    ask.add_argument("--out", required=True)
    given = ask.parse_args()
    log = im.read_tables(given.data)
    step = given.step or given.horizon
    found: list[Level] = []
    for number in range(given.models):
        as_of = log.instant(given.last).plus_days(-step * number)
        known = log.before(as_of)
        config = PriorsConfig(horizons_days=(given.horizon,), kinds=tuple(given.kinds))
        predictor = fit_priors(known, as_of, config).best
        kinds = [kind for kind in given.kinds if kind in predictor.targets]
        back = [-given.horizon * k for k in range(given.back, 0, -1)]
        ahead = [step * k for k in range(given.ahead + 1)]
        year = [-364, -364 - given.horizon] if given.year else []
        for days in [*back, *ahead, *year]:
            start = as_of.plus_days(days)
            if start.plus_days(given.horizon).days_since(log.until) > 0 or start.days_since(log.start) < 28:
                continue
            part = Slice(log if days >= 0 else known, start)
            found += levels(predictor, as_of.iso[:10], part, given.horizon, days, kinds, given.least)
            print(
                as_of.iso[:10],
                days,
                *(
                    f"{one.kind} {one.predicted.sum() / max(one.actual.sum(), 1):.3f}"
                    for one in found
                    if one.model == as_of.iso[:10] and one.days_after == days
                ),
                flush=True,
            )
        Path(given.out).write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main()
