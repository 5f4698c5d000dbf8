"""Across predictors and across windows: paired differences, the best baseline, means.

What comes in: what was measured of each predictor in each window. What goes out: `Difference`s from
the recipe to every other predictor, and means over windows in the same classes as single windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from intentml.evaluation.contenders import BASELINE, RECIPE
from intentml.evaluation.measure import Measured
from intentml.evaluation.measurement import (
    CALIBRATION,
    MEAN,
    METRICS,
    NO_ORDER,
    TARGETS_FOR_USER,
    USERS_FOR_TARGET,
    Difference,
    Measurement,
    MetricKey,
)
from intentml.metrics import interval

# What the recipe is held against the best baseline by; log-loss judges ranking and level at once.
COMPARED = {
    (USERS_FOR_TARGET, "map"),
    (USERS_FOR_TARGET, "auroc"),
    (TARGETS_FOR_USER, "ndcg_10"),
    (CALIBRATION, "log_loss"),
    (NO_ORDER, "auroc"),
    (NO_ORDER, "log_loss"),
    ("orders", "mae"),
    ("spend", "mae"),
}

Told = TypeVar("Told", Measurement, Difference)


def differences(measured: Mapping[str, Measured], roles: Mapping[str, str]) -> tuple[Difference, ...]:
    """The recipe minus every other predictor of one window, where both have replicates.

    The replicates were drawn with the same customers in each: their difference, resample by resample,
    is the paired bootstrap. Which baseline is best is read from the window itself, so the recipe is
    held against the luckiest of them. Source: Efron & Tibshirani 1993, chapter 8.
    """
    recipe = next(name for name, role in roles.items() if role == RECIPE)
    values = {name: {one.key: one for one in sheet.measurements} for name, sheet in measured.items()}
    found = []
    for key, own in measured[recipe].replicates.items():
        if (key.question, key.metric) not in COMPARED:
            continue
        for name in measured:
            theirs = measured[name].replicates.get(key)
            if name == recipe or theirs is None:
                continue
            one, other = values[recipe][key], values[name][key]
            gap = interval(one.value - other.value, own - theirs)
            found.append(
                Difference(
                    recipe,
                    name,
                    one.as_of,
                    one.horizon_days,
                    key.head,
                    key.question,
                    key.metric,
                    key.stratum,
                    gap.value,
                    gap.low,
                    gap.high,
                    against_best=False,
                )
            )
    return mark_best(found, [one for sheet in measured.values() for one in sheet.measurements], roles)


def mark_best(
    found: Iterable[Difference], measurements: Iterable[Measurement], roles: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Mark the differences to the best baseline of each metric; of equals the first is marked.

    Both must be of one window, or means.
    """
    best: dict[tuple[int, MetricKey], tuple[float, str]] = {}
    for one in measurements:
        if roles.get(one.predictor) != BASELINE or one.metric not in METRICS:
            continue
        merit = METRICS[one.metric].merit(one.value)
        about = one.horizon_days, one.key
        if not math.isnan(merit) and merit > best.get(about, (-math.inf, ""))[0]:
            best[about] = merit, one.predictor
    return tuple(
        replace(one, against_best=best.get((one.horizon_days, one.key), (0.0, ""))[1] == one.against)
        for one in found
    )


def mean_measurements(measurements: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """Each predictor's metric, mean over the windows that have it."""
    return tuple(
        replace(
            one,
            customers=round(np.mean([each.customers for each in group])),
            targets=round(np.mean([each.targets for each in group])),
        )
        for group, one in _means(measurements, lambda one: (one.predictor, one.horizon_days, one.key))
    )


def mean_differences(
    found: Sequence[Difference], means: Sequence[Measurement], roles: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Each difference, mean over windows; the best baseline is the best by its own mean."""
    pairs = _means(found, lambda one: (one.against, one.horizon_days, one.key))
    return mark_best([one for _, one in pairs], means, roles)


def _means(told: Sequence[Told], key_of: Callable[[Told], Hashable]) -> list[tuple[list[Told], Told]]:
    """Groups of one key and their mean: value and both ends of the interval.

    The same customers stand in every window, so windows share their luck: the mean's interval is the
    mean of the intervals, as wide as if they shared all of it.
    """
    groups: dict[Hashable, list[Told]] = {}
    for one in told:
        groups.setdefault(key_of(one), []).append(one)
    means = []
    for group in groups.values():
        known = [one for one in group if not math.isnan(one.value)] or group[:1]
        value, low, high = np.mean([(one.value, one.low, one.high) for one in known], axis=0).tolist()
        mean = replace(known[-1], as_of=MEAN, windows=len(known), value=value, low=low, high=high)
        means.append((known, mean))
    return means
