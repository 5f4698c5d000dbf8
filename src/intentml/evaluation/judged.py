"""The ground that every predictor stands on: the customers and targets judged, and what happened there.

What comes in: a snapshot, its labels and the settings. What goes out: `JudgedTargets` a kind: who
bought what in the window and before it, sparse, read in blocks that fit in memory. Made once a
window and shared by all predictors; it has seen no prediction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.evaluation.settings import BacktestConfig
from intentml.metrics import Resamples, judged_targets, replicates_for, tail_targets
from intentml.pairs.history import pair_history
from intentml.prediction import TargetScores
from intentml.tasks import Labels
from intentml.timeline import Snapshot
from intentml.timeline.catalogue import Strings

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# A block holds some ten arrays of doubles at its worst: about 160 MB.
_CELLS_PER_BLOCK = 2_000_000
_SHARING = 12


@dataclass(frozen=True)
class JudgedTargets:
    """Customers with an order x judged targets of one kind.

    Attributes:
        kind: Kind of target.
        customers: Rows of the snapshot that are judged. Shape: (U,).
        targets: Judged targets in the snapshot's numbering, ascending. Shape: (J,).
        names: Their names. Shape: (J,).
        in_tail: Whether each has fewer buyers before as_of than their median. Shape: (J,).
        bought: Bought in the window. Shape: (U, J), sparse booleans.
        before: Bought before as_of. Shape: (U, J), sparse booleans.
        resamples: Of the customers, for metrics that are ratios of sums.
        ranking_resamples: The first of them, as many as rankings can be read with in seconds.
    """

    kind: str
    customers: I64
    targets: I64
    names: Strings
    in_tail: Bools
    bought: sparse.csr_array
    before: sparse.csr_array
    resamples: Resamples
    ranking_resamples: Resamples

    @property
    def base_rate(self) -> float:
        """Share of customers who buy a target, mean over targets."""
        pairs = len(self.customers) * len(self.targets)
        return float(self.bought.nnz / pairs) if pairs else float("nan")

    def by_target(self) -> Iterator[tuple[slice, Bools, Bools]]:
        """Blocks of targets, all customers: which, bought, before. Shapes: (U, n)."""
        bought, before = self.bought.tocsc(), self.before.tocsc()
        for block in _blocks(len(self.targets), len(self.customers)):
            yield block, bought[:, block].toarray(), before[:, block].toarray()

    def by_customer(self) -> Iterator[tuple[slice, Bools, Bools]]:
        """Blocks of customers, all targets: which, bought, before. Shapes: (n, J)."""
        for block in _blocks(len(self.customers), len(self.targets)):
            yield block, self.bought[block].toarray(), self.before[block].toarray()

    def restrict(self, scores: TargetScores) -> TargetScores:
        """A predictor's scores of the judged customers and targets alone.

        Raises:
            ValueError: The predictor does not know a judged target.
        """
        column = np.searchsorted(scores.targets, self.names)
        column[column == len(scores.targets)] = 0
        unknown = scores.targets[column] != self.names if len(scores) else np.ones(len(self.names), bool)
        if np.any(unknown):
            raise ValueError(
                f"the predictor has no score for {int(np.sum(unknown))} of {len(self.names)} judged "
                f"targets of kind {self.kind}, e.g. {self.names[unknown][0]!r}"
            )
        return scores.take(self.customers).select(column)


def judge_targets(
    snapshot: Snapshot, labels: Labels, kind: str, customers: I64, settings: BacktestConfig
) -> JudgedTargets:
    """The judged targets of one kind, by contracts.md, "Population of a ranking metric".

    Buyers in the window are counted among `customers`, those with an order before as_of.
    """
    index = snapshot.catalogue.targets(kind)
    bought = labels.bought[kind][customers]
    in_window = np.bincount(bought.indices, minlength=len(index))
    popularity = snapshot.shop.popularity[kind][0]
    targets = judged_targets(popularity, in_window, min_in_window=settings.min_buyers_in_window)
    history = pair_history(snapshot, kind)
    before = sparse.csr_array(
        (np.ones(len(history), bool), history.target, history.indptr), shape=(len(snapshot), len(index))
    )[customers]
    # A dozen predictors are measured in a row, so each takes a part of the time of one alone.
    affordable = replicates_for(len(customers), _SHARING * len(targets))
    return JudgedTargets(
        kind=kind,
        customers=customers,
        targets=targets,
        names=index.targets[targets],
        in_tail=tail_targets(popularity[targets]),
        bought=bought[:, targets],
        before=before[:, targets],
        resamples=Resamples(len(customers), settings.resamples, settings.seed),
        ranking_resamples=Resamples(len(customers), min(settings.resamples, affordable), settings.seed),
    )


def _blocks(length: int, width: int) -> Iterator[slice]:
    """Slices of `length` rows of `width` cells."""
    step = max(1, _CELLS_PER_BLOCK // max(width, 1))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))
