"""A search: which settings of a recipe to try, and between which bounds.

What comes in: a shipped name or a TOML file. What goes out: a frozen `Search`. It knows no setting by
name (whether the recipe has it, `workflows.tune` asks) and draws nothing (that is `search`'s work).
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictInt, Tag, ValidationError
from pydantic import model_validator as checked

from intentml.errors import RecipeError, nearest
from intentml.shipped import shipped_names, shipped_path

Value = bool | int | float | str
Number = StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)]

_EXAMPLE = 'e.g. [space."priors.windows"] with low = 2 and high = 6; see training/search'
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Range(BaseModel):
    """Numbers from `low` to `high`, both included; whole ones where both bounds are.

    Attributes:
        low: Least value.
        high: Greatest value.
        log: Whether a factor, not a difference, is what counts.
        step: Distance between neighbours; none for every number (whole numbers: 1).
    """

    model_config = _FROZEN

    low: Number
    high: Number
    log: bool = False
    step: Number | None = Field(None, gt=0)

    @checked(mode="after")
    def _drawable(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low = {self.low} is not below high = {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log = true wants low above 0 and no step")
        if self.whole and isinstance(self.step, float):
            raise ValueError(f"step = {self.step} between whole numbers is not whole")
        return self

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def edges(self) -> tuple[Value, ...]:
        """The values furthest out."""
        return self.low, self.high

    def holds(self, value: object) -> bool:
        """Whether the value is one of the range."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return self.low <= value <= self.high and math.isclose(steps, round(steps), abs_tol=1e-8)


class Choice(BaseModel):
    """One of several values, in no order.

    Attributes:
        choices: The values.
    """

    model_config = _FROZEN

    choices: tuple[Value, ...] = Field(min_length=2)

    @property
    def edges(self) -> tuple[Value, ...]:
        """Every value: none lies between two others."""
        return self.choices

    def holds(self, value: object) -> bool:
        """Whether the value is one of the choices."""
        return value in self.choices


class Sampler(BaseModel):
    """How settings are drawn: the tree-structured Parzen estimator, all settings together.

    Attributes:
        startup_trials: Trials drawn at random before it learns from them.
        seed: Seed of what it draws.
    """

    model_config = _FROZEN

    startup_trials: int = Field(10, ge=1)
    seed: int = Field(0, ge=0)


class Pruner(BaseModel):
    """When a trial is given up: its best epoch so far is worse than the median of others at that epoch.

    Attributes:
        startup_trials: Trials that run to their end before any is given up.
        warmup_epochs: Epochs that every trial runs.
    """

    model_config = _FROZEN

    startup_trials: int = Field(5, ge=1)
    warmup_epochs: int = Field(2, ge=0)


def _kind(bounds: Any) -> str:
    """Which of the two the file means."""
    chosen = isinstance(bounds, Choice) or (isinstance(bounds, dict) and "choices" in bounds)
    return "choice" if chosen else "range"


Bounds = Annotated[Annotated[Range, Tag("range")] | Annotated[Choice, Tag("choice")], Discriminator(_kind)]


class Search(BaseModel):
    """What to try.

    Attributes:
        name: Its name, for folders and boards.
        about: What it is for, one line.
        recipe: The recipe it starts from: shipped name or file.
        space: Bounds by setting, as `--set` names it.
        sampler: How settings are drawn.
        pruner: When a trial is given up.
    """

    model_config = _FROZEN

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    about: str = ""
    recipe: str
    space: dict[str, Bounds] = Field(min_length=1)
    sampler: Sampler = Sampler()
    pruner: Pruner = Pruner()

    def seeded(self, seed: int | None) -> Search:
        """This search, drawing from another seed where one is given."""
        if seed is None:
            return self
        return self.model_copy(update={"sampler": self.sampler.model_copy(update={"seed": seed})})


def load_search(search: str | Path | Search) -> Search:
    """A search by shipped name or file (a `/` or `.toml` means a file).

    Raises:
        RecipeError: It is unknown, not TOML, or has an unknown key or bounds that hold nothing.

    >>> load_search("priors").recipe
    'priors'
    """
    if isinstance(search, Search):
        return search
    path = Path(search)
    if "/" not in str(search) and path.suffix != ".toml":
        path = shipped_path("search", str(search))
    elif not path.is_file():
        known = ", ".join(shipped_names("search"))
        raise RecipeError(f"search file {search} does not exist", hint=f"shipped searches: {known}")
    try:
        return Search.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RecipeError(f"search {search} is not TOML: {problem}", hint=_EXAMPLE) from None
    except ValidationError as problem:
        raise RecipeError(f"search {search} cannot be used: {_told(problem)}", hint=_EXAMPLE) from problem


def _told(problem: ValidationError) -> str:
    """Every complaint in one sentence, unknown keys with the nearest known one."""
    known = {name for part in (Search, Range, Choice, Sampler, Pruner) for name in part.model_fields}
    lines = []
    for complaint in problem.errors(include_url=False):
        # The tag says which kind of bounds was read; the file has no such key.
        path = [str(part) for part in complaint["loc"] if part not in ("range", "choice")]
        if complaint["type"] == "extra_forbidden":
            near = nearest(path[-1], sorted(known), limit=1)
            lines.append(f"{'.'.join(path)} is unknown{f'; did you mean {near[0]}?' if near else ''}")
        else:
            told = complaint["msg"].removeprefix("Value error, ")
            lines.append(f"{'.'.join(path)}: {told[0].lower()}{told[1:]}")
    return "; ".join(lines)
