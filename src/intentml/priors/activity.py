"""Whether and how often a customer orders again: BTYD timing wrapped for snapshots.

What comes in: a snapshot. What goes out: P(no order within t) for any t, and expected orders.
BTYD is fitted on active days; orders are its active days times the orders a customer places on one.
Prospects, who never ordered, have a first-order rate of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from intentml.prediction import F64, SURVIVAL_DAYS, logit, sigmoid, survival_at
from intentml.priors.btyd import BtydModel, BtydName, expected_purchases, fit_btyd, no_purchase_probability
from intentml.priors.btyd_counts import BtydCounts
from intentml.sequences.timing import TimingStatistics, timing_statistics
from intentml.timeline import Snapshot

BTYD_NAMES: tuple[BtydName, ...] = ("bg_nbd", "mbg_nbd", "pareto_nbd")
ACTIVITY_PRIORS = ("base_rate", *BTYD_NAMES)
# A customer's own orders per active day count like this many days of the shop's.
_DAYS_OF_BELIEF = 5.0


@dataclass(frozen=True)
class ActivityPrior:
    """Timing of orders.

    Attributes:
        name: One of `ACTIVITY_PRIORS`.
        btyd: The fitted model; None for `base_rate`, where every buyer has the shop's rate.
        silence: For `base_rate`, P(no order within `SURVIVAL_DAYS`): the share of the customers known so
            many days ago who have not ordered since.
        order_rate: Active days per day, over all buyers (base rate).
        orders_per_active_day: Over the shop.
        first_order_rate: First orders per prospect and day.
        calibration: Intercept and slope of the no-order logit, by horizon; between them interpolated.
        comeback_rate: Orders per day that come from any buyer, however lost BTYD holds them: it is sure of
            the loss of some who come back all the same (experiments/0021-comebacks).
    """

    name: str
    btyd: BtydModel | None
    order_rate: float
    orders_per_active_day: float
    first_order_rate: float
    silence: tuple[float, ...] = ()
    calibration: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    comeback_rate: float = 0.0

    def no_order(self, snapshot: Snapshot, days: npt.ArrayLike) -> F64:
        """P(no order in the next t days), non-increasing in t. Shape: days (K,) -> (U, K)."""
        asked = np.atleast_1d(np.asarray(days, dtype=np.float64))
        silent = np.exp(-self.first_order_rate * asked) * np.ones((len(snapshot), 1))
        buyers, counts = buyer_counts(timing_statistics(snapshot))
        if len(buyers) and not self.calibration:
            silent[buyers] = self._silence(counts, asked)
        elif len(buyers):
            # The days of the survival curve hold the mended curve in place, whatever days are asked.
            every = np.union1d(asked, SURVIVAL_DAYS)
            mended = self._mended(self._silence(counts, every), every)
            silent[buyers] = mended[:, np.searchsorted(every, asked)]
        return silent

    def orders(self, snapshot: Snapshot, days: npt.ArrayLike) -> F64:
        """Expected orders in the next t days. Shape: days (K,) -> (U, K)."""
        horizons = np.atleast_1d(np.asarray(days, dtype=np.float64))
        timing = timing_statistics(snapshot)
        expected = self.first_order_rate * horizons * np.ones((len(snapshot), 1))
        buyers, counts = buyer_counts(timing)
        per_day = (timing.n_orders + _DAYS_OF_BELIEF * self.orders_per_active_day) / (
            timing.active_days + _DAYS_OF_BELIEF
        )
        if self.btyd is None:
            expected[buyers] = self.order_rate * horizons
        elif len(buyers):
            expected[buyers] = expected_purchases(self.btyd, counts, horizons) + self.comeback_rate * horizons
        return expected * per_day[:, np.newaxis]

    def calibrated(self, calibration: Mapping[int, tuple[float, float]]) -> ActivityPrior:
        """The same timing with a correction of its no-order logit."""
        return replace(self, calibration=dict(calibration))

    def coming_back(self, rate: float) -> ActivityPrior:
        """The same timing where any buyer orders at least at this rate, per day."""
        return replace(self, comeback_rate=rate)

    def _silence(self, counts: BtydCounts, days: F64) -> F64:
        """P(no order) of customers with an order, before calibration. Shape: days (K,) -> (B, K)."""
        if self.btyd is None:
            curve = np.tile(np.array(self.silence), (len(days), 1))
            silent = np.tile(np.minimum.accumulate(survival_at(curve, days)), (len(counts), 1))
        else:
            silent = no_purchase_probability(self.btyd, counts, days)
        return silent * np.exp(-self.comeback_rate * days)

    def _mended(self, silence: F64, days: F64) -> F64:
        """The curve with its logit corrected, and kept from rising.

        Knots differ, so a corrected curve may rise: on the survival days it takes its lowest value so
        far, and between two of them it stays between their values. Shape: (B, K), days (K,) ascending.
        """
        knots = np.array(sorted(self.calibration))
        pairs = np.array([self.calibration[knot] for knot in knots])
        at = np.log(np.maximum(days, 1.0))
        intercept, slope = (np.interp(at, np.log(knots), pairs[:, column]) for column in (0, 1))
        corrected = sigmoid(intercept + slope * logit(silence))
        lowest = np.minimum.accumulate(corrected[:, np.isin(days, SURVIVAL_DAYS)], axis=1)
        bounds = np.pad(lowest, ((0, 0), (1, 1)), constant_values=((0, 0), (1.0, 0.0)))
        above = bounds[:, np.searchsorted(SURVIVAL_DAYS, days, side="right")]
        below = bounds[:, np.searchsorted(SURVIVAL_DAYS, days, side="left") + 1]
        return np.minimum.accumulate(np.clip(corrected, below, above), axis=1)

    def to_dict(self) -> dict[str, Any]:
        """The prior as JSON values."""
        return {
            "name": self.name,
            "btyd": self.btyd.to_dict() if self.btyd else None,
            "order_rate": self.order_rate,
            "orders_per_active_day": self.orders_per_active_day,
            "first_order_rate": self.first_order_rate,
            "silence": list(self.silence),
            "calibration": {str(days): list(pair) for days, pair in self.calibration.items()},
            "comeback_rate": self.comeback_rate,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ActivityPrior:
        """The prior that `to_dict` wrote."""
        return cls(
            name=values["name"],
            btyd=BtydModel.from_dict(values["btyd"]) if values["btyd"] else None,
            order_rate=values["order_rate"],
            orders_per_active_day=values["orders_per_active_day"],
            first_order_rate=values["first_order_rate"],
            silence=tuple(values["silence"]),
            calibration={int(days): (pair[0], pair[1]) for days, pair in values["calibration"].items()},
            comeback_rate=values["comeback_rate"],
        )


def fit_activity(name: str, snapshot: Snapshot, first_order_rate: float) -> ActivityPrior:
    """Fit one timing prior on everything known at the snapshot.

    Args:
        name: One of `ACTIVITY_PRIORS`.
        snapshot: A whole snapshot with at least one order.
        first_order_rate: First orders per prospect and day (see `first_order_rate`).
    """
    timing = timing_statistics(snapshot)
    buyers, counts = buyer_counts(timing)
    days = float(timing.active_days[buyers].sum())
    return ActivityPrior(
        name=name,
        btyd=None if name == "base_rate" else fit_btyd(_btyd_name(name), counts),
        order_rate=float(counts.x.sum()) / max(1.0, float(counts.T.sum())),
        orders_per_active_day=float(timing.n_orders.sum()) / max(1.0, days),
        first_order_rate=first_order_rate,
        silence=_silence_so_far(timing) if name == "base_rate" else (),
    )


def _silence_so_far(timing: TimingStatistics) -> tuple[float, ...]:
    """Of the customers who had ordered t days ago, the share without an order since; half a customer added.

    Shape: one for each of `SURVIVAL_DAYS`, not rising.
    """
    shares = []
    for days in SURVIVAL_DAYS:
        known = timing.tenure_days > days
        silent = int((timing.recency_days[known] > days).sum())
        shares.append((silent + 0.5) / (int(known.sum()) + 1.0))
    return tuple(float(share) for share in np.minimum.accumulate(shares))


def first_order_rate(prospects: int, converted: int, days: float) -> float:
    """First orders per prospect and day, from the prospects of a past window; half an event is added."""
    return (converted + 0.5) / ((prospects + 1.0) * max(days, 1.0))


def _btyd_name(name: str) -> BtydName:
    return next(known for known in BTYD_NAMES if known == name)


# As a cached property would call it, of a room that the timing does not know.
_KEPT = "_buyer_counts"


def buyer_counts(timing: TimingStatistics) -> tuple[npt.NDArray[np.int64], BtydCounts]:
    """The customers with an order, and their counts; worked out once, and kept with the timing."""
    kept = vars(timing)
    if _KEPT not in kept:
        kept[_KEPT] = _counted(timing)
    counts: tuple[npt.NDArray[np.int64], BtydCounts] = kept[_KEPT]
    return counts


def _counted(timing: TimingStatistics) -> tuple[npt.NDArray[np.int64], BtydCounts]:
    buyers = np.flatnonzero(timing.n_orders > 0)
    first = timing.active_day[timing.active_indptr[buyers]]
    last = timing.active_day[timing.active_indptr[buyers + 1] - 1]
    return buyers, BtydCounts.from_active_days(timing.active_days[buyers], first, last, timing.today)
