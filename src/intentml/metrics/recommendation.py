"""Targets for a user: how many of a customer's purchases are in that customer's ten best targets.

In: scores and what happened, customers x judged targets. Out: precision, recall, nDCG and hit at k, one
value a customer, for the list over all judged targets and for two lists of their own: the targets the
customer had bought before as_of (repeat) and those never bought (explore). For lists already made, of
next-basket recommenders: recall, nDCG and hit as their papers define them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from intentml.metrics.ties import BEFORE, LABEL, ranking_keys, tie_breakers

FloatArray = NDArray[np.float64]

_CELLS_AT_ONCE = 4_000_000
_FLAGS = LABEL | BEFORE


@dataclass(frozen=True)
class ListQuality:
    """Quality of one list a customer, (U,) each; NaN for customers with nothing to find.

    Attributes:
        precision: Share of the list's k places that hold a purchase.
        recall: Share of the customer's purchases that are in the list.
        ndcg: Discounted gain over the best possible one.
        hit: 1 where at least one purchase is in the list; its mean is the share of such customers.
    """

    precision: FloatArray
    recall: FloatArray
    ndcg: FloatArray
    hit: FloatArray

    def means(self) -> dict[str, float]:
        """Means over the customers with something to find, and how many they are."""
        judged = ~np.isnan(self.recall)
        named = vars(self)
        means = {
            name: float(value[judged].mean()) if judged.any() else math.nan for name, value in named.items()
        }
        return {"customers": float(judged.sum()), **means}


@dataclass(frozen=True)
class TargetsForUser:
    """The three lists: every judged target, those bought before as_of, those never bought."""

    overall: ListQuality
    repeat: ListQuality
    explore: ListQuality

    def summary(self) -> dict[str, float]:
        """All means, the names of the repeat and explore lists with their prefix."""
        named = {"": self.overall, "repeat_": self.repeat, "explore_": self.explore}
        return {
            f"{prefix}{name}": value
            for prefix, quality in named.items()
            for name, value in quality.means().items()
        }


def targets_for_user(
    scores: ArrayLike,
    labels: ArrayLike,
    bought_before: ArrayLike,
    *,
    k: int = 10,
    seed: int = 0,
    first_user: int = 0,
) -> TargetsForUser:
    """Judge each customer's k best targets, overall and apart for repeat and explore targets.

    A customer counts in a list when at least one purchase of the window is among that list's
    candidates. Ties are broken at random by `seed` and the customer's number.

    Args:
        scores: Higher means likelier to be bought, over judged targets, (U, J).
        labels: True where bought in the window, (U, J).
        bought_before: True where bought before as_of, (U, J).
        k: Length of the list.
        seed: Of the tie-breaking.
        first_user: Number of the first row, where the rows are a chunk of more customers.

    Raises:
        ValueError: Shapes differ, k is below 1, or a score is not a number.

    Source: nDCG with binary gains, Jarvelin & Kekalainen 2002; repeat and explore apart, Li et al.
    2023, "A Next Basket Recommendation Reality Check".
    """
    cells, happened, before = np.asarray(scores), np.asarray(labels), np.asarray(bought_before)
    if cells.ndim != 2 or cells.shape != happened.shape or cells.shape != before.shape:
        raise ValueError(
            f"scores {cells.shape}, labels {happened.shape} and bought_before {before.shape} "
            "must have one shape, customers x targets"
        )
    if k < 1:
        raise ValueError(f"a list of {k} targets cannot be judged")
    users, targets = cells.shape
    step = max(1, _CELLS_AT_ONCE // max(targets, 1))
    out = np.full((3, 4, users), np.nan)
    # Only customers with a purchase can be judged: the others are not even ranked.
    bought = np.flatnonzero(happened.any(axis=1)) if targets else np.zeros(0, dtype=np.intp)
    for start in range(0, bought.size, step):
        who = bought[start : start + step]
        breakers = tie_breakers(seed, who + first_user, targets)
        keys = ranking_keys(cells[who], breakers, happened[who], before[who])
        had_bought = (keys & BEFORE).astype(np.bool_)
        everything = np.ones_like(had_bought)
        for index, candidates in enumerate((everything, had_bought, ~had_bought)):
            out[index][:, who] = _judge(keys, candidates, k)
    overall, repeat, explore = (ListQuality(*quality) for quality in out)
    return TargetsForUser(overall, repeat, explore)


@dataclass(frozen=True)
class BasketQuality:
    """How much of the next basket is in a list, (U,) each.

    Attributes:
        recall: Share of the basket that is in the list.
        ndcg: Discounted gain over the best possible one of a list of k.
        ndcg_uncut: The same over the best possible one of a list as long as the basket.
        hit: 1 where anything of the basket is in the list; its mean is the personal hit ratio (PHR).
    """

    recall: FloatArray
    ndcg: FloatArray
    ndcg_uncut: FloatArray
    hit: FloatArray


def next_basket(hits: ArrayLike, basket_sizes: ArrayLike, *, k: int = 10) -> BasketQuality:
    """Judge each customer's list of k by the basket that came.

    Args:
        hits: Whether each place of the list holds an item of the basket, the best place first, (U, L);
            places after the k-th are not looked at, and a shorter list ends in False.
        basket_sizes: Different items in each basket, at least one, (U,).
        k: Length of the list.

    Raises:
        ValueError: Shapes do not fit, k is below 1, or a list holds more of a basket than there is.

    Source: nDCG cut at k, Yu et al. 2020 (DNNTSP); not cut, the code of Li et al. 2023, "A Next Basket
    Recommendation Reality Check".
    """
    found, sizes = np.asarray(hits, dtype=np.bool_), np.asarray(basket_sizes, dtype=np.int64)
    if found.ndim != 2 or sizes.shape != found.shape[:1]:
        raise ValueError(f"hits {found.shape} and basket_sizes {sizes.shape} must be of the same customers")
    if k < 1:
        raise ValueError(f"a list of {k} items cannot be judged")
    if (sizes < np.maximum(found.sum(axis=1), 1)).any():
        raise ValueError("a basket is empty, or a list holds more of it than there is")
    found = found[:, :k]
    count = found.sum(axis=1)
    discount = 1.0 / np.log2(np.arange(2.0, max(k, int(sizes.max(initial=1))) + 2.0))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    gained = found @ discount[: found.shape[1]]
    return BasketQuality(
        recall=count / sizes,
        ndcg=gained / ideal[np.minimum(sizes, k)],
        ndcg_uncut=gained / ideal[sizes],
        hit=(count > 0).astype(np.float64),
    )


def _judge(keys: NDArray[np.uint64], candidates: NDArray[np.bool_], k: int) -> FloatArray:
    """Precision, recall, nDCG and hit at k of the candidates' ranking by row, (4, B)."""
    wanted = ((keys & LABEL).astype(np.bool_) & candidates).sum(axis=1)
    # Other cells go behind every candidate and lose their label.
    ranked = np.where(candidates, keys, ~_FLAGS)
    length = min(k, keys.shape[1])
    best = np.partition(ranked, length - 1, axis=1)[:, :length]
    best.sort(axis=1)
    hit = (best & LABEL).astype(np.float64)
    discount = 1.0 / np.log2(np.arange(2.0, k + 2.0))
    reachable = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(wanted, k)]
    quality = np.full((4, keys.shape[0]), np.nan)
    some = wanted > 0
    quality[0, some] = hit[some].sum(axis=1) / k
    quality[1, some] = hit[some].sum(axis=1) / wanted[some]
    quality[2, some] = hit[some] @ discount[:length] / reachable[some]
    quality[3, some] = hit[some].any(axis=1)
    return quality
