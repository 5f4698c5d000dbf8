"""`serve` before it serves: what is wrong is told in one line, and nothing is served.

Where scores and model are looked at, it runs in a process of its own: that process becomes the server.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from command_line import process, run
from intentml.cli.failures import PROBLEM, USAGE
from intentml.scores.folder import write_scores
from intentml.workflows import train
from random_shop import AS_OF_TEXT
from scored_shop import QUICK, log, model, scores
from served import free_port


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scores, the model that made them, and another one."""
    base = tmp_path_factory.mktemp("served")
    write_scores(scores(), base / "scores")
    model().save(base / "model")
    train(log(), as_of=AS_OF_TEXT, settings=[*QUICK, "priors.seed=7"], out=base / "other")
    return base


def served(
    tmp_path: Path, scores: Path, model: Path, *words: str, **keys: str
) -> subprocess.CompletedProcess[str]:
    """What `serve` said and how it ended; whose keys are these alone."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("INTENTML_")}
    port = str(free_port())
    all_words = ("serve", scores, "--model", model, "--port", port, *words)
    return process(tmp_path, *all_words, env={**plain, **keys}, cwd=tmp_path)


def test_a_model_that_did_not_make_the_scores_is_refused(folder: Path, tmp_path: Path) -> None:
    told = served(tmp_path, folder / "scores", folder / "other", "--json")
    assert told.returncode == PROBLEM
    error = json.loads(told.stdout)["error"]
    assert error["code"] == "model"
    assert model().fingerprint[:12] in error["message"]


@pytest.mark.parametrize(("first", "second"), [("model", "model"), ("scores", "scores")])
def test_folders_that_are_none_are_refused(folder: Path, tmp_path: Path, first: str, second: str) -> None:
    told = served(tmp_path, folder / first, folder / second)
    assert told.returncode == PROBLEM
    assert [line for line in told.stderr.splitlines() if line.startswith("error: ")] == [
        line for line in told.stderr.splitlines() if "is not a" in line
    ]
    assert "Traceback" not in told.stderr
    assert told.stdout == ""


def test_an_address_where_nothing_can_listen_is_refused_before_anything_is_read(folder: Path) -> None:
    words = ("serve", folder / "nothing", "--model", folder / "nothing")
    assert "is no IP address" in run(*words, "--host", "localhost").stderr
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        told = run(*words, "--port", busy.getsockname()[1])
    assert told.exit_code == USAGE
    assert "address already in use" in told.stderr


def test_other_machines_are_let_in_with_keys_alone(folder: Path, tmp_path: Path) -> None:
    nothing = folder / "nothing"
    told = served(tmp_path, nothing, nothing, "--host", "0.0.0.0")
    assert told.returncode == USAGE
    assert "no key is configured" in told.stderr
    assert "intentml key new" in told.stderr
    home = served(tmp_path, nothing, nothing)
    assert "no key is configured: only this machine can ask\n" in home.stderr
    assert home.returncode == PROBLEM  # there are no scores
    told = served(tmp_path, nothing, nothing, "--host", "0.0.0.0", INTENTML_KEYS=f"checkout read {'a' * 64}")
    assert "key" not in told.stderr
    assert "is not a scores folder" in told.stderr


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("INTENTML_KEYS", "checkout read", "INTENTML_KEYS, line 1: it is not NAME SCOPE SHA256HEX"),
        ("INTENTML_KEYS_FILE", "/no/such/file", "the keys file /no/such/file cannot be read"),
        ("INTENTML_RATE", "often", "INTENTML_RATE is no positive number"),
    ],
)
def test_keys_and_limits_that_are_none_are_told_before_anything_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, what: str
) -> None:
    monkeypatch.setenv(name, value)
    words = ("--model", folder / "nothing", "--port", str(free_port()))
    told = run("serve", folder / "nothing", *words)
    assert told.exit_code == PROBLEM
    assert told.stderr.startswith(f"error: {what}")
