"""The sequence model against its own priors, one window of each shop; a table's lines for the page.

python experiments/0005-sequence-model/run.py DATA --out REPORTS [--recipe base] [--shops cdnow ...]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

# Folder in DATA: as_of, days, customers that a target must have in the window to be judged.
WINDOWS = {
    "complete_journey": ("2017-11-01", 28, 10),
    "ta_feng": ("2001-01-30", 30, 20),
    "online_retail": ("2011-09-10", 90, 20),
    "cdnow": ("1998-01-01", 181, 20),
}
METRICS = {
    ("users for a target", "map", "all"): "mAP",
    ("users for a target", "ap_lift", "explore"): "explore AP lift",
    ("targets for a user", "ndcg_10", "all"): "nDCG@10",
    ("calibration", "log_loss", "all"): "log-loss",
    ("no order", "auroc", "all"): "AUROC",
    ("no order", "log_loss", "all"): "log-loss",
}


def main() -> None:
    """Measure, and print one row a shop, head and metric."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", default="base")
    parser.add_argument("--shops", nargs="+", default=list(WINDOWS), choices=WINDOWS)
    arguments = parser.parse_args()
    print("| shop | head | metric | sequence | priors | difference (95 %) |\n|---|---|---|---|---|---|")
    for shop in arguments.shops:
        as_of, days, fewest = WINDOWS[shop]
        words = ["--last-as-of", as_of, "--horizon", days, "--min-buyers-in-window", fewest]
        words += ["--recipe", arguments.recipe, "--out", arguments.out / shop]
        command = [sys.executable, "-m", "intentml", "backtest", arguments.data / shop, *words]
        subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)
        for row in rows(json.loads((arguments.out / shop / "report.json").read_text("utf-8"))):
            print(f"| {shop} | {' | '.join(row)} |", flush=True)


def rows(report: dict[str, Any]) -> list[tuple[str, ...]]:
    """The recipe beside its own priors, which it corrects: the metrics of the page."""
    values = {(one["predictor"], *about(one)): one["value"] for one in report["measurements"]}
    intervals = {about(one): one for one in report["differences"] if one["against"] == "priors"}
    found = []
    for predictor, *key in values:
        head, what = key[0], tuple(key[1:])
        if predictor != report["recipe"] or what not in METRICS:
            continue
        ours, theirs = values[predictor, *key], values["priors", *key]
        if ours is None or theirs is None:
            continue
        told = f"{ours - theirs:+.4f}"
        if tuple(key) in intervals:
            one = intervals[tuple(key)]
            told += f" ({one['low']:+.4f} to {one['high']:+.4f})"
        found.append((head, METRICS[what], f"{ours:.4f}", f"{theirs:.4f}", told))
    return found


def about(one: dict[str, Any]) -> tuple[str, ...]:
    """What a number of the report is about."""
    return one["head"], one["question"], one["metric"], one["stratum"]


if __name__ == "__main__":
    main()
