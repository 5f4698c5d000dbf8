"""What a model folder and a backtest say of themselves, as metrics by name.

What comes in: the card of a model folder, a backtest report as a dictionary, a finished epoch. What
goes out: names such as `category/28d/log_loss/model` and their values; `model` is the recipe's own
predictor, so that runs of different recipes stand in one column, and its priors sort right beside it.
Numbers on the validation window of a training have `validation/` before them: they chose the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Metrics = dict[str, float | None]
MODEL = "model"

_JUDGED = ("log_loss", "map")
# Of the report's hundreds of numbers those that its boards show; the report itself is kept as a file.
_SHOWN = {
    ("map", "all"),
    ("auroc", "all"),
    ("ap_lift", "explore"),
    ("ndcg_10", "all"),
    ("log_loss", "all"),
    ("ece", "all"),
    ("predicted_over_actual", "all"),
    ("mae", "all"),
    ("total_bias", "all"),
    ("spearman", "all"),
}


def training_metrics(card: Mapping[str, Any]) -> Metrics:
    """Model and priors on validation, and what training the network came to.

    >>> training_metrics({"judged": [{"head": "brand", "horizon_days": 28, "predictor": "popular",
    ...     "role": "prior", "log_loss": 0.3, "map": None}]})
    {'validation/brand/28d/log_loss/popular': 0.3, 'validation/brand/28d/map/popular': None}
    """
    judged = card.get("judged", [])
    found = {
        _validation(row, metric, MODEL if row["role"] == "model" else row["predictor"]): row[metric]
        for row in judged
        for metric in _JUDGED
    }
    heads = {row["head"] for row in judged}
    for row in card.get("validation", []):
        if row["head"] not in heads:  # orders and spend are chosen by their deviance
            found[_validation(row, "loss", row["prior"])] = row["loss"]
            if row["chosen"]:
                found[_validation(row, "loss", MODEL)] = row["loss"]
    network = card.get("network", {})
    found |= {
        f"network/{name}": network[name]
        for name in ("validation_loss", "best_epoch", "seconds")
        if name in network
    }
    return found


def backtest_metrics(report: Mapping[str, Any]) -> Metrics:
    """Every predictor's numbers, each the mean over the windows."""
    return {
        _name(row, _metric(row), _predictor(report, row)): row["value"]
        for row in _shown(report["mean_over_windows"])
    }


def window_metrics(report: Mapping[str, Any]) -> list[Metrics]:
    """The model's numbers in each window, oldest first; empty where there is only one."""
    starts = sorted(window["as_of"] for window in report["windows"])
    if len(starts) < 2:
        return []
    mine = [row for row in _shown(report["measurements"]) if _predictor(report, row) == MODEL]
    return [
        {"windows/" + _name(row, _metric(row), MODEL): row["value"] for row in mine if row["as_of"] == start}
        for start in starts
    ]


def epoch_metrics(train_loss: float, validation: Mapping[str, float]) -> Metrics:
    """A point of the learning curves; MLflow draws names with one start on one page.

    >>> epoch_metrics(0.98, {"loss": 0.99, "brand_28d/log_loss": 0.3})
    {'curves/train_loss': 0.98, 'curves/validation_loss': 0.99, 'curves/brand_28d_log_loss': 0.3}
    """
    return {
        "curves/train_loss": train_loss,
        "curves/validation_loss": validation["loss"],
        **{f"curves/{name.replace('/', '_')}": loss for name, loss in validation.items() if name != "loss"},
    }


def _shown(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if (row["metric"], row["stratum"]) in _SHOWN]


def _metric(row: Mapping[str, Any]) -> str:
    return str(row["metric"]) if row["stratum"] == "all" else f"{row['metric']}_{row['stratum']}"


def _predictor(report: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    return MODEL if row["predictor"] == report["recipe"] else str(row["predictor"])


def _validation(row: Mapping[str, Any], metric: str, predictor: str) -> str:
    return f"validation/{_name(row, metric, predictor)}"


def _name(row: Mapping[str, Any], metric: str, predictor: str) -> str:
    return f"{row['head']}/{row['horizon_days']}d/{metric}/{predictor}"
