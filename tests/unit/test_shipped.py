"""Shipped files are found in a wheel's package data and in a checkout alike."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from intentml.errors import IntentmlError, RecipeError
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


def test_every_name_given_is_a_file() -> None:
    for name in shipped_names("recipes"):
        assert shipped_path("recipes", name).is_file()
        assert shipped_path("recipes", name + ".toml") == shipped_path("recipes", name)


def test_an_unknown_recipe_is_one_error_that_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="no shipped recipe is called 'gold-rush'") as caught:
        shipped_path("recipes", "gold-rush")
    assert caught.value.hint is not None
    for name in shipped_names("recipes"):
        assert name in caught.value.hint


def test_an_unknown_service_file_is_one_error() -> None:
    with pytest.raises(IntentmlError, match=r"holds no 'no\.json'"):
        shipped_path("serving", "no.json")


def test_a_wheel_answers_from_its_package_data_and_offers_the_nearest_name(unpacked_wheel: Path) -> None:
    recipes = unpacked_wheel / "shipped" / "recipes"
    recipes.mkdir(parents=True)
    for name in ("priors.toml", "smoke.toml"):
        (recipes / name).write_text("")
    assert ask(unpacked_wheel, "print(shipped_names('recipes'))") == "['priors', 'smoke']"
    assert ask(unpacked_wheel, "print(shipped_path('recipes', 'smoke'))") == str(recipes / "smoke.toml")
    code = "\ntry: shipped_path('recipes', 'prior')\nexcept Exception as error: print(error.hint)"
    assert ask(unpacked_wheel, code).startswith("did you mean priors? shipped: priors, smoke;")


def test_an_installation_without_the_files_says_so(unpacked_wheel: Path) -> None:
    code = "\ntry: shipped_folder('recipes')\nexcept Exception as error: print(error)"
    assert "holds no shipped recipes" in ask(unpacked_wheel, code)
