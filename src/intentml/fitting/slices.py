"""Slices of the past: a snapshot at a cutoff with its features and labels, each made once.

What comes in: a log cut at `as_of`. What goes out: what priors are fitted on. Everything in a slice
is fitted on the slice's own past, as it will be on the day of use.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.pairs.candidates import Candidates
from intentml.pairs.history import PairTable, pair_history
from intentml.prediction import F64, TextKind
from intentml.priors.activity import BTYD_NAMES, ActivityPrior, first_order_rate, fit_activity
from intentml.priors.designs import Design, KindParameters, design_of, fit_kind
from intentml.priors.spend import SpendPrior, fit_spend
from intentml.tasks import Labels, labels_of
from intentml.timeline import Instant, OrderLog, Snapshot

# Contract: targets bought by at least 5 customers, at most the 1,500 with most.
MIN_BUYERS = 5
MAX_TARGETS = 1500


class Slice:
    """A cutoff: its snapshot, and lazily what can be fitted or read there."""

    def __init__(self, log: OrderLog, cutoff: Instant, *, neighbours: bool = True) -> None:
        self._log = log
        self.cutoff = cutoff
        self._neighbours = neighbours
        self._labels: dict[int, Labels] = {}
        self._activity: dict[str, ActivityPrior] = {}
        self._money: dict[str, SpendPrior | None] = {}
        self._kinds: dict[str, KindParameters] = {}
        self._history: dict[str, PairTable] = {}
        self._candidates: dict[str, Candidates] = {}

    @cached_property
    def snapshot(self) -> Snapshot:
        """What was known at the cutoff."""
        return self._log.as_of(self.cutoff)

    def labels(self, horizon_days: int) -> Labels:
        """What happened within the horizon."""
        if horizon_days not in self._labels:
            outcomes = self._log.outcomes(self.snapshot, horizon_days)
            self._labels[horizon_days] = labels_of(self.snapshot, outcomes)
        return self._labels[horizon_days]

    def activity(self, name: str) -> ActivityPrior:
        """A timing prior fitted at the cutoff."""
        if name not in self._activity:
            self._activity[name] = fit_activity(name, self.snapshot, self.first_order_rate)
        return self._activity[name]

    def silence(self, prior: ActivityPrior, snapshot: Snapshot, days: npt.ArrayLike) -> F64:
        """P(no order) of customers of this slice, under a prior's kind fitted here, with its comeback rate.

        Shape: days (K,) -> (U, K).
        """
        return self.activity(prior.name).coming_back(prior.comeback_rate).no_order(snapshot, days)

    def timings(self, chosen: str) -> dict[str, ActivityPrior]:
        """A timing prior and every BTYD model, fitted at the cutoff."""
        return {name: self.activity(name) for name in dict.fromkeys((chosen, *BTYD_NAMES))}

    def money(self, name: str) -> SpendPrior | None:
        """Money per order fitted at the cutoff; None where no line had a price by then."""
        if name not in self._money:
            self._money[name] = fit_spend(name, self.snapshot)
        return self._money[name]

    @cached_property
    def first_order_rate(self) -> float:
        """First orders per prospect and day over the four weeks before the cutoff."""
        snapshot, days = self.snapshot, min(28.0, self.snapshot.history_days / 2)
        oldest = np.zeros(len(snapshot))
        buyers = np.flatnonzero(snapshot.n_orders > 0)
        oldest[buyers] = snapshot.orders.age_days[snapshot.order_indptr[buyers]]
        prospect = (snapshot.listed_days > days) & (oldest < days)
        return first_order_rate(int(prospect.sum()), int((prospect & (oldest > 0)).sum()), days)

    def history(self, kind: str) -> PairTable:
        """Pair history at the cutoff."""
        if kind not in self._history:
            self._history[kind] = pair_history(self.snapshot, kind)
        return self._history[kind]

    def seen(self, kind: str) -> sparse.csr_array:
        """Pairs with history. Shape: (U, J), sparse booleans."""
        history = self.history(kind)
        shape = (history.n_customers, history.n_targets)
        return sparse.csr_array((np.ones(len(history), bool), history.target, history.indptr), shape=shape)

    def kind(self, kind: str) -> KindParameters:
        """Neighbours and rates fitted at the cutoff."""
        if kind not in self._kinds:
            fitted = fit_kind(self.snapshot, self.history(kind))
            if not self._neighbours:
                near, ease = fitted.neighbours.emptied(), fitted.ease.emptied()
                fitted = replace(fitted, neighbours=near, ease=ease)
            self._kinds[kind] = fitted
        return self._kinds[kind]

    def candidates(self, kind: str) -> Candidates:
        """Pairs with history or neighbours at the cutoff; the same for every horizon."""
        if kind not in self._candidates:
            targets = self.snapshot.catalogue.targets(kind).targets
            self._candidates[kind] = self.kind(kind).candidates(self.history(kind), targets)
        return self._candidates[kind]

    def design(
        self, kind: str, days: int, activity: str, likeness: tuple[sparse.csr_array, TextKind] | None = None
    ) -> Design:
        """The priors' features at the cutoff.

        Args:
            kind: Kind of target.
            days: The horizon.
            activity: Timing prior that P(order) is taken from.
            likeness: Of the targets by their text, where new ones are to be scored by it.
        """
        ordering = 1.0 - self.activity(activity).no_order(self.snapshot, days)[:, 0]
        fitted, history = self.kind(kind), self.history(kind)
        return design_of(
            self.snapshot, history, fitted, ordering, days, self.candidates(kind), likeness=likeness
        )

    def eligible(self, kind: str) -> npt.NDArray[np.int64]:
        """Targets to learn from: bought by enough customers, at most the most bought. Sorted."""
        buyers = self.snapshot.shop.popularity[kind][0]
        enough = np.flatnonzero(buyers >= MIN_BUYERS)
        return np.sort(enough[np.argsort(-buyers[enough], kind="stable")[:MAX_TARGETS]])

    def rare(self, kind: str) -> npt.NDArray[np.int64]:
        """Targets that somebody bought, but too few to learn from. Sorted."""
        bought = np.flatnonzero(self.snapshot.shop.popularity[kind][0] > 0)
        return np.setdiff1d(bought, self.eligible(kind))


class Past:
    """A log cut at `as_of`, and its slices, each made once.

    Args:
        log: Cut at `as_of`.
        neighbours: Whether what is bought together speaks for a pair.
    """

    def __init__(self, log: OrderLog, *, neighbours: bool = True) -> None:
        self.log = log
        self._neighbours = neighbours
        self.now = Slice(log, log.until, neighbours=neighbours)
        self._slices: dict[int, Slice] = {}

    def at(self, cutoff: Instant) -> Slice:
        """The slice at a cutoff."""
        if cutoff.us not in self._slices:
            self._slices[cutoff.us] = Slice(self.log, cutoff, neighbours=self._neighbours)
        return self._slices[cutoff.us]
