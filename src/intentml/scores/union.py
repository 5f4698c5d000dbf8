"""P(buys at least one of a set of targets), for every customer.

What comes in: scores and a selection of their columns. What goes out: one probability a customer. One
target's own probability is told as it is; several are joined as `priors.union` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from intentml.errors import ScoresError
from intentml.fitting.slices import MAX_TARGETS, MIN_BUYERS
from intentml.prediction import F64, TargetScores, sigmoid
from intentml.priors.union import Homes, Joined, SetUnion, probability_of
from intentml.scores.selection import Column, NewProduct, Selection, products_of
from intentml.timeline.catalogue import KINDS, Catalogue

I64 = npt.NDArray[np.int64]

# Products that few have bought are scored too likely: above this share of a set's buyers its level is
# not called calibrated. So many customers tell the share.
_RARE_SHARE, _RARE_CUSTOMERS = 0.1, 2_000


class Scored(Protocol):
    """What joining needs of scores."""

    @property
    def catalogue(self) -> Catalogue:
        """The products."""
        ...

    @property
    def targets(self) -> Mapping[tuple[str, int], TargetScores]:
        """Scores per kind and horizon."""
        ...

    @property
    def union(self) -> SetUnion:
        """How purchases of several targets hang together."""
        ...

    @property
    def homes(self) -> Homes:
        """What products are bought from."""
        ...

    def __len__(self) -> int: ...

    def scores_of(self, kind: str, horizon_days: int | None = None) -> TargetScores:
        """The scores of one kind, or an error that names the kinds there are."""
        ...

    def order_probability(self, horizon_days: int | None = None) -> F64 | None:
        """P(order), None where the model does not predict it. Shape: (U,)."""
        ...

    def buyers_before(self, kind: str) -> I64:
        """Customers who ever bought each target of a kind. Shape: (J,)."""
        ...

    def newcomer_logits(self, product: NewProduct, horizon_days: int | None = None) -> F64:
        """Logits of a product that is not in the catalogue. Shape: (U,)."""
        ...


def union_probability(scores: Scored, selection: Selection, days: int) -> F64:
    """P(buys at least one of the selected within the horizon). Shape: (U,)."""
    columns = _columns(scores, selection, days)
    newcomers = [_probability(scores.newcomer_logits(new, days)) for new in selection.newcomers]
    if selection.single:
        if newcomers:
            return newcomers[0]
        ((kind, column),) = columns.items()
        return probability_of(scores.scores_of(kind, days), column)[:, 0]
    joined = Joined(
        {kind: of for (kind, horizon), of in scores.targets.items() if horizon == days},
        scores.homes,
        scores.order_probability(days),
        scores.union.at(days),
    )
    return joined.probability(columns, newcomers)


def likeliest_target(scores: Scored, selection: Selection, days: int, row: int) -> Column:
    """The target of a selection that one customer is likeliest to buy; of equal ones the first."""
    found: list[tuple[float, Column]] = []
    for kind, columns in _columns(scores, selection, days).items():
        of = scores.scores_of(kind, days)
        logits = of.rows(np.array([row]))[0][columns]
        best = int(np.argmax(logits))
        found.append((float(logits[best]), (kind, str(of.targets[columns[best]]))))
    return max(found, key=lambda one: one[0])[1]


def with_whole_groups(scores: Scored, selection: Selection, days: int) -> Selection:
    """The selection with products that make up a whole category, node or brand told as that.

    Whoever buys any of its products buys the group, and the group's own score knows more than theirs
    (experiments/0006-product-sets).
    """
    catalogue = scores.catalogue
    names = [name for kind, name in selection.columns if kind == "product"]
    if len(names) < 2:
        return selection
    rows = np.searchsorted(catalogue.product_ids, np.array(names, dtype=object))
    inside = np.zeros(len(catalogue), np.bool_)
    inside[rows] = True
    groups: list[tuple[int, str, str]] = []
    for kind in KINDS:
        if kind == "product" or (kind, days) not in scores.targets:
            continue
        index = catalogue.targets(kind)
        members = np.bincount(index.indices, minlength=len(index))
        owner = np.repeat(inside, np.diff(index.indptr))
        whole = np.flatnonzero(np.bincount(index.indices[owner], minlength=len(index)) == members)
        groups += [(int(members[code]), kind, index.targets[code]) for code in whole if members[code] > 1]
    found: list[tuple[str, str]] = []
    for size, kind, name in sorted(groups, key=lambda group: -group[0]):
        own = np.array(products_of(catalogue, kind, name))
        if inside[own].sum() == size:  # none of its products stands in a larger group already
            inside[own] = False
            found.append((kind, name))
    rest = [("product", name) for name, row in zip(names, rows, strict=True) if inside[row]]
    named = [column for column in selection.columns if column[0] != "product"]
    return replace(selection, columns=(*named, *found, *rest))


def set_is_calibrated(scores: Scored, selection: Selection, days: int, expected: float) -> bool:
    """Whether validation vouches for the level of a set's probabilities.

    It does where sets of this size came true there, none of the products is new to the catalogue, and
    products too rare to have been looked at hardly matter.

    Args:
        scores: The shop.
        selection: Of several targets.
        days: The horizon.
        expected: Buyers expected of the set.
    """
    if selection.newcomers or not scores.union.calibrated(days, len(selection.columns)):
        return False
    columns = _columns(scores, selection, days).get("product")
    if columns is None:
        return True
    of_products = scores.scores_of("product", days)
    rare = columns[~_learned_from(scores)[columns]]
    if not len(rare):
        return True
    some = np.arange(0, len(scores), max(1, len(scores) // _RARE_CUSTOMERS))
    sampled = probability_of(of_products.take(some), rare).sum() * len(scores) / len(some)
    return bool(sampled <= _RARE_SHARE * expected)


def _learned_from(scores: Scored) -> npt.NDArray[np.bool_]:
    """Which products were bought by so many that they were learned from. Shape: (P,)."""
    buyers = scores.buyers_before("product")
    enough = buyers >= MIN_BUYERS
    if enough.sum() > MAX_TARGETS:
        enough &= buyers >= np.sort(buyers)[-MAX_TARGETS]
    return enough


def _columns(scores: Scored, selection: Selection, days: int) -> dict[str, I64]:
    """Columns of scores by kind."""
    kinds = dict.fromkeys(kind for kind, _ in selection.columns)
    return {
        kind: np.array([_column(scores, kind, name, days) for of, name in selection.columns if of == kind])
        for kind in kinds
    }


def _column(scores: Scored, kind: str, name: str, days: int) -> int:
    """The column of a target that the catalogue has."""
    column = scores.scores_of(kind, days).find(name)
    if column is None:
        raise ScoresError(
            f"these scores do not hold {kind} {name!r}, which their catalogue has",
            hint="score the shop again",
        )
    return column


def _probability(logits: npt.NDArray[np.floating]) -> F64:
    return sigmoid(logits.astype(np.float64)).astype(np.float64, copy=False)
