"""Score the shop: a predictor at work on a snapshot, at every horizon asked.

What comes in: a predictor, a log and `as_of`. What goes out: `Scores`. Limits are fitted on the shop
here, once, and kept in the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from intentml.errors import ModelError, ScoresError
from intentml.pairs.history import pair_history
from intentml.prediction import Predictions, Predictor, TargetScores
from intentml.scores.customers import YEAR_DAYS, customer_table
from intentml.scores.manifest import DataStamp, Limits, Manifest, ModelStamp
from intentml.scores.rhythm import own_rhythm
from intentml.scores.scores import Bought, Scores
from intentml.scores.stages import (
    LifecycleLimits,
    choose_widening,
    cycle_days,
    lifecycle_limits,
    returned_within_cycle,
)
from intentml.sequences.timing import timing_statistics
from intentml.tables.contracts import CONTRACTS
from intentml.timeline import Instant, OrderLog, Snapshot
from intentml.timeline.context import WINDOWS_DAYS
from intentml.timeline.instants import check_horizon
from intentml.version import __version__

Progress = Callable[[str, int, int], None]

# Stages are validated on the quarter before as_of, or on half of a shorter history.
_STAGE_WINDOW_DAYS = 90


@dataclass(frozen=True)
class ScoringConfig:
    """What to score.

    Attributes:
        horizons_days: Horizons; the first is the default.
        kinds: Kinds of targets; None for all that the predictor has.
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
) -> Scores:
    """Scores of every customer known at `as_of`.

    Raises:
        ScoresError: No horizon, or a kind that neither model nor shop has.
        ModelError: The model is of another shop, or was trained on what lies after `as_of`.
    """
    if not config.horizons_days:
        raise ScoresError("no horizon was asked for", hint="name at least one, e.g. --horizon 28")
    horizons = tuple(dict.fromkeys(check_horizon(days) for days in config.horizons_days))
    trained_until = Instant.of(model.trained_until, log.timezone)
    if trained_until.us > as_of.us:
        raise ModelError(
            f"the model has seen the shop until {trained_until.iso}, after as_of {as_of.iso}",
            hint="score at that instant or later, or train with an earlier --as-of",
        )
    steps = len(horizons) + 2
    progress("snapshot", 1, steps)
    snapshot = log.as_of(as_of)
    kinds = _kinds(config.kinds, snapshot)
    predictions = []
    for number, days in enumerate(horizons):
        progress(f"{days} days", number + 2, steps)
        predictions.append(predictor.predict(snapshot, days, kinds=kinds))
    _check_same_shop(predictions[0], snapshot, kinds)
    year = predictor.predict(snapshot, YEAR_DAYS, kinds=())
    progress("customers", steps, steps)
    limits = stage_limits(log, as_of, snapshot)
    table, groups = customer_table(snapshot, predictions, year, limits)
    targets = {
        (kind, prediction.horizon_days): scores
        for prediction in predictions
        for kind, scores in prediction.targets.items()
    }
    manifest = Manifest(
        as_of=as_of.iso,
        horizons=horizons,
        timezone=log.timezone,
        model=model,
        data=DataStamp(source=log.tables.source, fingerprint=log.tables.fingerprint),
        calibrated=all(prediction.calibrated for prediction in predictions),
        limits=Limits(lifecycle=limits, importance=groups),
        undated_columns=_undated(log),
        counts=_counts(snapshot, targets),
        active=snapshot.shop.active,
        interests=config.interests,
        created_by=__version__,
    )
    return Scores(
        manifest=manifest,
        table=table,
        products=_products(snapshot),
        context=_context(snapshot),
        targets=targets,
        bought=_bought(snapshot),
    )


def stage_limits(log: OrderLog, as_of: Instant, snapshot: Snapshot) -> LifecycleLimits:
    """The shop's lifecycle limits at `as_of`, widened where the past quarter says so."""
    timing = timing_statistics(snapshot)
    limits = lifecycle_limits(timing.active_indptr, timing.active_day, timing.today)
    window = min(_STAGE_WINDOW_DAYS, int(snapshot.history_days // 2))
    if window < 7:
        return limits
    past = log.before(as_of)
    earlier = past.as_of(as_of.plus_days(-window))
    then = timing_statistics(earlier)
    rhythm = own_rhythm(then.active_indptr, then.active_day, then.n_orders)
    next_days = _days_to_next(snapshot, earlier, window)
    cycle = cycle_days(then.n_orders, rhythm.gap_days, limits)
    returned, known = returned_within_cycle(next_days, cycle, float(window))
    rows = np.flatnonzero(known & np.isfinite(rhythm.gap_days))
    chosen = replace(
        rhythm,
        gap_days=rhythm.gap_days[rows],
        irregularity=rhythm.irregularity[rows],
        active_days=rhythm.active_days[rows],
    )
    return choose_widening(then.recency_days[rows], chosen, returned[rows], limits)


def _days_to_next(now: Snapshot, earlier: Snapshot, window: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Days from the earlier snapshot to each of its customers' next order; inf where none came."""
    age = now.orders.age_days
    after = np.flatnonzero(age <= window)
    soonest = np.full(len(now), np.inf)
    np.minimum.at(soonest, now.orders.customer[after], window - age[after])
    rows = np.searchsorted(now.customer_ids, earlier.customer_ids)
    return soonest[rows]


def _kinds(wanted: Sequence[str] | None, snapshot: Snapshot) -> tuple[str, ...]:
    """The kinds to score, refused where the shop does not have them."""
    if wanted is None:
        return snapshot.catalogue.kinds
    for kind in wanted:
        if kind not in snapshot.catalogue.kinds:
            raise ScoresError(
                f"this shop has no targets of kind {kind!r}",
                hint=f"it has {', '.join(snapshot.catalogue.kinds) or 'no products'}",
            )
    return tuple(wanted)


def _check_same_shop(prediction: Predictions, snapshot: Snapshot, kinds: Sequence[str]) -> None:
    """A model that knows none of the shop's targets was trained on another shop."""
    missing = [kind for kind in kinds if kind not in prediction.targets]
    if kinds and len(missing) == len(kinds):
        raise ModelError(
            f"the model knows none of this shop's {', '.join(kinds)} targets",
            hint="it was trained on another shop, or on tables without products: train on these",
        )


def _bought(snapshot: Snapshot) -> Bought:
    history = pair_history(snapshot, "product")
    return Bought(
        history.indptr,
        history.target,
        history.last_days.astype(np.float32),
        history.count.astype(np.int32),
    )


def _products(snapshot: Snapshot) -> pa.Table:
    """The catalogue, with prices as known from lines."""
    catalogue = snapshot.catalogue
    texts = {
        "product_id": catalogue.product_ids,
        "name": catalogue.names,
        "category": catalogue.categories,
        "category_path": catalogue.paths,
        "brand": catalogue.brands,
    }
    columns = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    price = snapshot.shop.price
    return pa.table({**columns, "price": pa.array(price, mask=np.isnan(price))})


def _context(snapshot: Snapshot) -> pa.Table:
    """Buyers per kind, target and window."""
    tables = []
    for kind in snapshot.catalogue.kinds:
        targets = snapshot.catalogue.targets(kind).targets
        buyers = snapshot.shop.popularity[kind]
        tables.append(
            pa.table(
                {
                    "kind": pa.repeat(kind, len(targets)).cast(pa.string()),
                    "target": pa.array(targets, pa.string()),
                    **{f"buyers_{window}": pa.array(buyers[window], pa.int64()) for window in WINDOWS_DAYS},
                }
            )
        )
    schema = pa.schema(
        [("kind", pa.string()), ("target", pa.string()), *((f"buyers_{days}", pa.int64()) for days in WINDOWS_DAYS)]
    )
    return pa.concat_tables(tables) if tables else schema.empty_table()


def _counts(snapshot: Snapshot, targets: Mapping[tuple[str, int], TargetScores]) -> dict[str, int]:
    buyers = int((snapshot.n_orders > 0).sum())
    return {
        "customers": len(snapshot),
        "buyers": buyers,
        "prospects": len(snapshot) - buyers,
        "orders": len(snapshot.orders),
        "products": len(snapshot.catalogue),
        **{f"targets_{kind}": len(scores) for (kind, _), scores in targets.items()},
    }


def _undated(log: OrderLog) -> dict[str, tuple[str, ...]]:
    """Columns of products and customers without a time of their own, as the source has them."""
    dated = {column.name for contract in CONTRACTS.values() for column in contract.columns if column.kind == "time"}
    keys = {"product_id", "customer_id"}
    return {
        table: tuple(name for name in log.tables.present.get(table, ()) if name not in dated | keys)
        for table in ("products", "customers")
    }
