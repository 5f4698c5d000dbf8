"""What every predictor answers: the protocol, and predictions as plain arrays.

What comes in: a `Snapshot` and a horizon. What goes out: `Predictions`: per customer P(no order),
orders, spend and a survival curve; per kind of target a `TargetScores`, from which any customer's or
any target's probabilities can be read exactly. No torch here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.timeline import Instant, Snapshot
from intentml.timeline.catalogue import Strings

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

# Days at which every predictor tells P(no order); between them log-survival is interpolated.
SURVIVAL_DAYS = (7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365)


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
class Newcomer:
    """How a target that is not among `targets` gets its vector: [1, intercept + weights x popularity].

    Attributes:
        intercept: Constant.
        popularity: Weight of the log-odds of its expected popularity, by window (days, 0 = ever).
    """

    intercept: float
    popularity: Mapping[int, float]


@dataclass(frozen=True)
class TargetScores:
    """Logits of all customers for all targets of one kind, in parts.

    logit(u, j) = <customer_vectors[u], target_vectors[j]> + pairs[u, j] + sum of parent terms.
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
        newcomer: How a target without orders is scored; None where the predictor cannot.
    """

    kind: str
    targets: Strings
    customer_vectors: F32
    target_vectors: F32
    pairs: sparse.csr_array
    parents: tuple[ParentTerm, ...] = ()
    newcomer: Newcomer | None = None
    _columns: dict[str, sparse.csc_array] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.targets)

    def find(self, target: str) -> int | None:
        """The column of a target, None where unknown."""
        column = int(np.searchsorted(self.targets, target)) if len(self.targets) else 0
        return column if column < len(self.targets) and self.targets[column] == target else None

    def columns(self, targets: npt.ArrayLike) -> F32:
        """Logits of all customers for some targets. Shape: (U, n)."""
        wanted = np.asarray(targets, dtype=np.int64)
        logits = self.customer_vectors @ self.target_vectors[wanted].T
        logits += self._by_column("pairs", self.pairs)[:, wanted].toarray()
        for number, parent in enumerate(self.parents):
            of = parent.parent_of[wanted]
            has = of >= 0
            logits[:, has] += self._by_column(f"parent{number}", parent.values)[:, of[has]].toarray()
        return logits.astype(np.float32, copy=False)

    def rows(self, customers: slice | npt.NDArray[np.int64]) -> F32:
        """Logits of some customers for all targets. Shape: (n, J)."""
        logits = self.customer_vectors[customers] @ self.target_vectors.T
        logits += self.pairs[customers].toarray()
        for parent in self.parents:
            padded = np.pad(parent.values[customers].toarray(), ((0, 0), (0, 1)))
            logits += padded[:, parent.parent_of]  # parent -1 reads the padding, a zero
        return logits.astype(np.float32, copy=False)

    def take(self, customers: npt.NDArray[np.int64]) -> TargetScores:
        """The scores of some customers."""
        return replace(
            self,
            customer_vectors=self.customer_vectors[customers],
            pairs=self.pairs[customers],
            parents=tuple(replace(parent, values=parent.values[customers]) for parent in self.parents),
            _columns={},
        )

    def _by_column(self, name: str, matrix: sparse.csr_array) -> sparse.csc_array:
        if name not in self._columns:
            self._columns[name] = matrix.tocsc()
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


def sigmoid(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """1 / (1 + exp(-x)), without overflow, in the type that came in."""
    positive = np.exp(-np.abs(logits))
    probability: npt.NDArray[np.floating] = np.where(logits >= 0, 1, positive) / (1 + positive)
    return probability


def logit(probability: npt.ArrayLike, floor: float = 1e-7) -> F64:
    """Log-odds, with probabilities kept `floor` away from 0 and 1."""
    clipped = np.clip(np.asarray(probability, dtype=np.float64), floor, 1 - floor)
    return np.log(clipped) - np.log1p(-clipped)


def survival_at(survival: F64, days: npt.ArrayLike) -> F64:
    """P(no order within `days`), from the curve at `SURVIVAL_DAYS`.

    Log-survival is linear between the days told, from 1 at day 0; past 365 days it stays.

    Shape: survival (U, 13), days scalar or (U,) -> (U,).
    """
    grid = np.concatenate([[0.0], SURVIVAL_DAYS])
    log_curve = np.log(np.maximum(np.pad(survival, ((0, 0), (1, 0)), constant_values=1.0), 1e-12))
    wanted = np.clip(np.broadcast_to(np.asarray(days, dtype=np.float64), (len(survival),)), 0.0, grid[-1])
    right = np.clip(np.searchsorted(grid, wanted, side="left"), 1, len(grid) - 1)
    rows = np.arange(len(survival))
    share = (wanted - grid[right - 1]) / (grid[right] - grid[right - 1])
    between: F64 = np.exp((1 - share) * log_curve[rows, right - 1] + share * log_curve[rows, right])
    return between
