"""The model at work: the best priors, and what a trained network adds to them.

What comes in: fitted parts. What goes out: `IntentPredictor`, a `Predictor`. Where every gate of a
head is closed the answer is the prior's own, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from intentml.inference.explaining import corrected
from intentml.model.correction import (
    Correction,
    corrected_silence,
    learned_of_pairs,
    low_rank,
    target_vectors,
)
from intentml.model.states import target_codes
from intentml.model.tensors import F32
from intentml.pairs.likeness import Likeness
from intentml.prediction import LowRank, Predictions, TargetScores, at_least_ordering
from intentml.priors.designs import KindParameters
from intentml.priors.explaining import Explanation, asked, explained, reckoned
from intentml.priors.pair_numbers import numbers_of
from intentml.priors.predictor import ALL_HORIZONS, PriorPredictor
from intentml.priors.timing_numbers import timing_numbers
from intentml.priors.value_numbers import value_numbers
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import Instant, Snapshot


class _LastTold:
    """What the network says of the last snapshot asked for at any horizon."""

    def __init__(self) -> None:
        self._of: tuple[object, object] = (None, None)
        self._told: dict[str, F32] = {}

    def get(self, correction: Correction, snapshot: Snapshot, what: str, make: Callable[[], F32]) -> F32:
        """What `make` returns, made at the first call."""
        if self._of[0] is not correction or self._of[1] is not snapshot:
            self._of, self._told = (correction, snapshot), {}
        if what not in self._told:
            self._told[what] = make()
        return self._told[what]


@dataclass(frozen=True)
class IntentPredictor:
    """Priors with a correction.

    Attributes:
        prior: The best prior of each head.
        correction: The network and its gates.
        told: Cache.
    """

    prior: PriorPredictor
    correction: Correction
    told: _LastTold = field(default_factory=_LastTold, compare=False, repr=False)

    @property
    def name(self) -> str:
        """What boards and manifests call it."""
        return "sequence"

    @property
    def trained_until(self) -> Instant:
        """Nothing known at or after this instant was used."""
        return self.prior.trained_until

    @property
    def kinds(self) -> Mapping[str, KindParameters]:
        """What was fitted per kind."""
        return self.prior.kinds

    def predict(
        self, snapshot: Snapshot, horizon_days: int, *, kinds: Sequence[str] | None = None
    ) -> Predictions:
        """Predictions for every customer of the snapshot; `kinds` limits the kinds of targets."""
        answer = self.prior.predict(snapshot, horizon_days, kinds=kinds)
        targets = {
            kind: self._corrected(snapshot, scores, horizon_days) for kind, scores in answer.targets.items()
        }
        return self._timed(snapshot, replace(answer, targets=targets))

    def explain(
        self, snapshot: Snapshot, customer: str, kind: str, target: str | None, horizon_days: int
    ) -> Explanation:
        """Why a customer's probability is what it is; as `PriorPredictor.explain`."""
        question = asked(self.prior, snapshot, customer, kind, target, horizon_days)
        alone = self.apart()
        answer = alone.predict(question.one, horizon_days, kinds=question.kinds)
        reckoning = corrected(alone, question, reckoned(alone.prior, question), answer)
        return explained(question, reckoning, answer)

    def apart(self, likeness: Likeness | None = None) -> IntentPredictor:
        """The same predictor with caches of its own, as `PriorPredictor.apart`."""
        return IntentPredictor(self.prior.apart(likeness), self.correction)

    def _states(self, snapshot: Snapshot) -> F32:
        """States of the customers. Shape: (U, d)."""
        return self.told.get(self.correction, snapshot, "states", lambda: self.correction.states(snapshot))

    def _corrected(self, snapshot: Snapshot, scores: TargetScores, days: int) -> TargetScores:
        """The scores of one kind with what the open gates let in."""
        correction, kind = self.correction, scores.kind
        if kind not in correction.open_kinds():
            return scores
        repeat, explore = correction.gates_at(kind, days)
        if repeat.closed and explore.closed:
            return scores
        design = self.prior.design(snapshot, kind, days)
        every = np.arange(len(scores))
        codes = self.prior.designs.of_shop(
            snapshot,
            ("codes", kind),
            lambda: target_codes(correction.network, correction.vocabulary, snapshot.catalogue, kind, every),
        )
        vectors = self.prior.designs.of_shop(
            snapshot, ("vectors", kind), lambda: target_vectors(correction.network, kind, codes)
        )
        states = self._states(snapshot)
        of_repeat, of_explore = (
            _of_buyers(part, snapshot)
            for part in low_rank(correction.network, states, kind, vectors, correction.place(kind, days))
        )
        learned: F32 | float = 0.0
        if repeat.pairs or explore.pairs:
            columns = correction.network.sizes.pairs[kind]
            numbers = numbers_of(design, columns)
            place = correction.place(kind, days)
            learned = learned_of_pairs(correction.network, kind, numbers, codes, design.pair_target, place)
        return scores.corrected(design.seen, (of_repeat, repeat), (of_explore, explore), learned)

    def _timed(self, snapshot: Snapshot, answer: Predictions) -> Predictions:
        """The answer with its timing, orders and spend corrected."""
        if (self.correction.timing.closed and self.correction.values.closed) or answer.no_order is None:
            return answer
        timing = self.prior.designs.get(
            snapshot,
            "timing numbers",
            ALL_HORIZONS,
            lambda: timing_numbers(snapshot, self.prior.activity.name, self.prior.timings),
        )
        timed = answer if self.correction.timing.closed else self._silenced(snapshot, answer, timing)
        return self._valued(snapshot, timed, timing)

    def _silenced(self, snapshot: Snapshot, answer: Predictions, timing: F32) -> Predictions:
        """The answer with corrected timing."""
        assert answer.no_order is not None
        assert answer.survival is not None
        days = np.union1d(SURVIVAL_DAYS, [answer.horizon_days])
        told = np.empty((len(snapshot), len(days)))
        told[:, np.searchsorted(days, SURVIVAL_DAYS)] = answer.survival
        told[:, np.searchsorted(days, answer.horizon_days)] = answer.no_order

        def log_ratio() -> F32:
            ratio = self.correction.log_ratio(self._states(snapshot), timing)
            return np.where(snapshot.n_orders[:, np.newaxis] > 0, ratio, np.float32(0))

        ratio = self.told.get(self.correction, snapshot, "log ratio", log_ratio)
        curve = corrected_silence(told, days, ratio)
        no_order = curve[:, np.searchsorted(days, answer.horizon_days)]
        return replace(answer, no_order=no_order, survival=curve[:, np.searchsorted(days, SURVIVAL_DAYS)])

    def _valued(self, snapshot: Snapshot, answer: Predictions, timing: F32) -> Predictions:
        """The answer with corrected orders and spend; whose timing is corrected already."""
        if answer.orders is None:
            return answer
        orders, spend = answer.orders, answer.spend
        money = None if spend is None else spend / np.maximum(orders, 1e-12)
        if not self.correction.values.closed:
            numbers = np.hstack([timing, value_numbers(snapshot, self.prior.spend)])
            states = self._states(snapshot)
            factors = np.exp(self.correction.value_factors(states, numbers, answer.horizon_days))
            factors[snapshot.n_orders == 0] = 1.0
            orders = orders * factors[:, 0]
            money = None if money is None else money * factors[:, 1]
        orders = at_least_ordering(orders, answer.no_order)
        return replace(answer, orders=orders, spend=None if money is None else orders * money)


def _of_buyers(part: LowRank, snapshot: Snapshot) -> LowRank:
    """The correction of customers with an order; the network has learned from no others."""
    return LowRank(part.customer * (snapshot.n_orders > 0)[:, np.newaxis], part.target)
