"""How commands end: one error that says what to do, its exit status, its JSON, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from command_line import PROGRAM, answer, process, run
from intentml import workflows
from intentml.cli.failures import told
from intentml.errors import ScoresError
from tiny import TINY_SHOP

ERROR_KEYS = {"code", "message", "table", "column", "rows", "hint", "request_id"}

USAGE = [
    ("nosuchcommand",),
    ("train",),
    ("train", "shop", "--as-of", "2024-03-01", "--out", "m", "--nosuchoption"),
    ("score", "shop", "--model", "m", "--as-of", "2024-03-01", "--out", "s"),
    ("score", "shop", "--model", "m", "--as-of", "2024-03-01", "--horizon", "x", "--out", "s"),
    (
        "score",
        "shop",
        "--model",
        "m",
        "--as-of",
        "2024-03-01",
        "--horizon",
        "28",
        "--out",
        "s",
        "--interests",
        "0",
    ),
    ("interested-in", "scores", "--new-product", "{"),
    ("interested-in", "scores", "--new-product", '{"colour": "red"}'),
    ("interested-in", "scores", "--limit", "0"),
    ("recommend", "scores", "--customer", "C", "--exclude-bought", "soon"),
    ("datasets", "get", "simulated"),
]

PROBLEMS = [
    (("check", "nosuchfolder"), "data"),
    (("check", TINY_SHOP, "--as-of", "1999-01-01"), "time"),
    (("check", TINY_SHOP, "--as-of", "soon"), "time"),
    (("check", TINY_SHOP, "--horizon", "3"), "time"),
    (("check", TINY_SHOP, "--timezone", "Mars/Base"), "data"),
    (("check", TINY_SHOP, "--columns", "nosuchfile.toml"), "mapping"),
    (("train", TINY_SHOP, "--as-of", "2024-03-01", "--out", "m"), "data"),
    (("train", TINY_SHOP, "--as-of", "2024-03-01", "--out", "m", "--recipe", "nosuchrecipe"), "recipe"),
    (("train", TINY_SHOP, "--as-of", "2024-03-01", "--out", "m", "--set", "priors.horizon=3"), "recipe"),
    (("score", TINY_SHOP, "--model", "m", "--as-of", "2024-03-01", "--horizon", "28", "--out", "s"), "model"),
    (("interested-in", "nosuchfolder", "--category", "TEA"), "scores"),
    (("recommend", "nosuchfolder", "--customer", "ana"), "scores"),
    (("backtest", TINY_SHOP, "--last-as-of", "2024-03-20", "--horizon", "28"), "incomplete_outcome"),
    (("datasets", "get", "nosuchdata", "--out", "d"), "data"),
    (("datasets", "get", "simulated", "--dial", "2", "--out", "d"), "recipe"),
    (("datasets", "convert", "cdnow", "nosuchfile.txt", "--out", "d"), "data"),
]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_wrong_usage_ends_with_2_and_says_where_help_is(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert "hint: " in result.stderr
    assert answer(*words, status=2)["error"]["code"] == "usage"


@pytest.mark.parametrize(("words", "code"), PROBLEMS, ids=lambda part: str(part)[-60:])
def test_a_problem_ends_with_1_and_is_told_once(words: tuple[str | Path, ...], code: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("error: ") == 1
    assert "Traceback" not in result.stderr
    assert "bug" not in result.stderr
    assert not list(Path().iterdir()), "nothing half-written"


@pytest.mark.parametrize(("words", "code"), PROBLEMS, ids=lambda part: str(part)[-60:])
def test_a_problem_has_the_error_body_of_the_contract(words: tuple[str | Path, ...], code: str) -> None:
    body = answer(*words, status=1)
    assert set(body) == {"error"}
    assert set(body["error"]) == ERROR_KEYS
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    assert body["error"]["hint"]


def test_what_torchrun_cannot_share_out_refuses_to_run_several_times(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "h", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    refused = answer("datasets", "list", status=2)["error"]
    assert refused["message"] == "intentml datasets runs in one process"
    monkeypatch.delenv("RANK")
    assert "RANK not set" in answer("datasets", "list", status=1)["error"]["message"]


def test_an_unforeseen_exception_is_called_a_bug_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(workflows, "load_scores", broken)
    result = run("interested-in", "scores", "--category", "TEA")
    assert result.exit_code == 1
    assert "this is a bug in intentml: ZeroDivisionError: division by zero" in result.stderr
    assert "INTENTML_DEBUG=1" in result.stderr
    assert "Traceback" not in result.output
    assert answer("interested-in", "scores", "--category", "TEA", status=1)["error"]["code"] == "bug"


def test_the_traceback_of_a_bug_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(workflows, "load_scores", broken)
    monkeypatch.setenv("INTENTML_DEBUG", "1")
    assert isinstance(run("interested-in", "scores", "--category", "TEA").exception, ZeroDivisionError)


def test_the_users_stop_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workflows, "load_scores", stopped)
    result = run("interested-in", "scores", "--category", "TEA")
    assert result.exit_code == 130
    assert result.stderr == "stopped\n"


def test_a_refusal_of_the_system_names_the_path_and_is_no_bug() -> None:
    error = told(PermissionError(13, "Permission denied", "scores"))
    assert (error.code, error.message) == ("file", "permission denied: scores")


def test_an_error_of_ours_is_told_as_it_is() -> None:
    error = ScoresError("no manifest", hint="score again")
    assert told(error) is error


def test_a_usage_error_is_known_whatever_the_parsers_version() -> None:
    assert told(typer.BadParameter("wrong")).code == "usage"


@pytest.mark.parametrize("words", [("--help",), ("datasets", "list"), ("check", str(TINY_SHOP))])
def test_a_reader_that_goes_away_hears_and_sees_nothing_more(tmp_path: Path, words: tuple[str, ...]) -> None:
    """As `intentml ... | head -0`: the pipe is closed before the first word."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        finished = subprocess.run(
            [sys.executable, str(program), *words, *(["--quiet"] if words != ("--help",) else [])],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert finished.stderr == ""
    assert finished.returncode == 141


def test_results_and_logs_go_their_own_ways(tmp_path: Path) -> None:
    (folder := tmp_path / "elsewhere").mkdir()
    told_all = process(tmp_path, "check", TINY_SHOP, "--as-of", "2024-03-01", cwd=folder)
    assert told_all.returncode == 1  # so tiny a shop is refused
    assert "reading tables" in told_all.stderr
    assert "reading tables" not in told_all.stdout
    assert "Data gate:" in told_all.stdout
    quiet = process(tmp_path, "check", TINY_SHOP, "--as-of", "2024-03-01", "--quiet", cwd=folder)
    assert quiet.stderr == ""
    assert quiet.stdout == told_all.stdout
