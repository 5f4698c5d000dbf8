"""P(buys at least one of several targets), for every customer: how single probabilities are joined.

What comes in: scores of one horizon, P(order), and `SetUnion`, how purchases hang together, fitted on
validation. What goes out: one probability a customer. Scoring, fitting and evaluation all join here.

Three things are known of a set. Nobody buys any of it without an order, and none of a category's (or its
node's) products without buying from it: purchases are joined given that. And customers differ in a window by
more than a model knows of them, so that who buys one thing is likelier to buy the next: independence counts
too many chances, the more of them the more too many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat

from intentml.prediction import F64, TargetScores, sigmoid
from intentml.priors.laying import Laid
from intentml.timeline.catalogue import Catalogue

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

# Fewest targets of each band of sizes; the last is open.
_BANDS = (2, 4, 8, 20)
SIZE_BANDS = ("2-3", "4-7", "8-19", "20+")
# A band whose validation says more than this much too many or too few buyers is not called calibrated.
_TOLERATED = 0.1
# Customers whose probabilities are laid out at once: so that few targets stay near the processor while they
# are worked on; fewer customers of many targets (64 MB), though each part has its price.
_CUSTOMERS_AT_ONCE, _FEWEST_AT_ONCE, _MOST_CELLS = 16_384, 256, 8_000_000
_CERTAIN, _SMALLEST = 1 - 1e-12, 1e-300
# Less frailty than this is none: its powers would be lost in rounding.
_SLIGHTEST = 1e-6


def size_band(size: int) -> str:
    """The band that a set of so many targets falls into.

    >>> size_band(2), size_band(7), size_band(500)
    ('2-3', '4-7', '20+')
    """
    return SIZE_BANDS[max(0, int(np.searchsorted(_BANDS, size, side="right")) - 1)]


class SetUnion(BaseModel):
    """How purchases of several targets hang together; without anything to fit on, not at all.

    Attributes:
        frailty: By horizon in days: 0 = independent given an order; higher = who buys one thing is
            likelier to buy the next, beyond what the model knows of the customer.
        ratio: By horizon and band of sizes, predicted over actual buyers of sets on validation, among
            customers that such a frailty was not fitted on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frailty: dict[int, NonNegativeFloat] = Field(default_factory=dict)
    ratio: dict[int, dict[str, float]] = Field(default_factory=dict)

    def at(self, horizon_days: int) -> float:
        """The frailty over a horizon: between two that were fitted linear in log days."""
        if not self.frailty:
            return 0.0
        knots = sorted(self.frailty)
        return float(np.interp(np.log(horizon_days), np.log(knots), [self.frailty[days] for days in knots]))

    def calibrated(self, horizon_days: int, size: int) -> bool:
        """Whether sets of such a size came true on validation, at the nearest horizon that was fitted."""
        if not self.ratio:
            return False
        nearest = min(self.ratio, key=lambda days: abs(np.log(days / horizon_days)))
        ratio = self.ratio[nearest].get(size_band(size))
        return ratio is not None and abs(ratio - 1) <= _TOLERATED


def union_given(parts: Iterable[F64], whole: F64, frailty: float = 0.0) -> F64:
    """P(any of some), each of which happens only where something else does. Shape: (U,).

    With w = P(that something), the parts are joined given it: w (1 - exp(-`joined_hazard`)). So the union
    lies between the likeliest part and w (and the sum), grows with every part, and one part keeps its own
    probability. Where the two contradict each other w is raised to the likeliest part.

    Args:
        parts: Blocks of probabilities, gone through twice. Shape: (U, n) each.
        whole: w. Shape: (U,).
        frailty: Of the parts, given w.
    """
    whole = raised(parts, whole)
    return whole * -np.expm1(-joined_hazard(hazards_given(parts, whole), frailty))


def joined_hazard(hazards: Iterable[F64], frailty: float) -> F64:
    """-log P(none of some), from h = -log P(not this one) of each. Shape: (U,).

    With f = frailty, log(1 + sum(exp(f h) - 1)) / f, the plain sum at f = 0: between the largest and the
    sum, growing with every one, and one alone is itself. In 1 - exp(-kappa Lambda), with Lambda the sum,
    kappa is this over Lambda: near 1 for a set of few that is unlikely, falling with what it adds up to.

    Source: gamma frailty, Clayton 1978, "A model for association in bivariate life tables".

    Args:
        hazards: Blocks. Shape: (U, n) each.
        frailty: f.
    """
    if frailty <= _SLIGHTEST:
        return np.asarray(sum(block.sum(axis=1) for block in hazards), dtype=np.float64)
    excess = sum(np.expm1(frailty * block).sum(axis=1) for block in hazards)
    return np.asarray(np.log1p(excess) / frailty, dtype=np.float64)


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
class Homes:
    """What each product is bought from, -1 for nothing. Shapes: (P,).

    Attributes:
        category: Its category.
        node: Its smallest node, where that is part of one category and not all of it.
    """

    category: I32
    node: I32


def homes_of(catalogue: Catalogue) -> Homes:
    """The homes of every product."""
    category = catalogue.targets("category").of_products()
    index = catalogue.targets("category_node")
    node = np.full(len(catalogue), -1, np.int32)
    if not len(index):
        return Homes(category, node)
    product, size = np.repeat(np.arange(len(catalogue)), np.diff(index.indptr)), np.bincount(index.indices)
    lowest, highest = np.full(len(index), len(catalogue)), np.full(len(index), -1)
    np.minimum.at(lowest, index.indices, category[product])
    np.maximum.at(highest, index.indices, category[product])
    of_category = np.append(np.bincount(category[category >= 0]), len(catalogue) + 1)  # -1 reads the end
    inside = (lowest == highest) & (size < of_category[highest])
    known = np.flatnonzero(inside[index.indices])
    known = known[np.argsort(-size[index.indices[known]], kind="stable")]
    node[product[known]] = index.indices[known]  # the smallest comes last, and stays
    return Homes(category, node)


@dataclass(frozen=True)
class Joined:
    """Scores of one horizon, ready to be asked about sets.

    Attributes:
        targets: Scores by kind.
        homes: What products are bought from.
        ordering: P(order in the window); None where the predictor does not have it. Shape: (U,).
        frailty: Of the horizon.
    """

    targets: Mapping[str, TargetScores]
    homes: Homes
    ordering: F64 | None
    frailty: float = 0.0

    def probability(self, columns: Mapping[str, I64], newcomers: Sequence[F64] = ()) -> F64:
        """P(buys at least one). Shape: (U,).

        Args:
            columns: Columns by kind, at least one target in all.
            newcomers: Probabilities of products that the catalogue does not have. Shape: (U,) each.
        """
        found = np.empty(self._customers)
        whole = self.whole
        # Some customers after others, so that all that is laid out of them stays near the processor.
        for some, parts in self._parts(columns, newcomers):
            found[some] = union_given(parts, whole[some], self.frailty)
        return found

    def parts(self, columns: Mapping[str, I64]) -> F64:
        """What a set is joined of: products of one category as one part, everything else by itself.

        Shape: (U, parts).
        """
        blocks = [np.hstack(parts) for _, parts in self._parts(columns, ())]
        return np.concatenate(blocks)

    @property
    def whole(self) -> F64:
        """P(order), 1 where the predictor does not have it. Shape: (U,)."""
        return np.ones(self._customers) if self.ordering is None else self.ordering

    def _parts(
        self, columns: Mapping[str, I64], newcomers: Sequence[F64]
    ) -> Iterator[tuple[slice, list[F64]]]:
        """Some customers, and the blocks of their parts; again and again until all were there."""
        plan = _Plan(self.homes, {kind for kind in ("category", "category_node") if kind in self.targets})
        planned = [part for kind, chosen in columns.items() for part in plan.of(kind, chosen)]
        width = sum(map(len, plan.targets.values())) + len(newcomers)
        step = max(_FEWEST_AT_ONCE, min(_CUSTOMERS_AT_ONCE, _MOST_CELLS // max(1, width)))
        laid = {kind: Laid(self.targets[kind], codes, step) for kind, codes in plan.targets.items()}
        for number, start in enumerate(range(0, self._customers, step)):
            some = slice(start, start + step)
            blocks = {kind: one.part(number) for kind, one in laid.items()}
            parts = [part.block(blocks) for part in planned]
            yield some, [*parts, *(of[some, np.newaxis] for of in newcomers)]

    @property
    def _customers(self) -> int:
        return len(next(iter(self.targets.values())).customer_vectors)


@dataclass(frozen=True)
class _Each:
    """Targets of one kind, each by itself: where they stand among those laid out."""

    kind: str
    columns: slice

    def block(self, laid_out: Mapping[str, F64]) -> F64:
        """Their probabilities. Shape: (n, targets)."""
        return laid_out[self.kind][:, self.columns]


@dataclass(frozen=True)
class _Given:
    """Some parts as one: joined given what they are all bought from."""

    parts: Sequence[_Each | _Given]
    home: _Each

    def block(self, laid_out: Mapping[str, F64]) -> F64:
        """Its probability. Shape: (n, 1)."""
        parts = [part.block(laid_out) for part in self.parts]
        return union_given(parts, self.home.block(laid_out)[:, 0])[:, np.newaxis]


class _Plan:
    """How the parts of a set nest, and which targets are laid out for them, in the order they are read.

    Args:
        homes: What products are bought from.
        levels: Kinds of homes that are scored.
    """

    def __init__(self, homes: Homes, levels: Collection[str]) -> None:
        of_kind = (("category", homes.category), ("category_node", homes.node))
        self._levels = [(kind, of) for kind, of in of_kind if kind in levels]
        self._targets: dict[str, list[I64]] = {}

    @property
    def targets(self) -> dict[str, I64]:
        """The targets to lay out, by kind."""
        return {kind: np.concatenate(codes) for kind, codes in self._targets.items()}

    def of(self, kind: str, chosen: I64) -> list[_Each | _Given]:
        """The parts of some targets of a kind."""
        return self._within(chosen, self._levels) if kind == "product" else [self._each(kind, chosen)]

    def _within(self, products: I64, levels: Sequence[tuple[str, I32]]) -> list[_Each | _Given]:
        """Products, those that share a home as one part: joined given that it is bought from."""
        if not levels:
            return [self._each("product", products)]
        (kind, home_of), *inner = levels
        home = home_of[products]
        codes, count = np.unique(home[home >= 0], return_counts=True)
        shared = codes[count > 1]
        alone = products[~np.isin(home, shared)]
        found = self._within(alone, inner) if len(alone) else []
        for code in shared:
            own = self._within(products[home == code], inner)
            found.append(_Given(own, self._each(kind, np.array([code], np.int64))))
        return found

    def _each(self, kind: str, codes: I64) -> _Each:
        own = self._targets.setdefault(kind, [])
        start = sum(map(len, own))
        own.append(codes)
        return _Each(kind, slice(start, start + len(codes)))


def probability_of(scores: TargetScores, targets: I64) -> F64:
    """P(buys) each of some targets. Shape: (U, n)."""
    return sigmoid(scores.columns(targets).astype(np.float64)).astype(np.float64, copy=False)
