"""New products: a tenth of the products lose their past; who ranks the customers for them?

python experiments/0009-new-products/run.py DATA [--recipe priors] [--shops online_retail] [--set k=v ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from intentml.evaluation import BacktestConfig, Contenders
from intentml.evaluation.new_products import NewProducts, new_products
from intentml.inference.intent import IntentPredictor
from intentml.timeline import Instant, OrderLog, Window
from intentml.workflows import read_tables, train

# Folder in DATA: as_of, days, customers that a product must have in the window to be judged.
WINDOWS = {
    "complete_journey": ("2017-10-04", 28, 10),
    "online_retail": ("2011-09-10", 90, 20),
}
COLUMNS = {
    "mAP": ("users for a target", "map"),
    "AUROC": ("users for a target", "auroc"),
    "lift 5 %": ("users for a target", "lift_5"),
    "nDCG@10": ("targets for a user", "ndcg_10"),
    "log-loss": ("calibration", "log_loss"),
    "predicted/actual, all held out": ("calibration", "predicted_over_actual"),
}


def main() -> None:
    """Measure, and print one row a predictor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", default="priors")
    parser.add_argument("--shops", nargs="+", default=list(WINDOWS), choices=WINDOWS)
    parser.add_argument("--as-of", help="another window's start")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    arguments = parser.parse_args()
    for shop in arguments.shops:
        as_of, days, fewest = WINDOWS[shop]
        log = read_tables(arguments.data / shop)
        found = new_products(
            log,
            Window(log.instant(arguments.as_of or as_of), days),
            lambda past, at, days=days: fitted(past, at, arguments.recipe, days, arguments.settings),
            BacktestConfig(min_buyers_in_window=fewest),
            progress=lambda step, done, total: print(step, file=sys.stderr),
        )
        print("\n".join(table(shop, found)), flush=True)


def fitted(past: OrderLog, at: Instant, recipe: str, days: int, settings: Sequence[str]) -> Contenders:
    """The recipe's model, and the priors that it corrects."""
    quick = [f"priors.horizons_days=[{days}]", 'priors.kinds=["product"]', *settings]
    model = train(past, as_of=at.datetime, recipe=recipe, settings=quick).predictor
    if isinstance(model, IntentPredictor):
        return Contenders({recipe: model, "priors": model.prior}, recipe=recipe)
    return Contenders({recipe: model}, recipe=recipe)


def table(shop: str, found: NewProducts) -> list[str]:
    """The lines of the page."""
    lines = [
        f"\n{shop}, {found.window.as_of.iso[:10]}, {found.window.horizon_days} days: "
        f"{found.held_out} products held out, {found.population.targets} judged\n",
        f"| | {' | '.join(COLUMNS)} | mAP below the recipe's |",
        f"|---|{'---|' * len(COLUMNS)}---|",
    ]
    behind = {one.against: one for one in found.differences if one.metric == "map" and one.stratum == "all"}
    values = {
        (one.predictor, one.question, one.metric): one.value
        for one in found.measurements
        if one.stratum == "all"
    }
    for predictor in found.roles:
        told = [values.get((predictor, *key), np.nan) for key in COLUMNS.values()]
        gap = behind.get(predictor)
        below = "" if gap is None else f"{gap.value:.4f} ({gap.low:.4f} to {gap.high:.4f})"
        figures = " | ".join("" if np.isnan(one) else f"{one:.4f}" for one in told)
        lines.append(f"| {predictor} | {figures} | {below} |")
    return lines


if __name__ == "__main__":
    main()
