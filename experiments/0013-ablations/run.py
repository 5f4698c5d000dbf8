"""What each part of the model is worth: the recipe without it, on the same window, customers and targets.

python experiments/0013-ablations/run.py DATA/complete_journey --models DIR [--arms NAME ...] [--set k=v ...]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from intentml.evaluation import BacktestConfig, BacktestReport, backtest
from intentml.evaluation.measurement import METRICS
from intentml.inference.intent import IntentPredictor
from intentml.prediction import Predictor
from intentml.timeline import Instant, OrderLog, Window
from intentml.workflows import load_model, read_tables, train

WHOLE, PRIORS = "whole", "without network"
ARMS = {
    WHOLE: (),
    "without orders": ('model.reads=["pairs","time"]',),
    "without pairs": ('model.reads=["orders","time"]',),
    "without time": ('model.reads=["orders","pairs"]',),
    "without neighbours": ("priors.neighbours=false",),
}
# Question, metric, stratum.
OF_TARGETS = (
    ("users for a target", "map", "all"),
    ("users for a target", "ap_lift", "explore"),
    ("targets for a user", "ndcg_10", "all"),
    ("calibration", "log_loss", "all"),
)
OF_TIMING = (("no order", "auroc", "all"), ("no order", "log_loss", "all"))


def main() -> None:
    """Train the arms that are not there yet, measure all that are, print a table a head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--as-of", default="2017-11-01")
    parser.add_argument("--horizon", type=int, default=28)
    parser.add_argument("--recipe", default="base")
    parser.add_argument("--models", type=Path, required=True, help="where trained arms are kept")
    parser.add_argument("--kinds", nargs="+", default=["category", "product"])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--min-buyers", type=int, default=10)
    parser.add_argument("--set", dest="settings", action="append", default=[], help="for every arm")
    asked = parser.parse_args()
    log = read_tables(asked.data)

    def fit(past: OrderLog, at: Instant) -> dict[str, Predictor]:
        shared = [f"priors.horizons_days=[{asked.horizon}]", f"priors.kinds={json.dumps(asked.kinds)}"]
        found: dict[str, Predictor] = {}
        for arm in asked.arms:
            folder = asked.models / arm.replace(" ", "-")
            start = time.perf_counter()
            if folder.is_dir():
                model = load_model(folder)
            else:
                chosen = [*shared, *asked.settings, *ARMS[arm]]
                model = train(past, as_of=at.datetime, recipe=asked.recipe, settings=chosen, out=folder)
            print(f"{arm}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
            found[arm] = model.predictor
            if arm == WHOLE and isinstance(model.predictor, IntentPredictor):
                found[PRIORS] = model.predictor.prior
        return found

    config = BacktestConfig(min_buyers_in_window=asked.min_buyers, kinds=tuple(asked.kinds))
    report = backtest(log, [Window(log.instant(asked.as_of), asked.horizon)], fit, config)
    heads = dict.fromkeys(asked.kinds, OF_TARGETS) | {"no_order": OF_TIMING}
    print("\n".join(line for head, columns in heads.items() for line in table(report, head, columns)))


def table(report: BacktestReport, head: str, columns: Sequence[tuple[str, str, str]]) -> list[str]:
    """Of one head: every arm's figures, and how far the whole is ahead of it, with 95 % intervals."""
    labels = [
        f"{question}: {METRICS[metric].label}{'' if stratum == 'all' else f', {stratum}'}"
        for question, metric, stratum in columns
    ]
    lines = [f"\n| {head} | {' | '.join(labels)} |", f"|---|{'---|' * len(columns)}"]
    figures = {
        (one.predictor, (one.question, one.metric, one.stratum)): one.value
        for one in report.measurements
        if one.head == head
    }
    gaps = {
        (one.against, (one.question, one.metric, one.stratum)): one
        for one in report.differences
        if one.head == head
    }
    for arm in report.roles:
        cells = []
        for key in columns:
            told = f"{figures.get((arm, key), math.nan):.4f}"
            if (gap := gaps.get((arm, key))) is not None:
                told += f"; {gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})"
            cells.append(told)
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
