"""P(buys at least one of several targets), for every customer: how single probabilities are joined.

What comes in: scores of one horizon, P(order), and `SetUnion`, how purchases hang together, fitted on
validation. What goes out: one probability a customer. Scoring, fitting and evaluation all join here.

Three things are known of a set. Nobody buys any of it without an order, and none of a category's (or its
node's) products without buying from it: purchases are joined given that. And customers differ in a window by
more than a model knows of them, so that who buys one thing is likelier to buy the next: independence counts
too many chances, the more of them the more too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat

from intentml.prediction import F64, TargetScores, sigmoid
from intentml.timeline.catalogue import Catalogue

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

# Fewest targets of each band of sizes; the last is open.
_BANDS = (2, 4, 8, 20)
SIZE_BANDS = ("2-3", "4-7", "8-19", "20+")
# A band whose validation says more than this much too many or too few buyers is not called calibrated.
_TOLERATED = 0.1
# Probabilities laid out at once: 80 MB, all of a category's products for a hundred thousand customers.
_CELLS_AT_ONCE = 10_000_000
# Of so few targets whole columns are faster than some customers after others.
_FEW = 40
# Those that stay near the processor while they are worked on: 4 MB.
_CELLS_NEAR = 2_000_000
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
        laid_out: Probabilities of all targets by kind, where these are few. Shape: (U, J) each.
    """

    targets: Mapping[str, TargetScores]
    homes: Homes
    ordering: F64 | None
    frailty: float = 0.0
    laid_out: Mapping[str, F64] | None = None

    def probability(self, columns: Mapping[str, I64], newcomers: Sequence[F64] = ()) -> F64:
        """P(buys at least one). Shape: (U,).

        Args:
            columns: Columns by kind, at least one target in all.
            newcomers: Probabilities of products that the catalogue does not have. Shape: (U,) each.
        """
        if sum(map(len, columns.values())) <= _FEW:
            return union_given(self.parts(columns, newcomers), self.whole, self.frailty)
        narrow, columns = self._narrowed(columns)
        found = np.empty(self._customers)
        # Some customers after others, so that all that is laid out of them stays near the processor.
        step = max(1, _CELLS_NEAR // (sum(map(len, narrow.targets.values())) + len(newcomers)))
        for start in range(0, len(found), step):
            some = slice(start, start + step)
            part = narrow._of(some)
            parts = part.parts(columns, [of[some] for of in newcomers])
            found[some] = union_given(parts, part.whole, self.frailty)
        return found

    def _narrowed(self, columns: Mapping[str, I64]) -> tuple[Joined, dict[str, I64]]:
        """The same question with no more targets than it needs; its columns in their numbers."""
        products = columns.get("product", np.zeros(0, np.int64))
        homes = {"category": self.homes.category, "category_node": self.homes.node}
        needed = {}
        for kind in self.targets:
            asked = [columns[kind]] if kind in columns else []
            if kind in homes:
                above = homes[kind][products].astype(np.int64)
                asked.append(above[above >= 0])
            codes = np.unique(np.concatenate([np.zeros(0, np.int64), *asked]))
            if len(codes):
                needed[kind] = codes
        own = needed.get("product", products)
        moved = {
            kind: _moved(home[own], needed[kind]) if kind in needed else np.full(len(own), -1, np.int32)
            for kind, home in homes.items()
        }
        narrow = replace(
            self,
            targets={kind: self.targets[kind].select(codes) for kind, codes in needed.items()},
            homes=Homes(moved["category"], moved["category_node"]),
        )
        return narrow, {kind: np.searchsorted(needed[kind], of) for kind, of in columns.items()}

    def _of(self, customers: slice) -> Joined:
        """The same question about some customers, with all its probabilities laid out, target by target."""
        return replace(
            self,
            ordering=None if self.ordering is None else self.ordering[customers],
            laid_out={
                kind: sigmoid(np.asfortranarray(of.rows(customers), np.float64)).astype(
                    np.float64, copy=False
                )
                for kind, of in self.targets.items()
            },
        )

    @property
    def whole(self) -> F64:
        """P(order), 1 where the predictor does not have it. Shape: (U,)."""
        return np.ones(self._customers) if self.ordering is None else self.ordering

    def parts(self, columns: Mapping[str, I64], newcomers: Sequence[F64] = ()) -> Iterable[F64]:
        """What a set is joined of: products of one category as one part, everything else by itself."""
        homes = (("category", self.homes.category), ("category_node", self.homes.node))
        levels = [(kind, of) for kind, of in homes if kind in self.targets]
        found: list[_Part] = []
        for kind, chosen in columns.items():
            found += self._within(chosen, levels) if kind == "product" else [self._each(kind, chosen)]
        if newcomers:
            found.append(_Kept(np.stack(newcomers).T))
        return _Chain(found, self._customers)

    def _within(self, products: I64, levels: Sequence[tuple[str, I32]]) -> list[_Part]:
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
            own = _Chain(self._within(products[home == code], inner), self._customers)
            found.append(_Given(own, self._each(kind, np.array([code]))))
        return found

    def _each(self, kind: str, columns: I64) -> _Part:
        if self.laid_out is not None:
            return _Kept(self.laid_out[kind][:, columns])
        return _Blocks(self.targets[kind], columns)

    @property
    def _customers(self) -> int:
        for block in (self.laid_out or {}).values():
            return len(block)
        return len(next(iter(self.targets.values())).customer_vectors)


class _Part(Protocol):
    """Blocks of probabilities, (U, n) each, that can be gone through again; `width` columns in all."""

    @property
    def width(self) -> int: ...

    def __iter__(self) -> Iterator[F64]: ...


class _Kept:
    """One block at hand."""

    def __init__(self, block: F64) -> None:
        self._block, self.width = block, block.shape[1]

    def __iter__(self) -> Iterator[F64]:
        return iter([self._block])


class _Blocks:
    """Some targets, as many at a time as fit; where all fit, they are worked out once."""

    def __init__(self, scores: TargetScores, targets: I64) -> None:
        self._scores, self._targets = scores, targets
        self.width = len(targets)
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


class _Given:
    """Some parts as one: joined given what they are all bought from."""

    width = 1

    def __init__(self, parts: _Part, home: _Part) -> None:
        self._parts, self._home = parts, home

    def __iter__(self) -> Iterator[F64]:
        (whole,) = self._home
        yield union_given(self._parts, whole[:, 0])[:, np.newaxis]


class _Chain:
    """Parts one after another; kept where they fit, so that they are worked out once."""

    def __init__(self, parts: Sequence[_Part], customers: int) -> None:
        self._parts = parts
        self.width = sum(part.width for part in parts)
        self._fits = self.width * customers <= _CELLS_AT_ONCE
        self._kept: list[F64] | None = None

    def __iter__(self) -> Iterator[F64]:
        if self._kept is None and self._fits:
            self._kept = [block for part in self._parts for block in part]
        if self._kept is not None:
            return iter(self._kept)
        return (block for part in self._parts for block in part)


def probability_of(scores: TargetScores, targets: I64) -> F64:
    """P(buys) each of some targets. Shape: (U, n)."""
    return sigmoid(scores.columns(targets).astype(np.float64)).astype(np.float64, copy=False)


def _moved(codes: I32, among: I64) -> I32:
    """Where codes stand among some, sorted; -1 stays."""
    return np.where(codes < 0, -1, np.searchsorted(among, codes)).astype(np.int32)
