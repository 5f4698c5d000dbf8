"""The goals set for the model, and what it reached, beside the best peer of the same run.

    python experiments/board/bars.py DIR

`DIR` is what `run.py` wrote; the table goes into experiments/README.md between its markers, with the lead
over the best peer below it. A goal that is missed says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from lead import every_lead
from run import README, put

HIGHER, LOWER = "at least", "at most"
USERS, TARGETS, NO_ORDER = "users for a target", "targets for a user", "no order"
CJ, TF, OR, CDNOW = "complete_journey", "ta_feng", "online_retail", "cdnow"
TITLES = {CJ: "Complete Journey", TF: "Ta-Feng", OR: "Online Retail", CDNOW: "CDNOW"}
SETS = "product sets"
WORDS = {
    "map": "mAP",
    "auroc": "AUROC",
    "ap_lift": "AP lift",
    "ece": "ECE",
    "ndcg_10": "nDCG at 10",
    "recall_10": "recall at 10",
    "log_loss": "log-loss",
    "gini": "Gini",
    "total_bias": "total, predicted over actual",
    "predicted_over_actual": "predicted over actual",
}


@dataclass(frozen=True)
class Goal:
    """One goal, on a data set.

    Attributes:
        data: Folder of the report.
        head: What is predicted.
        question: As reports name it.
        metric: As reports name it.
        goal: The number, or both ends of a range.
        way: Whether more is better.
        stratum: Of whom or what.
        mean: Whether of the mean over all windows instead of the newest one.
    """

    data: str
    head: str
    question: str
    metric: str
    goal: float | tuple[float, float]
    way: str = HIGHER
    stratum: str = "all"
    mean: bool = False

    def met(self, value: float) -> bool:
        """Whether this is as good."""
        if isinstance(self.goal, tuple):
            return self.goal[0] <= value <= self.goal[1]
        return value >= self.goal if self.way == HIGHER else value <= self.goal


def of_users(data: str, head: str, map_: float, auroc: float, tail: float) -> Iterator[Goal]:
    """The three goals of users for a target."""
    yield Goal(data, head, USERS, "map", map_)
    yield Goal(data, head, USERS, "auroc", auroc)
    yield Goal(data, head, USERS, "map", tail, stratum="tail")


def of_no_order(data: str, auroc: float, log_loss: float) -> Iterator[Goal]:
    """The two goals of no order."""
    yield Goal(data, "no_order", NO_ORDER, "auroc", auroc)
    yield Goal(data, "no_order", NO_ORDER, "log_loss", log_loss, LOWER)


LEVEL = (0.95, 1.05)
GOALS = (
    *of_users(CJ, "category", 0.385, 0.825, 0.255),
    Goal(CJ, "category", USERS, "ap_lift", 3.0, stratum="explore"),
    Goal(CJ, "category", "calibration", "ece", 0.006, LOWER),
    Goal(CJ, "category", TARGETS, "ndcg_10", 0.668),
    Goal(CJ, "category", TARGETS, "recall_10", 0.270),
    *of_no_order(CJ, 0.872, 0.330),
    Goal(CJ, "spend", "spend", "gini", 0.845),
    *of_users(TF, "category", 0.045, 0.735, 0.0225),
    Goal(TF, "category", TARGETS, "ndcg_10", 0.277),
    *of_no_order(TF, 0.748, 0.585),
    *of_users(OR, "product", 0.220, 0.852, 0.183),
    Goal(OR, "product", TARGETS, "ndcg_10", 0.388),
    *of_no_order(OR, 0.812, 0.530),
    Goal(OR, "spend", "spend", "gini", 0.845),
    *of_no_order(CDNOW, 0.808, 0.4150),
    Goal(CDNOW, "orders", "orders", "total_bias", (0.97, 1.03)),
    Goal(CJ, "category", "calibration", "predicted_over_actual", LEVEL, mean=True),
    Goal(CJ, "product", "calibration", "predicted_over_actual", LEVEL, mean=True),
    Goal(TF, "category", "calibration", "predicted_over_actual", LEVEL, mean=True),
    Goal(OR, "product", "calibration", "predicted_over_actual", LEVEL, mean=True),
    *(
        Goal(CJ, "sets", SETS, "predicted_over_actual", LEVEL, stratum=band, mean=mean)
        for mean in (False, True)
        for band in ("2-3", "4-7", "8-19", "20+")
    ),
)


def measured(report: dict[str, Any], *, mean: bool) -> pd.DataFrame:
    """All measurements of the newest window, or of the mean; totals as predicted over actual."""
    found = pd.DataFrame(report["mean_over_windows" if mean else "measurements"])
    found = found[found["as_of"] == max(found["as_of"])]
    totals = found["metric"] == "total_bias"
    return found.assign(value=found["value"].where(~totals, 1 + found["value"]))


def row(goal: Goal, report: dict[str, Any]) -> str:
    """A line of the table."""
    peers = {one["name"] for one in report["predictors"] if one["role"] == "peer"}
    found = measured(report, mean=goal.mean)
    found = found[
        (found["head"] == goal.head)
        & (found["question"] == goal.question)
        & (found["metric"] == goal.metric)
        & (found["stratum"] == goal.stratum)
    ]
    value = float(found.loc[found["predictor"] == report["recipe"], "value"].iloc[0])
    rivals = found[found["predictor"].isin(peers)].dropna(subset="value")
    told, digits = "–", 2 if goal.metric == "ap_lift" else 4
    if len(rivals):
        if isinstance(goal.goal, tuple):
            best = rivals.loc[(rivals["value"] - 1).abs().idxmin()]
        else:
            best = rivals.loc[rivals["value"].idxmax() if goal.way == HIGHER else rivals["value"].idxmin()]
        told = f"{best['value']:.{digits}f}, {best['predictor']}"
    wanted = " to ".join(map(str, goal.goal)) if isinstance(goal.goal, tuple) else f"{goal.way} {goal.goal:g}"
    stratum = "" if goal.stratum == "all" else f", {goal.stratum}"
    head = goal.head.replace("_", " ")
    question = "" if goal.question == head else f" ({goal.question})"
    cells = [
        f"{TITLES[goal.data]}, {'mean of all windows' if goal.mean else report['windows'][-1]['as_of'][:10]}",
        f"{head}{question}",
        f"{WORDS[goal.metric]}{stratum}",
        f"{value:.{digits}f}",
        wanted,
        "met" if goal.met(value) else "**missed**",
        told,
    ]
    return f"| {' | '.join(cells)} |"


def table(board: Path) -> str:
    """The goals, what was reached, and the lead."""
    reports = {path.parent.name: json.loads(path.read_text("utf-8")) for path in board.glob("*/report.json")}
    lines = [
        "| window | question | metric | base | goal | | best peer of the run |",
        "|---|---|---|---|---|---|---|",
        *(row(goal, reports[goal.data]) for goal in GOALS if goal.data in reports),
    ]
    found = every_lead(board)
    behind = found[found["errors"] < -1]
    which = "; ".join(
        f"{one.data} {one.head} {one.metric} {one.recipe:.4f} to {one.peer:.4f} ({one.best})"
        for one in behind.itertuples()
    )
    mean, median = 100 * found["lead"].mean(), 100 * found["lead"].median()
    said = (
        f"Over {len(found)} questions of the real shops (means of all windows; AP, nDCG at 10, log-loss of "
        "no order, MAE of orders and spend; `python experiments/board/lead.py DIR` lists them) `base` is "
        f"ahead of the best peer of each by {mean:.1f} % in the mean (goal 3 %) and {median:.1f} % in the "
        f"median. More than one standard error behind: {which or 'nowhere'}."
    )
    return "\n".join([*lines, "", said])


def main() -> None:
    """Write the table into the page."""
    asked = argparse.ArgumentParser(description="The goals, and what was reached.")
    asked.add_argument("board", type=Path, help="the folder that run.py wrote")
    put(README, "bars", table(asked.parse_args().board))


if __name__ == "__main__":
    main()
