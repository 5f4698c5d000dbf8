"""Every command explains itself: what it does, its options, an example that its own parser takes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest
import typer

from command_line import run
from intentml.cli.app import AUDIENCE, COMMANDS, DATASETS, KEY, ORDERS, SCENARIO, app
from intentml.version import __version__

GROUPS = {"audience": AUDIENCE, "scenario": SCENARIO, "datasets": DATASETS, "key": KEY, "orders": ORDERS}
NAMES = [*COMMANDS, *(f"{group} {name}" for group, commands in GROUPS.items() for name in commands)]


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_has_an_example_and_the_options_that_all_have(name: str) -> None:
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    assert f"  Example:\n    intentml {name}" in result.stdout
    for option in ("--json", "--quiet", "--help"):
        assert option in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    "line", [line for told in (COMMANDS, *GROUPS.values()) for _, lines in told.values() for line in lines]
)
def test_an_example_is_taken_by_the_parser(line: str) -> None:
    """Parsed and not run: every option is there and every value has its type."""
    words = shlex.split(line)
    group = typer.main.get_command(app)
    with group.make_context("intentml", words) as context:
        name, command, rest = group.resolve_command(context, words)
        if name in GROUPS:
            _, command, rest = command.resolve_command(context, rest)
        with command.make_context(name, rest, parent=context) as inner:
            assert inner.params


@pytest.mark.parametrize("name", ["train", "backtest"])
def test_help_tells_the_recipe_that_is_taken_where_none_is_named(name: str) -> None:
    told = " ".join(run(name, "--help").stdout.split())
    assert re.search(r"--recipe NAME\|FILE [^-]*\[default: priors\]", told)


def test_help_lists_every_command_in_the_order_of_use() -> None:
    listing = run("--help").stdout.split("Commands:\n")[1].split("\n\n")[0]
    assert re.findall(r"^  (\S+)", listing, re.MULTILINE) == [*COMMANDS, *GROUPS]
    assert "..." not in listing


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"intentml {__version__}\n"


def test_no_command_is_wrong_usage() -> None:
    result = run()
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "--help" in result.stderr


def test_help_waits_for_no_library_of_numbers() -> None:
    libraries = ["numpy", "pyarrow", "pydantic", "rich"]
    code = f"import sys, intentml.cli; print([name for name in {libraries} if name in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout == "[]\n"
