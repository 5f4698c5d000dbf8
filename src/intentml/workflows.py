"""Read, train, backtest, score: each a table of contents of what the rooms do.

What comes in: paths, dates and settings as a person writes them. What goes out: values, and folders
where a path to write to is given. The command line and the Python door call these and nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentml.fitting.priors import FittedPriors, fit_priors
from intentml.inference.folder import SavedModel, load_model, save_model
from intentml.recipe import Recipe, load_recipe
from intentml.scores.folder import load_scores, write_scores
from intentml.scores.manifest import ModelStamp
from intentml.scores.scores import Scores
from intentml.scores.scoring import ScoringConfig, score_shop
from intentml.tables.read import read_shop, shop_from_frames
from intentml.timeline import Instant, OrderLog, rolling_windows
from intentml.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from intentml.evaluation.backtest import BacktestConfig, BacktestReport

AsOf = str | dt.date | dt.datetime
Progress = Callable[[str, int, int], None]

__all__ = [
    "backtest",
    "load_model",
    "load_scores",
    "read_tables",
    "score",
    "train",
]


def quiet(step: str, done: int, total: int) -> None:
    """Progress that nobody sees."""


def read_tables(
    source: str | Path | Mapping[str, pd.DataFrame],
    *,
    columns: str | Path | None = None,
    timezone: str = "UTC",
) -> OrderLog:
    """Read a shop's tables into an order log.

    Args:
        source: A folder, a `.duckdb` file, a database URL, or DataFrames by table name.
        columns: TOML file that maps foreign column names.
        timezone: The shop's time zone.

    Raises:
        ContractError: Every failure of every table, told at once.
    """
    if isinstance(source, Mapping):
        return OrderLog.from_tables(shop_from_frames(**source, columns=columns, timezone=timezone))
    return OrderLog.from_tables(read_shop(source, columns=columns, timezone=timezone))


def train(
    log: OrderLog,
    *,
    as_of: AsOf,
    recipe: str | Path | Recipe = "priors",
    settings: Sequence[str] = (),
    seed: int | None = None,
    out: str | Path | None = None,
    progress: Progress = quiet,
) -> SavedModel:
    """Train a predictor on what was known before `as_of`; write it to `out` where given.

    Args:
        log: The shop's history.
        as_of: Nothing known at or after it is used.
        recipe: Shipped name, TOML file or `Recipe`.
        settings: `section.key=value` on top of the recipe.
        seed: Replaces the recipe's seed.
        out: Model folder to write.
        progress: Called with step, done, total.
    """
    chosen = load_recipe(recipe, [*settings, *([f"priors.seed={seed}"] if seed is not None else [])])
    instant = log.instant(as_of)
    fitted = fit_priors(log, instant, chosen.priors, progress)
    card = _card(log, chosen, fitted)
    if out is None:
        return SavedModel(fitted.best, card, log.tables.fingerprint)
    fingerprint = save_model(Path(out), fitted.best, card)
    return SavedModel(fitted.best, card, fingerprint)


def score(
    model: SavedModel | str | Path,
    log: OrderLog,
    *,
    as_of: AsOf,
    horizon_days: int | Sequence[int],
    kinds: Sequence[str] | None = None,
    interests: int | None = 20,
    out: str | Path | None = None,
    progress: Progress = quiet,
) -> Scores:
    """Score every customer known at `as_of`; write the scores folder to `out` where given.

    Args:
        model: A trained model or its folder.
        log: The shop's history.
        as_of: Instant of the scores.
        horizon_days: One horizon or several; the first is the default of every question.
        kinds: Kinds of targets; None for all.
        interests: Targets a customer and kind kept in interests.parquet; None for all.
        out: Scores folder to write.
        progress: Called with step, done, total.
    """
    saved = load_model(Path(model)) if isinstance(model, str | Path) else model
    horizons = (horizon_days,) if isinstance(horizon_days, int) else tuple(horizon_days)
    config = ScoringConfig(horizons, tuple(kinds) if kinds is not None else None, interests)
    scores = score_shop(saved.predictor, stamp(saved), log, log.instant(as_of), config, progress)
    if out is not None:
        write_scores(scores, Path(out), progress)
        return load_scores(out)
    return scores


def backtest(
    log: OrderLog,
    *,
    last_as_of: AsOf,
    horizon_days: int,
    windows: int = 1,
    step_days: int | None = None,
    recipe: str | Path | Recipe = "priors",
    settings: Sequence[str] = (),
    config: BacktestConfig | None = None,
    progress: Progress = quiet,
) -> BacktestReport:
    """Measure a recipe and every prior on rolling windows, each fitted at its own start.

    Args:
        log: The shop's history.
        last_as_of: Start of the last window.
        horizon_days: Length of each window.
        windows: How many.
        step_days: Days between their starts; the horizon if left out.
        recipe: What to measure.
        settings: `section.key=value` on top of the recipe.
        config: Settings of the measuring.
        progress: Called with step, done, total.
    """
    from intentml.evaluation.backtest import BacktestConfig
    from intentml.evaluation.backtest import backtest as measure

    chosen = load_recipe(recipe, settings)
    rolling = rolling_windows(log.instant(last_as_of), horizon_days, windows, step_days or horizon_days)

    def fit(past: OrderLog, as_of: Instant) -> FittedPriors:
        return fit_priors(past, as_of, chosen.priors, progress)

    return measure(log, rolling, fit, config or BacktestConfig(), progress)


def stamp(model: SavedModel) -> ModelStamp:
    """What manifests and answers say of a model."""
    return ModelStamp(
        name=model.name,
        version=model.fingerprint[:12],
        fingerprint=model.fingerprint,
        trained_until=model.predictor.trained_until.iso,
    )


def _card(log: OrderLog, recipe: Recipe, fitted: FittedPriors) -> dict[str, Any]:
    """What a model folder says of its making."""
    return {
        "recipe": recipe.model_dump(mode="json"),
        "seed": recipe.priors.seed,
        "data": {"source": log.tables.source, "fingerprint": log.tables.fingerprint},
        "validation": [vars(verdict) for verdict in fitted.verdicts],
        "package": __version__,
    }


