"""Users for a target: how well scores put a target's buyers before the other customers.

In: scores and what happened, customers x targets. Out: one value a target for every metric, overall
and apart for customers who had bought the target before as_of (repeat) and who never had (explore),
and their summary. Which targets are judged is `population`'s; intervals are `intervals`'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from intentml.metrics.ties import BEFORE, LABEL, ranking_keys, score_part, tie_breakers

FloatArray = NDArray[np.float64]

# A target with a handful of explore buyers has a lift of several by luck alone (1 + ln(U)/buyers), so
# the mean over targets asks for as many as the population asks for buyers on the smallest data set.
MIN_STRATUM_BUYERS = 10
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class UsersForTarget:
    """One value a target, (J,) each; NaN where a target has no buyer of the kind asked.

    Attributes:
        buyers: Customers who bought the target in the window.
        customers: Customers ranked, the same for every target.
        average_precision: Over all customers ranked.
        auroc: Area under the ROC curve, ties counted half.
        lift_1: Share of buyers in the best 1 % of customers over their share in all.
        lift_5: The same in the best 5 %.
        recall: Share of the buyers who are among the best `recall_at` customers.
        repeat_customers: Customers who had bought the target before as_of.
        repeat_buyers: Of those, buyers in the window.
        repeat_average_precision: Over those customers alone.
        explore_average_precision: Over the customers who had never bought the target.
    """

    buyers: FloatArray
    customers: FloatArray
    average_precision: FloatArray
    auroc: FloatArray
    lift_1: FloatArray
    lift_5: FloatArray
    recall: FloatArray
    repeat_customers: FloatArray
    repeat_buyers: FloatArray
    repeat_average_precision: FloatArray
    explore_average_precision: FloatArray

    @classmethod
    def concatenate(cls, parts: list[UsersForTarget]) -> UsersForTarget:
        """The parts of several chunks of targets as one."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    @property
    def explore_customers(self) -> FloatArray:
        """Customers who had never bought the target."""
        return self.customers - self.repeat_customers

    @property
    def explore_buyers(self) -> FloatArray:
        """Buyers in the window among them."""
        return self.buyers - self.repeat_buyers

    @property
    def base_rate(self) -> FloatArray:
        """Share of the customers who buy."""
        return _ratio(self.buyers, self.customers)

    @property
    def explore_lift(self) -> FloatArray:
        """Average precision over base rate among customers who had never bought the target."""
        return _ratio(self.explore_average_precision, _ratio(self.explore_buyers, self.explore_customers))

    def summary(
        self, tail: ArrayLike | None = None, *, min_stratum_buyers: int = MIN_STRATUM_BUYERS
    ) -> dict[str, float]:
        """Means over targets.

        `explore_ap_lift` is the mean of `explore_lift` over targets with at least
        `min_stratum_buyers` explore buyers, and `explore_ap_lift_by_chance` what a random order
        would reach in expectation on the same targets (about 1.2 on Complete Journey's categories:
        a lift of 1 is below chance). `repeat_map` asks for as many repeat buyers.

        Args:
            tail: Mask (J,) of `population.tail_targets`; without it head and tail are NaN.
            min_stratum_buyers: Fewest repeat or explore buyers for a target to count there.
        """
        explore = self.explore_buyers >= min_stratum_buyers
        repeat = self.repeat_buyers >= min_stratum_buyers
        by_chance = chance_lift(self.explore_customers[explore], self.explore_buyers[explore])
        in_tail = None if tail is None else np.asarray(tail, dtype=np.bool_)
        precision = self.average_precision
        bought = np.nansum(precision * self.buyers), self.buyers.sum()
        return {
            "targets": float(precision.size),
            "map": _mean(precision),
            "map_by_buyers": float(bought[0] / bought[1]) if bought[1] else math.nan,
            "map_head": math.nan if in_tail is None else _mean(precision[~in_tail]),
            "map_tail": math.nan if in_tail is None else _mean(precision[in_tail]),
            "auroc": _mean(self.auroc),
            "lift_1": _mean(self.lift_1),
            "lift_5": _mean(self.lift_5),
            "recall": _mean(self.recall),
            "base_rate": _mean(self.base_rate),
            "repeat_targets": float(repeat.sum()),
            "repeat_map": _mean(self.repeat_average_precision[repeat]),
            "explore_targets": float(explore.sum()),
            "explore_map": _mean(self.explore_average_precision[explore]),
            "explore_ap_lift": _mean(self.explore_lift[explore]),
            "explore_ap_lift_by_chance": _mean(by_chance),
        }


def users_for_target(
    scores: ArrayLike,
    labels: ArrayLike,
    bought_before: ArrayLike,
    *,
    seed: int = 0,
    first_target: int = 0,
    recall_at: int = 100,
) -> UsersForTarget:
    """Rank all customers for each target and say how well the buyers came out.

    Ties are broken at random by `seed` and the target's number, the same for every predictor and
    every chunking. Scores are compared as float32. Time is one sort a target.

    Args:
        scores: Higher means likelier to buy, (U, J).
        labels: True where the customer buys the target in the window, (U, J).
        bought_before: True where the customer had bought it before as_of, (U, J).
        seed: Of the tie-breaking.
        first_target: Number of the first column, where the columns are a chunk of more targets.
        recall_at: Length of the list for `recall`, in customers.

    Raises:
        ValueError: Shapes differ, or a score is not a number.

    Source: average precision as the mean over buyers of precision at the buyer's position
    (Manning, Raghavan & Schuetze 2008, section 8.4); AUROC from mean ranks (Hanley & McNeil 1982).
    """
    cells, happened, before = np.asarray(scores), np.asarray(labels), np.asarray(bought_before)
    if cells.ndim != 2 or cells.shape != happened.shape or cells.shape != before.shape:
        raise ValueError(
            f"scores {cells.shape}, labels {happened.shape} and bought_before {before.shape} "
            "must have one shape, customers x targets"
        )
    customers, targets = cells.shape
    step = max(1, _CELLS_AT_ONCE // max(customers, 1))
    parts = []
    for start in range(0, max(targets, 1), step):
        stop = min(start + step, targets)
        breakers = tie_breakers(seed, range(first_target + start, first_target + stop), customers)
        chunk = slice(start, stop)
        keys = ranking_keys(cells[:, chunk].T, breakers, happened[:, chunk].T, before[:, chunk].T)
        keys.sort(axis=1)
        parts.append(_measure(keys, recall_at))
    return UsersForTarget.concatenate(parts)


def average_precision(labels: ArrayLike, scores: ArrayLike, *, seed: int = 0) -> float:
    """Average precision of one ranking (U,), ties broken at random; NaN without a buyer.

    >>> average_precision([True, False, True], [0.9, 0.5, 0.1])
    0.8333333333333333
    """
    column = np.asarray(scores)[:, None]
    happened = np.asarray(labels, dtype=np.bool_)[:, None]
    return float(users_for_target(column, happened, happened, seed=seed).average_precision[0])


def chance_lift(customers: ArrayLike, buyers: ArrayLike) -> FloatArray:
    """Expected average precision of a random order over the base rate; above 1 for few buyers.

    With m buyers among n in random order, E[AP] = (H_n + (m - 1) (n - H_n) / (n - 1)) / n, with H_n
    the n-th harmonic number.

    Source: Bestgen 2015, "Exact expected average precision of the random baseline".

    >>> chance_lift([2], [1]).tolist()
    [1.5]
    """
    n, m = np.asarray(customers, dtype=np.float64), np.asarray(buyers, dtype=np.float64)
    counts, position = np.unique(n, return_inverse=True)
    harmonic = np.array([np.sum(1.0 / np.arange(1.0, count + 1.0)) for count in counts])
    h = harmonic[position.reshape(n.shape)] if counts.size else np.zeros_like(n)
    others = _ratio((m - 1.0) * (n - h), n - 1.0)
    return _ratio(h + np.where(n > 1, others, 0.0), m)


def _measure(keys: NDArray[np.uint64], recall_at: int) -> UsersForTarget:
    """All metrics of a block of sorted keys (B, U); only the buyers' cells are touched one by one."""
    rows, customers = keys.shape
    row, place = np.nonzero(keys & LABEL)
    buyers = np.bincount(row, minlength=rows).astype(np.float64)
    had_bought = (keys & BEFORE).astype(np.bool_)
    repeats_so_far = np.cumsum(had_bought, axis=1, dtype=np.int32)
    repeat_place = repeats_so_far[row, place]
    is_repeat = had_bought[row, place]
    share = _ratio(buyers, np.full(rows, float(customers)))

    def found_in_top(length: int) -> FloatArray:
        return np.bincount(row[place < length], minlength=rows).astype(np.float64)

    def lift(fraction: float) -> FloatArray:
        length = max(1, math.ceil(fraction * customers))
        return _ratio(found_in_top(length) / length, share)

    return UsersForTarget(
        buyers=buyers,
        customers=np.full(rows, float(customers)),
        average_precision=_average_precision(row, place + 1, rows),
        auroc=_auroc(score_part(keys), row, place, buyers),
        lift_1=lift(0.01),
        lift_5=lift(0.05),
        recall=_ratio(found_in_top(recall_at), buyers),
        repeat_customers=repeats_so_far[:, -1].astype(np.float64) if customers else np.zeros(rows),
        repeat_buyers=np.bincount(row[is_repeat], minlength=rows).astype(np.float64),
        repeat_average_precision=_average_precision(row[is_repeat], repeat_place[is_repeat], rows),
        explore_average_precision=_average_precision(
            row[~is_repeat], (place + 1 - repeat_place)[~is_repeat], rows
        ),
    )


def _average_precision(
    row: NDArray[np.intp], position: NDArray[np.signedinteger[Any]], rows: int
) -> FloatArray:
    """Mean of k / position over the k-th buyers of each row; rows ascending, positions from 1."""
    buyers = np.bincount(row, minlength=rows)
    kth = np.arange(row.size) - (np.cumsum(buyers) - buyers)[row] + 1
    return _ratio(np.bincount(row, weights=kth / position, minlength=rows), buyers)


def _auroc(
    tied_score: NDArray[np.uint32], row: NDArray[np.intp], place: NDArray[np.intp], buyers: FloatArray
) -> FloatArray:
    """AUROC by row from the buyers' mean positions within their ties."""
    rows, customers = tied_score.shape
    starts_group = np.ones((rows, customers), dtype=np.bool_)
    starts_group[:, 1:] = tied_score[:, 1:] != tied_score[:, :-1]
    starts = np.append(np.flatnonzero(starts_group), rows * customers)
    group = np.searchsorted(starts, row * customers + place, side="right") - 1
    position = (starts[group] + starts[group + 1] + 1) / 2 - row * customers
    others_above = np.bincount(row, weights=position, minlength=rows) - buyers * (buyers + 1) / 2
    return 1.0 - _ratio(others_above, buyers * (customers - buyers))


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> FloatArray:
    """Division that answers NaN where there is nothing to divide by."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    out = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom > 0)
    return out


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
