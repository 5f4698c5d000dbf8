"""What the timing network reads of a customer: every BTYD model's opinion, plain facts of rhythm and money.

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
_LAST_GAPS = 4
_RHYTHM = _LAST_GAPS + 3
_SPENT_DAYS = (14, 28, 90, 180)
_HALF_LIVES_DAYS = (14, 60)
_MONEY = 4 + len(_SPENT_DAYS) + len(_HALF_LIVES_DAYS)

OPINIONS = len(_ASKED_DAYS) * (1 + len(BTYD_NAMES))
NUMBERS = OPINIONS + _FACTS + len(_RECENT_DAYS) + _RHYTHM + _MONEY


def timing_numbers(snapshot: Snapshot, chosen: str, timings: Mapping[str, ActivityPrior]) -> F32:
    """The numbers of every customer; of those without an order they say nothing. Shape: (U, `NUMBERS`).

    Args:
        snapshot: Any partition of customers.
        chosen: Name of the timing prior that is corrected.
        timings: That one and every BTYD model, by name, fitted at the same instant and not calibrated.
    """
    asked = dict.fromkeys((chosen, *BTYD_NAMES))
    says = {name: logit(timings[name].no_order(snapshot, _ASKED_DAYS)) for name in asked}
    base = says[chosen]
    apart = [np.clip(says[name] - base, -_FARTHEST_APART, _FARTHEST_APART) for name in BTYD_NAMES]
    facts = (_facts(snapshot), _recent_orders(snapshot), _rhythm(snapshot), _money(snapshot))
    columns = [np.clip(base, -_FARTHEST, _FARTHEST), *apart, *facts]
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


def _rhythm(snapshot: Snapshot) -> F64:
    """How far back the four orders before the last lie; gaps' mean, spread and longest; as logarithms.

    What a customer has too few orders to tell is 0. Shape: (U, `_RHYTHM`).
    """
    users, age, who = len(snapshot), snapshot.orders.age_days, snapshot.orders.customer
    last = snapshot.order_indptr[1:] - 1
    found = []
    for back in range(1, _LAST_GAPS + 1):
        days = np.zeros(users)
        told = np.flatnonzero(snapshot.n_orders > back)
        days[told] = age[last[told] - back] - age[last[told]]
        found.append(np.log1p(days))
    within = who[1:] == who[:-1]
    gap, of = np.log1p(-np.diff(age)[within]), who[1:][within]
    count = np.maximum(np.bincount(of, minlength=users), 1)
    mean = np.bincount(of, weights=gap, minlength=users) / count
    spread = np.bincount(of, weights=(gap - mean[of]) ** 2, minlength=users) / count
    longest = np.zeros(users)
    np.maximum.at(longest, of, gap)
    return np.stack([*found, mean, np.sqrt(spread), longest], axis=1)


def _money(snapshot: Snapshot) -> F64:
    """What orders cost and hold, what was spent lately, and orders that fade with time; as logarithms.

    Shape: (U, `_MONEY`).
    """
    orders, users = snapshot.orders, len(snapshot)
    count, some = np.maximum(snapshot.n_orders, 1), np.flatnonzero(snapshot.n_orders > 0)
    last = snapshot.order_indptr[some + 1] - 1

    def total(values: F64) -> F64:
        return np.bincount(orders.customer, weights=values, minlength=users).astype(np.float64)

    def of_last(values: F64) -> F64:
        found = np.zeros(users)
        found[some] = values[last]
        return found

    told = [
        total(orders.spend) / count,
        total(orders.items) / count,
        of_last(orders.spend),
        of_last(orders.items),
    ]
    told += [total(orders.spend * (orders.age_days <= days)) for days in _SPENT_DAYS]
    told += [total(0.5 ** (orders.age_days / days)) for days in _HALF_LIVES_DAYS]
    facts: F64 = np.log1p(np.maximum(np.stack(told, axis=1), 0.0))
    return facts
