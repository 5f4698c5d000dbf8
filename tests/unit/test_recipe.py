from __future__ import annotations

import pytest

from intentml.errors import RecipeError
from intentml.recipe import Recipe, load_recipe

TOML = """
name = "mine"
[priors]
horizons_days = [28]
windows = 2
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    return path


def test_a_shipped_recipe_is_known_by_its_name():
    recipe = load_recipe("priors")
    assert recipe.name == "priors"
    assert recipe.predictor == "priors"


def test_a_path_or_an_ending_means_a_file(file, monkeypatch):
    assert load_recipe(file).priors.windows == 2
    assert load_recipe(str(file)).name == "mine"
    monkeypatch.chdir(file.parent)
    assert load_recipe("mine.toml").priors.horizons_days == (28,)


def test_a_recipe_stays_itself():
    assert load_recipe(Recipe(name="mine")) == Recipe(name="mine")


def test_settings_lie_on_top_and_the_last_one_wins(file):
    recipe = load_recipe(
        file, ["priors.windows=4", "priors.seed = 7", "priors.windows=5", "about=a bare word"]
    )
    assert (recipe.priors.windows, recipe.priors.seed) == (5, 7)
    assert recipe.about == "a bare word"
    assert recipe.priors.horizons_days == (28,)


def test_a_setting_may_name_a_list(file):
    assert load_recipe(file, ['priors.kinds=["brand"]']).priors.kinds == ("brand",)


def refused(recipe: object, *settings: str) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe, settings)
    assert caught.value.hint
    return caught.value


def test_an_unknown_name_offers_the_nearest_and_lists_the_shipped():
    problem = refused("prior")
    assert "'prior'" in problem.message
    assert "did you mean priors?" in problem.hint


def test_a_file_that_is_not_there_is_told(tmp_path):
    assert "does not exist" in refused(tmp_path / "none.toml").message
    assert "does not exist" in refused(str(tmp_path)).message  # a folder


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"[priors\n"])
def test_a_file_that_is_no_toml_is_told(file, content):
    file.write_bytes(content)
    assert "is not TOML" in refused(file).message


def test_an_unknown_key_offers_the_nearest(file):
    assert "priors.window is unknown; did you mean windows?" in refused(file, "priors.window=3").message
    assert "colour is unknown" in refused(file, "colour=3").message


def test_values_out_of_range_are_told_all_at_once(file):
    message = refused(file, "priors.windows=0", "priors.seed=-1").message
    assert "priors.windows: input should be greater than or equal to 1, not 0" in message
    assert "priors.seed" in message
    assert "priors.horizons_days" in refused(file, "priors.horizons_days=[]").message
    assert "priors.horizons_days.0" in refused(file, "priors.horizons_days=[3]").message
    assert "priors.kinds.0" in refused(file, 'priors.kinds=["colour"]').message


@pytest.mark.parametrize("setting", ["priors.windows", "=3", "name.first=3"])
def test_a_setting_that_is_none_is_told(file, setting):
    assert setting in refused(file, setting).message
