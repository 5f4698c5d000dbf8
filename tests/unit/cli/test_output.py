"""Output: what goes where, in words that a file, a pipe and a terminal can each hold."""

from __future__ import annotations

import json

import numpy as np
import pytest

from intentml.cli import output
from intentml.cli.output import Output, next_steps, plain, table


def test_a_table_in_a_pipe_is_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    table(("name", "rows"), [("tea", "7"), ("coffee", "1,200")], right=("rows",))
    assert capsys.readouterr().out == "  name     rows\n  tea         7\n  coffee  1,200\n"


def test_a_name_cannot_move_the_cursor_of_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table(("name",), [("evil\x1b[2Jname\nsecond line",)])
    assert capsys.readouterr().out == "  name\n  evil [2Jname second line\n"


def test_a_table_on_a_terminal_is_drawn_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    table(("name", "a_long_heading_of_a_column"), [("[bold]tea[/bold]", "0.1234")])
    drawn = capsys.readouterr().out
    assert "─" in drawn
    assert "[bold]tea[/bold]" in drawn, "markup in a name is text"
    assert "…" not in drawn, "nothing is cut off"


def test_numbers_of_numpy_and_missing_ones_become_json() -> None:
    body = {
        "a": np.float64("nan"),
        "b": [np.int64(3), float("inf")],
        "c": (np.bool_(True), None, "x"),
        4: 0.5,
    }
    assert plain(body) == {"a": None, "b": [3, None], "c": [True, None, "x"], "4": 0.5}


def test_json_is_all_that_stdout_gets(capsys: pytest.CaptureFixture[str]) -> None:
    def show() -> None:
        raise AssertionError("not for machines")

    Output(json=True).answer(lambda: {"name": "crème", "value": float("nan")}, show)
    told = capsys.readouterr()
    assert json.loads(told.out) == {"name": "crème", "value": None}
    assert told.out.isascii(), "whatever the encoding of the pipe"
    assert told.err == ""


def test_a_step_tells_its_beginning_and_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    with Output().step("training") as tell:
        tell("timing", 1, 10)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("training ...\ntraining: 0.")


def test_a_long_step_tells_now_and_then_what_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 5.0, 20.0, 21.0, 100.0])
    monkeypatch.setattr(output.time, "perf_counter", lambda: next(moments))
    with Output().step("training") as tell:
        tell("timing", 1, 10)  # after 5 seconds: too early for a line
        tell("category", 2, 10)  # 20 seconds for 2 of 10 leave 80 for the rest
        tell("brand", 3, 10)  # a second later: too early again
    assert capsys.readouterr().err.splitlines() == [
        "training ...",
        "training: category, 20%, about 80 s left",
        "training: 2 min",
    ]


def test_quiet_says_nothing_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(quiet=True)
    with out.step("training") as tell:
        tell("timing", 1, 1)
    out.note("a warning")
    assert capsys.readouterr() == ("", "")


def test_a_step_that_fails_claims_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="broken"), Output().step("training"):
        raise ValueError("broken")
    assert capsys.readouterr().err == "training ...\n"


def test_next_commands_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    next_steps(("interested-in", "my scores", "--category", "SOFT DRINKS"))
    assert (
        capsys.readouterr().out == "\nNext:\n  intentml interested-in 'my scores' --category 'SOFT DRINKS'\n"
    )
