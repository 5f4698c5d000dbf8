"""The notebooks: they run from top to bottom, on the public door, and are kept as they ran."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
LARGEST_BYTES = 400_000

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS][:1] == ["01_first_tour"]


@each_notebook
def test_a_notebook_is_kept_as_it_ran_in_one_go(path: Path) -> None:
    """With its tables and pictures, so that it can be read where it lies; small, and without a complaint."""
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    complaints = [
        output
        for cell in cells
        for output in cell["outputs"]
        if output["output_type"] == "error" or output.get("name") == "stderr"
    ]
    assert complaints == []
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"])
    assert path.stat().st_size < LARGEST_BYTES


@each_notebook
def test_a_notebook_goes_through_the_public_door_alone(path: Path) -> None:
    code = "".join("".join(cell["source"]) + "\n" for cell in code_cells(path))
    assert "import intentml as im\n" in code
    assert re.findall(r"^.*(?:from intentml|import intentml\.|im\._).*$", code, re.MULTILINE) == []


@pytest.mark.slow
@each_notebook
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    """In a folder of its own, where it may write."""
    shutil.copy(path, tmp_path)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        ".",
        path.name,
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout
