"""P(buys at least one of several targets), for every customer: how single probabilities are joined.

What comes in: scores of one horizon, P(order), and `SetUnion`, how purchases hang together, fitted on
validation. What goes out: one probability a customer. Scoring, fitting and evaluation all join here.

Three things are known of a set. Nobody buys any of it without an order, and none of a category's products
without buying from the category: purchases are joined given that. And customers differ in a window by more
than a model knows of them, so that who buys one thing is likelier to buy the next: independence counts too
many chances, the more of them the more too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from intentml.prediction import F64, TargetScores, sigmoid

I64 = npt.NDArray[np.int64]

# Fewest targets of each band of sizes; the last is open.
_BANDS = (2, 4, 8, 20)
SIZE_BANDS = ("2-3", "4-7", "8-19", "20+")
# A band whose validation says more than this much too many or too few buyers is not called calibrated.
_TOLERATED = 0.1
# Probabilities laid out at once: 80 MB, all of a category's products for a hundred thousand customers.
_CELLS_AT_ONCE = 10_000_000
_CERTAIN, _SMALLEST = 1 - 1e-12, 1e-300
# Less frailty than this is none: its powers would be lost in rounding.
_SLIGHTEST = 1e-6
# Far beyond what any shop has shown.
MOST_FRAILTY, MOST_OVERLAP = 4.0, 2.0


def size_band(size: int) -> str:
    """The band that a set of so many targets falls into.

    >>> size_band(2), size_band(7), size_band(500)
    ('2-3', '4-7', '20+')
    """
    return SIZE_BANDS[max(0, int(np.searchsorted(_BANDS, size, side="right")) - 1)]


class Dependence(BaseModel):
    """How purchases hang together beyond what a model knows of a customer.

    Attributes:
        frailty: 0 = not at all; higher = who buys one thing is likelier to buy the next, which counts the
            more the likelier the set is already.
        overlap: 1 = not at all; higher = things are bought for the same occasion, however unlikely.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frailty: float = Field(0.0, ge=0.0, le=MOST_FRAILTY)
    overlap: float = Field(1.0, ge=1.0, le=MOST_OVERLAP)

    def hazard(self, hazards: Iterable[F64]) -> F64:
        """-log P(none of some), from -log P(not this one) of each.

        With s = frailty and d = overlap, log(1 + (sum (exp(s h) - 1)^d)^(1 / d)) / s, the sum at s = 0,
        d = 1: between the largest and the sum, growing with every one, and one alone is itself. The house's
        kappa is this over the sum: near 1 for an unlikely set of few, falling with its size.

        Source: Joe 1997, "Multivariate models and dependence concepts", family BB1; overlap 1 is Clayton's
        gamma frailty, frailty 0 Gumbel's copula.

        Args:
            hazards: Blocks. Shape: (U, n) each.
        """
        frail = self.frailty > _SLIGHTEST
        total: F64 | float = 0.0
        for block in hazards:
            terms = np.expm1(self.frailty * block) if frail else block
            total = total + (terms if self.overlap == 1.0 else terms**self.overlap).sum(axis=1)
        joined = np.asarray(total, dtype=np.float64) ** (1 / self.overlap)
        return np.log1p(joined) / self.frailty if frail else joined


INDEPENDENT = Dependence()


class SetUnion(BaseModel):
    """How purchases of several targets hang together; without anything to fit on, not at all.

    Attributes:
        dependence: By horizon in days.
        ratio: By horizon and band of sizes, predicted over actual buyers of sets on validation, among
            customers that `dependence` was not fitted on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dependence: dict[int, Dependence] = Field(default_factory=dict)
    ratio: dict[int, dict[str, float]] = Field(default_factory=dict)

    def at(self, horizon_days: int) -> Dependence:
        """The dependence over a horizon: between two that were fitted linear in log days."""
        if not self.dependence:
            return INDEPENDENT
        knots = sorted(self.dependence)

        def between(values: list[float]) -> float:
            return float(np.interp(np.log(horizon_days), np.log(knots), values))

        fitted = [self.dependence[days] for days in knots]
        return Dependence(
            frailty=between([one.frailty for one in fitted]), overlap=between([one.overlap for one in fitted])
        )

    def calibrated(self, horizon_days: int, size: int) -> bool:
        """Whether sets of such a size came true on validation, at the nearest horizon that was fitted."""
        if not self.ratio:
            return False
        nearest = min(self.ratio, key=lambda days: abs(np.log(days / horizon_days)))
        ratio = self.ratio[nearest].get(size_band(size))
        return ratio is not None and abs(ratio - 1) <= _TOLERATED


def union_given(parts: Iterable[F64], whole: F64, dependence: Dependence = INDEPENDENT) -> F64:
    """P(any of some), each of which happens only where something else does. Shape: (U,).

    With w = P(that something), the parts are joined given it: w (1 - exp(-hazard)), the hazard of parts
    p / w. So the union lies between the likeliest part and w (and the sum), grows with every part, and one
    part keeps its own probability. Where the two contradict each other w is raised to the likeliest part.

    Args:
        parts: Blocks of probabilities, gone through twice. Shape: (U, n) each.
        whole: w. Shape: (U,).
        dependence: Of the parts, given w.
    """
    whole = raised(parts, whole)
    if dependence == INDEPENDENT:
        none = np.ones(len(whole))
        for probability in parts:
            none *= np.prod(1 - probability / whole[:, np.newaxis], axis=1)
        return whole * (1 - none)
    return whole * -np.expm1(-dependence.hazard(hazards_given(parts, whole)))


def raised(parts: Iterable[F64], whole: F64) -> F64:
    """What contains the parts, nowhere below the likeliest of them. Shape: (U,)."""
    whole = np.maximum(whole, _SMALLEST)
    for probability in parts:
        whole = np.maximum(whole, probability.max(axis=1))
    return whole


def hazards_given(parts: Iterable[F64], whole: F64) -> Iterator[F64]:
    """-log(1 - p / w), block by block."""
    for probability in parts:
        yield -np.log1p(-np.minimum(probability / whole[:, np.newaxis], _CERTAIN))


@dataclass(frozen=True)
class Joined:
    """Scores of one horizon, ready to be asked about sets.

    Attributes:
        targets: Scores by kind.
        category_of: Category of each product, -1 for none. Shape: (P,).
        ordering: P(order in the window); None where the predictor does not have it. Shape: (U,).
        dependence: Of the horizon.
    """

    targets: Mapping[str, TargetScores]
    category_of: npt.NDArray[np.int32]
    ordering: F64 | None
    dependence: Dependence = INDEPENDENT

    def probability(self, columns: Mapping[str, I64], newcomers: Sequence[F64] = ()) -> F64:
        """P(buys at least one). Shape: (U,).

        Args:
            columns: Columns by kind, at least one target in all.
            newcomers: Probabilities of products that the catalogue does not have. Shape: (U,) each.
        """
        return union_given(self.parts(columns, newcomers), self.whole, self.dependence)

    @property
    def whole(self) -> F64:
        """P(order), 1 where the predictor does not have it. Shape: (U,)."""
        if self.ordering is not None:
            return self.ordering
        return np.ones(len(next(iter(self.targets.values())).customer_vectors))

    def parts(self, columns: Mapping[str, I64], newcomers: Sequence[F64] = ()) -> Parts:
        """What a set is joined of: products of one category as one part, everything else by itself."""
        groups: list[tuple[str, I64, int | None]] = []
        for kind, chosen in columns.items():
            if kind != "product" or "category" not in self.targets:
                groups.append((kind, chosen, None))
                continue
            category = self.category_of[chosen]
            names, count = np.unique(category[category >= 0], return_counts=True)
            alone = ~np.isin(category, names[count > 1])
            if alone.any():
                groups.append((kind, chosen[alone], None))
            groups += [(kind, chosen[category == one], int(one)) for one in names[count > 1]]
        return Parts(self.targets, groups, newcomers)


class Parts:
    """Blocks of probabilities, (U, n) each; they can be gone through again, and are kept where they fit.

    Args:
        targets: Scores by kind.
        groups: Kind, columns, and the category that the columns are joined given; None = each by itself.
        newcomers: Probabilities. Shape: (U,) each.
    """

    def __init__(
        self,
        targets: Mapping[str, TargetScores],
        groups: Sequence[tuple[str, I64, int | None]],
        newcomers: Sequence[F64],
    ) -> None:
        self._targets, self._groups, self._newcomers = targets, groups, newcomers
        customers = len(next(iter(targets.values())).customer_vectors)
        width = sum(1 if category is not None else len(columns) for _, columns, category in groups)
        self._fits = (width + len(newcomers)) * customers <= _CELLS_AT_ONCE
        self._kept: list[F64] | None = None

    def __iter__(self) -> Iterator[F64]:
        if self._kept is not None:
            return iter(self._kept)
        if self._fits:
            self._kept = list(self._made())
            return iter(self._kept)
        return self._made()

    def _made(self) -> Iterator[F64]:
        for kind, columns, category in self._groups:
            blocks = _Blocks(self._targets[kind], columns)
            if category is None:
                yield from blocks
            else:
                whole = probability_of(self._targets["category"], np.array([category]))[:, 0]
                yield union_given(blocks, whole)[:, np.newaxis]
        for newcomer in self._newcomers:
            yield newcomer[:, np.newaxis]


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
                block = probability_of(self._scores, self._targets[start : start + step])
            if step >= len(self._targets):
                self._kept = block
            yield block


def probability_of(scores: TargetScores, targets: I64) -> F64:
    """P(buys) each of some targets. Shape: (U, n)."""
    return sigmoid(scores.columns(targets).astype(np.float64)).astype(np.float64, copy=False)
