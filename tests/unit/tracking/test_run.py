"""A run in a real store: what is written is there, and how it ended too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from intentml import tracking
from intentml.errors import TrackingError
from intentml.tracking.flat import LONGEST_VALUE
from intentml.tracking.store import shown


@pytest.fixture
def client(tracking_store: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_store)


def artifacts(client: Any, run: tracking.Run) -> dict[str, Path]:
    """The files of a run by name, on this disk."""
    folder = Path(client.download_artifacts(run.run_id, ""))
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def test_what_is_written_is_there(client: Any, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.md").write_text("# Report")
    with tracking.open_run("all of it", tags={"command": "test"}) as run:
        run.tags({"recipe": "base"})
        run.parameters({"recipe": {"priors": {"windows": 3}}, "about": "x" * 7000})
        run.metrics({"brand/28d/map/model": 0.25, "nothing": None, "nan": float("nan")})
        run.data("shop", "f" * 32, {"purchase_lines": 12})
        run.figure("pictures/reliability.png", Figure())
        run.text("notes.txt", "as it is")
        run.file(tmp_path / "report")
        run.file(tmp_path / "report" / "report.md")
    kept = client.get_run(run.run_id)
    assert kept.info.status == "FINISHED"
    assert kept.info.run_name == "all of it"
    assert {kept.data.tags[name] for name in ("command", "recipe")} == {"test", "base"}
    assert kept.data.params["recipe.priors.windows"] == "3"
    assert len(kept.data.params["about"]) == LONGEST_VALUE
    assert kept.data.metrics == {"brand/28d/map/model": 0.25}
    (read,) = kept.inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest) == ("shop", "f" * 32)
    files = artifacts(client, run)
    assert set(files) == {"pictures/reliability.png", "notes.txt", "report/report.md", "report.md"}
    assert files["notes.txt"].read_text() == "as it is"


def test_more_parameters_and_metrics_than_one_call_takes_are_all_kept(client: Any) -> None:
    with tracking.open_run("many") as run:
        run.parameters({f"p{number}": number for number in range(250)})
        run.metrics({f"m{number}": float(number) for number in range(2500)})
    kept = client.get_run(run.run_id).data
    assert len(kept.params) == 250
    assert len(kept.metrics) == 2500


def test_steps_make_a_curve(client: Any) -> None:
    with tracking.open_run("curve") as run:
        for epoch in (1, 2, 3):
            run.metrics({"curves/validation_loss": 1 / epoch}, step=epoch)
    history = client.get_metric_history(run.run_id, "curves/validation_loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]


def test_a_trial_is_a_run_inside_its_study(client: Any) -> None:
    with tracking.open_run("study") as study, study.child("trial 1") as trial:
        trial.metrics({"loss": 1.0})
    assert client.get_run(trial.run_id).data.tags["mlflow.parentRunId"] == study.run_id


@pytest.mark.parametrize(
    ("problem", "status"), [(ValueError("as secret as it gets"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_an_exception_ends_the_run_as_failed_and_passes_on(
    client: Any, problem: BaseException, status: str
) -> None:
    with pytest.raises(type(problem)), tracking.open_run("failing") as run:  # noqa: PT012
        run.metrics({"before": 1.0})
        raise problem
    kept = client.get_run(run.run_id)
    assert kept.info.status == status
    assert kept.data.metrics == {"before": 1.0}
    assert kept.data.tags["failed_with"] == type(problem).__name__
    assert "secret" not in str(kept.to_dictionary())


def test_the_runs_of_one_experiment_lie_together_beside_the_database(
    client: Any, tracking_store: str
) -> None:
    with tracking.open_run("one") as one, tracking.open_run("two") as two:
        pass
    first, second = (client.get_run(run.run_id).info for run in (one, two))
    assert first.experiment_id == second.experiment_id
    beside = Path(tracking_store.removeprefix("sqlite:///")).resolve().parent / "mlartifacts"
    assert first.artifact_uri.startswith(beside.as_uri())


def test_a_deleted_experiment_comes_back_with_its_next_run(client: Any) -> None:
    with tracking.open_run("one", experiment="passing") as one:
        pass
    client.delete_experiment(client.get_run(one.run_id).info.experiment_id)
    with tracking.open_run("two", experiment="passing") as two:
        pass
    assert client.get_run(two.run_id).info.experiment_id == client.get_run(one.run_id).info.experiment_id


def test_a_run_that_keeps_nothing_takes_the_same_calls(tmp_path: Path) -> None:
    run: tracking.Run = tracking.NoRun()
    run.tags({"a": "b"})
    run.parameters({"a": 1})
    run.metrics({"a": 1.0}, step=2)
    run.data("shop", "f", {})
    run.text("a.txt", "a")
    run.file(tmp_path)
    assert run.model(tmp_path) is None
    with run.child("trial") as child:
        assert child.run_id is None


def test_a_store_that_cannot_be_written_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "not_a_database").write_text("words")
    with (
        pytest.raises(TrackingError, match="refuses or fails") as told,
        tracking.open_run("x", uri=f"sqlite:///{tmp_path}/not_a_database"),
    ):
        pass
    assert "--no-tracking" in str(told.value.hint)


def test_a_uri_that_mlflow_does_not_know_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="ftp://"), tracking.open_run("x", uri="ftp://somewhere"):
        pass


def test_a_password_in_a_uri_is_not_shown() -> None:
    assert shown("postgresql://me:secret@host/db") == "postgresql://host/db"
    for uri in ("sqlite:///mlflow.db", "sqlite:////data/me@work/mlflow.db", "http://host:5000"):
        assert shown(uri) == uri


def test_without_mlflow_the_extra_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert not tracking.is_installed()
    with pytest.raises(TrackingError, match="not installed") as told, tracking.open_run("x"):
        pass
    assert "intentml[tracking]" in str(told.value.hint)
