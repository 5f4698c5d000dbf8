"""Tune: settings of a recipe, tried within the bounds of a search.

What comes in: a shop's history, a date, a search, a number of trials. What goes out: the best recipe and
every trial. A table of contents, as `workflows`, whose `train` is what a trial does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from pathlib import Path
from typing import Any

from intentml.errors import RecipeError, StudyError, TimeError
from intentml.fitting.objective import ValidationLoss, as_settings
from intentml.fitting.search import OnTrial, Study, run_study
from intentml.fitting.space import Search, load_search
from intentml.fitting.windows import cutoffs
from intentml.recipe import Recipe, load_recipe
from intentml.timeline import OrderLog
from intentml.timeline.instants import check_horizon
from intentml.workflows import AsOf, train


def search_start(
    search: Search, recipe: str | Path | Recipe | None = None, settings: Sequence[str] = ()
) -> Recipe:
    """The recipe that a search starts from, once every bound of it is known to be one that recipes take.

    Args:
        search: The search.
        recipe: Where to start; the search's own if left out.
        settings: `section.key=value` on top of it.

    Raises:
        RecipeError: The recipe cannot be used, lacks a setting of the search, or refuses a bound.
    """
    start = load_recipe(recipe or search.recipe, settings)
    for key, bounds in search.space.items():
        for edge in bounds.edges:
            try:
                load_recipe(start, as_settings({key: edge}))
            except RecipeError as problem:
                told = f"search {search.name} does not fit recipe {start.name}: {problem.message}"
                raise RecipeError(told, hint=problem.hint) from None
    return start


def tune(
    log: OrderLog,
    *,
    search: str | Path | Search,
    as_of: AsOf,
    horizon_days: int,
    trials: int,
    study: str | Path,
    jobs: int = 1,
    recipe: str | Path | Recipe | None = None,
    settings: Sequence[str] = (),
    device: str = "auto",
    on_trial: OnTrial = lambda trial, study: None,
) -> tuple[Recipe, Study]:
    """Try settings of a recipe within the bounds of a search: the best recipe, and every trial.

    A trial learns at `horizon_days` alone and is judged on the newest window before `as_of`; the best
    recipe keeps the horizons of the one it started from. Trials run in processes of their own, so a
    script must call this under `if __name__ == "__main__":`.

    Args:
        log: The shop's history.
        search: Shipped name, TOML file or `Search`.
        as_of: Nothing known at or after it is used.
        horizon_days: Length of the window to be good at.
        trials: How many in all, those of an earlier call among them.
        study: Folder to keep the trials in, and to go on with.
        jobs: Trials at a time.
        recipe: Where to start; the search's own if left out.
        settings: `section.key=value` on top of it.
        device: Where networks are trained: auto, cpu or cuda.
        on_trial: Called with each trial that ends, and the study then.

    Raises:
        RecipeError: The search or the recipe cannot be used, or they do not fit each other.
        StudyError: The folder's study is another one, or no trial could be trained.
        TimeError: There is no window of that length to judge trials on.
    """
    chosen, instant, days = load_search(search), log.instant(as_of), check_horizon(horizon_days)
    start = search_start(chosen, recipe, settings)
    if cutoffs(log.before(instant), days, 1) is None:
        raise TimeError(
            f"before {instant.iso} there is no window of {days} days to judge trials on",
            table="orders",
            hint="choose a shorter --horizon or a later --as-of",
        )
    at_horizon = load_recipe(start, [f"priors.horizons_days=[{days}]"])
    done = run_study(
        chosen,
        Path(study),
        ValidationLoss(partial(train, log, as_of=as_of, recipe=at_horizon, device=device)),
        question={
            "data": log.tables.fingerprint,
            "as_of": instant.iso,
            "horizon_days": days,
            "recipe": at_horizon.model_dump(mode="json", exclude={"about"}),
            "search": chosen.model_dump(mode="json", include={"space", "sampler", "pruner"}),
        },
        start={key: _value(start, key) for key in chosen.space},
        trials=trials,
        jobs=jobs,
        on_trial=on_trial,
    )
    if not done.ranked:
        told = next((trial.error for trial in done.trials if trial.error), "all were given up early")
        raise StudyError(f"none of {len(done.trials)} trials could be trained: {told}")
    found = {**done.ranked[0].settings, "name": f"{start.name}-tuned"}
    return load_recipe(start, as_settings(found)), done


def _value(recipe: Recipe, key: str) -> Any:
    """What a recipe says under `section.key`."""
    return reduce(getattr, key.split("."), recipe)
