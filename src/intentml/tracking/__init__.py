"""Experiments and models in MLflow, the one room that imports it.

What comes in: settings, numbers, pictures and model folders of a run. What goes out: a run that
`mlflow ui` shows, a registered model, and the folder of a registered model. It trains, measures and
loads nothing.
"""

from intentml.tracking.figures import reliability_figure
from intentml.tracking.judgement import Comparison, refuse_loser
from intentml.tracking.numbers import backtest_metrics, epoch_metrics, training_metrics, window_metrics
from intentml.tracking.registry import (
    Version,
    local_model,
    model_of_run,
    model_with,
    register,
    set_alias,
    version_of,
)
from intentml.tracking.run import MlflowRun, NoRun, Run, open_run
from intentml.tracking.store import absolute_store, is_installed, shown

__all__ = [
    "Comparison",
    "MlflowRun",
    "NoRun",
    "Run",
    "Version",
    "absolute_store",
    "backtest_metrics",
    "epoch_metrics",
    "is_installed",
    "local_model",
    "model_of_run",
    "model_with",
    "open_run",
    "refuse_loser",
    "register",
    "reliability_figure",
    "set_alias",
    "shown",
    "training_metrics",
    "version_of",
    "window_metrics",
]
