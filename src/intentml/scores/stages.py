"""Where a customer stands: the lifecycle, against the customer's own rhythm or the shop's.

In: orders, recency and rhythm a customer (U,) as plain arrays, and the shop's limits. Out: prospect,
new, active, slipping_away or lost, and the days of the next own cycle. The limits are fitted once a
scoring run, kept in the manifest, and make one customer of a request get the same stage as the crowd.
It predicts nothing: return probabilities come from the model. Importance is in `importance`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from intentml.scores.importance import IMPORTANCES, ImportanceLimits, importance, importance_limits
from intentml.scores.rhythm import Rhythm, SurvivalCurve, own_rhythm, return_curves

__all__ = [
    "IMPORTANCES",
    "LIFECYCLES",
    "ImportanceLimits",
    "LifecycleLimits",
    "ReturnTimes",
    "Rhythm",
    "choose_widening",
    "cycle_days",
    "importance",
    "importance_limits",
    "lifecycle",
    "lifecycle_limits",
    "own_rhythm",
    "returned_within_cycle",
    "stages_disagree",
]

LIFECYCLES = ("prospect", "new", "active", "slipping_away", "lost")
WIDENINGS = (0.0, 0.5, 1.0, 2.0)

_USUAL_SHARE, _LOST_SHARE, _CYCLE_SHARE = 0.80, 0.95, 0.50
_MIN_RETURNS = 20
# For a shop where nobody ever came back, or too few to tell when: a quarter and half a year.
_ASSUMED = {"usual_days": 90.0, "lost_days": 180.0, "cycle_days": 45.0}
_ACTIVE, _SLIPPING = LIFECYCLES.index("active"), LIFECYCLES.index("slipping_away")


class ReturnTimes(BaseModel):
    """When customers without a rhythm of their own come back, from one curve of the shop.

    Attributes:
        usual_days: 80 % of the curve's returners are back by then: ends new or active.
        lost_days: 95 % are back by then: ends slipping_away.
        cycle_days: Half of them are back by then: such a customer's next cycle.
        returns: Returns seen in the curve of this very class.
        source: The curve the days are from: the first, second or a later active day to the next, or
            `assumed` where no curve has 20 returns (then 90, 180 and 45 days).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usual_days: float = Field(gt=0)
    lost_days: float = Field(gt=0)
    cycle_days: float = Field(gt=0)
    returns: int = Field(ge=0)
    source: Literal["first", "second", "later", "assumed"]


class LifecycleLimits(BaseModel):
    """The boundaries between stages, for the manifest.

    A customer with a rhythm is active while recency < active_until cycles and lost from lost_from
    cycles on, with cycle = max(own median gap, shortest_cycle_days) x (1 + widen x irregularity).

    Attributes:
        active_until: In cycles.
        lost_from: In cycles.
        widen: How far irregular gaps stretch the cycle; 0 means not at all, and regular customers
            are never touched.
        shortest_cycle_days: No rhythm shorter than a week is told apart, so that three orders on
            three days in a row do not make a customer lost on the fifth.
        first: Return times after the first order (the shop's usual time to a second one).
        second: After the second.
        later: After the third or a later one, for customers whose orders fell on too few days.
        return_low: An active customer whose return probability is below this is flagged.
        return_high: A lost one whose return probability is at least this is flagged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    active_until: float = Field(default=1.2, gt=0)
    lost_from: float = Field(default=2.0, gt=0)
    widen: float = Field(default=0.0, ge=0)
    shortest_cycle_days: float = Field(default=7.0, ge=0)
    first: ReturnTimes
    second: ReturnTimes
    later: ReturnTimes
    return_low: float = Field(default=0.2, ge=0, le=1)
    return_high: float = Field(default=0.5, ge=0, le=1)

    @property
    def second_order_usual_days(self) -> float:
        """The shop's usual time to a second order: within it a customer with one order is new."""
        return self.first.usual_days

    def of_class(self, name: Literal["usual_days", "lost_days", "cycle_days"]) -> NDArray[np.float64]:
        """One of the shop's return times by class: first, second, later, (3,)."""
        return np.array([getattr(times, name) for times in (self.first, self.second, self.later)])


def lifecycle_limits(indptr: ArrayLike, days: ArrayLike, as_of_day: int) -> LifecycleLimits:
    """The shop's limits from its customers' active days; `widen` is 0 until validation says otherwise.

    A curve with fewer than 20 returns is replaced by the nearest one that has them (second for first,
    first for second and later, and so on), and if none has, by assumed days; `source` tells.

    Args:
        indptr: Where each customer's days start in `days`, customers with an order, (U + 1,).
        days: Distinct active days before as_of, ascending within a customer.
        as_of_day: as_of on the same scale.
    """
    curves = return_curves(indptr, days, as_of_day)
    return LifecycleLimits(
        first=_return_times(curves, (1, 2, 3)),
        second=_return_times(curves, (2, 1, 3)),
        later=_return_times(curves, (3, 2, 1)),
    )


def lifecycle(
    n_orders: ArrayLike,
    recency_days: ArrayLike,
    rhythm_days: ArrayLike,
    irregularity: ArrayLike,
    limits: LifecycleLimits,
) -> NDArray[np.str_]:
    """The stage of each customer.

    prospect: no order. new: exactly one order, and within the shop's usual time to a second one.
    Otherwise active, slipping_away or lost by the customer's own rhythm where there is one, else by
    the shop's return times for customers with as many orders. A boundary belongs to the later stage.

    Args:
        n_orders: Number of orders, (U,).
        recency_days: Days since the last order; not read for prospects, (U,).
        rhythm_days: `Rhythm.gap_days`, NaN without an own rhythm, (U,).
        irregularity: `Rhythm.irregularity`, (U,).
        limits: Of the shop.

    Returns:
        Names out of `LIFECYCLES`, (U,).
    """
    orders = np.asarray(n_orders)
    codes = _codes(orders, recency_days, rhythm_days, irregularity, limits)
    codes[(orders == 1) & (codes == _ACTIVE)] = LIFECYCLES.index("new")
    codes[orders < 1] = LIFECYCLES.index("prospect")
    return np.array(LIFECYCLES)[codes]


def cycle_days(n_orders: ArrayLike, rhythm_days: ArrayLike, limits: LifecycleLimits) -> NDArray[np.float64]:
    """Days of the customer's next cycle, for return_probability = P(an order within it), (U,).

    The own median gap (at least `shortest_cycle_days`), else the time by which half of the shop's
    returners with as many orders are back; NaN for prospects.
    """
    orders, own = np.asarray(n_orders), np.asarray(rhythm_days, dtype=np.float64)
    shop = limits.of_class("cycle_days")[np.clip(orders, 1, 3).astype(np.intp) - 1]
    cycle = np.where(np.isnan(own), shop, np.fmax(own, limits.shortest_cycle_days))
    return np.where(orders < 1, np.nan, cycle)


def stages_disagree(
    stage: ArrayLike, return_probability: ArrayLike, limits: LifecycleLimits
) -> NDArray[np.bool_]:
    """True where the stage and the model say opposite things about the next own cycle, (U,).

    An active customer whom the model expects back with less than `return_low`, or a lost one whom it
    expects with at least `return_high`. new and slipping_away claim nothing about a return.
    """
    named, probability = np.asarray(stage), np.asarray(return_probability, dtype=np.float64)
    doubtful = (named == "active") & (probability < limits.return_low)
    hopeful = (named == "lost") & (probability >= limits.return_high)
    return np.asarray(doubtful | hopeful, dtype=np.bool_)


def returned_within_cycle(
    days_to_next: ArrayLike, cycle: ArrayLike, covered_days: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each customer ordered within the next own cycle, and for whom that can be told.

    Only cycles that end within the days covered after the cutoff can be told: counting a longer one
    when its order happened to come early would see returns and never their absence.

    Args:
        days_to_next: Days from the cutoff to the next order, infinite or NaN if none came, (U,).
        cycle: Of `cycle_days`, (U,).
        covered_days: Days after the cutoff that the data cover.

    Returns:
        returned, known: both (U,).
    """
    length = np.asarray(cycle, dtype=np.float64)
    return np.asarray(days_to_next) <= length, length <= covered_days


def choose_widening(
    recency_days: ArrayLike,
    rhythm: Rhythm,
    returned: ArrayLike,
    limits: LifecycleLimits,
    *,
    candidates: tuple[float, ...] = WIDENINGS,
) -> LifecycleLimits:
    """The limits with the widening under which the stages tell best who came back.

    Each candidate sorts the customers with a rhythm into active, slipping_away and lost at the
    validation cutoff, and is scored by the log-likelihood of `returned` under each stage's own rate.
    The smallest widening within one standard error of the best is taken, so that noise widens
    nothing, and customers with regular gaps keep their stage whatever is chosen.

    Args:
        recency_days: Days since the last order at the validation cutoff, (U,).
        rhythm: At the validation cutoff; customers without one are left out.
        returned: Whether they ordered within the next own cycle (`returned_within_cycle`), (U,).
            Leave out customers for whom it cannot be told.
        limits: To widen.
        candidates: Widenings to try.

    Source: the one-standard-error rule, Breiman et al. 1984, section 3.4.3.
    """
    own = ~np.isnan(rhythm.gap_days)
    if not own.any():
        return limits
    came = np.asarray(returned, dtype=np.bool_)[own]
    orders = np.full(came.size, 3)
    recency = np.asarray(recency_days, dtype=np.float64)[own]
    likelihoods = []
    for widen in sorted(candidates):
        widened = limits.model_copy(update={"widen": widen})
        codes = _codes(orders, recency, rhythm.gap_days[own], rhythm.irregularity[own], widened)
        likelihoods.append((widen, _log_likelihood(codes, came)))
    best = max((value for _, value in likelihoods), key=lambda value: float(value.sum()))
    for widen, value in likelihoods:
        loss = best - value
        if loss.sum() <= loss.std() * math.sqrt(loss.size):
            return limits.model_copy(update={"widen": widen})
    raise AssertionError("the best candidate is within its own standard error")


def _codes(
    orders: NDArray[np.int_],
    recency_days: ArrayLike,
    rhythm_days: ArrayLike,
    irregularity: ArrayLike,
    limits: LifecycleLimits,
) -> NDArray[np.intp]:
    """Positions in LIFECYCLES of active, slipping_away or lost, by recency alone."""
    recency = np.asarray(recency_days, dtype=np.float64)
    own = np.asarray(rhythm_days, dtype=np.float64)
    stretch = 1.0 + limits.widen * np.asarray(irregularity, dtype=np.float64)
    cycle = np.fmax(own, limits.shortest_cycle_days) * stretch
    number = np.clip(orders, 1, 3).astype(np.intp) - 1
    no_rhythm = np.isnan(own)
    usual = np.where(no_rhythm, limits.of_class("usual_days")[number], limits.active_until * cycle)
    lost = np.where(no_rhythm, limits.of_class("lost_days")[number], limits.lost_from * cycle)
    return np.asarray(_ACTIVE + (recency >= usual) + (recency >= lost), dtype=np.intp)


def _log_likelihood(codes: NDArray[np.intp], came: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log-likelihood of each customer's return under the rate of the own stage (add-one smoothed)."""
    customers = np.bincount(codes, minlength=len(LIFECYCLES))
    returns = np.bincount(codes[came], minlength=len(LIFECYCLES))
    rate = ((returns + 1.0) / (customers + 2.0))[codes]
    return np.asarray(np.log(np.where(came, rate, 1.0 - rate)), dtype=np.float64)


def _return_times(curves: Mapping[int, SurvivalCurve], preference: tuple[int, ...]) -> ReturnTimes:
    """Return times from the first curve in order of preference that has enough returns."""
    seen = curves[preference[0]].returns
    sources: dict[int, Literal["first", "second", "later"]] = {1: "first", 2: "second", 3: "later"}
    for number in preference:
        curve = curves[number]
        if curve.returns >= _MIN_RETURNS and curve.times.size:
            usual = curve.returner_quantile(_USUAL_SHARE)
            return ReturnTimes(
                usual_days=usual,
                lost_days=max(curve.returner_quantile(_LOST_SHARE), usual),
                cycle_days=curve.returner_quantile(_CYCLE_SHARE),
                returns=seen,
                source=sources[number],
            )
    return ReturnTimes(**_ASSUMED, returns=seen, source="assumed")
