"""The rooms of the package: imports point down, each library and the clock stay where they belong."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "intentml"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 400
NAMES_THAT_SAY_NOTHING = {"base", "common", "core", "helpers", "manager", "utils"}
ROOMS_WITH_A_CLOCK = ("cli.py", "cli/", "workflows.py", "workflows/", "tracking/")


def inside(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def lint_imports(folder: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """The import contracts of `folder`'s pyproject, checked on the package in its src."""
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert command, "import-linter belongs to the dev extra"
    return subprocess.run(
        [command, "--no-logo", "--cache-dir", str(cache)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy_of_the_house(tmp_path: Path, checkout: Path) -> Path:
    """The package and its import contracts in a folder of their own, to be spoilt."""
    shutil.copytree(PACKAGE, tmp_path / "src" / "intentml", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(checkout / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_of_rooms_point_down(checkout: Path, tmp_path: Path) -> None:
    result = lint_imports(checkout, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("tables/planted.py", "from intentml.timeline import OrderLog"),
        ("pairs/planted.py", "from intentml.metrics import ranking"),
        ("datasets/planted.py", "from intentml.prediction import Predictor"),
        ("tables/planted.py", "import intentml"),
    ],
    ids=["upwards", "to a neighbour", "datasets beyond tables", "to the face, and so to everything"],
)
def test_a_planted_import_against_the_order_is_caught(copy_of_the_house: Path, file: str, line: str) -> None:
    (copy_of_the_house / "src" / "intentml" / file).write_text(line + "\n")
    result = lint_imports(copy_of_the_house, copy_of_the_house / "cache")
    assert result.returncode == 1
    assert "intentml." + file.removesuffix(".py").replace("/", ".") in result.stdout


def test_a_room_that_says_nowhere_where_it_stands_is_caught(copy_of_the_house: Path) -> None:
    (copy_of_the_house / "src" / "intentml" / "lounge.py").write_text("")
    result = lint_imports(copy_of_the_house, copy_of_the_house / "cache")
    assert result.returncode == 1
    assert "lounge" in result.stdout


def test_every_folder_with_code_is_a_package_that_says_what_it_is_for() -> None:
    """Without its __init__ a folder is invisible to the import contracts."""
    folders = {path.parent for path in SOURCES}
    silent = [
        inside(folder)
        for folder in folders
        if not (folder / "__init__.py").is_file()
        or ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) is None
    ]
    assert silent == []


def test_every_file_opens_with_what_it_is_for() -> None:
    assert [inside(p) for p in SOURCES if ast.get_docstring(ast.parse(p.read_text("utf-8"))) is None] == []


def test_no_name_says_nothing() -> None:
    assert [
        inside(p) for p in SOURCES if NAMES_THAT_SAY_NOTHING & {*p.relative_to(PACKAGE).parts, p.stem}
    ] == []


def test_no_file_is_longer_than_one_idea() -> None:
    lengths = {inside(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}


def imported(tree: ast.Module) -> Iterator[str]:
    """The full names that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_of(library: str) -> list[str]:
    """The files of the package that import a library."""
    return [
        inside(path)
        for path in SOURCES
        if any(name.split(".")[0] == library for name in imported(ast.parse(path.read_text("utf-8"))))
    ]


def test_only_tracking_imports_mlflow() -> None:
    assert [name for name in imports_of("mlflow") if not name.startswith("tracking/")] == []


def test_the_package_never_imports_bentoml_and_serving_only_in_services(checkout: Path) -> None:
    """Ours, and the one that does nothing, which it is measured against."""
    assert imports_of("bentoml") == []
    in_serving = [
        path.relative_to(checkout / "serving").as_posix()
        for path in (checkout / "serving").rglob("*.py")
        if any(name.split(".")[0] == "bentoml" for name in imported(ast.parse(path.read_text("utf-8"))))
    ]
    assert set(in_serving) <= {"service.py", "load/noop.py"}


CLOCKS = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("Timestamp", "now"),
    ("Timestamp", "today"),
    ("Timestamp", "utcnow"),
    ("time", "time"),
    ("time", "time_ns"),
}


def clock_reads(tree: ast.Module) -> list[int]:
    """Lines that ask what time it is; stop watches (perf_counter, monotonic) only measure how long."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if (name, node.attr) in CLOCKS:
                lines.append(node.lineno)
    if {"time.time", "time.time_ns"} & set(imported(tree)):
        lines.append(1)
    return lines


@pytest.mark.parametrize(
    "line",
    ["dt.datetime.now(dt.UTC)", "datetime.utcnow()", "date.today()", "time.time()", "from time import time"],
)
def test_a_clock_read_is_recognised(line: str) -> None:
    assert clock_reads(ast.parse(line))


@pytest.mark.parametrize(
    "line", ["time.perf_counter()", "self.now.kind", "timing.today", "datetime.fromisoformat(now)"]
)
def test_what_does_not_ask_the_clock_is_left_alone(line: str) -> None:
    assert not clock_reads(ast.parse(line))


def test_only_the_edges_ask_what_time_it_is() -> None:
    """Everywhere else the time comes in as an argument, so that the same question has the same answer."""
    reads = {
        inside(path): lines
        for path in SOURCES
        if not inside(path).startswith(ROOMS_WITH_A_CLOCK)
        if (lines := clock_reads(ast.parse(path.read_text("utf-8"))))
    }
    assert reads == {}
