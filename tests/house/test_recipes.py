"""Every recipe that travels with the package is one that `train` takes."""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from intentml.errors import RecipeError
from intentml.recipe import Recipe, load_recipe
from intentml.shipped import shipped_names, shipped_path

RECIPES = shipped_names("recipes")
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def rows_of(section: str, settings: type[BaseModel]) -> list[str]:
    """The lines of a table with every key of a section: its default, what it may be, what it means."""
    told = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", inspect.getdoc(settings) or "", re.MULTILINE)
    meanings = {name: re.sub(r"\s+", " ", meaning) for name, meaning in told}
    return [
        f"| `{section}.{name}` | `{json.dumps(field.default)}` | {allowed(field)} | {meanings[name]} |"
        for name, field in settings.model_fields.items()
    ]


def allowed(field: FieldInfo) -> str:
    """The choices or the bounds of a setting."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    return ", ".join(
        f"{sign} {getattr(bound, name):,}"
        for bound in field.metadata
        for name, sign in BOUNDS.items()
        if hasattr(bound, name)
    )


def test_the_recipe_of_the_priors_is_shipped() -> None:
    assert "priors" in RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_loads_under_its_own_name_and_says_what_it_is_for(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.about


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_opens_with_a_comment_for_its_reader(name: str) -> None:
    assert shipped_path("recipes", name).read_text("utf-8").startswith("# ")


@pytest.mark.parametrize("name", RECIPES)
def test_every_key_of_a_shipped_recipe_is_one_that_is_used(name: str) -> None:
    """What the file says is what the loaded recipe says: no key is dropped on the way."""
    written = tomllib.loads(shipped_path("recipes", name).read_text("utf-8"))
    loaded = load_recipe(name).model_dump(mode="json")
    for section, value in written.items():
        if isinstance(value, dict):
            assert {key: loaded[section][key] for key in value} == value
        else:
            assert loaded[section] == value


def test_a_key_that_nobody_knows_is_refused() -> None:
    with pytest.raises(RecipeError, match="horizon_day is unknown"):
        load_recipe("priors", ["priors.horizon_day=[28]"])


def test_the_page_of_the_recipes_has_every_key_with_its_default_and_meaning(checkout: Path) -> None:
    """A line of the table is what the config class says; where this fails, put the expected lines there."""
    sections = {
        name: field.annotation
        for name, field in Recipe.model_fields.items()
        if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel)
    }
    page = (checkout / "training" / "recipes" / "README.md").read_text("utf-8")
    table = [line for line in page.splitlines() if re.match(r"\| `\w+\.\w+`", line)]
    assert table == [row for name, settings in sections.items() for row in rows_of(name, settings)]


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_stands_on_the_page_with_what_it_is_for(name: str, checkout: Path) -> None:
    page = (checkout / "training" / "recipes" / "README.md").read_text("utf-8")
    assert f"| [`{name}`]({name}.toml) | {load_recipe(name).about} |" in page
