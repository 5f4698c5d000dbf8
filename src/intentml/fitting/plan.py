"""Which past windows the sequence model learns from, and which it is held against.

What comes in: a log cut at `as_of`, horizons, settings. What goes out: `TrainingPlan`. Nothing that a
window of validation shows is learned from: every training label ends where validation begins.

A shop whose history holds no horizon twice is validated at a shorter one, a tenth of its history. Where
not even that fits twice, a quarter of the customers is kept for validation and learned from nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from intentml.fitting.slices import Past
from intentml.fitting.split import taught
from intentml.fitting.windows import cutoffs
from intentml.timeline import Instant, OrderLog
from intentml.timeline.catalogue import Strings
from intentml.timeline.instants import MIN_HORIZON_DAYS

# Validation takes one in so many days of a history that holds no horizon twice: the newest days teach most,
# and those that validate teach nothing.
_SHORTER = 10
# A window seen from a short past teaches weights for a past that short.
_MIN_HISTORY_DAYS = 28


@dataclass(frozen=True)
class TrainingPlan:
    """Windows of one training.

    Attributes:
        split: `windows` where validation lies after all that is learned from, `customers` where it is
            other customers.
        validation: The cutoff of the validation window, for each horizon that the model learns.
        ends: No training label reaches this instant.
        cutoffs: Windows to learn targets and timing from, newest first.
        anchors: Instants between them to learn timing from.
        newest: Windows whose outcomes reach into validation or beyond it, newest first: what is learned once
            more after the gates are set learns from them too.
        newest_anchors: Instants since validation began, to learn timing from then.
    """

    split: Literal["windows", "customers"]
    validation: dict[int, Instant]
    ends: Instant
    cutoffs: tuple[Instant, ...]
    anchors: tuple[Instant, ...]
    newest: tuple[Instant, ...]
    newest_anchors: tuple[Instant, ...]

    @property
    def horizons(self) -> tuple[int, ...]:
        """Horizons learned, ascending."""
        return tuple(sorted(self.validation))

    @property
    def known_until(self) -> Instant:
        """What of the whole shop may be known beforehand: names, prices and vectors before validation."""
        return min(self.validation.values(), key=lambda cutoff: cutoff.us)

    def teaches(self, customer_ids: Strings) -> npt.NDArray[np.bool_]:
        """Which customers are learned from. Shape: (U,)."""
        if self.split == "windows":
            return np.ones(len(customer_ids), np.bool_)
        return taught(customer_ids)

    def judges(self, customer_ids: Strings) -> npt.NDArray[np.bool_]:
        """Which customers validation looks at. Shape: (U,)."""
        everybody = np.ones(len(customer_ids), np.bool_)
        return everybody if self.split == "windows" else ~self.teaches(customer_ids)


def plan_training(
    log: OrderLog,
    horizons_days: Sequence[int],
    *,
    windows: int,
    n_cutoffs: int,
    n_anchors: int,
    seed: int,
) -> TrainingPlan | None:
    """The plan; None where the history is too short for any.

    Args:
        log: Cut at `as_of`.
        horizons_days: Horizons asked for; those without two windows of their own are not learned, and
            the model answers them as the nearest that is.
        windows: Windows a prior takes, as `cutoffs` counts them.
        n_cutoffs: Most training windows.
        n_anchors: Instants to learn timing from, besides.
        seed: Of the anchors.
    """
    twice = _twice(log, horizons_days, windows)
    # A shorter horizon, where one fits twice, before other customers: only time tells what time brings.
    days = min(max(horizons_days), int(log.until.days_since(log.start)) // _SHORTER)
    shorter = max(MIN_HORIZON_DAYS, days)
    split: Literal["windows", "customers"] = "windows"
    if not twice:
        twice = _twice(log, [shorter], windows)
        if not twice:
            alone = cutoffs(log, shorter, 1)
            twice = {} if alone is None else {shorter: alone.validation}
            split = "customers"
    if not twice:
        return None
    ends, horizons = log.until if split == "customers" else twice[max(twice)], sorted(twice)
    learned = _cutoffs(log, ends, horizons, n_cutoffs)
    newest = [at for at in _cutoffs(log, log.until, horizons, n_cutoffs) if learned and at.us > learned[0].us]
    return TrainingPlan(
        split,
        twice,
        ends,
        learned,
        _anchors(log, ends, n_anchors, seed),
        tuple(newest),
        tuple(at for at in _anchors(log, log.until, n_anchors, seed) if at.us > ends.us),
    )


def _twice(log: OrderLog, horizons_days: Sequence[int], windows: int) -> dict[int, Instant]:
    """The validation cutoff of each horizon with two windows of its own."""
    plans = (cutoffs(log, days, windows) for days in sorted(set(horizons_days)))
    return {plan.horizon_days: plan.validation for plan in plans if plan is not None and plan.training}


def has_customers(past: Past, plan: TrainingPlan) -> bool:
    """Whether somebody with an order is there to learn from, and to judge by at every horizon."""

    def buyers(cutoff: Instant) -> Strings:
        snapshot = past.at(cutoff).snapshot
        found: Strings = snapshot.customer_ids[snapshot.n_orders > 0]
        return found

    taught = plan.teaches(buyers(plan.cutoffs[0]))
    judged = (plan.judges(buyers(cutoff)) for cutoff in plan.validation.values())
    return bool(taught.any() and all(side.any() for side in judged))


def _cutoffs(log: OrderLog, ends: Instant, horizons: Sequence[int], most: int) -> tuple[Instant, ...]:
    """Half a horizon apart, the newest as late as the longest horizon allows.

    With several horizons one window more is there for the shortest, which may look later.
    """
    longest, shortest = horizons[-1], horizons[0]
    backs = [longest + number * max(MIN_HORIZON_DAYS, longest // 2) for number in range(most)]
    if shortest < longest:
        backs = [shortest, *backs[: most - 1]]
    room = ends.days_since(log.start) - max(_MIN_HISTORY_DAYS, longest // 2)
    return tuple(ends.plus_days(-back) for back in backs if back <= room)


def _anchors(log: OrderLog, ends: Instant, count: int, seed: int) -> tuple[Instant, ...]:
    """Days drawn between the first four weeks and the last one, newest first."""
    latest = int(ends.days_since(log.start)) - _MIN_HISTORY_DAYS
    if latest <= MIN_HORIZON_DAYS:
        return ()
    days = np.arange(MIN_HORIZON_DAYS, latest)
    drawn = np.random.default_rng(seed).choice(days, min(count, len(days)), replace=False)
    return tuple(ends.plus_days(-int(back)) for back in np.sort(drawn))
