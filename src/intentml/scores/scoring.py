"""Score the shop: a predictor at work on a snapshot, at every horizon asked.

What comes in: a predictor, a log and `as_of`. What goes out: `Scores`. Limits are fitted on the shop
here, once, and kept in the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intentml.errors import ModelError, ScoresError
from intentml.prediction import Predictions, Predictor
from intentml.priors.buyers import BuyersSpread
from intentml.priors.union import SetUnion
from intentml.scores.customers import YEAR_DAYS, customer_table
from intentml.scores.facts import bought_before, context_table, counts_of, product_table, undated_columns
from intentml.scores.limits import stage_limits
from intentml.scores.manifest import DataStamp, Limits, Manifest, ModelStamp
from intentml.scores.partitions import predict_in_parts
from intentml.scores.scores import Scores
from intentml.timeline import Instant, OrderLog, Snapshot
from intentml.timeline.catalogue import Strings
from intentml.timeline.histories import lines_by_customer
from intentml.timeline.instants import check_horizon
from intentml.version import __version__

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ScoringConfig:
    """What to score.

    Attributes:
        horizons_days: Horizons; the first is the default.
        kinds: Kinds of targets; None for all that the shop and the predictor have.
        interests: Targets a customer and kind that interests.parquet keeps; None for all.
    """

    horizons_days: tuple[int, ...]
    kinds: tuple[str, ...] | None = None
    interests: int | None = 20


def score_shop(
    predictor: Predictor,
    model: ModelStamp,
    log: OrderLog,
    as_of: Instant,
    config: ScoringConfig,
    progress: Progress = lambda step, done, total: None,
    *,
    vocabularies: Mapping[str, Strings] | None = None,
    sets: SetUnion | None = None,
    buyers: BuyersSpread | None = None,
) -> Scores:
    """Scores of every customer known at `as_of`.

    Args:
        predictor: What predicts.
        model: What the manifest says of it.
        log: The shop's history.
        as_of: Instant of the scores.
        config: What to score.
        progress: Called with step, done, total.
        vocabularies: Targets the predictor was trained on, by kind, to know a model of another shop.
        sets: How single probabilities are joined; as if independent if left out.
        buyers: How far buyers stray from what is expected; no interval is told if left out.

    Raises:
        ScoresError: No horizon, or a kind that the shop does not have.
        ModelError: The model is of another shop, lacks a kind asked for, or has seen what lies after `as_of`.
    """
    horizons = _horizons(config)
    check_time(model, as_of, log.timezone)
    steps = len(horizons) + 2
    progress("snapshot", 1, steps)
    known = log.before(as_of)
    snapshot = known.at_its_end()
    kinds = _kinds(config.kinds, snapshot)
    if vocabularies is not None:
        check_same_shop(snapshot, kinds, vocabularies)
    predictions = []
    for number, days in enumerate(horizons):
        progress(f"{days} days", number + 2, steps)
        predictions.append(predict_in_parts(predictor, snapshot, days, kinds))
    _check_kinds_known(config.kinds, predictions[0])
    year = predictor.predict(snapshot, YEAR_DAYS, kinds=())
    progress("customers", steps, steps)
    lifecycle = stage_limits(log, snapshot)
    table, importance = customer_table(snapshot, predictions, year, lifecycle)
    targets = {
        (kind, prediction.horizon_days): scores
        for prediction in predictions
        for kind, scores in prediction.targets.items()
    }
    manifest = Manifest(
        as_of=as_of.iso,
        horizons=horizons,
        timezone=log.timezone,
        start=snapshot.start.iso,
        currency=log.currency(as_of),
        model=model,
        data=DataStamp(source=log.tables.source, fingerprint=log.tables.fingerprint),
        calibrated=all(prediction.calibrated for prediction in predictions),
        calibrated_horizons=tuple(
            prediction.horizon_days for prediction in predictions if prediction.calibrated
        ),
        limits=Limits(lifecycle=lifecycle, importance=importance),
        sets=sets or SetUnion(),
        buyers=buyers or BuyersSpread(),
        undated_columns=undated_columns(log),
        counts={
            **counts_of(snapshot),
            **{f"targets_{kind}": len(scores) for (kind, _), scores in targets.items()},
        },
        active=snapshot.shop.active,
        mean_order=snapshot.shop.mean_order,
        returned_share=snapshot.shop.returned_share,
        interests=config.interests,
        created_by=__version__,
    )
    return Scores(
        manifest=manifest,
        table=table,
        products=product_table(snapshot),
        context=context_table(snapshot),
        targets=targets,
        bought=bought_before(snapshot),
        histories=lines_by_customer(known),
    )


def _horizons(config: ScoringConfig) -> tuple[int, ...]:
    """The horizons asked for, each once."""
    if not config.horizons_days:
        raise ScoresError("no horizon was asked for", hint="name at least one, e.g. --horizon 28")
    if config.interests is not None and config.interests < 1:
        raise ScoresError(
            f"interests of {config.interests} targets a customer are below 1",
            hint="keep at least one, or all",
        )
    return tuple(dict.fromkeys(check_horizon(days) for days in config.horizons_days))


def check_time(model: ModelStamp, as_of: Instant, timezone: str) -> None:
    """A model must not have seen what it is asked to predict."""
    trained_until = Instant.of(model.trained_until, timezone)
    if trained_until.us > as_of.us:
        raise ModelError(
            f"the model has seen the shop until {trained_until.iso}, after as_of {as_of.iso}",
            hint="score at that instant or later, or train with an earlier --as-of",
        )


def _kinds(wanted: Sequence[str] | None, snapshot: Snapshot) -> tuple[str, ...]:
    """The kinds to score, refused where the shop does not have them."""
    known = snapshot.catalogue.kinds
    if wanted is None:
        return known
    for kind in wanted:
        if kind not in known:
            raise ScoresError(
                f"this shop has no targets of kind {kind!r}",
                hint=f"it has {', '.join(known)}" if known else "its order lines name no products",
            )
    return tuple(dict.fromkeys(wanted))


def check_same_shop(snapshot: Snapshot, kinds: Sequence[str], trained: Mapping[str, Strings]) -> None:
    """A model that knows none of the shop's targets was trained on another shop."""
    known = {kind: names for kind, names in trained.items() if kind in kinds}
    here = {kind: snapshot.catalogue.targets(kind).targets for kind in kinds}
    shared = any(np.isin(here[kind].astype(str), names.astype(str)).any() for kind, names in known.items())
    if kinds and not shared:
        examples = ", ".join(repr(str(names[0])) for names in here.values() if len(names))
        raise ModelError(
            f"the model knows none of this shop's targets ({', '.join(kinds)}; e.g. {examples})",
            hint="it was trained on another shop, or on tables with other ids: train on these",
        )


def _check_kinds_known(wanted: Sequence[str] | None, prediction: Predictions) -> None:
    """Kinds asked for by name must be there."""
    missing = [kind for kind in wanted or () if kind not in prediction.targets]
    if missing:
        raise ModelError(
            f"the model was not trained for {', '.join(missing)} targets",
            hint="train again on tables that have them, or leave them out of --kinds",
        )
