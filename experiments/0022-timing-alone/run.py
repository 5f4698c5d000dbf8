"""Timing networks of several makes, and boosted trees, over the same numbers; prints AUROC and log-loss."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score

import intentml as im
from intentml.fitting.examples import TimingExamples, hazard_of, some_buyers, timing_examples
from intentml.fitting.heads import fit_no_order
from intentml.fitting.plan import plan_training
from intentml.fitting.settings import TrainingConfig
from intentml.fitting.slices import Past
from intentml.fitting.timing_training import fit_timing_network
from intentml.fitting.windows import cutoffs
from intentml.model import members, timing_network
from intentml.model.config import ModelConfig
from intentml.model.correction import corrected_silence, level_of, timing_ratio
from intentml.model.intent_model import IntentModel, Sizes
from intentml.prediction import F32
from intentml.priors.activity import ActivityPrior
from intentml.priors.timing_numbers import NUMBERS, OPINIONS, timing_numbers
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import Instant, OrderLog

WINDOWS = (
    ("complete_journey", 28, ("2017-11-01", "2017-10-04", "2017-09-06")),
    ("grocery_elog", 90, ("2007-10-01", "2007-07-03", "2007-04-04")),
    ("online_retail", 90, ("2011-09-10", "2011-06-12", "2011-03-14")),
)
# Members, width, dropout.
MAKES = {"one": (1, 32, 0.0), "eight": (8, 32, 0.0), "eight, wider, dropout": (8, 64, 0.2)}


def main() -> None:
    """Measure every window."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with one folder a shop")
    data = parser.parse_args().data
    for name, days, instants in WINDOWS:
        log = im.read_tables(data / name)
        for as_of in instants:
            print(name, as_of, days)
            measure(log, log.as_of(as_of).as_of, days)


def measure(log: OrderLog, at: Instant, days: int) -> None:
    """One window: the prior, and all that was learned up to validation, and up to `as_of`."""
    past, now = Past(log.before(at)), Past(log).at(at)
    plan = cutoffs(past.log, days, 3)
    prior, _ = fit_no_order(past, [plan] if plan else [])
    buyers = np.flatnonzero(now.snapshot.n_orders > 0)
    people, happened = now.snapshot.take(buyers), now.labels(days).no_order[buyers]
    grid = np.union1d(SURVIVAL_DAYS, [days])
    silence = prior.calibrated({}).no_order(people, grid)
    numbers = timing_numbers(people, prior.name, now.timings(prior.name))

    def tell(what: str, said: np.ndarray) -> None:
        loss = log_loss(happened, said.clip(1e-7, 1 - 1e-7))
        print(f"  {what:40s} {roc_auc_score(happened, said):.4f} {loss:.4f}", flush=True)

    def corrected(ratio: F32) -> np.ndarray:
        hazard = hazard_of(silence[:, np.searchsorted(grid, SURVIVAL_DAYS)])
        curve = corrected_silence(silence, grid, ratio - level_of(hazard, ratio))
        return curve[:, np.searchsorted(grid, days)]

    tell("prior", silence[:, np.searchsorted(grid, days)])
    training = plan_training(past.log, [days], windows=3, n_cutoffs=8, n_anchors=8, seed=0)
    assert training is not None
    older = (*training.cutoffs, *training.anchors)
    every = (*older, *training.newest, *training.newest_anchors)
    for until, ends, instants in (("validation", training.ends, older), ("as_of", at, every)):
        parts = [examples(past, instant, ends, prior) for instant in instants]
        tell(f"trees, up to {until}", trees(parts, numbers, days))
        for make, sizes in MAKES.items():
            tell(f"{make}, up to {until}", corrected(learned(parts, numbers, *sizes)))


def examples(past: Past, instant: Instant, ends: Instant, prior: ActivityPrior) -> TimingExamples:
    """Next orders after an instant, up to `ends`."""
    part = past.at(instant)
    customers = some_buyers(part, np.ones(len(part.snapshot), bool), 20_000, 0)
    return timing_examples(part, customers, past.log, ends, prior, settled=True)


def learned(parts: Sequence[TimingExamples], numbers: F32, count: int, width: int, dropout: float) -> F32:
    """What a timing network of this make says of some numbers."""
    timing_network._MEMBERS = count
    members._WIDTH, members._DROPOUT = width, dropout
    sizes = Sizes(1, 1, 1, 1, 1, False, NUMBERS, OPINIONS, 1, {}, {})  # no targets
    network = IntentModel(ModelConfig(), sizes, len(SURVIVAL_DAYS))
    fit_timing_network(network, parts, TrainingConfig())
    return timing_ratio(network, numbers)


def trees(parts: Sequence[TimingExamples], numbers: F32, days: int) -> np.ndarray:
    """P(no order within the horizon) by trees, from windows that show the nearest bin's end whole."""
    last = int(np.searchsorted(SURVIVAL_DAYS, days))
    told, silent = [], []
    for part in parts:
        whole = part.full_bins > last
        told.append(part.numbers[whole])
        silent.append(part.event_bin[whole] > last)
    model = HistGradientBoostingClassifier(
        learning_rate=0.03,
        max_iter=200,
        max_leaf_nodes=15,
        min_samples_leaf=100,
        l2_regularization=1.0,
        random_state=0,
    )
    return model.fit(np.concatenate(told), np.concatenate(silent)).predict_proba(numbers)[:, 1]


if __name__ == "__main__":
    main()
