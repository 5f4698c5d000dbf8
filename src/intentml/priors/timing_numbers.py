"""What the timing network reads of a customer: every BTYD model's opinion, and the plain facts of the rhythm.

What comes in: a snapshot and fitted timing priors. What goes out: a matrix, one row a customer. Which BTYD
model is right differs between shops and ages of customers; the network learns whom to believe when
(experiments/0010-timing-numbers).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from intentml.prediction import F32, F64, logit
from intentml.priors.activity import BTYD_NAMES, ActivityPrior
from intentml.sequences.timing import timing_statistics
from intentml.timeline import Snapshot

_ASKED_DAYS = (7, 14, 28, 60, 120, 240)
_RECENT_DAYS = (14, 28, 56, 90, 180)
_FARTHEST, _FARTHEST_APART = 8.0, 5.0
_FACTS = 8

NUMBERS = len(_ASKED_DAYS) * (1 + len(BTYD_NAMES)) + _FACTS + len(_RECENT_DAYS)


def timing_numbers(snapshot: Snapshot, chosen: str, timings: Mapping[str, ActivityPrior]) -> F32:
    """The numbers of every customer; of those without an order they say nothing. Shape: (U, `NUMBERS`).

    Args:
        snapshot: Any partition of customers.
        chosen: Name of the timing prior that is corrected.
        timings: That one and every BTYD model, by name, fitted at the same instant and not calibrated.
    """
    base = logit(timings[chosen].no_order(snapshot, _ASKED_DAYS))
    apart = [
        np.clip(
            logit(timings[name].no_order(snapshot, _ASKED_DAYS)) - base, -_FARTHEST_APART, _FARTHEST_APART
        )
        for name in BTYD_NAMES
    ]
    columns = [np.clip(base, -_FARTHEST, _FARTHEST), *apart, _facts(snapshot), _recent_orders(snapshot)]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _facts(snapshot: Snapshot) -> F64:
    """Orders, active days, idle time and pace, as logarithms. Shape: (U, `_FACTS`)."""
    timing = timing_statistics(snapshot)
    active = np.maximum(timing.active_days, 1)
    idle, tenure = np.nan_to_num(timing.recency_days), np.nan_to_num(timing.tenure_days)
    gap = (tenure - idle) / np.maximum(active - 1, 1)
    facts = [
        np.log1p(timing.active_days),
        np.log1p(timing.n_orders),
        np.log1p(idle),
        np.log1p(tenure),
        np.log1p(gap),
        np.log1p(idle) - np.log1p(gap),
        np.log(np.maximum(timing.n_orders, 1) / active),
        timing.active_days == 1,
    ]
    return np.stack(facts, axis=1).astype(np.float64)


def _recent_orders(snapshot: Snapshot) -> F64:
    """Orders in the last days, as logarithms. Shape: (U, windows)."""
    age, who, users = snapshot.orders.age_days, snapshot.orders.customer, len(snapshot)
    counts = [np.bincount(who[age <= days], minlength=users) for days in _RECENT_DAYS]
    return np.log1p(np.stack(counts, axis=1))
