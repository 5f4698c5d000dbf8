"""How far the recipe is ahead of the best peer, question by question, and in the mean over all of them.

    python experiments/board/lead.py DIR

`DIR` is what `run.py` wrote. A question's primary metric: AP for customers of a target, nDCG at 10 for
targets of a customer, log-loss of no order, MAE of orders and spend. The best peer is the luckiest on that
very metric. Category nodes are left out: no peer that learns has been asked for them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

HIGHER, LOWER = 1.0, -1.0
PRIMARY = {
    ("users for a target", "map"): HIGHER,
    ("targets for a user", "ndcg_10"): HIGHER,
    ("no order", "log_loss"): LOWER,
    ("orders", "mae"): LOWER,
    ("spend", "mae"): LOWER,
}
LEFT_OUT = ("category_node",)
# Instacart's orders have no dates but gaps, cut at 30 days: good for what comes next, not for when. With
# derived categories Online Retail's orders are the same as without.
ONLY = {
    "instacart_sample": ("targets for a user",),
    "online_retail_categories": ("users for a target", "targets for a user"),
}
STANDARD_ERRORS = 2 * 1.96  # in the width of a 95 % interval


def leads(folder: Path) -> pd.DataFrame:
    """A row a question: both numbers, the lead relative to the peer, and in standard errors of the gap."""
    report = json.loads((folder / "report.json").read_text("utf-8"))
    peers = {one["name"] for one in report["predictors"] if one["role"] == "peer"}
    mean = pd.DataFrame(report["mean_over_windows"])
    gaps = {
        (one["against"], one["head"], one["question"], one["metric"], one["stratum"]): one
        for one in report["mean_differences"]
    }
    rows = []
    for (head, question, metric), found in mean[mean["stratum"] == "all"].groupby(
        ["head", "question", "metric"]
    ):
        sign = PRIMARY.get((question, metric))
        rivals = found[found["predictor"].isin(peers)].dropna(subset="value")
        asked = question in ONLY.get(folder.name, (question,)) and head not in LEFT_OUT
        if sign is None or not asked or rivals.empty:
            continue
        own = float(found.loc[found["predictor"] == report["recipe"], "value"].iloc[0])
        best = rivals.loc[(sign * rivals["value"]).idxmax()]
        lead, gap = sign * (own - best["value"]), gaps.get((best["predictor"], head, question, metric, "all"))
        error = (gap["high"] - gap["low"]) / STANDARD_ERRORS if gap else float("nan")
        rows.append(
            {
                "data": folder.name,
                "head": head,
                "metric": metric,
                "recipe": own,
                "peer": best["value"],
                "best": best["predictor"],
                "lead": lead / best["value"],
                "errors": lead / error,
            }
        )
    return pd.DataFrame(rows)


def every_lead(board: Path) -> pd.DataFrame:
    """Of all real shops; the simulated one has its truth beside it, which nobody beats."""
    folders = [path.parent for path in sorted(board.glob("*/report.json")) if path.parent.name != "simulated"]
    return pd.concat([leads(folder) for folder in folders])


def main() -> None:
    """All data sets of a board."""
    asked = argparse.ArgumentParser(description="How far the recipe is ahead.")
    asked.add_argument("board", type=Path, help="the folder that run.py wrote")
    options = asked.parse_args()
    found = every_lead(options.board)
    print(found.to_string(index=False, float_format=lambda number: f"{number:.4f}"))
    mean, median = 100 * found["lead"].mean(), 100 * found["lead"].median()
    print(f"\n{len(found)} questions: {mean:+.2f} % in the mean, {median:+.2f} % in the median")
    print(f"more than one standard error behind: {(found['errors'] < -1).sum()}")


if __name__ == "__main__":
    main()
