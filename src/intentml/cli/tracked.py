"""What `train` and `backtest` leave in MLflow: one run each, with all that tells them apart.

What comes in: a model or a report, and the log it was made from. What goes out: parameters, metrics,
curves, files and the model of a run. Without mlflow, or with `--no-tracking`, nothing is kept and the
command goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from intentml.cli.failures import UsageError
from intentml.cli.output import Output, say

if TYPE_CHECKING:
    import pandas as pd

    from intentml.evaluation import BacktestReport
    from intentml.fitting.epochs import Epoch, OnEpoch
    from intentml.inference.folder import SavedModel
    from intentml.recipe import Recipe
    from intentml.timeline import OrderLog
    from intentml.tracking import MlflowRun, Run, Version

_LONGEST_NAME = 200


@contextmanager
def tracked(name: str, wanted: bool, out: Output, *, register: str | None = None) -> Iterator[Run]:
    """The run of a command; one that keeps nothing where none is wanted or mlflow is not installed.

    Args:
        name: Of the run.
        wanted: Whether `--no-tracking` was left out.
        out: Where it is told that tracking is off.
        register: Name that the model shall be registered under, for which a run is needed.

    Raises:
        TrackingError: The store cannot be reached; or mlflow is not installed and the model shall be
            registered.
    """
    from intentml import tracking

    if wanted and (register or tracking.is_installed()):
        with tracking.open_run(name) as run:
            yield run
        return
    if wanted:
        out.note("tracking is off: mlflow is not installed (pip install 'intentml[tracking]')")
    yield tracking.NoRun()


def run_name(command: str, recipe: Recipe, settings: Sequence[str] | None, as_of: str) -> str:
    """What tells a run apart in a list: `train demo model.encoder=gru 2017-11-01`."""
    return " ".join((command, recipe.name, *(settings or ()), as_of))[:_LONGEST_NAME]


def check_register(register: str | None, wanted: bool) -> None:
    """Refuse what would only fail after the training."""
    if register is None:
        return
    if not wanted:
        raise UsageError(
            "--register needs the run that --no-tracking leaves out", hint="leave out one of them"
        )
    if not register.strip() or set("/:@") & set(register):
        raise UsageError(f"--register {register!r} is no name", hint="a name has no / : or @, e.g. intentml")


def curves(run: Run, out: Output) -> OnEpoch:
    """Writes each epoch down; a store that stops answering costs the rest of the curves, not the training."""
    from intentml import tracking
    from intentml.errors import TrackingError

    lost: list[TrackingError] = []

    def on_epoch(epoch: Epoch) -> None:
        if lost:
            return
        try:
            run.metrics(tracking.epoch_metrics(epoch.train_loss, epoch.validation), step=epoch.number)
        except TrackingError as problem:
            lost.append(problem)
            out.note(f"warning: the learning curves are not kept any more: {problem.message}")

    return on_epoch


def keep_training(
    run: Run, log: OrderLog, model: SavedModel, folder: Path, register: str | None
) -> Version | None:
    """Everything of a training; the registered version where one was asked for."""
    from intentml.tracking import MlflowRun

    if not isinstance(run, MlflowRun):
        return None
    past = log.before(model.predictor.trained_until)
    keep_data(run, past)
    logged = _keep_model(run, model, folder, _products(past))
    return registered(model, logged, register) if register else None


def keep_folder(model: SavedModel, folder: Path, name: str) -> str:
    """A run for a model folder that has none; the logged model's URI."""
    from intentml import tracking

    data = model.card["data"]
    with tracking.open_run(f"register {name}") as run:
        run.parameters({"data": {**data, "source": _source_name(data["source"])}})
        return _keep_model(run, model, folder, None)


def registered(model: SavedModel, logged: str, name: str) -> Version:
    """A new version of a registered model."""
    from intentml import tracking

    return tracking.register(logged, name, _model_tags(model))


def keep_backtest(
    run: Run, log: OrderLog, recipe: Recipe, report: BacktestReport, written: Path | None
) -> None:
    """Everything of a backtest, with the files of its report, which may have been written already."""
    if run.run_id is None:
        return
    as_of = report.windows[-1].as_of.iso
    run.tags({"command": "backtest", "recipe": recipe.name, "as_of": as_of})
    run.parameters({"recipe": recipe.model_dump(mode="json"), "as_of": as_of})
    keep_data(run, log)
    keep_report(run, report, written)


def keep_report(run: Run, report: BacktestReport, written: Path | None) -> None:
    """What was measured: the numbers of the boards as metrics, and the whole report with its plots."""
    from intentml import tracking
    from intentml.evaluation import write_report

    if run.run_id is None:
        return
    run.parameters(
        {
            "horizon_days": report.windows[-1].horizon_days,
            "windows": len(report.windows),
            "measuring": report.settings.model_dump(mode="json"),
        }
    )
    numbers = report.to_dict()
    run.metrics(tracking.backtest_metrics(numbers))
    for number, window in enumerate(tracking.window_metrics(numbers), 1):
        run.metrics(window, step=number)
    with TemporaryDirectory(prefix="intentml-") as scratch:
        run.file(written or write_report(report, Path(scratch) / "report"), "report")


def keep_data(run: Run, log: OrderLog) -> None:
    """The data by name, fingerprint and size; nothing about people."""
    name = _source_name(log.tables.source)
    counts = {
        "purchase_lines": len(log.purchases),
        "return_lines": len(log.returns),
        "customers": len(log.customer_ids),
        "products": len(log.catalogue.product_ids),
    }
    run.data(name, log.tables.fingerprint, counts)
    run.parameters({"data": {"source": name, "fingerprint": log.tables.fingerprint, **counts}})


def show_run(run: Run, version: Version | None = None) -> None:
    """Where the run is, and how to look at it."""
    from intentml import tracking

    if run.run_id is None or run.uri is None:
        return
    registered = f", registered as {version.name} version {version.number}" if version else ""
    store = tracking.shown(run.uri)
    say(f"Tracked as run {run.run_id}{registered}")
    say(f"  look at it: {store if store.startswith('http') else f'mlflow ui --backend-store-uri {store}'}")


def run_body(run: Run, version: Version | None = None) -> dict[str, Any]:
    """The JSON of a run."""
    from intentml import tracking

    return {
        "run": None if run.uri is None else {"run_id": run.run_id, "store": tracking.shown(run.uri)},
        "registered": None if version is None else {"name": version.name, "version": version.number},
    }


def _keep_model(run: MlflowRun, model: SavedModel, folder: Path, products: pd.DataFrame | None) -> str:
    """What a model folder says of itself, and the folder; the logged model's URI."""
    from intentml import tracking

    card = model.card
    run.tags({"command": "train", **_model_tags(model)})
    run.parameters(
        {
            "recipe": card["recipe"],
            "seed": card["seed"],
            "as_of": model.predictor.trained_until.iso,
            "notes": card.get("notes", []),
            "network": {name: value for name, value in card.get("network", {}).items() if name != "epochs"},
        }
    )
    run.metrics(tracking.training_metrics(card))
    if card.get("reliability"):
        run.figure("reliability.png", tracking.reliability_figure(card["reliability"]))
    return run.model(folder, products)


def _model_tags(model: SavedModel) -> dict[str, str]:
    """What a run and a registered version are found by."""
    return {
        "fingerprint": model.fingerprint,
        "as_of": model.predictor.trained_until.iso,
        "recipe": model.card["recipe"]["name"],
    }


def _source_name(source: str) -> str:
    """A folder's own name, without its path on this machine; a database's URL as it is told elsewhere."""
    return source if "://" in source else Path(source).resolve().name


def _products(log: OrderLog) -> pd.DataFrame | None:
    """The products known, with what the model reads of them; None where the shop names none."""
    import pandas as pd

    catalogue = log.catalogue
    if not len(catalogue.product_ids):
        return None
    return pd.DataFrame(
        {
            "product_id": catalogue.product_ids,
            "name": catalogue.names,
            "category": catalogue.categories,
            "category_path": catalogue.paths,
            "brand": catalogue.brands,
        }
    )
