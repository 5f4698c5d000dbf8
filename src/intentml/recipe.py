"""A run's settings: one recipe, composed from the config classes that stand beside the code they set.

What comes in: a shipped name or a TOML file, and `--set section.key=value`. What goes out: a frozen
`Recipe`. Unknown keys and values out of range are refused with the nearest known name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intentml.errors import RecipeError, nearest
from intentml.fitting.priors import PriorsConfig
from intentml.fitting.settings import TrainingConfig
from intentml.model.config import ModelConfig
from intentml.shipped import shipped_names, shipped_path


class Recipe(BaseModel):
    """What to train and how.

    Attributes:
        name: Its name, for boards and manifests.
        about: What it is for, one line.
        predictor: Which predictor it makes: the best priors alone, or the sequence model over them.
        priors: Settings of the priors.
        model: Settings of the network, for `sequence`.
        training: Settings of its training, for `sequence`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str = ""
    predictor: Literal["priors", "sequence"] = "priors"
    priors: PriorsConfig = Field(default_factory=PriorsConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)


def load_recipe(recipe: str | Path | Recipe, settings: Sequence[str] = ()) -> Recipe:
    """A recipe by shipped name or file (a `/` or `.toml` means a file), with settings on top.

    Args:
        recipe: Name, path or a recipe already.
        settings: Each `section.key=value`, the value written as in TOML.

    Raises:
        RecipeError: The recipe is unknown, not TOML, or has an unknown key or a value out of range.

    >>> load_recipe("priors", ["priors.horizons_days=[28]"]).priors.horizons_days
    (28,)
    """
    content = recipe.model_dump(mode="json") if isinstance(recipe, Recipe) else _read(str(recipe))
    for setting in settings:
        _apply(content, setting)
    try:
        return Recipe.model_validate(content)
    except ValidationError as problem:
        raise _explained(problem) from problem


def seeds(seed: int | None) -> list[str]:
    """The settings that put one seed everywhere."""
    return [] if seed is None else [f"priors.seed={seed}", f"training.seed={seed}"]


def _read(recipe: str) -> dict[str, Any]:
    """The content of a recipe file."""
    path = Path(recipe)
    if "/" not in recipe and not recipe.endswith(".toml"):
        path = shipped_path("recipes", recipe)
    elif not path.is_file():
        known = ", ".join(shipped_names("recipes"))
        raise RecipeError(f"recipe file {recipe} does not exist", hint=f"shipped recipes: {known}")
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RecipeError(
            f"recipe {recipe} is not TOML: {problem}", hint="see training/recipes for examples"
        ) from None


def _apply(content: dict[str, Any], setting: str) -> None:
    """Set one `section.key=value` in place."""
    path, separator, text = setting.partition("=")
    if not separator or not path.strip():
        raise RecipeError(
            f"setting {setting!r} is not of the form section.key=value", hint="e.g. priors.windows=4"
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is text
    *sections, key = path.strip().split(".")
    inside = content
    for section in sections:
        inside = inside.setdefault(section, {})
        if not isinstance(inside, dict):
            raise RecipeError(f"setting {setting!r}: {section} is no section", hint="see the recipe's file")
    inside[key] = value


def _keys() -> list[str]:
    """Every key that a recipe may hold."""
    sections = (Recipe, PriorsConfig, ModelConfig, TrainingConfig)
    return [key for section in sections for key in section.model_fields]


def _explained(problem: ValidationError) -> RecipeError:
    """Every complaint in one error, unknown keys with the nearest known ones."""
    lines = []
    for complaint in problem.errors(include_url=False):
        where = ".".join(str(part) for part in complaint["loc"])
        if complaint["type"] == "extra_forbidden":
            near = nearest(str(complaint["loc"][-1]), _keys())
            known = f"; did you mean {near[0]}?" if near else ""
            lines.append(f"{where} is unknown{known}")
        else:
            told = complaint["msg"]
            lines.append(f"{where}: {told[0].lower()}{told[1:]}, not {complaint['input']!r}")
    return RecipeError(
        f"the recipe cannot be used: {'; '.join(lines)}", hint="see training/recipes for examples"
    )
