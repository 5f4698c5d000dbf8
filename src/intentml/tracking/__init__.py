"""Experiments and models in MLflow, the one room that imports it.

What comes in: settings, numbers, pictures and model folders of a run. What goes out: a run that
`mlflow ui` shows, a registered model, and the folder of a registered model. It trains, measures and
loads nothing.
"""

from intentml.tracking.run import NoRun, Run, open_run
from intentml.tracking.store import is_installed

__all__ = ["NoRun", "Run", "is_installed", "open_run"]
