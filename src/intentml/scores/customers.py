"""One row a customer: what is known, what is predicted, and where the customer stands.

What comes in: a snapshot, predictions at each horizon and over a year, and limits. What goes out:
the table of customers.parquet, sorted by customer_id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.prediction import F64, Predictions
from intentml.scores.importance import ImportanceLimits, importance, importance_limits
from intentml.scores.rhythm import Rhythm, own_rhythm
from intentml.scores.stages import LifecycleLimits, cycle_days, lifecycle, stages_disagree
from intentml.sequences.timing import TimingStatistics, timing_statistics
from intentml.survival import SURVIVAL_DAYS, days_until, survival_at
from intentml.timeline import Snapshot

# Money returned is drawn toward the shop's share of it until a customer has spent this many mean orders.
_RETURN_BELIEF_ORDERS = 5.0
YEAR_DAYS = 365


def customer_table(
    snapshot: Snapshot,
    predictions: Sequence[Predictions],
    year: Predictions,
    lifecycle_limits: LifecycleLimits,
    importance_limits_: ImportanceLimits | None = None,
) -> tuple[pa.Table, ImportanceLimits]:
    """The table, and the importance limits it was cut by.

    Args:
        snapshot: The customers.
        predictions: At each horizon; the first is the default and gives the plain columns.
        year: Predictions over 365 days.
        lifecycle_limits: Of the shop.
        importance_limits_: Of the shop; fitted here on these customers where None.
    """
    timing = timing_statistics(snapshot)
    spent = _spent(snapshot)
    rhythm = own_rhythm(timing.active_indptr, timing.active_day, timing.n_orders)
    columns: dict[str, Any] = {
        "customer_id": pa.array(snapshot.customer_ids, pa.string()),
        **_observed(snapshot, timing, spent),
    }
    columns["rhythm_days"] = _nullable(rhythm.gap_days)
    for number, prediction in enumerate(predictions):
        suffix = f"_{prediction.horizon_days}" if number else ""
        columns |= _predicted(snapshot, prediction, suffix)
    columns |= _standing(snapshot, timing, rhythm, predictions[0], lifecycle_limits)
    n_total = timing.n_orders + _or_zero(year.orders, snapshot)
    revenue = None if year.spend is None else spent + year.spend
    limits = importance_limits_ or importance_limits(timing.n_orders, n_total, revenue)
    columns["importance"] = pa.array(importance(timing.n_orders, n_total, revenue, limits), pa.string())
    columns["expected_orders_365"] = pa.array(_or_zero(year.orders, snapshot))
    if year.spend is not None:
        columns["expected_spend_365"] = pa.array(year.spend)
    return pa.table(columns), limits


def _observed(snapshot: Snapshot, timing: TimingStatistics, spent: F64) -> dict[str, Any]:
    """Orders, recency, tenure and money so far; money is null where no order has a known price."""
    priced = np.bincount(snapshot.line_customer, np.isfinite(snapshot.line_amount), len(snapshot)) > 0
    unknown = (timing.n_orders > 0) & ~priced
    return {
        "orders": timing.n_orders,
        "recency_days": _nullable(timing.recency_days),
        "tenure_days": _nullable(timing.tenure_days),
        "monetary": pa.array(spent, mask=unknown),
        "monetary_net": pa.array(spent - snapshot.returned_amount, mask=unknown),
    }


def _spent(snapshot: Snapshot) -> F64:
    """Money paid, gross of returns; lines of unknown price count as 0. Shape: (U,)."""
    spent = np.bincount(snapshot.orders.customer, weights=snapshot.orders.spend, minlength=len(snapshot))
    return spent.astype(np.float64)


def _predicted(snapshot: Snapshot, prediction: Predictions, suffix: str) -> dict[str, Any]:
    """Columns of one horizon."""
    columns: dict[str, Any] = {}
    if prediction.no_order is not None:
        columns[f"churn_probability{suffix}"] = prediction.no_order
    if prediction.orders is not None:
        columns[f"expected_orders{suffix}"] = prediction.orders
    if prediction.spend is not None:
        columns[f"expected_spend{suffix}"] = prediction.spend
        if snapshot.shop.returned_share > 0:
            columns[f"expected_spend_net{suffix}"] = prediction.spend * (1 - _returned_share(snapshot))
    return columns


def _standing(
    snapshot: Snapshot,
    timing: TimingStatistics,
    rhythm: Rhythm,
    prediction: Predictions,
    limits: LifecycleLimits,
) -> dict[str, Any]:
    """The survival curve, the next order, and the stage of the lifecycle."""
    stage = lifecycle(timing.n_orders, timing.recency_days, rhythm.gap_days, rhythm.irregularity, limits)
    named = {"lifecycle": pa.array(stage.astype(object), pa.string())}
    survival = prediction.survival
    if survival is None:
        return named
    buyer = timing.n_orders > 0
    cycle = cycle_days(timing.n_orders, rhythm.gap_days, limits)
    back = np.where(buyer, 1 - survival_at(survival, np.where(buyer, cycle, 1.0)), np.nan)
    return {
        "expected_next_order_at": _next_order_at(snapshot, survival, buyer),
        "return_probability": _nullable(back),
        **{f"survival_{days}": survival[:, at] for at, days in enumerate(SURVIVAL_DAYS)},
        **named,
        "lifecycle_disagrees": pa.array(stages_disagree(stage, back, limits)),
    }


def _next_order_at(snapshot: Snapshot, survival: F64, buyer: npt.NDArray[np.bool_]) -> pa.Array:
    """Median instant of the next order, given that it comes within a year; null for prospects."""
    last = survival[:, -1]
    days = days_until(survival, last + (1 - last) / 2)
    days[last == 1.0] = SURVIVAL_DAYS[-1]  # no order at all: as late as can be told
    micros = snapshot.as_of.us + np.round(days * 86_400) * 1_000_000
    stamps = pa.array(micros.astype(np.int64), mask=~buyer)
    return stamps.cast(pa.timestamp("us", tz="UTC"))


def _returned_share(snapshot: Snapshot) -> F64:
    """Share of the money that comes back, the customer's own drawn toward the shop's. Shape: (U,)."""
    belief = _RETURN_BELIEF_ORDERS * snapshot.shop.mean_order
    returned = snapshot.returned_amount + belief * snapshot.shop.returned_share
    share: F64 = np.clip(returned / np.maximum(_spent(snapshot) + belief, 1e-9), 0.0, 1.0)
    return share


def _nullable(values: F64) -> pa.Array:
    """NaN becomes null."""
    return pa.array(values, mask=np.isnan(values))


def _or_zero(values: F64 | None, snapshot: Snapshot) -> F64:
    return np.zeros(len(snapshot)) if values is None else values
