"""`tune` from a shop to a recipe that `train` takes: in trials, in MLflow, cut off and gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import intentml as im
from command_line import PROGRAM, answer, run
from intentml.errors import StudyError, TimeError
from intentml.fitting.objective import validation_loss
from intentml.fitting.search import JOURNAL
from intentml.recipe import load_recipe
from intentml.tuning import tune

AS_OF = "2025-01-01"
WHEN = ("--as-of", AS_OF, "--horizon", "28")
# Few windows and few pairs: a trial takes a second. What a real search finds is not asked here.
SEARCH = """
name = "quick"
recipe = "priors"
[space."priors.windows"]
low = 1
high = 3
[space."priors.sample_per_window"]
low = 2000
high = 6000
"""
START = ("--set", "priors.windows=2", "--set", "priors.sample_per_window=3000")


@dataclass(frozen=True)
class Way:
    """One study: the words of its command, and the JSON that it gave."""

    shop: Path
    search: Path
    study: Path
    command: tuple[str | Path, ...]
    told: dict[str, Any]


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Way:
    base = tmp_path_factory.mktemp("tune")
    shop, search, study = base / "shop", base / "quick.toml", base / "study"
    search.write_text(SEARCH)
    answer("datasets", "get", "simulated", "--customers", "500", "--seed", "1", "--out", shop)
    command = ("tune", shop, "--search", search, *WHEN, *START, "--study", study)
    return Way(shop, search, study, command, answer(*command, "--trials", "3", "--jobs", "2"))


def test_the_best_trials_come_first_and_the_start_is_among_all(way: Way) -> None:
    losses = [one["loss"] for one in way.told["best"]]
    assert way.told["trials"] == {"complete": 3, "pruned": 0, "failed": 0}
    assert losses == sorted(losses)
    assert len(set(losses)) > 1
    assert way.told["start"]["settings"] == {"priors.windows": 2, "priors.sample_per_window": 3000}
    assert way.told["start"]["loss"] >= losses[0]
    assert [one["settings"] for one in way.told["best"] if one["trial"] == 0] == [
        way.told["start"]["settings"]
    ]


def test_the_recipe_written_is_the_start_with_the_best_settings_and_trains_to_their_loss(way: Way) -> None:
    path = Path(way.told["recipe"])
    best = way.told["best"][0]
    recipe = load_recipe(path)
    assert path == way.study / "best.toml"
    assert recipe.name == "priors-tuned"
    assert recipe.priors.windows == best["settings"]["priors.windows"]
    assert recipe.priors.sample_per_window == best["settings"]["priors.sample_per_window"]
    assert recipe.priors.horizons_days == load_recipe("priors").priors.horizons_days
    assert f"Trial {best['trial']} of 3, validation loss {best['loss']:.4f}" in path.read_text("utf-8")
    model = im.train(
        im.read_tables(way.shop), as_of=AS_OF, recipe=load_recipe(path, ["priors.horizons_days=[28]"])
    )
    assert validation_loss(model.card) == best["loss"]


def test_mlflow_has_a_run_of_the_study_and_in_it_one_of_each_trial(way: Way, tracking_store: str) -> None:
    client = MlflowClient(tracking_uri=tracking_store)
    parent = client.get_run(way.told["run"]["run_id"])
    inside = client.search_runs(
        [parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    )
    assert {child.info.run_name for child in inside} == {f"trial {number}" for number in range(3)}
    losses = {child.info.run_name: child.data.metrics["loss"] for child in inside}
    best = way.told["best"][0]
    assert losses[f"trial {best['trial']}"] == best["loss"] == parent.data.metrics["best_loss"]
    assert all(child.data.tags["state"] == "complete" for child in inside)
    windows = {child.info.run_name: child.data.params["priors.windows"] for child in inside}
    assert windows[f"trial {best['trial']}"] == str(best["settings"]["priors.windows"])
    assert parent.data.params["search.name"] == "quick"
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} == {
        "best.toml",
        "importances.png",
        "parallel_coordinates.png",
    }


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (("--as-of", "2025-01-02"), "as_of = 2025-01-01"),
        (("--horizon", "14"), "horizon_days = 28, not 14"),
        (("--set", "priors.seed=3"), "recipe.priors.seed = 0, not 3"),
        (("--seed", "3"), "search.sampler.seed = 0, not 3"),
    ],
)
def test_a_study_of_another_question_is_refused(way: Way, other: tuple[str, str], told: str) -> None:
    error = answer(*way.command, "--trials", "4", "--no-tracking", *other, status=1)["error"]
    assert error["code"] == "study"
    assert told in error["message"]


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ('[space."priors.windws"]\nlow = 1\nhigh = 3\n', "priors.windws is unknown; did you mean windows?"),
        ('[space."priors.windows"]\nlow = 0\nhigh = 3\n', "priors.windows: input should be greater than"),
        ('[space."priors.seed.x"]\nlow = 0\nhigh = 3\n', "seed is no section"),
    ],
)
def test_a_search_that_does_not_fit_its_recipe_is_told_before_the_tables_are_read(
    tmp_path: Path, space: str, told: str
) -> None:
    search = tmp_path / "mine.toml"
    search.write_text(f'name = "mine"\nrecipe = "priors"\n{space}')
    error = answer("tune", tmp_path / "no shop", "--search", search, *WHEN, "--trials", "1", status=1)[
        "error"
    ]
    assert error["code"] == "recipe"
    assert error["message"].startswith("search mine does not fit recipe priors: ")
    assert told in error["message"]


def test_a_best_recipe_that_no_command_would_take_is_wrong_usage(way: Way) -> None:
    assert answer(*way.command, "--trials", "4", "--out", "best", status=2)["error"]["code"] == "usage"


def test_a_horizon_that_the_history_holds_no_window_of_is_told(way: Way, tmp_path: Path) -> None:
    log = im.read_tables(way.shop)
    with pytest.raises(TimeError, match="no window of 365 days to judge trials on"):
        tune(log, search=way.search, as_of="2024-06-01", horizon_days=365, trials=1, study=tmp_path)


def test_settings_that_do_not_fit_each_other_fail_their_trials_and_say_why(way: Way, tmp_path: Path) -> None:
    """Each bound fits the recipe alone."""
    search = tmp_path / "heads.toml"
    search.write_text(
        'name = "heads"\nrecipe = "priors"\n'
        '[space."model.d_model"]\nlow = 40\nhigh = 80\nstep = 40\n'
        '[space."model.heads"]\nlow = 2\nhigh = 32\nstep = 30\n'
    )
    log = im.read_tables(way.shop)
    with pytest.raises(StudyError, match=r"none of 1 trials could be trained: .* no multiple of heads"):
        tune(log, search=search, as_of=AS_OF, horizon_days=28, trials=1, study=tmp_path / "study")


def test_each_epoch_of_a_network_is_told_to_the_study(way: Way, tmp_path: Path) -> None:
    search = tmp_path / "pace.toml"
    search.write_text(
        'name = "pace"\nrecipe = "smoke"\n[space."training.learning_rate"]\nlow = 1e-3\nhigh = 1e-2\n'
    )
    log = im.read_tables(way.shop)
    best, done = tune(log, search=search, as_of=AS_OF, horizon_days=28, trials=1, study=tmp_path / "study")
    (trial,) = done.trials
    assert list(trial.losses) == [1, 2]
    # What counts is the finished network: the pair networks learn after the epochs.
    assert 0.5 < trial.loss < 1.5
    assert trial.loss not in [1, *trial.losses.values()]
    assert best.training.learning_rate == trial.settings["training.learning_rate"] == 0.002


def test_ctrl_c_keeps_the_trials_and_the_same_command_goes_on_with_them(way: Way, tmp_path: Path) -> None:
    program, study = tmp_path / "program.py", tmp_path / "study"
    program.write_text(PROGRAM)
    words = (*way.command[:-1], study, "--no-tracking")
    with subprocess.Popen(
        [sys.executable, str(program), *map(str, words), "--trials", "50"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        deadline = time.monotonic() + 60
        while not ((study / JOURNAL).exists() and '"state":1' in (study / JOURNAL).read_text()):
            assert time.monotonic() < deadline, "no trial ends"
            time.sleep(0.05)
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=30)
    assert command.returncode == 130, errors
    assert f"the trials so far are kept in {study}; the same command goes on with them" in errors
    assert "Traceback" not in errors

    shown = run(*words, "--trials", "2")
    assert shown.exit_code == 0, shown.output
    assert "trials: " in shown.stdout
    assert "complete, 0 given up early, 0 failed" in shown.stdout
    assert f"{way.told['start']['loss']:.4f}" in shown.stdout
    assert f"--recipe {study / 'best.toml'} --out model" in shown.stdout
    assert "Tracked" not in shown.stdout
    assert "tuning: " in shown.stderr


def test_the_comment_of_the_best_recipe_is_for_its_reader_and_the_rest_is_toml(way: Way) -> None:
    text = Path(way.told["recipe"]).read_text("utf-8")
    assert text.startswith("# Found by `intentml tune`: search quick, from recipe priors: 28 days, as of")
    assert json.dumps(tomllib.loads(text), default=str)
