"""What the logistic target prior gains from its parts, one window of one data set.

python experiments/0002-target-priors/run.py DATA_DIR --as-of 2001-01-30 --horizon 30 --kind category
"""

from __future__ import annotations

import argparse
from unittest import mock

import intentml as im
from intentml.evaluation.backtest import backtest
from intentml.evaluation.settings import BacktestConfig
from intentml.fitting import windows
from intentml.fitting.priors import PriorsConfig, fit_priors
from intentml.prediction import Predictor
from intentml.priors import linear
from intentml.timeline import Instant, OrderLog, Window

ALL = linear.TARGET_PRIORS["logistic"]
APART = ("logistic",)


def without(*names: str) -> tuple[str, ...]:
    """All columns but those that start with one of the names."""
    return tuple(column for column in ALL if not column.startswith(names))


# Columns, which priors weigh repeat and explore pairs apart, horizons of past that older windows need.
VARIANTS = {
    "as shipped": (ALL, APART, 2.0),
    "one weighing for repeat and explore pairs": (ALL, (), 2.0),
    "older windows with half a horizon of past": (ALL, APART, 0.5),
    "without neighbours": (without("near", "neighbours"), APART, 2.0),
    "without history of category, brand, department": (without("category_", "brand_", "root_"), APART, 2.0),
    "without elapsed time": (without("last", "overdue", "late", "decay_"), APART, 2.0),
    "without the customer's activity": (
        tuple(column for column in without("orders_") if column != "order"),
        APART,
        2.0,
    ),
}


METRICS = {
    ("map", "all"): "mAP",
    ("auroc", "all"): "AUROC",
    ("ap_lift", "explore"): "explore AP lift",
    ("ndcg_10", "all"): "nDCG@10",
    ("log_loss", "all"): "log-loss",
}


def main() -> None:
    """Print one row a variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--horizon", type=int, required=True)
    parser.add_argument("--kind", default="category")
    parser.add_argument("--min-buyers-in-window", type=int, default=20)
    arguments = parser.parse_args()
    log, days = im.read_tables(arguments.data), arguments.horizon
    config = PriorsConfig(horizons_days=(days,), kinds=(arguments.kind,))
    settings = BacktestConfig(min_buyers_in_window=arguments.min_buyers_in_window)
    window = Window(log.instant(arguments.as_of), days)

    def fit(past: OrderLog, as_of: Instant) -> dict[str, Predictor]:
        return {"logistic": fit_priors(past, as_of, config).each["logistic"]}

    print("| variant | " + " | ".join(METRICS.values()) + " |\n|---|" + "---|" * len(METRICS))
    for name, (columns, by_stratum, older_need) in VARIANTS.items():
        with (
            mock.patch.dict(linear.TARGET_PRIORS, {"logistic": columns}),
            mock.patch.object(linear, "BY_STRATUM", by_stratum),
            mock.patch.object(windows, "_OLDER_NEED", older_need),
        ):
            frame = backtest(log, [window], fit, settings).frame()
        frame = frame[frame["head"] == arguments.kind]
        told = frame.set_index(["metric", "stratum"])["value"]
        figures = [told.loc[metric] for metric in METRICS]
        print(f"| {name} | " + " | ".join(f"{figure:.4f}" for figure in figures) + " |", flush=True)


if __name__ == "__main__":
    main()
