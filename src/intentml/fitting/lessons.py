"""What the network learns from and is judged by: examples of windows of the past.

What comes in: a past in slices, a plan of windows, fitted target priors, a fresh network. What goes out:
`Examples` of training windows, `ValidationWindow`s.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intentml.fitting.examples import (
    CandidatePairs,
    Examples,
    sequences_of,
    some_buyers,
    target_examples,
    timing_examples,
)
from intentml.fitting.plan import TrainingPlan
from intentml.fitting.settings import TrainingConfig
from intentml.fitting.slices import Past, Slice
from intentml.fitting.targets import FittedTargets
from intentml.fitting.validation import ValidationWindow, silence_days
from intentml.fitting.values import value_examples
from intentml.model.heads import TargetCodes
from intentml.model.intent_model import IntentModel
from intentml.model.states import target_codes
from intentml.priors.activity import ActivityPrior
from intentml.priors.predictor import PriorPredictor
from intentml.sequences.vocabulary import Vocabulary
from intentml.timeline import Instant

# Enough to tell a gain from luck, few enough to look at after every epoch.
JUDGED_CUSTOMERS = 6_000

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lessons:
    """Where examples come from.

    Attributes:
        past: Cut at `as_of`.
        plan: Windows of the training.
        training: Its settings.
        best: The priors that are corrected.
        timing: Their timing.
        targets: Fitted target priors, by kind and horizon.
        network: Whose codes and numbers are wanted.
        vocabulary: Names to codes.
    """

    past: Past
    plan: TrainingPlan
    training: TrainingConfig
    best: PriorPredictor
    timing: ActivityPrior
    targets: Mapping[str, Mapping[int, FittedTargets]]
    network: IntentModel
    vocabulary: Vocabulary

    def examples(self, part: Slice, ends: Instant, *, whole: bool) -> Examples:
        """Examples to learn from, up to `ends`; `whole` windows have targets, anchors timing alone."""
        customers = self.learners(part)
        # By the calendar: four weeks in which clocks go forward are an hour short.
        horizons = [
            days for days in self.plan.horizons if whole and part.cutoff.plus_days(days).us <= ends.us
        ]
        return self._of(part, customers, ends, horizons, settled=True)

    def learners(self, part: Slice) -> I64:
        """Customers of a window to learn from. Shape: (n,)."""
        teaches = self.plan.teaches(part.snapshot.customer_ids)
        return some_buyers(part, teaches, self.training.customers_per_cutoff, self.training.seed)

    def judged(self) -> dict[int, ValidationWindow]:
        """The validation window of each horizon, with the prior that has not seen it."""
        found = {}
        for days, cutoff in self.plan.validation.items():
            part = self.past.at(cutoff)
            judges = self.plan.judges(part.snapshot.customer_ids)
            customers = some_buyers(part, judges, JUDGED_CUSTOMERS, self.training.seed)
            examples = self._of(part, customers, cutoff.plus_days(days), {days}, settled=False)
            silence = part.silence(self.timing, part.snapshot.take(customers), silence_days(days))
            found[days] = ValidationWindow(examples, silence, part.labels(days).no_order[customers])
        return found

    def _of(
        self, part: Slice, customers: I64, ends: Instant, horizons: Collection[int], *, settled: bool
    ) -> Examples:
        """Examples of some customers of a slice."""
        targets = {}
        over = [days for days in self.plan.horizons if part.cutoff.plus_days(days).us <= ends.us]
        for kind, knots in self.targets.items():
            other: CandidatePairs | None = None
            for days, fitted in knots.items():
                if days in horizons and len(part.eligible(kind)):
                    design = part.design(kind, days, self.timing.name)
                    targets[kind, days] = target_examples(
                        part,
                        customers,
                        days,
                        design,
                        fitted.on_older[fitted.best],
                        self._codes,
                        self.network.sizes.pairs[kind],
                        other,
                        settled=settled,
                    )
                    other = targets[kind, days].candidates
        return Examples(
            customers,
            sequences_of(part, customers, self.vocabulary, self.network.config.max_orders),
            timing_examples(part, customers, self.past.log, ends, self.timing, settled=settled),
            value_examples(part, customers, self.past.log, over, self.best, settled=settled),
            targets,
        )

    def _codes(self, part: Slice, kind: str, targets: I64) -> TargetCodes:
        return target_codes(self.network, self.vocabulary, part.snapshot.catalogue, kind, targets)
