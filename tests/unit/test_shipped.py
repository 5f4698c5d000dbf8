"""Shipped files are found in a wheel's package data and in a checkout alike."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from intentml.errors import IntentmlError
from intentml.shipped import Kind, shipped_folder, shipped_names, shipped_path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "intentml"


@pytest.fixture
def unpacked_wheel(tmp_path: Path) -> Path:
    """A folder as pip leaves it: the package with its data inside, and no checkout around it."""
    package = tmp_path / "site-packages" / "intentml"
    for name in ("__init__.py", "version.py", "errors.py", "shipped.py"):
        package.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / name, package)
    return package


def ask(unpacked_wheel: Path, code: str) -> str:
    """What Python prints when only the unpacked wheel is there."""
    setup = (
        f"import sys; sys.path.insert(0, {str(unpacked_wheel.parent)!r}); from intentml.shipped import *; "
    )
    return subprocess.run(
        [sys.executable, "-I", "-c", setup + code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize(
    ("kind", "folder"),
    [("recipes", "training/recipes"), ("search", "training/search"), ("serving", "serving")],
)
def test_a_checkout_gives_its_own_folders(checkout: Path, kind: Kind, folder: str) -> None:
    assert shipped_folder(kind) == checkout / folder


@pytest.mark.parametrize("kind", ["recipes", "search", "serving"])
def test_every_name_given_is_a_file(kind: Kind) -> None:
    names = shipped_names(kind)
    assert "README.md" in names
    assert names == sorted(names)
    assert all(shipped_path(kind, name).is_file() for name in names)


def test_an_unknown_file_is_one_error_with_the_nearest_name() -> None:
    with pytest.raises(IntentmlError, match=r"no file 'READ\.md' among the shipped serving") as caught:
        shipped_path("serving", "READ.md")
    assert caught.value.hint == "there is README.md"


@pytest.mark.parametrize("name", ["../pyproject.toml", "", ".", "examples"])
def test_only_files_inside_the_folder_have_a_name(name: str) -> None:
    with pytest.raises(IntentmlError, match="among the shipped serving"):
        shipped_path("serving", name)


def test_a_wheel_answers_from_its_package_data(unpacked_wheel: Path) -> None:
    data = unpacked_wheel / "shipped"
    for file in ("recipes/priors.toml", "recipes/smoke.toml", "serving/examples/lifecycle.json"):
        (data / file).parent.mkdir(parents=True, exist_ok=True)
        (data / file).write_text("")
    assert ask(unpacked_wheel, "print(shipped_names('recipes'))") == "['priors.toml', 'smoke.toml']"
    assert ask(unpacked_wheel, "print(shipped_names('serving'))") == "['examples/lifecycle.json']"
    assert ask(unpacked_wheel, "print(shipped_path('recipes', 'smoke.toml'))") == str(
        data / "recipes/smoke.toml"
    )


def test_an_installation_without_the_files_says_so(unpacked_wheel: Path) -> None:
    code = "\ntry: shipped_folder('recipes')\nexcept Exception as error: print(error)"
    assert "holds no shipped recipes" in ask(unpacked_wheel, code)
