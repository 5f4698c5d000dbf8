"""Search files: what they may say, and how what they may not is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentml.errors import RecipeError
from intentml.fitting.space import Choice, Range, Search, load_search
from intentml.recipe import load_recipe
from intentml.shipped import shipped_names, shipped_path

HEAD = 'name = "mine"\nrecipe = "priors"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(HEAD + text)
    return path


def test_a_file_gives_ranges_choices_and_how_to_draw(tmp_path: Path) -> None:
    search = load_search(
        written(
            tmp_path,
            '[space."a.whole"]\nlow = 1\nhigh = 9\nstep = 2\n'
            '[space."a.rate"]\nlow = 1e-4\nhigh = 0.1\nlog = true\n'
            '[space."a.word"]\nchoices = ["one", "two"]\n'
            "[sampler]\nseed = 7\n[pruner]\nwarmup_epochs = 3\n",
        )
    )
    assert search.space == {
        "a.whole": Range(low=1, high=9, step=2),
        "a.rate": Range(low=1e-4, high=0.1, log=True),
        "a.word": Choice(choices=("one", "two")),
    }
    assert search.sampler.seed == 7
    assert search.pruner.warmup_epochs == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[space."a.b"]\nlow = 1\nhgih = 2\n', "space.a.b.hgih is unknown; did you mean high?"),
        ('[space."a.b"]\nlow = 1\n', "space.a.b.high: field required"),
        ('[space."a.b"]\nlow = 2\nhigh = 2\n', "low = 2 is not below high = 2"),
        ('[space."a.b"]\nlow = 0\nhigh = 2\nlog = true\n', "log = true wants low above 0"),
        ('[space."a.b"]\nlow = 1\nhigh = inf\n', "space.a.b.high"),
        ('[space."a.b"]\nlow = 1\nhigh = 9\nstep = 0.5\n', "step = 0.5 between whole numbers"),
        ('[space."a.b"]\nlow = 1\nhigh = 9\nstep = 0\n', "space.a.b.step"),
        ('[space."a.b"]\nchoices = ["one"]\n', "space.a.b.choices"),
        ("[space.training.rate]\nlow = 1\nhigh = 2\n", "space.training.rate is unknown"),
        ("[space]\n", "space: "),
        ('[prunner]\n[space."a.b"]\nlow = 1\nhigh = 2\n', "prunner is unknown; did you mean pruner?"),
        ('[sampler]\nseed = -1\n[space."a.b"]\nlow = 1\nhigh = 2\n', "sampler.seed"),
    ],
)
def test_what_a_file_may_not_say_is_told_by_its_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RecipeError) as problem:
        load_search(written(tmp_path, text))
    assert told in problem.value.message
    assert '[space."priors.windows"]' in str(problem.value.hint)


def test_a_name_that_is_no_name_of_a_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "slash.toml"
    path.write_text('name = "../up"\nrecipe = "priors"\n[space."a.b"]\nlow = 1\nhigh = 2\n')
    with pytest.raises(RecipeError, match="name: "):
        load_search(path)


def test_a_file_that_is_not_there_or_not_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml does not exist"):
        load_search(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="is not TOML"):
        load_search(written(tmp_path, "low = = 1"))
    with pytest.raises(RecipeError, match="no shipped search is called 'bse'") as problem:
        load_search("bse")
    assert "did you mean base?" in str(problem.value.hint)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        (Range(low=1, high=9, step=2), (1, 5, 9), (2, 0, 11, 5.0, True, "5")),
        (Range(low=1, high=9), (1, 2, 9), (1.5,)),
        (Range(low=0.0, high=0.3, step=0.1), (0.0, 0.1, 0.2, 0.3, 0), (0.15, 0.4)),
        (Range(low=1e-4, high=1e-1, log=True), (1e-4, 0.003), (0.0, 1.0)),
        (Choice(choices=("one", 2)), ("one", 2), ("two", 3)),
    ],
)
def test_bounds_know_what_lies_inside(bounds: Range | Choice, inside: tuple, outside: tuple) -> None:
    assert [value for value in inside if not bounds.holds(value)] == []
    assert [value for value in outside if bounds.holds(value)] == []


SEARCHES = shipped_names("search")


def test_the_searches_of_the_model_and_of_the_priors_are_shipped() -> None:
    assert {"base", "priors"} <= set(SEARCHES)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_shipped_search_opens_with_a_comment_and_says_what_it_is_for(name: str) -> None:
    search = load_search(name)
    assert search.name == name
    assert search.about
    assert shipped_path("search", name).read_text("utf-8").startswith("# ")


@pytest.mark.parametrize("name", SEARCHES)
def test_every_setting_of_a_shipped_search_is_one_of_its_recipe(name: str) -> None:
    search: Search = load_search(name)
    recipe = load_recipe(search.recipe).model_dump(mode="json")
    for setting, bounds in search.space.items():
        section, key = setting.split(".")
        assert key in recipe[section]
        assert bounds.holds(recipe[section][key])
        for edge in bounds.edges:
            load_recipe(search.recipe, [f"{setting}={edge}"])
