"""Every recipe that travels with the package is one that `train` takes."""

from __future__ import annotations

import tomllib

import pytest

from intentml.errors import RecipeError
from intentml.recipe import load_recipe
from intentml.shipped import shipped_names, shipped_path

RECIPES = shipped_names("recipes")


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
