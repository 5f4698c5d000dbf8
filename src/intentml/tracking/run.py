"""One run: its settings, numbers, pictures, files and model, in MLflow or nowhere.

What comes in: what a command has done. What goes out: a run that ends FINISHED, or FAILED where an
exception passed. `NoRun` takes the same calls and keeps nothing, so that nobody asks whether a run is
tracked.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from intentml.errors import TrackingError
from intentml.tracking.flat import allowed_name, flat
from intentml.tracking.pyfunc import save_pyfunc
from intentml.tracking.store import connect, experiment_id, store_uri, told

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

EXPERIMENT = "intentml"
_PARAMETERS_AT_ONCE, _METRICS_AT_ONCE = 100, 1000  # what MLflow takes in one call


class Run(Protocol):
    """Where a command writes what it did."""

    @property
    def uri(self) -> str | None:
        """The store; None where nothing is kept."""

    @property
    def run_id(self) -> str | None:
        """MLflow's id of the run; None where nothing is kept."""

    def parameters(self, values: Mapping[str, Any]) -> None:
        """Settings: a nested mapping becomes `a.b.c`; a value too long for MLflow is cut, and says so."""

    def metrics(self, values: Mapping[str, float | None], step: int | None = None) -> None:
        """Numbers by name; None and what is not finite are left out. `step` makes a curve of them."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Words to find the run by; nothing about people."""

    def figure(self, file_name: str, figure: Figure) -> None:
        """A matplotlib figure, as an image file."""

    def text(self, file_name: str, text: str) -> None:
        """A text file."""

    def file(self, path: Path, name: str | None = None) -> None:
        """A file, or a folder with all that is in it; a folder under `name`, if not its own."""

    def data(self, name: str, fingerprint: str, counts: Mapping[str, int]) -> None:
        """What the run read: the name of the source, the hash of its content, how many of what."""

    def model(self, folder: Path, products: pd.DataFrame | None = None) -> str | None:
        """A model folder, as a pyfunc model, with the products it knows; its URI."""

    def child(self, name: str) -> AbstractContextManager[Run]:
        """A run inside this one, such as a trial of a study."""


@dataclass(frozen=True)
class NoRun:
    """A run that keeps nothing."""

    uri: None = None
    run_id: None = None

    def parameters(self, values: Mapping[str, Any]) -> None:
        """Kept nowhere."""

    def metrics(self, values: Mapping[str, float | None], step: int | None = None) -> None:
        """Kept nowhere."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Kept nowhere."""

    def figure(self, file_name: str, figure: Figure) -> None:
        """Kept nowhere."""

    def text(self, file_name: str, text: str) -> None:
        """Kept nowhere."""

    def file(self, path: Path, name: str | None = None) -> None:
        """Kept nowhere."""

    def data(self, name: str, fingerprint: str, counts: Mapping[str, int]) -> None:
        """Kept nowhere."""

    def model(self, folder: Path, products: pd.DataFrame | None = None) -> None:
        """Kept nowhere."""

    def child(self, name: str) -> AbstractContextManager[Run]:
        """Itself."""
        return nullcontext(self)


@dataclass(frozen=True)
class MlflowRun:
    """A run in MLflow; make it with `open_run`.

    Attributes:
        uri: The store.
        run_id: MLflow's id of the run.
    """

    uri: str
    run_id: str
    experiment: str = field(repr=False)
    _client: Any = field(repr=False)

    def parameters(self, values: Mapping[str, Any]) -> None:
        """Settings, flat."""
        from mlflow.entities import Param

        settings = [Param(name, text) for name, text in flat(values).items()]
        with told(self.uri):
            for start in range(0, len(settings), _PARAMETERS_AT_ONCE):
                batch = settings[start : start + _PARAMETERS_AT_ONCE]
                self._client.log_batch(self.run_id, params=batch)

    def metrics(self, values: Mapping[str, float | None], step: int | None = None) -> None:
        """Finite numbers."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        numbers = [
            Metric(allowed_name(name), float(value), now, step or 0)
            for name, value in values.items()
            if value is not None and math.isfinite(value)
        ]
        with told(self.uri):
            for start in range(0, len(numbers), _METRICS_AT_ONCE):
                self._client.log_batch(self.run_id, metrics=numbers[start : start + _METRICS_AT_ONCE])

    def tags(self, values: Mapping[str, str]) -> None:
        """Words."""
        with told(self.uri):
            for name, text in values.items():
                self._client.set_tag(self.run_id, allowed_name(name), text)

    def figure(self, file_name: str, figure: Figure) -> None:
        """An image file."""
        with told(self.uri):
            self._client.log_figure(self.run_id, figure, file_name)

    def text(self, file_name: str, text: str) -> None:
        """A text file."""
        with told(self.uri):
            self._client.log_text(self.run_id, text, file_name)

    def file(self, path: Path, name: str | None = None) -> None:
        """A file or a folder."""
        with told(self.uri):
            if path.is_dir():
                self._client.log_artifacts(self.run_id, str(path), name or path.name)
            else:
                self._client.log_artifact(self.run_id, str(path))

    def data(self, name: str, fingerprint: str, counts: Mapping[str, int]) -> None:
        """A dataset that the run read."""
        from mlflow.entities import Dataset, DatasetInput

        read = Dataset(name, fingerprint, "orders", name, profile=json.dumps(dict(counts)))
        with told(self.uri):
            self._client.log_inputs(self.run_id, [DatasetInput(read)])

    def model(self, folder: Path, products: pd.DataFrame | None = None) -> str:
        """A pyfunc model."""
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        with told(self.uri), TemporaryDirectory(prefix="intentml-") as scratch:
            logged = self._client.create_logged_model(
                self.experiment, name="model", source_run_id=self.run_id
            )
            about = Model(
                artifact_path=logged.artifact_location,
                run_id=self.run_id,
                model_id=logged.model_id,
                model_uuid=logged.model_id,
            )
            save_pyfunc(folder, products, Path(scratch) / "pyfunc", about)
            self._client.log_model_artifacts(logged.model_id, str(Path(scratch) / "pyfunc"))
            self._client.finalize_logged_model(logged.model_id, "READY")
            self._client.log_outputs(self.run_id, [LoggedModelOutput(logged.model_id, step=0)])
        return f"models:/{logged.model_id}"

    def child(self, name: str) -> AbstractContextManager[Run]:
        """A nested run."""
        return _opened(self._client, self.uri, self.experiment, name, {"mlflow.parentRunId": self.run_id})


def open_run(
    name: str,
    *,
    experiment: str = EXPERIMENT,
    uri: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> AbstractContextManager[MlflowRun]:
    """A run for a `with` statement.

    Args:
        name: As the run is called in the list of runs.
        experiment: Runs that are looked at together; made where it is not there.
        uri: The store; MLFLOW_TRACKING_URI if left out, else `mlflow.db` in the working folder, with
            its files in `mlartifacts` beside it.
        tags: Words to find the run by; nothing about people.

    Raises:
        TrackingError: mlflow is not installed, or the store cannot be reached.
    """
    chosen = store_uri(uri)
    client = connect(chosen)
    return _opened(client, chosen, experiment_id(client, chosen, experiment), name, tags or {})


@contextmanager
def _opened(
    client: Any, uri: str, experiment: str, name: str, tags: Mapping[str, str]
) -> Iterator[MlflowRun]:
    """A run from its start to its end, however that comes."""
    with told(uri):
        run_id = client.create_run(
            experiment, run_name=name, tags={"mlflow.source.name": "intentml", **tags}
        ).info.run_id
    run = MlflowRun(uri, run_id, experiment, client)
    try:
        yield run
    except BaseException as problem:
        with suppress(TrackingError), told(uri):  # what failed is told, not that the store failed too
            client.set_tag(run_id, "failed_with", type(problem).__name__)
            client.set_terminated(run_id, "KILLED" if isinstance(problem, KeyboardInterrupt) else "FAILED")
        raise
    with told(uri):
        client.set_terminated(run_id)
