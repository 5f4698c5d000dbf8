"""The commands and MLflow: a training or a backtest is a run, and a champion is a model that loses nowhere.

Everything goes through the command line into a real store, and is read back by MLflow's own client.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pandas as pd
import pytest

import intentml as im
from command_line import answer, run
from intentml import workflows
from intentml.inference.folder import SavedModel
from random_shop import random_shop

AS_OF, HORIZON = "2024-03-31", "28"
QUICK = ("--set", "priors.horizons_days=[28]", "--set", "priors.windows=1")


@dataclass(frozen=True)
class Tracked:
    """A shop, a model of the recipe `smoke` trained on it, a backtest, and the store of their runs."""

    shop: Path
    model: Path
    store: str
    trained: dict[str, Any]
    measured: dict[str, Any]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    base = tmp_path_factory.mktemp("tracked")
    shop, model = base / "shop", base / "model"
    shop.mkdir()
    for name, frame in random_shop(1, customers=200, products=12, lines=3000).items():
        if "customer_id" in frame:  # ids that stand nowhere else
            frame["customer_id"] = frame["customer_id"].str.replace("c", "person-")
        frame.to_csv(shop / f"{name}.csv", index=False)
    train = workflows.train

    def train_a_winner(*words: Any, out: Path, **options: Any) -> SavedModel:
        """Whether so small a model on noise beats its priors is luck, and not what is asked here."""
        saved = train(*words, **options)
        judged = [row | {"log_loss": 9.0, "map": row["map"] and 0.0} if row["role"] == "prior" else row
                  for row in saved.card["judged"]]  # fmt: skip
        saved = replace(saved, card={**saved.card, "judged": judged})
        saved.save(out)
        return im.load_model(out)

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(base)  # where mlflow.db then is
        patch.setattr(workflows, "train", train_a_winner)
        words = ("--as-of", AS_OF, "--recipe", "smoke", *QUICK, "--out", model, "--register", "shop")
        trained = answer("train", shop, *words)
        patch.setattr(workflows, "train", train)
        words = ("--last-as-of", AS_OF, "--horizon", HORIZON, "--min-buyers-in-window", "3")
        measured = answer("backtest", shop, *words, *QUICK)
        store = f"sqlite:///{base / 'mlflow.db'}"
        patch.setenv("MLFLOW_TRACKING_URI", store)
        yield Tracked(shop, model, store, trained, measured)


@pytest.fixture(scope="module")
def client(tracked: Tracked) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracked.store)


def judged_worse(tracked: Tracked, folder: Path) -> str:
    """A model folder as the tracked one, but a prior does better on categories; the prior's name."""
    saved = im.load_model(tracked.model)
    rows = [dict(row) for row in saved.card["judged"]]
    prior = next(row for row in rows if row["role"] == "prior" and row["head"] == "category")
    prior |= {"log_loss": 0.001, "log_loss_se": 0.0001}
    replace(saved, card={**saved.card, "judged": rows}).save(folder)
    return str(prior["predictor"])


# -- runs -------------------------------------------------------------------------------------------


def test_without_a_uri_runs_lie_in_the_working_folder(tracked: Tracked) -> None:
    assert tracked.trained["run"]["store"] == "sqlite:///mlflow.db"
    base = tracked.shop.parent
    assert {path.name for path in base.iterdir()} == {"shop", "model", "mlflow.db", "mlartifacts"}


def test_a_training_is_a_run_with_recipe_data_and_what_made_it(tracked: Tracked, client: Any) -> None:
    kept = client.get_run(tracked.trained["run"]["run_id"])
    assert kept.info.status == "FINISHED"
    assert kept.info.run_name == f"train smoke priors.horizons_days=[28] priors.windows=1 {AS_OF}"
    settings = kept.data.params
    assert settings["recipe.name"] == "smoke"
    assert settings["recipe.training.epochs"] == "2"
    assert settings["recipe.priors.horizons_days"] == "[28]"
    assert settings["as_of"].startswith(AS_OF)
    assert settings["network.device"] in ("cpu", "cuda")
    assert settings["data.source"] == "shop"
    assert settings["data.fingerprint"] == tracked.trained["data"]["fingerprint"]
    assert 200 <= int(settings["data.customers"]) < 400
    assert 500 < int(settings["data.purchase_lines"]) < 3000
    assert kept.data.tags["fingerprint"] == tracked.trained["fingerprint"]
    (read,) = kept.inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest) == ("shop", settings["data.fingerprint"])


def test_model_and_priors_stand_side_by_side_at_every_head(tracked: Tracked, client: Any) -> None:
    told = client.get_run(tracked.trained["run"]["run_id"]).data.metrics
    card = json.loads((tracked.model / "predictor.json").read_text())
    for row in card["judged"]:
        name = "model" if row["role"] == "model" else row["predictor"]
        start = f"validation/{row['head']}/{row['horizon_days']}d"
        assert told[f"{start}/log_loss/{name}"] == pytest.approx(row["log_loss"])
        assert told.get(f"{start}/map/{name}") == (row["map"] and pytest.approx(row["map"]))
    assert told["validation/spend/28d/loss/model"] == min(
        value for name, value in told.items() if name.startswith("validation/spend/28d/loss/")
    )
    assert told["network/validation_loss"] == pytest.approx(card["network"]["validation_loss"])


def test_the_learning_curves_have_a_point_for_every_epoch(tracked: Tracked, client: Any) -> None:
    epochs = json.loads((tracked.model / "predictor.json").read_text())["network"]["epochs"]
    run_id = tracked.trained["run"]["run_id"]
    for name, losses in (
        ("curves/validation_loss", [epoch["validation"]["loss"] for epoch in epochs]),
        ("curves/train_loss", [epoch["train_loss"] for epoch in epochs]),
    ):
        points = {one.step: one.value for one in client.get_metric_history(run_id, name)}
        assert {1, 2} <= set(points)
        assert points == {step: pytest.approx(losses[step]) for step in points}


def test_a_backtest_is_a_run_with_the_numbers_of_all_and_its_whole_report(
    tracked: Tracked, client: Any
) -> None:
    kept = client.get_run(tracked.measured["run"]["run_id"])
    means = {
        one["predictor"]: one["value"]
        for one in tracked.measured["mean_over_windows"]
        if (one["head"], one["metric"], one["stratum"]) == ("category", "map", "all")
    }
    told = kept.data.metrics
    assert told["category/28d/map/model"] == pytest.approx(means.pop("priors"))
    for prior, value in means.items():
        assert told[f"category/28d/map/{prior}"] == pytest.approx(value)
    files = {path.name for path in Path(client.download_artifacts(kept.info.run_id, "report")).rglob("*")}
    assert {"report.md", "report.json", "reliability_category.png", "reliability_no_order.png"} <= files
    assert kept.data.params["windows"] == "1"


def test_nobody_is_named_in_the_store(tracked: Tracked, client: Any) -> None:
    """No e-mail address and no customer's id, in the database or in any file beside it."""
    log = im.read_tables(tracked.shop)
    ids = {str(one).encode() for one in log.customer_ids}
    emails = {str(one).encode() for one in log.tables.customers["email"].to_pylist() if one}
    assert ids
    assert emails
    base = tracked.shop.parent
    files = [base / "mlflow.db", *(path for path in (base / "mlartifacts").rglob("*") if path.is_file())]
    assert len(files) > 10
    named = [path.name for path in files for who in (*ids, *emails) if who in path.read_bytes()]
    assert named == []


def test_what_a_person_reads_names_the_run_and_how_to_look_at_it(tracked: Tracked, tmp_path: Path) -> None:
    words = ("train", tracked.shop, "--as-of", AS_OF, *QUICK)
    told = run(*words, "--out", tmp_path / "m")
    assert told.exit_code == 0, told.output
    assert "Tracked as run " in told.stdout
    assert f"mlflow ui --backend-store-uri {tracked.store}" in told.stdout
    assert "alembic" not in told.stderr
    assert "INFO" not in told.stderr


def test_no_tracking_keeps_nothing(tracked: Tracked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    words = ("train", tracked.shop, "--as-of", AS_OF, *QUICK)
    body = answer(*words, "--out", "m", "--no-tracking")
    assert body["run"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    refused = answer(*words, "--out", "m2", "--no-tracking", "--register", "shop", status=2)
    assert "--no-tracking" in refused["error"]["message"]


def test_without_mlflow_one_line_says_so_and_the_training_goes_on(
    tracked: Tracked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    words = ("train", tracked.shop, "--as-of", AS_OF, *QUICK)
    told = run(*words, "--out", tmp_path / "m")
    assert told.exit_code == 0, told.output
    assert told.stderr.count("tracking is off") == 1
    assert "intentml[tracking]" in told.stderr
    assert (tmp_path / "m" / "predictor.json").is_file()
    refused = answer(*words, "--out", tmp_path / "m2", "--register", "shop", status=1)["error"]
    assert (refused["code"], "intentml[tracking]" in refused["hint"]) == ("tracking", True)


def test_what_fails_while_it_runs_is_a_failed_run_and_a_mistake_before_it_is_none(
    tracked: Tracked, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runs() -> list[Any]:
        return list(client.search_runs([one.experiment_id for one in client.search_experiments()]))

    def broken(*words: Any, **options: Any) -> None:
        raise ZeroDivisionError

    before = len(runs())
    late = ("backtest", tracked.shop, "--last-as-of", "2024-05-10", "--horizon", HORIZON)
    assert answer(*late, status=1)["error"]["code"] == "incomplete_outcome"
    assert len(runs()) == before
    monkeypatch.setattr(workflows, "train", broken)
    assert run("train", tracked.shop, "--as-of", AS_OF, "--out", tmp_path / "m").exit_code == 1
    (newest, *_) = runs()
    assert (newest.info.status, newest.data.tags["failed_with"]) == ("FAILED", "ZeroDivisionError")


# -- registry ---------------------------------------------------------------------------------------


def test_a_registered_model_has_the_tags_that_it_is_found_by(tracked: Tracked, client: Any) -> None:
    assert tracked.trained["registered"] == {"name": "shop", "version": "1"}
    version = client.get_model_version("shop", "1")
    assert version.tags["fingerprint"] == tracked.trained["fingerprint"]
    assert version.tags["recipe"] == "smoke"
    assert version.tags["as_of"].startswith(AS_OF)
    assert version.run_id == tracked.trained["run"]["run_id"]


def test_a_champion_scores_as_its_own_folder_does(tracked: Tracked, tmp_path: Path) -> None:
    told = answer("promote", tracked.trained["run"]["run_id"], "--as", "champion", "--name", "shop")
    assert (told["name"], told["alias"], told["version"]) == ("shop", "champion", "1")
    assert all(one["worse_by"] <= one["standard_error"] for one in told["compared"])
    words = ("score", tracked.shop, "--as-of", AS_OF, "--horizon", HORIZON, "--kinds", "category")
    answer(*words, "--model", tracked.model, "--out", tmp_path / "folder")
    answer(*words, "--model", "models:/shop@champion", "--out", tmp_path / "champion")
    for name in ("customers.parquet", "interests.parquet"):
        pd.testing.assert_frame_equal(
            *(pd.read_parquet(tmp_path / way / name) for way in ("folder", "champion"))
        )


def test_a_model_folder_is_promoted_as_the_version_that_it_is(tracked: Tracked) -> None:
    """Its run registered it before: no second version of the same model."""
    told = answer("promote", tracked.model, "--as", "winner", "--name", "shop")
    assert told["version"] == "1"
    again = run("promote", tracked.model, "--as", "winner", "--name", "shop")
    assert "winner of shop is version 1" in again.stdout
    assert "models:/shop@winner" in again.stdout


def test_a_model_folder_that_was_never_registered_is_registered_first(tracked: Tracked, client: Any) -> None:
    told = answer("promote", tracked.model, "--as", "champion")
    assert (told["name"], told["version"], told["before"]) == ("intentml", "1", None)
    # From the run that trained it, with the products that it knows.
    assert client.get_model_version("intentml", "1").run_id == tracked.trained["run"]["run_id"]


def test_a_model_folder_from_elsewhere_gets_a_run_of_its_own(
    tracked: Tracked, tmp_path: Path, client: Any
) -> None:
    saved = im.load_model(tracked.model)
    replace(saved, card={**saved.card, "notes": ["from elsewhere"]}).save(tmp_path / "model")
    told = answer("promote", tmp_path / "model", "--as", "guest", "--name", "elsewhere")
    run_id = client.get_model_version("elsewhere", told["version"]).run_id
    kept = client.get_run(run_id)
    assert kept.info.run_id != tracked.trained["run"]["run_id"]
    assert kept.data.params["recipe.name"] == "smoke"
    assert kept.data.params["data.fingerprint"] == tracked.trained["data"]["fingerprint"]


def test_a_model_that_loses_to_a_prior_is_refused_and_the_alias_stays(
    tracked: Tracked, tmp_path: Path, client: Any
) -> None:
    answer("promote", tracked.model, "--as", "keeper", "--name", "shop")
    prior = judged_worse(tracked, tmp_path / "worse")
    refused = answer("promote", tmp_path / "worse", "--as", "keeper", "--name", "shop", status=1)["error"]
    assert refused["code"] == "promotion"
    assert refused["message"].startswith(f"{prior} beats the model on category, ")
    assert "days: log-loss 0.0010 against " in refused["message"]
    assert str(client.get_registered_model("shop").aliases["keeper"]) == "1"
    told = run("promote", tmp_path / "worse", "--as", "keeper", "--name", "shop")
    assert told.exit_code == 1
    assert "error: " in told.stderr


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("models:/shop@nobody", "no alias 'nobody'"),
        ("models:/shopp@champion", "no model is registered as 'shopp'"),
        ("models:/shop", "names no registered model"),
    ],
)
def test_a_model_that_the_registry_lacks_is_told_with_those_it_has(
    tracked: Tracked, tmp_path: Path, model: str, told: str
) -> None:
    words = ("score", tracked.shop, "--as-of", AS_OF, "--horizon", HORIZON, "--out", tmp_path / "s")
    error = answer(*words, "--model", model, status=1)["error"]
    assert error["code"] == "tracking"
    assert told in error["message"]
    assert error["hint"]


def test_scoring_and_promoting_without_a_store_make_none(
    tracked: Tracked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    words = ("score", tracked.shop, "--as-of", AS_OF, "--horizon", HORIZON, "--out", "s")
    champion = "models:/shop@champion"
    for asked in ((*words, "--model", champion), ("promote", "nosuchrun", "--as", "champion")):
        error = answer(*asked, status=1)["error"]
        assert error["code"] == "tracking"
        assert error["message"].startswith("there is no tracking store sqlite:///mlflow.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_server_keeps_runs_and_hands_out_models_and_says_nothing_on_stdout(
    tracked: Tracked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a team has it: the database and the files are the server's, and come over HTTP."""
    with server(tmp_path) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        words = ("train", tracked.shop, "--as-of", AS_OF, *QUICK, "--register", "shop")
        trained = answer(*words, "--out", tmp_path / "m")
        assert trained["run"]["store"] == uri
        told = answer(
            *("score", tracked.shop, "--as-of", AS_OF, "--horizon", HORIZON, "--out", tmp_path / "s"),
            *("--model", "models:/shop/1"),
        )
        assert told["model_version"] == trained["version"]


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """An MLflow server on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = (
        "--backend-store-uri",
        f"sqlite:///{folder}/server.db",
        "--artifacts-destination",
        folder / "files",
    )
    command = (sys.executable, "-m", "mlflow", "server", *store, "--port", port, "--workers", 1)
    process = subprocess.Popen([str(word) for word in command], start_new_session=True)
    try:
        for _ in range(240):
            with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/health"):
                break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
