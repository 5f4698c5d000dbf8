"""P(buys at least one of a set of targets), for every customer.

What comes in: scores and a selection of their columns. What goes out: one probability a customer. One
target's own probability is told as it is; how several are joined stands here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from intentml.errors import ScoresError
from intentml.prediction import F64, TargetScores, sigmoid
from intentml.scores.selection import NewProduct, Selection
from intentml.timeline.catalogue import Catalogue

I64 = npt.NDArray[np.int64]

# Probabilities laid out at once: 80 MB, all of a category's products for a hundred thousand customers.
_CELLS_AT_ONCE = 10_000_000


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

    def __len__(self) -> int: ...

    def scores_of(self, kind: str, horizon_days: int | None = None) -> TargetScores:
        """The scores of one kind, or an error that names the kinds there are."""
        ...

    def newcomer_logits(self, product: NewProduct, horizon_days: int | None = None) -> F64:
        """Logits of a product that is not in the catalogue. Shape: (U,)."""
        ...


def union_probability(scores: Scored, selection: Selection, days: int) -> F64:
    """P(buys at least one of the selected within the horizon). Shape: (U,).

    Several are joined as if bought independently, given what is known of the customer; products of
    one category as if so given that the customer buys from the category at all, where categories
    were scored.
    """
    columns, newcomers = selection.columns, selection.newcomers
    if selection.single and columns:
        ((kind, name),) = columns
        return _probability_of(scores.scores_of(kind, days), _column(scores, kind, name, days))
    if selection.single:
        return _probability(scores.newcomer_logits(newcomers[0], days))
    none = np.ones(len(scores))
    for kind in dict.fromkeys(kind for kind, _ in columns):
        chosen = np.array([_column(scores, kind, name, days) for of, name in columns if of == kind])
        none *= _none_of_kind(scores, kind, chosen, days)
    for newcomer in newcomers:
        none *= 1 - _probability(scores.newcomer_logits(newcomer, days))
    return 1 - none


def _column(scores: Scored, kind: str, name: str, days: int) -> int:
    """The column of a target that the catalogue has."""
    column = scores.scores_of(kind, days).find(name)
    if column is None:
        raise ScoresError(
            f"these scores do not hold {kind} {name!r}, which their catalogue has",
            hint="score the shop again",
        )
    return column


def _none_of_kind(scores: Scored, kind: str, columns: I64, days: int) -> F64:
    """P(buys none of some targets of a kind). Shape: (U,)."""
    of_kind = scores.scores_of(kind, days)
    if kind != "product" or ("category", days) not in scores.targets:
        return _none_of(of_kind, columns)
    categories = scores.scores_of("category", days)
    category = scores.catalogue.targets("category").of_products()[columns]
    none = _none_of(of_kind, columns[category < 0])
    for one in np.unique(category[category >= 0]):
        whole = _probability_of(categories, int(one))
        none *= _none_within(of_kind, columns[category == one], whole)
    return none


def _none_of(scores: TargetScores, targets: I64) -> F64:
    """P(buys none of some targets), as if bought independently of each other. Shape: (U,)."""
    none = np.ones(len(scores.customer_vectors))
    for probability in _Blocks(scores, targets):
        none *= np.prod(1 - probability, axis=1)
    return none


def _none_within(scores: TargetScores, targets: I64, whole: F64) -> F64:
    """P(buys none of some products of one category), given P(buys from the category). Shape: (U,).

    Products of a category are bought together or not at all: their purchases are joined as if
    independent given that the customer buys from the category at all. So the probability never
    exceeds the category's, nor falls below the likeliest product's; P(category) is raised to that
    one where the two scores contradict each other.

    Args:
        scores: Of kind product.
        targets: Columns of products of one category.
        whole: P(buys from the category). Shape: (U,).
    """
    blocks = _Blocks(scores, targets)
    for probability in blocks:
        whole = np.maximum(whole, probability.max(axis=1))
    none = np.ones(len(whole))
    for probability in blocks:
        none *= np.prod(1 - probability / whole[:, np.newaxis], axis=1)
    return 1 - whole * (1 - none)


def _probability_of(scores: TargetScores, target: int) -> F64:
    """P(buys one target). Shape: (U,)."""
    return _probability(scores.columns([target])[:, 0])


class _Blocks:
    """Probabilities of all customers for some of the targets at a time. Shape: (U, n) each.

    They can be gone through again; where one block holds everything, it is kept for that.
    """

    def __init__(self, scores: TargetScores, targets: I64) -> None:
        self._scores, self._targets = scores, targets
        self._kept: F64 | None = None

    def __iter__(self) -> Iterator[F64]:
        step = max(1, _CELLS_AT_ONCE // max(1, len(self._scores.customer_vectors)))
        for start in range(0, len(self._targets), step):
            block = self._kept
            if block is None:
                block = _probability(self._scores.columns(self._targets[start : start + step]))
            if step >= len(self._targets):
                self._kept = block
            yield block


def _probability(logits: npt.NDArray[np.floating]) -> F64:
    return sigmoid(logits.astype(np.float64)).astype(np.float64, copy=False)
