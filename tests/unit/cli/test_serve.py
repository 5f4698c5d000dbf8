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
from served import free_port


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


def test_other_machines_are_let_in_with_keys_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTENTML_KEYS", raising=False)
    monkeypatch.delenv("INTENTML_KEYS_FILE", raising=False)
    words = ("serve", folder / "nothing", "--model", folder / "nothing", "--port", free_port())
    told = run(*words, "--host", "0.0.0.0")
    assert told.exit_code == USAGE
    assert "no key is configured" in told.stderr
    assert "intentml key new" in told.stderr
    home = run(*words)
    assert "no key is configured: only this machine can ask\n" in home.stderr
    assert home.exit_code == PROBLEM  # there are no scores
    monkeypatch.setenv("INTENTML_KEYS", f"checkout read {'a' * 64}")
    told = run(*words, "--host", "0.0.0.0")
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
    told = run("serve", folder / "nothing", "--model", folder / "nothing")
    assert told.exit_code == PROBLEM
    assert told.stderr.startswith(f"error: {what}")
