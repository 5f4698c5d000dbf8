"""Read, train, backtest, score: each a table of contents of what the rooms do.

What comes in: paths, dates and settings as a person writes them. What goes out: values, and folders
where a path to write to is given. The command line and the Python door call these and nothing else.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from intentml.errors import DataError
from intentml.fitting.checkpoint import Checkpoint
from intentml.fitting.epochs import OnEpoch, unwatched
from intentml.fitting.model import FittedModel, SequenceSettings, fit_model
from intentml.fitting.parallel import Processes
from intentml.inference.folder import SavedModel, fingerprint, load_model, save_model
from intentml.inference.folder import check_place as check_model_place
from intentml.prediction import Predictor
from intentml.priors.predictor import PriorPredictor
from intentml.recipe import Recipe, load_recipe, seeds
from intentml.scores.folder import check_place as check_scores_place
from intentml.scores.folder import load_scores, write_scores
from intentml.scores.manifest import ModelStamp
from intentml.scores.scores import Scores
from intentml.scores.scoring import ScoringConfig, score_shop
from intentml.tables.contracts import CONTRACTS
from intentml.tables.read import read_shop, shop_from_frames
from intentml.timeline import Instant, OrderLog, Window, rolling_windows
from intentml.timeline.instants import check_horizon
from intentml.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from intentml.evaluation import BacktestConfig, BacktestReport, Contenders
    from intentml.inference.intent import IntentPredictor
    from intentml.tables.gate import GateResult

AsOf = str | dt.date | dt.datetime
Progress = Callable[[str, int, int], None]

__all__ = [
    "backtest",
    "gate",
    "load_model",
    "load_scores",
    "read_tables",
    "score",
    "train",
    "train_and_measure",
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
        unknown = sorted(set(source) - set(CONTRACTS))
        if unknown or "orders" not in source:
            told = f"no table is called {unknown[0]!r}" if unknown else "there is no table of orders"
            raise DataError(told, table="orders", hint=f"the tables are {', '.join(CONTRACTS)}")
        frames = [source.get(name) for name in CONTRACTS]
        return OrderLog.from_tables(shop_from_frames(*frames, columns=columns, timezone=timezone))
    if not isinstance(source, str | Path):
        raise DataError(
            f"a {type(source).__name__} is no source of tables",
            hint='name a folder or a URL, or hand over DataFrames by table: {"orders": ...}',
        )
    return OrderLog.from_tables(read_shop(source, columns=columns, timezone=timezone))


def gate(log: OrderLog, as_of: AsOf, horizon_days: int | None = None) -> list[GateResult]:
    """Whether what was known before `as_of` can carry a model: the data gate, with measured values.

    Args:
        log: The shop's history.
        as_of: Instant to train or score at.
        horizon_days: Length of the window to predict, where one is asked about.

    Raises:
        TimeError: `as_of` lies outside the data.
    """
    from intentml.tables.gate import data_gate

    past = log.before(log.instant(as_of))
    pairs = np.unique(np.stack([past.purchases.customer, past.purchases.order]), axis=1)
    orders = np.bincount(pairs[0], minlength=len(past.customer_ids))
    return data_gate(
        buyers=int((orders > 0).sum()),
        repeat_buyers=int((orders > 1).sum()),
        history_days=past.until.days_since(past.start),
        days_since_newest=past.until.days_since(past.last_order) if len(past.purchases) else None,
        horizon_days=horizon_days,
    )


def train(
    log: OrderLog,
    *,
    as_of: AsOf,
    recipe: str | Path | Recipe = "priors",
    settings: Sequence[str] = (),
    seed: int | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    resume: bool = False,
    progress: Progress = quiet,
    on_epoch: OnEpoch = unwatched,
) -> SavedModel:
    """Train a predictor on what was known before `as_of`; write it to `out` where given.

    Under `torchrun` all processes train one network; each returns the model, the first one writes it.

    Args:
        log: The shop's history.
        as_of: Nothing known at or after it is used.
        recipe: Shipped name, TOML file or `Recipe`.
        settings: `section.key=value` on top of the recipe.
        seed: Replaces the recipe's seeds.
        out: Model folder to write.
        device: Where a network is trained: auto, cpu or cuda.
        resume: Go on from the checkpoint that a killed run into `out` left beside it, if there is one.
        progress: Called with step, done, total.
        on_epoch: Called with each epoch of a network; what it raises ends the training.
    """
    chosen = load_recipe(recipe, [*settings, *seeds(seed)])
    instant = log.instant(as_of)
    if out is not None:
        check_model_place(Path(out))
    watch = _Watch(device, progress, on_epoch, _checkpoint(log, instant, chosen, out, resume=resume))
    writes = Processes.of(os.environ).is_first
    saved = _kept(log, chosen, _fitted(log, instant, chosen, watch), out if writes else None)
    if writes:
        watch.checkpoint.remove()
    return saved


def train_and_measure(
    log: OrderLog,
    *,
    as_of: AsOf,
    horizon_days: int,
    recipe: str | Path | Recipe = "priors",
    settings: Sequence[str] = (),
    config: BacktestConfig | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    progress: Progress = quiet,
    on_epoch: OnEpoch = unwatched,
) -> tuple[SavedModel, BacktestReport]:
    """Train once, and measure that very model on the window after `as_of`, against every prior.

    Args:
        log: The shop's history; it must hold the whole window.
        as_of: Nothing known at or after it is learned from.
        horizon_days: Length of the window.
        recipe: Shipped name, TOML file or `Recipe`.
        settings: `section.key=value` on top of the recipe.
        config: Settings of the measuring.
        out: Model folder to write.
        device: Where a network is trained: auto, cpu or cuda.
        progress: Called with step, done, total.
        on_epoch: Called with each epoch of a network.
    """
    from intentml.evaluation import backtest as measure

    chosen = load_recipe(recipe, settings)
    if out is not None:
        check_model_place(Path(out))
    fits: list[FittedModel] = []
    watch = _Watch(device, _first_half(progress, 0, 1), on_epoch)

    def fit(past: OrderLog, at: Instant) -> Contenders:
        fits.append(_fitted(past, at, chosen, watch))
        return contenders(chosen, fits[-1])

    report = measure(log, [Window(log.instant(as_of), horizon_days)], fit, config, progress)
    return _kept(log, chosen, fits[-1], out), report


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
    asked = horizon_days if isinstance(horizon_days, list | tuple) else (horizon_days,)
    horizons = tuple(check_horizon(days) for days in asked)
    config = ScoringConfig(horizons, tuple(kinds) if kinds is not None else None, interests)
    if out is not None:
        check_scores_place(Path(out))
    scores = score_shop(
        saved.predictor,
        ModelStamp.of(saved),
        log,
        log.instant(as_of),
        config,
        progress,
        vocabularies=saved.vocabularies,
        sets=saved.sets,
        buyers=saved.buyers,
    )
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
    peers: Sequence[str] = (),
    peers_env: str | Path = "peers-env",
    others: Mapping[str, Predictor] | None = None,
    new_products: bool = False,
    device: str = "auto",
    progress: Progress = quiet,
) -> BacktestReport:
    """Measure a recipe, every prior and peers on rolling windows, each fitted at its own start.

    Args:
        log: The shop's history.
        last_as_of: Start of the last window.
        horizon_days: Length of each window.
        windows: How many.
        step_days: Days between their starts; the horizon if left out.
        recipe: What to measure.
        settings: `section.key=value` on top of the recipe.
        config: Settings of the measuring.
        peers: Names of predictors of other packages (`intentml.evaluation.peers.catalogue.PEERS`).
        peers_env: Folder of the virtual environments that they run in, made where they are missing, and of
            their answers: the same question is not asked twice.
        others: Predictors of your own to show beside the peers, by name; what they know is yours to watch.
        new_products: Fit the recipe once more, for products alone, without the past of a tenth of them, and
            measure who buys those, beside its best priors and plain rules. Peers are not asked: they are
            given the pairs of products sold, and a product that nobody has bought has none.
        device: Where a network is trained: auto, cpu or cuda.
        progress: Called with step, done, total.
    """
    from intentml.evaluation import BacktestConfig
    from intentml.evaluation import backtest as measure
    from intentml.evaluation.peers.bench import PeerBench
    from intentml.evaluation.peers.catalogue import chosen_peers

    chosen, config = load_recipe(recipe, settings), config or BacktestConfig()
    rolling = rolling_windows(log.instant(last_as_of), horizon_days, windows, step_days or horizon_days)
    starts = [window.as_of.us for window in rolling]
    parts = 2 if new_products else 1  # of a window

    def fitted(asked: Recipe, past: OrderLog, as_of: Instant, part: int) -> FittedModel:
        tell = _first_half(progress, starts.index(as_of.us) * parts + part, len(starts) * parts)
        return _fitted(past, as_of, asked, _Watch(device, tell))

    def fit(past: OrderLog, as_of: Instant) -> Contenders:
        own = contenders(chosen, fitted(chosen, past, as_of, 0))
        return own.beside({**bench.contenders(past, horizon_days), **(others or {})})

    def fit_new(past: OrderLog, as_of: Instant) -> Contenders:
        model = fitted(load_recipe(chosen, ['priors.kinds=["product"]']), past, as_of, 1)
        return contenders(chosen, model).against(model.priors.best.name)

    seed = chosen.priors.seed
    with PeerBench(chosen_peers(peers), Path(peers_env), kinds=config.kinds, seed=seed) as bench:
        return measure(log, rolling, fit, config, progress, fit_new=fit_new if new_products else None)


def contenders(recipe: Recipe, fitted: FittedModel) -> Contenders:
    """The recipe's predictor against every prior fitted with it, and a network against the best of them."""
    from intentml.evaluation import Contenders

    baselines: dict[str, Predictor] = dict(fitted.priors.each)
    if fitted.sequence is not None:
        baselines = {fitted.priors.best.name: fitted.priors.best, **baselines}
    name = recipe.name if recipe.name not in baselines else f"recipe {recipe.name}"
    return Contenders(
        {name: _predictor(fitted), **baselines},
        recipe=name,
        verdicts=fitted.priors.verdicts,
        sets=fitted.union,
        buyers=fitted.buyers,
    )


@dataclass(frozen=True)
class _Watch:
    """How a fitting is run and watched."""

    device: str
    progress: Progress = quiet
    on_epoch: OnEpoch = unwatched
    checkpoint: Checkpoint = field(default_factory=Checkpoint)


def _fitted(log: OrderLog, as_of: Instant, recipe: Recipe, watch: _Watch) -> FittedModel:
    """What the recipe asks for, fitted."""
    if recipe.predictor == "priors":
        return fit_model(log, as_of, recipe.priors, None, watch.progress)
    from intentml.model.device import device_of

    together = Processes.of(os.environ)
    with together.joined(device_of(watch.device)) as device:
        sequence = SequenceSettings(
            recipe.model, recipe.training, device, watch.checkpoint, watch.on_epoch, together
        )
        return fit_model(log, as_of, recipe.priors, sequence, watch.progress)


def _checkpoint(
    log: OrderLog, as_of: Instant, recipe: Recipe, out: str | Path | None, *, resume: bool
) -> Checkpoint:
    """The file beside the model folder; nothing where no folder is written."""
    identity = {
        "data": log.tables.fingerprint,
        "as_of": as_of.iso,
        "recipe": recipe.model_dump(mode="json"),
        "package": __version__,
    }
    path = None if out is None else Path(out).with_name(f"{Path(out).name}.checkpoint")
    return Checkpoint(path, identity, resume)


def _predictor(fitted: FittedModel) -> PriorPredictor | IntentPredictor:
    """The best priors, with the network over them where there is one."""
    if fitted.sequence is None:
        return fitted.priors.best
    from intentml.inference.intent import IntentPredictor

    return IntentPredictor(fitted.priors.best, fitted.sequence.correction)


def _kept(log: OrderLog, recipe: Recipe, fitted: FittedModel, out: str | Path | None) -> SavedModel:
    """The fitted predictor with its card, written to `out` where given."""
    predictor = _predictor(fitted)
    card = {
        "recipe": recipe.model_dump(mode="json"),
        "seed": recipe.priors.seed,
        "data": {"source": log.tables.source, "fingerprint": log.tables.fingerprint},
        "package": __version__,
        **fitted.card(),
    }
    if out is None:
        return SavedModel(predictor, card, fingerprint(predictor, card))
    return SavedModel(predictor, card, save_model(Path(out), predictor, card))


def _first_half(progress: Progress, window: int, windows: int) -> Progress:
    """Progress of fitting, as the first half of one of several windows; measuring is the second."""
    return lambda step, done, total: progress(step, 100 * window + 50 * done // max(total, 1), 100 * windows)
