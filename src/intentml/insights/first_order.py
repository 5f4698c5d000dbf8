"""The size of the first order from which customers come back: found in the data, or told to be none.

What comes in: the size of each customer's first order and when the second came. What goes out: a threshold
with its interval, and the rates on both sides of it, told of customers who had no part in finding it.

Source: the cut with the largest chi-square, Miller & Siegmund 1982; its optimism is kept out by cross-fitting
over two halves; Wilson 1927 and Newcombe 1998 for the intervals of rates and of their difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from intentml.audiences.view import ShopView
from intentml.insights.members import numbers
from intentml.prediction import F64

if TYPE_CHECKING:
    import pandas as pd

Size = Literal["first_order_items", "first_order_lines", "first_order_spend"]

# Each side of a cut needs this share of the customers, and this many; a curve is told in so many steps.
_SIDE_SHARE, _SIDE_FEWEST, _STEPS = 0.05, 30, 10
_CUTS, _RESAMPLES, _LUCK, _Z = 100, 500, 0.025, 1.959964
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rate:
    """How many came back, with a 95 % interval (Wilson).

    Attributes:
        customers: Of how many.
        returned: How many of them.
        value: The share.
        low: Lower end.
        high: Upper end.
    """

    customers: int
    returned: int
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"


@dataclass(frozen=True)
class Half:
    """A threshold found on one half of the customers, and the rates of the other half.

    Attributes:
        threshold: Found; None where no cut has enough customers on both sides.
        below: Of the other half, those below it.
        above: Those at it or above.
    """

    threshold: float | None
    below: Rate
    above: Rate


@dataclass(frozen=True, eq=False)
class FirstOrderThreshold:
    """What the size of the first order says of a second one.

    Attributes:
        size: The field: items, lines or spend of the first order.
        within_days: A second order counts where it came by then.
        customers: Whose first order was at least so long ago.
        threshold: From this size on customers come back more often; None where the data shows none.
        low: Lower end of its 95 % interval (bootstrap over customers).
        high: Upper end.
        luck: How often the best cut is as good where size tells nothing (a permutation test).
        halves: Each half's threshold, judged on the other half.
        below: Rate of all customers below the threshold that the other half found.
        above: Rate of those at it or above.
        difference: above - below.
        difference_low: Lower end of its 95 % interval.
        difference_high: Upper end.
        curve: The rate by size: from, to, customers, returned, rate, low, high.
    """

    size: str
    within_days: float
    customers: int
    threshold: float | None
    low: float
    high: float
    luck: float
    halves: tuple[Half, ...]
    below: Rate
    above: Rate
    difference: float
    difference_low: float
    difference_high: float
    curve: pd.DataFrame

    def lines(self) -> list[str]:
        """The finding in sentences."""
        days, name = f"{self.within_days:.0f} days", self.size.removeprefix("first_order_")
        if not self.halves:
            few = f"{self.customers:,} customers had their first order at least {days} ago"
            return [f"No threshold: {few}, too few or too much alike to find one."]
        ends = f"{self.difference_low:+.1%} to {self.difference_high:+.1%}"
        told = [
            f"Second order within {days}, of {self.customers:,} customers: at the threshold that the other "
            f"half of the customers found or above {self.above}, below {self.below}; "
            f"difference {self.difference:+.1%} ({ends})."
        ]
        if self.threshold is None:
            return ["No threshold: a larger first order does not tell of a second one here.", *told]
        interval = f"95 % interval {self.low:,.4g} to {self.high:,.4g}"
        return [f"Threshold: {self.threshold:,.4g} {name} in the first order ({interval}).", *told]


def first_order_threshold(
    view: ShopView, within_days: float, size: Size = "first_order_items", *, seed: int = 0
) -> FirstOrderThreshold:
    """The threshold of a shop (see `threshold_of`).

    Args:
        view: The shop.
        within_days: The shop's usual time to a second order, of its lifecycle limits.
        size: Pieces, lines or money of the first order.
        seed: Of the halves and the resamples.
    """
    fields = (size, "days_to_second_order", "tenure_days")
    return threshold_of(
        *(numbers(view.customers, name) for name in fields), within_days=within_days, size=size, seed=seed
    )


def threshold_of(
    sizes: ArrayLike,
    second_days: ArrayLike,
    tenure_days: ArrayLike,
    *,
    within_days: float,
    size: str = "first_order_items",
    seed: int = 0,
) -> FirstOrderThreshold:
    """The size from which customers come back more often, and how sure that is.

    Only customers whose first order is at least `within_days` old can tell. There is a threshold where two
    things hold: dealing out anew who came back leads to as good a cut at most one time in forty, and those
    at or above the threshold that the other half found came back more often than those below, beyond the
    interval. Where size tells nothing, both hold in at most one shop of forty. It is the best single cut:
    where the rate climbs evenly its interval is wide.

    Args:
        sizes: Of the first order; NaN where there is none or it is unknown. Shape: (U,).
        second_days: Days from the first order to the second, NaN where there is none. Shape: (U,).
        tenure_days: Days since the first order. Shape: (U,).
        within_days: A second order counts where it came by then.
        size: What the sizes are.
        seed: Of the halves and the resamples.
    """
    values = np.asarray(sizes, np.float64)
    told = np.isfinite(values) & (np.asarray(tenure_days, np.float64) >= within_days)
    values = values[told]
    back = np.asarray(second_days, np.float64)[told] <= within_days
    rng = np.random.default_rng(seed)
    cuts = _cuts(values)
    step = np.searchsorted(cuts, values, side="right")  # how many cuts the value is at or above
    half = rng.permutation(len(values)) % 2
    cells = [_cells(step[half == part], back[half == part], len(cuts)) for part in (0, 1)]
    whole = cells[0] + cells[1]
    best = _best(whole)
    halves: tuple[Half, ...] = ()
    low = high = float("nan")
    luck = 1.0
    if best is not None:
        luck = _luck(whole, rng)
        halves = tuple(_half(_best(cells[part]), cells[1 - part], cuts) for part in (0, 1))
        low, high = _interval(whole, cuts, rng)
    below, above = _together([one.below for one in halves]), _together([one.above for one in halves])
    difference, ends = above.value - below.value, _difference_interval(above, below)
    return FirstOrderThreshold(
        size=size,
        within_days=float(within_days),
        customers=len(values),
        threshold=float(cuts[best]) if best is not None and luck <= _LUCK and ends[0] > 0 else None,
        low=low,
        high=high,
        luck=luck,
        halves=halves,
        below=below,
        above=above,
        difference=difference,
        difference_low=ends[0],
        difference_high=ends[1],
        curve=_curve(values, back),
    )


def _cuts(values: F64) -> F64:
    """Sizes to cut at: every one, or a hundred spread over the customers where there are more."""
    sizes = np.unique(values)
    if len(sizes) > _CUTS:
        sizes = np.unique(np.quantile(values, np.linspace(0, 1, _CUTS + 1), method="higher"))
    return sizes[1:]  # nobody is below the smallest


def _cells(step: npt.NDArray[np.intp], back: npt.NDArray[np.bool_], cuts: int) -> Counts:
    """Customers by step and whether they came back. Shape: (cuts + 1, 2)."""
    return np.bincount(2 * step + back, minlength=2 * (cuts + 1)).reshape(-1, 2)


def _best(cells: Counts) -> int | None:
    """The cut above which most more come back than below; None where none has both sides."""
    score = _scores(cells)
    return int(np.argmax(score)) if np.isfinite(score).any() else None


def _scores(cells: Counts) -> F64:
    """How many more come back above each cut, in errors; -inf where a side is too small. Shape: (cuts,)."""
    everybody, returned = cells.sum(), cells[:, 1].sum()
    above, back = (np.cumsum(part[::-1])[::-1][1:] for part in (cells.sum(axis=1), cells[:, 1]))
    below = everybody - above
    fewest = max(_SIDE_FEWEST, _SIDE_SHARE * everybody)
    enough = (above >= fewest) & (below >= fewest)
    lift = back - above * returned / everybody  # more came back above than their number alone would say
    score: F64 = np.divide(lift, np.sqrt(above * below), out=np.full(len(above), -np.inf), where=enough)
    return score


def _luck(cells: Counts, rng: np.random.Generator) -> float:
    """How often the best cut is as good where who came back is dealt out anew: a permutation test."""
    customers, returned = cells.sum(axis=1), int(cells[:, 1].sum())
    dealt = rng.multivariate_hypergeometric(customers, returned, _RESAMPLES, method="marginals")
    best = [_scores(np.stack([customers - back, back], axis=1)).max() for back in dealt]
    return float((1 + np.count_nonzero(np.array(best) >= _scores(cells).max())) / (1 + _RESAMPLES))


def _half(best: int | None, others: Counts, cuts: F64) -> Half:
    if best is None:
        return Half(None, _rate(0, 0), _rate(0, 0))
    low, high = others[: best + 1].sum(axis=0), others[best + 1 :].sum(axis=0)
    return Half(float(cuts[best]), *(_rate(int(side[1]), int(side.sum())) for side in (low, high)))


def _interval(cells: Counts, cuts: F64, rng: np.random.Generator) -> tuple[float, float]:
    """Where the threshold of resampled customers lies, 95 times of a hundred."""
    drawn = rng.multinomial(cells.sum(), (cells / cells.sum()).ravel(), _RESAMPLES)
    found = [_best(one.reshape(cells.shape)) for one in drawn]
    at = [cuts[best] for best in found if best is not None]
    ends = np.quantile(at, (0.025, 0.975), method="nearest")
    return float(ends[0]), float(ends[1])


def _rate(returned: int, customers: int) -> Rate:
    if not customers:
        return Rate(0, 0, *[float("nan")] * 3)
    share, z2 = returned / customers, _Z**2 / customers
    middle = (share + z2 / 2) / (1 + z2)
    reach = _Z * np.sqrt(share * (1 - share) / customers + z2 / customers / 4) / (1 + z2)
    return Rate(customers, returned, share, float(max(middle - reach, 0)), float(min(middle + reach, 1)))


def _together(rates: Sequence[Rate]) -> Rate:
    """The rate of the customers of all."""
    return _rate(sum(one.returned for one in rates), sum(one.customers for one in rates))


def _difference_interval(above: Rate, below: Rate) -> tuple[float, float]:
    """Newcombe's interval of above - below, made of the intervals of both."""
    difference = above.value - below.value
    return (
        float(difference - np.hypot(above.value - above.low, below.high - below.value)),
        float(difference + np.hypot(above.high - above.value, below.value - below.low)),
    )


def _curve(values: F64, back: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """The rate in at most ten steps of size, each of as many customers as ties allow."""
    import pandas as pd

    if not len(values):
        return pd.DataFrame(columns=["from", "to", "customers", "returned", "rate", "low", "high"])
    inner = np.quantile(values, np.linspace(0, 1, _STEPS + 1)[1:-1], method="higher")
    step = np.searchsorted(np.unique(inner), values, side="right")
    rows: list[Sequence[float]] = []
    for one in np.unique(step):
        mine = step == one
        rate = _rate(int(back[mine].sum()), int(mine.sum()))
        span = values[mine].min(), values[mine].max()
        rows.append((*span, rate.customers, rate.returned, rate.value, rate.low, rate.high))
    return pd.DataFrame(rows, columns=["from", "to", "customers", "returned", "rate", "low", "high"]).astype(
        {"customers": int, "returned": int}
    )
