"""Where runs and models are kept: the store, reached without noise and told plainly when it cannot be.

What comes in: a tracking URI or none. What goes out: MLflow's client of that store, and the id of an
experiment in it. Telemetry is off and MLflow's own log is silenced before it is first imported.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from intentml.errors import TrackingError

DEFAULT_URI = "sqlite:///mlflow.db"
_SQLITE = "sqlite:///"
_CREDENTIALS = re.compile("//[^/@]*@")
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is the command's answer
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # MLflow's own seven keep a mistyped URI waiting for minutes
}

_KIND = {"mlflow.experimentKind": "custom_model_development"}  # of models, not of prompts


def is_installed() -> bool:
    """Whether the extra `tracking` is there."""
    try:
        _mlflow()
    except ImportError:
        return False
    return True


def store_uri(uri: str | None = None) -> str:
    """The URI given, else MLFLOW_TRACKING_URI, else a database in the working folder."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def connect(uri: str) -> Any:
    """MLflow's client of a store.

    Raises:
        TrackingError: mlflow is not installed, or the URI is none that it takes.
    """
    try:
        mlflow = _mlflow()
    except ImportError as problem:
        raise TrackingError(
            "mlflow is not installed", hint="install the extra: pip install 'intentml[tracking]'"
        ) from problem
    with told(uri):
        return mlflow.MlflowClient(tracking_uri=uri)


def local_database(uri: str) -> Path | None:
    """The database file of a store that is one."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def absolute_store(uri: str | None = None) -> str:
    """The store, named so that a process in another working folder finds it too."""
    store = store_uri(uri)
    database = local_database(store)
    return store if database is None else f"{_SQLITE}{database.absolute()}"


def experiment_id(client: Any, uri: str, name: str) -> str:
    """The experiment of that name, made where it is not there; its files lie beside a local database.

    Raises:
        TrackingError: The store cannot be reached or written.
    """
    from mlflow.exceptions import MlflowException

    with told(uri):
        found = client.get_experiment_by_name(name)
        if found is None:
            database = local_database(uri)
            location = None if database is None else (database.resolve().parent / "mlartifacts").as_uri()
            try:
                return str(client.create_experiment(name, artifact_location=location, tags=_KIND))
            except MlflowException as problem:
                if problem.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = client.get_experiment_by_name(name)  # another run made it a moment ago
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)


@contextmanager
def told(uri: str) -> Iterator[None]:
    """MLflow's own exceptions as one that says what to do.

    Raises:
        TrackingError: Whatever MLflow or the database below it raised.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as problem:
        first = (str(problem).splitlines() or [type(problem).__name__])[0][:300]
        raise TrackingError(
            f"the tracking store {shown(uri)} refuses or fails: {first}",
            hint="is MLFLOW_TRACKING_URI right and the store of this MLflow's version? "
            "--no-tracking goes without",
        ) from problem


def shown(uri: str) -> str:
    """The URI without a user's name or password."""
    return _CREDENTIALS.sub("//", uri)


def _mlflow() -> Any:
    """The library, quiet: no telemetry, no progress bars, no log but errors.

    Raises:
        ImportError: It is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow
