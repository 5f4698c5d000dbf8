"""What contacting an audience does: its contacted members against its holdout.

What comes in: one outcome a customer (orders, or money spent, after as_of) of both sides. What goes out:
the difference of their means and the relative lift, each with its interval. The holdout is drawn by
hashed id, so the sides differ by chance and by the contact alone; members whom no message reached
count as contacted, or the comparison is no longer fair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from intentml.audiences.membership import Membership
from intentml.errors import DataError
from intentml.tasks import labels_of
from intentml.timeline import OrderLog
from intentml.timeline.instants import check_horizon

Outcome = Literal["orders", "spend", "ordered"]

_FEWEST = 2


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; an end that the data cannot place is infinite."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Lift:
    """Contacted members against their holdout.

    The two intervals agree: the difference excludes 0 exactly where the relative lift does, if the
    holdout's mean is told from 0 at all.

    Attributes:
        contacted: Number of contacted members.
        holdout: Number of members held out.
        contacted_mean: Outcome per contacted member, in the outcome's unit.
        holdout_mean: Outcome per member held out.
        difference: What a contacted member has more, in the outcome's unit.
        relative: The same as a share of the holdout's mean; 0.1 is 10 % more. NaN where that mean is
            not positive.
        level: Of the intervals.
    """

    contacted: int
    holdout: int
    contacted_mean: float
    holdout_mean: float
    difference: Estimate
    relative: Estimate
    level: float


def lift(contacted: ArrayLike, holdout: ArrayLike, *, level: float = 0.95) -> Lift:
    """Compare an outcome of contacted members with their holdout's.

    Welch's interval for the difference; Fieller's, with the same degrees of freedom, for the ratio.

    Args:
        contacted: Outcome of each contacted member, (C,).
        holdout: Outcome of each member held out, (H,).
        level: Share of repetitions whose interval would hold the true value.

    Raises:
        DataError: A side has fewer than two members, or an outcome that is no number.

    Source: Welch 1947; Fieller 1954.
    """
    treated, kept = _outcomes(contacted, "contacted"), _outcomes(holdout, "holdout")
    mean, base = float(treated.mean()), float(kept.mean())
    variance, base_variance = (float(side.var(ddof=1)) / side.size for side in (treated, kept))
    t = _quantile(variance, treated.size - 1, base_variance, kept.size - 1, level)
    half = t * math.sqrt(variance + base_variance)
    return Lift(
        contacted=treated.size,
        holdout=kept.size,
        contacted_mean=mean,
        holdout_mean=base,
        difference=Estimate(mean - base, mean - base - half, mean - base + half),
        relative=_relative(mean, t**2 * variance, base, t**2 * base_variance),
        level=level,
    )


def lift_since(log: OrderLog, then: Membership, days: int, outcome: Outcome = "orders") -> Lift:
    """The lift of an audience as it was, over the days that followed.

    Args:
        log: The shop's history, which covers these days.
        then: Its members and holdout at a refresh.
        days: After the refresh's as_of, 7 to 365.
        outcome: orders, spend (money), or ordered (1 or 0).

    Raises:
        IncompleteOutcomeError: The history ends before the days do.
        DataError: A side has fewer than two members.
    """
    snapshot = log.as_of(then.refresh.as_of)
    labels = labels_of(snapshot, log.outcomes(snapshot, check_horizon(days)))
    told = {"orders": labels.orders, "spend": labels.spend, "ordered": ~labels.no_order}[outcome]
    rows = np.searchsorted(snapshot.customer_ids, then.customer_ids)
    of_members = told[rows].astype(np.float64)
    return lift(of_members[~then.holdout], of_members[then.holdout])


def _outcomes(values: ArrayLike, side: str) -> NDArray[np.float64]:
    """One side's outcomes, (N,)."""
    outcomes = np.asarray(values, dtype=np.float64).ravel()
    if outcomes.size < _FEWEST:
        raise DataError(
            f"{outcomes.size} {side} members are too few to compare: each side needs {_FEWEST}",
            hint="refresh the audience with a holdout, and measure after it",
        )
    odd = np.flatnonzero(~np.isfinite(outcomes))
    if odd.size:
        raise DataError(
            f"the outcome of {odd.size:,} {side} members is no number",
            rows=odd[:5].tolist(),
            hint="a member who ordered nothing has the outcome 0",
        )
    return outcomes


def _quantile(variance: float, degrees: int, base_variance: float, base_degrees: int, level: float) -> float:
    """How many standard errors of the difference to either side, by Welch and Satterthwaite."""
    from scipy.stats import t

    spread = variance**2 / degrees + base_variance**2 / base_degrees
    freedom = (variance + base_variance) ** 2 / spread if spread > 0 else degrees + base_degrees
    return float(t.ppf((1 + level) / 2, freedom))


def _relative(mean: float, reach: float, base: float, base_reach: float) -> Estimate:
    """Ratio of two means less 1, with Fieller's limits.

    They are the ratios r at which `mean - r * base` is within its own interval of 0, the roots of a
    quadratic. Where the base's interval holds 0, any ratio fits, however large.

    Args:
        mean: Of the contacted.
        reach: Its squared standard error times the squared quantile.
        base: Mean of the holdout.
        base_reach: As `reach`, of the holdout.
    """
    if base <= 0:
        return Estimate(math.nan, math.nan, math.nan)
    ratio = mean / base
    squared = base**2 - base_reach
    if squared <= 0:
        return Estimate(ratio - 1, -math.inf, math.inf)
    middle = mean * base / squared
    half = math.sqrt(max((mean * base) ** 2 - squared * (mean**2 - reach), 0.0)) / squared
    return Estimate(ratio - 1, middle - half - 1, middle + half - 1)
