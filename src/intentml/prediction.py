"""What every predictor answers: the protocol, and predictions as plain arrays.

What comes in: a `Snapshot` and a horizon. What goes out: `Predictions`: per customer P(no order),
orders, spend and a survival curve; per kind of target a `TargetScores`, from which any customer's or
any target's probabilities can be read exactly. No torch here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.timeline import Instant, Snapshot
from intentml.timeline.catalogue import Strings

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]

_PAIRS_AT_ONCE = 16_384
TextKind = Literal["hashed", "semantic", "none"]
# A taste for one product much like another stands where the logarithm begins to bend.
LIKENESS_SCALE = 10.0

# Days at which every predictor tells P(no order); between them log-survival is interpolated.
SURVIVAL_DAYS = (7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365)
_GRID = np.array([0.0, *SURVIVAL_DAYS])
_LEAST_SURVIVAL = 1e-12


@dataclass(frozen=True)
class ParentTerm:
    """What a customer's history with a target's parent (its category, its brand) adds to the logit.

    Attributes:
        kind: Kind of the parent, as targets are numbered.
        values: Addition per customer and parent. Shape: (U, P), sparse.
        parent_of: Parent of each target, -1 for none. Shape: (J,).
    """

    kind: str
    values: sparse.csr_array
    parent_of: npt.NDArray[np.int32]


@dataclass(frozen=True)
class LikenessTerm:
    """What purchases of targets like it in text add to the logit of a target that nobody has bought.

    Attributes:
        weight: Of log(1 + 10 x taste x likeness).
        taste: What each customer bought, the newest the most. Shape: (U, K), sparse.
        likeness: How much each target is like each of those. Shape: (K, J), sparse.
        text: What texts were compared by.
    """

    weight: float
    taste: sparse.csr_array
    likeness: sparse.csr_array
    text: TextKind

    def at(self, who: npt.NDArray[np.int64], what: npt.NDArray[np.int64]) -> F32:
        """The additions to some pairs. Shape: (n,), (n,) -> (n,)."""
        like = self.likeness[:, what].tocoo()  # what speaks for each pair
        pair, bought = like.coords[1], like.coords[0]
        speaks = like.data * at_pairs(self.taste, who[pair], bought)
        total = np.bincount(pair, weights=speaks, minlength=len(who))
        added: F32 = (self.weight * np.log1p(LIKENESS_SCALE * total)).astype(np.float32)
        return added

    def values(self, taste: sparse.csr_array, likeness: sparse.csr_array) -> sparse.csr_array:
        """The additions, for some of either. Shape: (n, K), (K, m) -> (n, m), sparse."""
        found = (taste @ likeness).tocsr()
        found.data = (self.weight * np.log1p(LIKENESS_SCALE * found.data)).astype(np.float32)
        return found


@dataclass(frozen=True)
class Newcomer:
    """How a target that is not among `targets` is scored, as one that nobody has bought.

    Its vector begins with `start`, and to the second number intercept + weights x popularity is added; any
    others are the mean of its siblings'.

    Attributes:
        intercept: Constant.
        popularity: Weight of the log-odds of its expected popularity, by window (days, 0 = ever).
        start: Weights of the customers' own parts, by column.
        parents: Which of the parent terms speak for it.
    """

    intercept: float
    popularity: Mapping[int, float]
    start: tuple[float, ...] = (1.0, 0.0)
    parents: tuple[int, ...] = ()


@dataclass(frozen=True)
class LowRank:
    """A correction of logits as a dot product. Shapes: customer (U, D), target (J, D)."""

    customer: F32
    target: F32

    def at(self, who: npt.NDArray[np.int64], what: npt.NDArray[np.int64]) -> F32:
        """Its value at some pairs, a part at a time. Shape: (n,), (n,) -> (n,)."""
        values = np.empty(len(who), np.float32)
        for start in range(0, len(who), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            values[part] = np.einsum("nd,nd->n", self.customer[who[part]], self.target[what[part]])
        return values


@dataclass(frozen=True)
class Mend:
    """How corrections enter a logit: intercept + slope x (logit + weight x dot product + pairs x pair's own).

    Attributes:
        weight: Of the dot product; 0 = the gate is closed.
        intercept: Calibration.
        slope: Calibration.
        pairs: Weight of what is learned of single pairs; 0 = the gate is closed.
    """

    weight: float = 0.0
    intercept: float = 0.0
    slope: float = 1.0
    pairs: float = 0.0

    @property
    def closed(self) -> bool:
        """Whether it changes nothing."""
        return self == Mend()


@dataclass(frozen=True)
class TargetScores:
    """Logits of all customers for all targets of one kind, in parts.

    logit(u, j) = <customer_vectors[u], target_vectors[j]> + pairs[u, j] + sum of parent terms + likeness.
    The dot product holds for every pair; `pairs` has an entry only where a customer has history
    with the target or bought its neighbours. So a target's column over all customers costs one
    matrix-vector product and a sparse column.

    Attributes:
        kind: product, category, category_node or brand.
        targets: Target names, sorted. Shape: (J,).
        customer_vectors: Shape: (U, D).
        target_vectors: Shape: (J, D).
        pairs: Additions to the logit. Shape: (U, J), sparse.
        parents: Additions through the target's parents.
        alike: Additions to targets that nobody has bought, through those like them.
        newcomer: How a target without orders is scored; None where the predictor cannot.
        probabilities: Whether scores are log-odds; else they only rank, in a scale of their own.
    """

    kind: str
    targets: Strings
    customer_vectors: F32
    target_vectors: F32
    pairs: sparse.csr_array
    parents: tuple[ParentTerm, ...] = ()
    alike: LikenessTerm | None = None
    newcomer: Newcomer | None = None
    probabilities: bool = True
    _columns: dict[str, sparse.csc_array] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.targets)

    def find(self, target: str) -> int | None:
        """The column of a target, None where unknown."""
        column = int(np.searchsorted(self.targets, target)) if len(self.targets) else 0
        return column if column < len(self.targets) and self.targets[column] == target else None

    def columns(self, targets: npt.ArrayLike) -> F32:
        """Logits of all customers for some targets, target by target in memory. Shape: (U, n)."""
        wanted = np.asarray(targets, dtype=np.int64)
        logits = (self.target_vectors[wanted] @ self.customer_vectors.T).T
        logits += self.by_column("pairs")[:, wanted].toarray(order="F")
        for number, parent in enumerate(self.parents):
            has = (of := parent.parent_of[wanted]) >= 0
            logits[:, has] += self.by_column(f"parent{number}")[:, of[has]].toarray(order="F")
        if self.alike is not None:
            likeness = self.by_column("likeness")[:, wanted].tocsr()
            told = np.flatnonzero(np.diff(likeness.indptr))  # of all that was bought, few are like these
            if len(told):
                taste = self.by_column("taste")[:, told].tocsr()
                logits += self.alike.values(taste, likeness[told]).toarray()
        return logits.astype(np.float32, copy=False)

    def rows(self, customers: slice | npt.NDArray[np.int64]) -> F32:
        """Logits of some customers for all targets. Shape: (n, J)."""
        logits = self.customer_vectors[customers] @ self.target_vectors.T
        logits += _rows(self.pairs, customers).toarray()
        for parent in self.parents:
            padded = np.pad(_rows(parent.values, customers).toarray(), ((0, 0), (0, 1)))
            logits += padded[:, parent.parent_of]  # parent -1 reads the padding, a zero
        if self.alike is not None:
            logits += self.alike.values(_rows(self.alike.taste, customers), self.alike.likeness).toarray()
        return logits.astype(np.float32, copy=False)

    def take(self, customers: slice | npt.NDArray[np.int64]) -> TargetScores:
        """The scores of some customers."""
        return replace(
            self,
            customer_vectors=self.customer_vectors[customers],
            pairs=self.pairs[customers],
            parents=tuple(replace(parent, values=parent.values[customers]) for parent in self.parents),
            alike=self.alike and replace(self.alike, taste=self.alike.taste[customers]),
            _columns={},
        )

    def select(self, targets: npt.NDArray[np.int64]) -> TargetScores:
        """The scores of some targets."""
        return replace(
            self,
            targets=self.targets[targets],
            target_vectors=self.target_vectors[targets],
            pairs=self.by_column("pairs")[:, targets].tocsr(),
            parents=tuple(replace(parent, parent_of=parent.parent_of[targets]) for parent in self.parents),
            alike=self.alike and replace(self.alike, likeness=self.by_column("likeness")[:, targets].tocsr()),
            _columns={},
        )

    def corrected(
        self,
        seen: npt.NDArray[np.bool_],
        repeat: tuple[LowRank, Mend],
        explore: tuple[LowRank, Mend],
        learned: Floats | float = 0.0,
    ) -> TargetScores:
        """The same scores with corrections, still one dot product and a sparse part.

        Args:
            seen: Which entries of `pairs` are pairs with history; the others, and all pairs without
                an entry, are explored. Shape: (entries of `pairs`,).
            repeat: Correction of pairs with history.
            explore: Correction of all others.
            learned: Correction of the pairs in `pairs` besides. Shape: (entries of `pairs`,).
        """
        (of_repeat, mend), (of_explore, everywhere) = repeat, explore
        users, count, slope = len(self.customer_vectors), len(self), everywhere.slope
        own = np.flatnonzero(seen)
        who = np.repeat(np.arange(users), np.diff(self.pairs.indptr))[own]
        what = self.pairs.indices[own].astype(np.int64)
        base = LowRank(self.customer_vectors, self.target_vectors).at(who, what)
        for parent in self.parents:
            base += at_pairs(parent.values, who, parent.parent_of[what]).astype(np.float32)
        if self.alike is not None:
            base += self.alike.at(who, what)
        correction = of_explore.at(who, what)
        told = np.broadcast_to(learned, self.pairs.data.shape)
        additions = slope * (self.pairs.data + everywhere.pairs * told)
        # What these pairs shall have, less what the dot product and the parents give them.
        additions[own] = (
            mend.intercept
            + mend.slope
            * (base + self.pairs.data[own] + mend.weight * of_repeat.at(who, what) + mend.pairs * told[own])
            - everywhere.intercept
            - slope * (base + everywhere.weight * correction)
        )
        newcomer = self.newcomer and replace(
            self.newcomer,
            intercept=slope * self.newcomer.intercept,
            popularity={days: slope * weight for days, weight in self.newcomer.popularity.items()},
            start=tuple(slope * weight for weight in self.newcomer.start),
        )
        to_targets: list[Floats] = [
            slope * self.target_vectors,
            slope * everywhere.weight * of_explore.target,
            np.full((count, 1), everywhere.intercept),
        ]
        to_customers: list[Floats] = [self.customer_vectors, of_explore.customer, np.ones((users, 1))]
        return replace(
            self,
            customer_vectors=np.concatenate(to_customers, axis=1).astype(np.float32),
            target_vectors=np.concatenate(to_targets, axis=1).astype(np.float32),
            pairs=sparse.csr_array(
                (additions.astype(np.float32), self.pairs.indices, self.pairs.indptr), shape=self.pairs.shape
            ),
            parents=tuple(
                replace(parent, values=parent.values * np.float32(slope)) for parent in self.parents
            ),
            alike=self.alike and replace(self.alike, weight=slope * self.alike.weight),
            newcomer=newcomer,
            _columns={},
        )

    def sparse_parts(self) -> dict[str, sparse.csr_array]:
        """The sparse matrices that scores are made of, by name."""
        parts = {"pairs": self.pairs} | {
            f"parent{number}": parent.values for number, parent in enumerate(self.parents)
        }
        if self.alike is not None:
            parts |= {"taste": self.alike.taste, "likeness": self.alike.likeness}
        return parts

    def by_column(self, name: str) -> sparse.csc_array:
        """One of them, laid out by column."""
        if name not in self._columns:
            self._columns[name] = self.sparse_parts()[name].tocsc()
        return self._columns[name]


@dataclass(frozen=True)
class Predictions:
    """One predictor's answer. A head that the predictor does not have is None (or absent).

    Attributes:
        customer_ids: Sorted ids. Shape: (U,), like all arrays here unless told.
        as_of: The instant of the snapshot.
        horizon_days: The window the probabilities are about.
        targets: Scores per kind.
        no_order: P(no order in the window).
        orders: Expected orders in the window.
        spend: Expected spend in the window, gross of returns.
        survival: P(no order within `SURVIVAL_DAYS`). Shape: (U, 13).
        calibrated: Whether the history could evaluate this horizon.
    """

    customer_ids: Strings
    as_of: Instant
    horizon_days: int
    targets: dict[str, TargetScores] = field(default_factory=dict)
    no_order: F64 | None = None
    orders: F64 | None = None
    spend: F64 | None = None
    survival: F64 | None = None
    calibrated: bool = True


class Predictor(Protocol):
    """The model, every prior and every peer."""

    @property
    def name(self) -> str:
        """What boards and manifests call it."""
        ...

    def predict(
        self, snapshot: Snapshot, horizon_days: int, *, kinds: Sequence[str] | None = None
    ) -> Predictions:
        """Predictions for every customer of the snapshot; `kinds` limits the kinds of targets."""
        ...


def _rows(matrix: sparse.csr_array, rows: slice | npt.NDArray[np.int64]) -> sparse.csr_array:
    """Some rows; of all of them no copy is made."""
    every = isinstance(rows, slice) and rows.indices(matrix.shape[0]) == (0, matrix.shape[0], 1)
    return matrix if every else matrix[rows]


def at_pairs(
    matrix: sparse.csr_array,
    row: npt.NDArray[np.int64],
    column: npt.NDArray[np.int32] | npt.NDArray[np.int64],
) -> F64:
    """matrix[row, column] for sorted-index CSR; 0 where the column is -1. Shape: (n,), (n,) -> (n,)."""
    place = places(matrix.indptr, matrix.indices, matrix.shape[1], row, column)
    return at_places(matrix.data, place)


def places(
    indptr: npt.NDArray[np.integer],
    indices: npt.NDArray[np.integer],
    columns: int,
    row: npt.NDArray[np.int64],
    column: npt.NDArray[np.int32] | npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Where sorted-index CSR keeps (row, column); -1 where it does not, or the column is -1.

    Shape: row (n,), column (n,) -> (n,).
    """
    if not len(indices):
        return np.full(len(row), -1)
    keys = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)) * columns + indices
    wanted = row * columns + column
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((keys[at] == wanted) & (column >= 0), at, -1)


def at_places(values: Floats, place: npt.NDArray[np.int64]) -> F64:
    """The values at places of `places`, 0 where there is none. Shape: (m,), (n,) -> (n,)."""
    if not len(values):
        return np.zeros(len(place))
    return np.where(place >= 0, values[place], 0.0)


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), in the type that came in."""
    with np.errstate(over="ignore"):  # e^x too large to be a number is a probability of 0
        probability: Floats = 1 / (1 + np.exp(-logits))
    return probability


def logit(probability: npt.ArrayLike, floor: float = 1e-7) -> F64:
    """Log-odds, with probabilities kept `floor` away from 0 and 1."""
    clipped = np.clip(np.asarray(probability, dtype=np.float64), floor, 1 - floor)
    return np.log(clipped) - np.log1p(-clipped)


def at_least_ordering(orders: F64, no_order: F64 | None) -> F64:
    """Expected orders, nowhere below P(at least one). Shape: (U,), (U,) -> (U,).

    The two are fitted apart, each as it is nearest to what came; together they must not contradict.
    """
    return orders if no_order is None else np.maximum(orders, 1.0 - no_order)


def survival_at(survival: F64, days: npt.ArrayLike) -> F64:
    """P(no order within `days`), from the curve at `SURVIVAL_DAYS`.

    Log-survival is linear between the days told, from 1 at day 0; past 365 days it stays.

    Shape: survival (U, 13), days scalar or (U,) -> (U,).
    """
    log_curve, rows = _log_curve(survival), np.arange(len(survival))
    wanted = np.clip(np.broadcast_to(np.asarray(days, dtype=np.float64), (len(survival),)), 0.0, _GRID[-1])
    right = np.clip(np.searchsorted(_GRID, wanted, side="left"), 1, len(_GRID) - 1)
    share = (wanted - _GRID[right - 1]) / (_GRID[right] - _GRID[right - 1])
    between: F64 = np.exp((1 - share) * log_curve[rows, right - 1] + share * log_curve[rows, right])
    return between


def days_until(survival: F64, level: F64) -> F64:
    """The first day at which P(no order) is no more than `level`; 365 where it stays above.

    The inverse of `survival_at`. Shape: survival (U, 13), level (U,) below 1 -> (U,).
    """
    log_curve, rows = _log_curve(survival), np.arange(len(survival))
    wanted = np.log(np.maximum(level, _LEAST_SURVIVAL))
    right = np.clip((log_curve > wanted[:, np.newaxis]).sum(axis=1), 1, len(_GRID) - 1)
    left, drop = log_curve[rows, right - 1], log_curve[rows, right - 1] - log_curve[rows, right]
    share = np.minimum((left - wanted) / np.where(drop > 0, drop, np.inf), 1.0)
    days: F64 = _GRID[right - 1] + share * (_GRID[right] - _GRID[right - 1])
    return np.where(log_curve[:, -1] > wanted, _GRID[-1], days)


def _log_curve(survival: F64) -> F64:
    """Logarithms of the curve from day 0 on, where it is 1. Shape: (U, 13) -> (U, 14)."""
    curve = np.concatenate([np.ones((len(survival), 1)), survival], axis=1)
    log_curve: F64 = np.log(np.maximum(curve, _LEAST_SURVIVAL))
    return log_curve
