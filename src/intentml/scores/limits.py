"""The shop's lifecycle limits at `as_of`, and how far its own past says to widen them.

What comes in: a log and its snapshot. What goes out: `LifecycleLimits` for the manifest. What a stage
is stands in `stages`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intentml.prediction import F64
from intentml.scores.rhythm import own_rhythm
from intentml.scores.stages import (
    LifecycleLimits,
    choose_widening,
    cycle_days,
    lifecycle_limits,
    returned_within_cycle,
)
from intentml.sequences.timing import timing_statistics
from intentml.timeline import OrderLog, Snapshot

# Stages are validated on the quarter before as_of, or on half of a shorter history.
_WINDOW_DAYS, _SHORTEST_WINDOW_DAYS = 90, 7


def stage_limits(log: OrderLog, snapshot: Snapshot) -> LifecycleLimits:
    """The shop's lifecycle limits at the snapshot, widened where the quarter before it says so."""
    timing = timing_statistics(snapshot)
    limits = lifecycle_limits(timing.active_indptr, timing.active_day, timing.today)
    window = min(_WINDOW_DAYS, int(snapshot.history_days // 2))
    if window < _SHORTEST_WINDOW_DAYS:
        return limits
    earlier = log.before(snapshot.as_of).as_of(snapshot.as_of.plus_days(-window))
    then = timing_statistics(earlier)
    rhythm = own_rhythm(then.active_indptr, then.active_day, then.n_orders)
    cycle = cycle_days(then.n_orders, rhythm.gap_days, limits)
    returned, known = returned_within_cycle(_days_to_next(snapshot, earlier, window), cycle, float(window))
    rows = np.flatnonzero(known & np.isfinite(rhythm.gap_days))
    told = replace(
        rhythm,
        gap_days=rhythm.gap_days[rows],
        irregularity=rhythm.irregularity[rows],
        active_days=rhythm.active_days[rows],
    )
    return choose_widening(then.recency_days[rows], told, returned[rows], limits)


def _days_to_next(now: Snapshot, earlier: Snapshot, window: float) -> F64:
    """Days from the earlier snapshot to each of its customers' next order; inf where none came."""
    age = now.orders.age_days
    after = np.flatnonzero(age <= window)
    soonest = np.full(len(now), np.inf)
    np.minimum.at(soonest, now.orders.customer[after], window - age[after])
    rows = np.searchsorted(now.customer_ids, earlier.customer_ids)
    return soonest[rows]
