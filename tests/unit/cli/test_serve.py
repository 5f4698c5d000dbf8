"""`serve` before it serves: what is wrong is told in one line, and no server is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from command_line import answer, run
from intentml.cli.failures import PROBLEM, USAGE
from intentml.scores.folder import write_scores
from intentml.workflows import train
from random_shop import AS_OF_TEXT
from scored_shop import QUICK, log, model, scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scores, the model that made them, and another one."""
    base = tmp_path_factory.mktemp("served")
    write_scores(scores(), base / "scores")
    model().save(base / "model")
    train(log(), as_of=AS_OF_TEXT, settings=[*QUICK, "priors.seed=7"], out=base / "other")
    return base


def test_a_model_that_did_not_make_the_scores_is_refused(folder: Path) -> None:
    error = answer("serve", folder / "scores", "--model", folder / "other", status=PROBLEM)["error"]
    assert error["code"] == "model"
    assert model().fingerprint[:12] in error["message"]


def test_folders_that_are_none_are_refused(folder: Path) -> None:
    for words in (
        (folder / "model", "--model", folder / "model"),
        (folder / "scores", "--model", folder / "scores"),
    ):
        told = run("serve", *words)
        assert told.exit_code == PROBLEM
        assert told.stderr.splitlines()[-2].startswith("error: ")
        assert "is not a" in told.stderr


def test_an_address_where_nothing_can_listen_is_refused_before_anything_is_read(folder: Path) -> None:
    words = ("serve", folder / "nothing", "--model", folder / "nothing")
    assert "is no IP address" in run(*words, "--host", "localhost").stderr
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        told = run(*words, "--port", busy.getsockname()[1])
    assert told.exit_code == USAGE
    assert "address already in use" in told.stderr
