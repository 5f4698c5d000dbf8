"""Would the model gain from its best peer? The two in a mean of their logits.

    python experiments/0026-a-blend/run.py DATA [--peers-env DIR] [--shops complete_journey ...]

The recipe `base` is trained at the window's start; the peers are asked, or their kept answers taken.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from intentml import workflows
from intentml.evaluation import BacktestConfig
from intentml.evaluation.measure import Judge
from intentml.evaluation.peers.bench import PeerBench
from intentml.evaluation.peers.catalogue import chosen_peers
from intentml.evaluation.peers.scores import DenseScores
from intentml.prediction import Predictions, TargetScores, logit, sigmoid
from intentml.tasks import labels_of
from intentml.timeline.catalogue import KINDS

# Folder in DATA: as_of, days, customers that a target must have in the window to be judged, kinds.
WINDOWS = {
    "complete_journey": ("2017-11-01", 28, 10, ("category", "product")),
    "online_retail": ("2011-09-10", 90, 20, ("product",)),
}
PAIRS, CUSTOMERS = "lightgbm_pairs", "lightgbm_rfm"
SHARES = (0.0, 0.3, 0.5, 1.0)
COLUMNS = {
    ("users for a target", "map", "all"): "mAP",
    ("users for a target", "auroc", "all"): "AUROC",
    ("users for a target", "map", "tail"): "tail mAP",
    ("users for a target", "ap_lift", "explore"): "explore AP lift",
    ("targets for a user", "ndcg_10", "all"): "nDCG at 10",
    ("targets for a user", "recall_10", "all"): "recall at 10",
    ("calibration", "log_loss", "all"): "log-loss",
    ("calibration", "ece", "all"): "ECE",
    ("no order", "auroc", "all"): "AUROC",
    ("no order", "log_loss", "all"): "log-loss",
}


def main() -> None:
    """Measure, and print one table a head."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("data", type=Path)
    asked.add_argument("--peers-env", type=Path, default=Path("peers-env"))
    asked.add_argument("--shops", nargs="+", choices=WINDOWS, default=list(WINDOWS))
    options = asked.parse_args()
    for shop in options.shops:
        print("\n".join(page(shop, options.data, options.peers_env)), flush=True)


def page(shop: str, data: Path, peers_env: Path) -> Iterator[str]:
    """The tables of a shop."""
    start, days, fewest, kinds = WINDOWS[shop]
    log = workflows.read_tables(data / shop)
    as_of = log.instant(start)
    past, snapshot = log.before(as_of), log.as_of(as_of)
    horizons = [f"priors.horizons_days=[{days}]"]
    own = workflows.train(past, as_of=as_of.datetime, recipe="base", settings=horizons).predictor
    said = own.predict(snapshot, days, kinds=kinds)
    with PeerBench(chosen_peers([PAIRS, CUSTOMERS]), peers_env, kinds=KINDS) as bench:
        peers = bench.contenders(past, days)
        theirs, of_customers = (peers[name].predict(snapshot, days) for name in (PAIRS, CUSTOMERS))
    settings = BacktestConfig(min_buyers_in_window=fewest, kinds=kinds, resamples=0)
    judge = Judge(snapshot, labels_of(snapshot, log.outcomes(snapshot, days)), settings)
    found = {share: measured(judge, blended(said, theirs, of_customers, share)) for share in SHARES}
    for head in (*kinds, "no_order"):
        keys = [key for key in COLUMNS if (head, key) in found[0.0]]
        yield f"\n{shop}, {start}, {days} days, {head}\n"
        yield f"| share of LightGBM | {' | '.join(COLUMNS[key] for key in keys)} |"
        yield f"|---|{'---|' * len(keys)}"
        for share, values in found.items():
            yield f"| {share} | {' | '.join(f'{values[head, key]:.4f}' for key in keys)} |"


def blended(own: Predictions, theirs: Predictions, of_customers: Predictions, share: float) -> Predictions:
    """Means of logits: of targets, and of no order."""
    assert own.no_order is not None
    assert of_customers.no_order is not None
    other = np.nan_to_num(of_customers.no_order, nan=0.5)  # of those without an order, whom nobody judges
    no_order = sigmoid((1 - share) * logit(own.no_order) + share * logit(other))
    targets: dict[str, TargetScores] = {
        kind: mixed(scores, theirs.targets[kind], share) for kind, scores in own.targets.items()
    }
    return replace(own, targets=targets, no_order=no_order.astype(np.float64))


def mixed(own: TargetScores, theirs: TargetScores, share: float) -> DenseScores:
    """The mean where the peer says something; it is asked about eligible targets alone."""
    logits = own.rows(slice(None))
    there = np.searchsorted(own.targets, theirs.targets)
    logits[:, there] = (1 - share) * logits[:, there] + share * theirs.rows(slice(None))
    return DenseScores.of(own.kind, own.targets, logits, probabilities=True)


def measured(judge: Judge, answer: Predictions) -> dict[tuple[str, tuple[str, str, str]], float]:
    """The numbers of `COLUMNS`, by head."""
    told = judge.measure("blend", answer).measurements
    return {(one.head, (one.question, one.metric, one.stratum)): one.value for one in told}


if __name__ == "__main__":
    main()
