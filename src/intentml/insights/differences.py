"""What sets some customers apart from the others, told only where it is more than luck.

What comes in: two groups' values of a field, or who bought what. What goes out: how far the groups differ,
with an interval that holds for all the questions asked at once.

Source: Cliff 1993, Dominance statistics, for the measure; DeLong et al. 1988 for its error; the Bonferroni
correction for asking many questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.audiences.view import I32, ShopView
from intentml.errors import without_address
from intentml.insights.members import numbers
from intentml.prediction import F64
from intentml.traits import FIELDS

# Fewer known values than this in a group tell nothing; more than these tell nothing new.
FEWEST, MOST = 20, 20_000
_SURE = 0.95
# A point on the map is somebody's address; scores from 1 to 5 and points of the survival curve say again what
# other fields say plainer.
_CURVE = "survival_"
_UNASKED = {
    "customer_id",
    "latitude",
    "longitude",
    "recency_score",
    "frequency_score",
    "monetary_score",
}


@dataclass(frozen=True)
class Difference:
    """One field, or one word of it, in a group and among the others.

    Attributes:
        field: The field; the kind of target for what was bought.
        word: The word or the target; None for a number.
        inside: Of the group: the median, the mean where both medians are the same; of a word, its share.
        others: Likewise of the others.
        difference: P(one of the group has more than one of the others) - P(less), -1 to 1; of a word, the
            difference of the shares.
        low: Lower end of its interval, which holds for all fields at once.
        high: Upper end.
    """

    field: str
    word: str | None
    inside: float
    others: float
    difference: float
    low: float
    high: float

    @property
    def sure(self) -> float:
        """How large the difference is at least; 0 where it may be none."""
        return max(self.low, -self.high, 0.0)


@dataclass(frozen=True, eq=False)
class Question:
    """A field as numbers, or a word of it as 0 and 1; NaN where unknown. Shape of values: (n,)."""

    field: str
    word: str | None
    values: F64


def dominance(inside: F64, others: F64) -> tuple[float, float]:
    """P(inside > others) - P(inside < others), and its standard error.

    The error is the larger one of what the values say (DeLong) and of what it would be were there no
    difference at all (Mann and Whitney, with ties): the first is 0 where a handful of values happen to be
    alike.

    Args:
        inside: Values of one group. Shape: (m,).
        others: Values of the other. Shape: (n,).

    >>> dominance(np.array([3.0, 4.0]), np.array([1.0, 2.0]))[0]
    1.0
    """
    from scipy.stats import rankdata

    m, n = len(inside), len(others)
    values = np.concatenate([inside, others])
    ranks = rankdata(values)
    above = (ranks[:m] - rankdata(inside)) / n
    below = (ranks[m:] - rankdata(others)) / m
    seen = above.var(ddof=1) / m + below.var(ddof=1) / n
    tied = np.unique(values, return_counts=True)[1].astype(np.float64)
    total = m + n
    null = (total + 1 - (tied**3 - tied).sum() / (total * (total - 1))) / (12 * m * n)
    return float(2 * above.mean() - 1), float(2 * np.sqrt(max(seen, null)))


def questions(view: ShopView, rows: I32, without: frozenset[str] = frozenset()) -> Iterator[Question]:
    """Every field that can be asked of some customers, number by number and word by word.

    A number is asked where the catalogue of traits has it: in a further column of the customers table it
    may be a telephone number. A word, wherever enough customers share it; never an address.
    """
    for field in view.customers.schema:
        if field.name in _UNASKED | without or field.name in view.absent or field.name.startswith(_CURVE):
            continue
        column = view.customers[field.name].take(pa.array(rows))
        if pa.types.is_boolean(field.type):
            yield Question(field.name, "yes", numbers(pa.table({"": column}), ""))
        elif pa.types.is_string(field.type) or pa.types.is_list(field.type):
            yield from _words(field.name, column)
        elif field.name in FIELDS and not pa.types.is_timestamp(field.type):
            yield Question(field.name, None, numbers(pa.table({"": column}), ""))


def _words(name: str, column: pa.ChunkedArray) -> Iterator[Question]:
    """The words that enough of the customers have, each as 0 and 1."""
    single = not pa.types.is_list(column.type)
    owner = np.arange(len(column)) if single else pc.list_parent_indices(column).to_numpy()
    words = column if single else pc.list_flatten(column)
    unknown = pc.is_null(column).to_numpy()
    for counted in pc.value_counts(words.drop_null()).to_pylist():
        word = counted["values"]
        if counted["counts"] >= FEWEST and without_address(word) == word:
            values = np.where(unknown, np.nan, 0.0)
            values[owner[pc.fill_null(pc.equal(words, word), False).to_numpy()]] = 1.0
            yield Question(name, word, values)


def differences(asked: list[Question], inside: npt.NDArray[np.bool_]) -> list[Difference]:
    """The differences that are more than luck, the surest large one first.

    Args:
        asked: Of the same customers.
        inside: Who of them is in the group. Shape: (n,).
    """
    from scipy.stats import norm

    told = []
    for question in asked:
        known = np.isfinite(question.values)
        mine, theirs = question.values[known & inside], question.values[known & ~inside]
        if min(len(mine), len(theirs)) >= FEWEST:
            told.append((question, mine, theirs))
    margin = norm.isf((1 - _SURE) / 2 / max(len(told), 1))
    found = []
    for question, mine, theirs in told:
        middle = np.median if question.word is None and np.median(mine) != np.median(theirs) else np.mean
        value, error = dominance(mine, theirs)
        low, high = max(value - margin * error, -1.0), min(value + margin * error, 1.0)
        ends = float(middle(mine)), float(middle(theirs))
        found.append(Difference(question.field, question.word, *ends, value, low, high))
    sure = [one for one in found if one.sure > 0]
    return sorted(sure, key=lambda one: (-one.sure, one.field, one.word or ""))


@dataclass(frozen=True)
class Favourite:
    """A target that a group buys more than the others.

    Attributes:
        kind: category, category_node, brand or product.
        target: Its name.
        inside: Share of the group's buyers who ever bought it.
        others: Share of the other buyers who did.
        lift: inside over others; infinite where none of the others did.
        low: Lower end of its interval, which holds for all targets at once; above 1.
    """

    kind: str
    target: str
    inside: float
    others: float
    lift: float
    low: float


def favourites(view: ShopView, rows: I32, kind: str) -> list[Favourite]:
    """What a group buys more than the others, the surest large lift first; none without the shop's lines.

    Args:
        view: The shop.
        rows: The group.
        kind: Of targets.

    Source: the log-ratio interval of Katz et al. 1978, half a buyer added to each count.
    """
    from scipy.stats import norm

    if view.lines is None or kind not in view.catalogue.kinds:
        return []
    lines = view.lines.filter(pc.is_valid(view.lines["product"]))
    index = view.catalogue.targets(kind)
    line, target = index.expand(lines["product"].to_numpy())
    bought = np.unique(np.stack([lines["row"].to_numpy()[line], target], axis=1), axis=0)
    inside = np.zeros(len(view.customers), bool)
    inside[rows] = True
    buyer = np.zeros(len(inside), bool)
    buyer[view.lines["row"].to_numpy()] = True
    mine = inside[bought[:, 0]]
    counts = [np.bincount(bought[part, 1], minlength=len(index.targets)) for part in (mine, ~mine)]
    groups = [int((buyer & part).sum()) for part in (inside, ~inside)]
    asked = np.flatnonzero(counts[0] >= FEWEST) if groups[1] else np.zeros(0, np.int64)
    margin = norm.isf((1 - _SURE) / 2 / max(len(asked), 1))
    found = []
    for code in asked:
        shares = [count[code] / group for count, group in zip(counts, groups, strict=True)]
        smooth = [(count[code] + 0.5, group + 0.5) for count, group in zip(counts, groups, strict=True)]
        (some, group), (rest, other) = smooth
        error = np.sqrt(max(1 / some - 1 / group + 1 / rest - 1 / other, 0.0))
        low = float(np.exp(np.log(some / group) - np.log(rest / other) - margin * error))
        lift = float(shares[0] / shares[1]) if shares[1] else float("inf")
        if low > 1:
            name = str(index.targets[code])
            found.append(Favourite(kind, name, float(shares[0]), float(shares[1]), lift, low))
    return sorted(found, key=lambda one: (-one.low, one.target))
