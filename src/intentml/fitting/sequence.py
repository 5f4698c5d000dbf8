"""Fit the sequence model over fitted priors: examples, training, gates.

What comes in: a past in slices, its fitted priors, settings. What goes out: `Correction`: a network,
its vocabulary and its gates; None where the history is too short to learn and to judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from intentml.fitting.corrections import corrections
from intentml.fitting.examples import Examples, TargetExamples, some_buyers, timing_examples
from intentml.fitting.gates import Validation, gate_targets, pair_log_loss
from intentml.fitting.lessons import JUDGED_CUSTOMERS, Lessons
from intentml.fitting.levels import levels_today
from intentml.fitting.losses import TIMING, head_name, prior_losses
from intentml.fitting.model import SequenceSettings
from intentml.fitting.network import know_numbers, new_network
from intentml.fitting.pair_training import fit_pair_networks
from intentml.fitting.plan import TrainingPlan, has_customers, plan_training
from intentml.fitting.priors import FittedPriors, PriorsConfig
from intentml.fitting.slices import Past
from intentml.fitting.targets import FittedTargets, fit_targets
from intentml.fitting.timing_training import fit_timing_network, told_by_numbers
from intentml.fitting.training import Progress, Trained, train_network
from intentml.fitting.validation import ValidationWindow, gated_timing
from intentml.fitting.value_training import fit_value_head
from intentml.fitting.values import ValueWindow, gate_values
from intentml.fitting.windows import cutoffs
from intentml.model.correction import Correction, sequence_ratio, timing_ratio, value_ratio
from intentml.model.device import device_name
from intentml.model.heads import horizon_place
from intentml.model.intent_model import IntentModel
from intentml.model.states import states_of
from intentml.model.values import ValueGates
from intentml.prediction import F32, Mend
from intentml.priors.pair_numbers import column_names
from intentml.sequences.vocabulary import Vocabulary
from intentml.timeline.catalogue import KINDS

# A season that came once cannot be told from a trend.
_SEASON_KNOWN_DAYS = 2 * 365

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FittedSequence:
    """A fitted network and how it came about.

    Attributes:
        honest: The network and its gates before anything of validation was learned: what may be judged there.
        correction: What a predictor adds to its priors.
        plan: Windows of the training.
        targets: The target priors it was trained over.
        trained: Epochs.
        validation_loss: Of the whole network, the mean over heads of the loss over the prior's.
        device: Where it was trained.
    """

    honest: Correction
    correction: Correction
    plan: TrainingPlan
    targets: Mapping[str, Mapping[int, FittedTargets]]
    trained: Trained
    validation_loss: float
    device: str

    def card(self) -> dict[str, object]:
        """What a model folder tells of it."""
        timing = self.correction.timing
        return {
            "validation_loss": self.validation_loss,
            "epochs": [asdict(epoch) for epoch in self.trained.epochs],
            "best_epoch": self.trained.best_epoch,
            "seconds": round(self.trained.seconds, 1),
            "device": self.device,
            "weights": self.correction.network.parameters_count,
            "gates": {
                kind: {str(days): [asdict(mend) for mend in gates] for days, gates in knots.items()}
                for kind, knots in self.correction.gates.items()
            },
            "timing_weights": {"numbers": timing.numbers, "sequence": timing.sequence},
            "orders_weight": self.correction.values.orders,
            "money_weight": self.correction.values.money,
            "split": self.plan.split,
            "validation_cutoffs": {str(days): at.iso for days, at in self.plan.validation.items()},
            "learned_until": self.plan.ends.iso,
            "cutoffs": [at.iso for at in self.plan.cutoffs],
            "anchors": [at.iso for at in self.plan.anchors],
        }


def fit_sequence(
    past: Past, priors: FittedPriors, config: PriorsConfig, settings: SequenceSettings, progress: Progress
) -> FittedSequence | None:
    """Fit the network.

    Args:
        past: Cut at `as_of`.
        priors: Fitted on the same past.
        config: Their settings.
        settings: Of the network and its training.
        progress: Told steps.

    Raises:
        ModelError: The checkpoint to resume from is of another training.
    """
    training = settings.training
    plan = plan_training(
        past.log,
        config.horizons_days,
        windows=config.windows,
        n_cutoffs=training.cutoffs,
        n_anchors=training.anchors,
        seed=training.seed,
    )
    if plan is None or not plan.cutoffs or not has_customers(past, plan):
        return None
    fit = _Fit(past, priors, config, settings, plan, progress)
    parts = fit.parts()
    progress("timing network", 1, 1)
    fit_timing_network(fit.network, [part.timing for part in parts], training)
    read = [replace(part, timing=told_by_numbers(fit.network, part.timing)) for part in parts]
    trained = train_network(
        fit.network,
        read,
        fit.validate,
        prior_losses(read),
        training,
        settings.checkpoint,
        progress=progress,
        on_epoch=settings.on_epoch,
        together=settings.together,
    )
    begun = deepcopy(fit.network)
    fit.last_heads(fit.network, parts)
    loss = fit.validate(fit.network)["loss"]
    honest = fit.gated()
    final = fit.with_newest(honest, begun, parts)
    return FittedSequence(honest, final, plan, fit.targets, trained, loss, device_name(settings.device))


class _Fit:
    """One training on its way: what examples, validation and gates share."""

    def __init__(
        self,
        past: Past,
        priors: FittedPriors,
        config: PriorsConfig,
        settings: SequenceSettings,
        plan: TrainingPlan,
        progress: Progress,
    ) -> None:
        self.past, self.priors, self.config = past, priors, config
        self.training, self.plan, self.progress = settings.training, plan, progress
        # As the priors' own samples had it: target priors lean on this timing.
        assert priors.best.no_order is not None
        self.timing = priors.best.no_order
        self.learned = past.at(plan.known_until)
        self.targets = self._fitted_targets()
        self.vocabulary = Vocabulary.fit(self.learned.snapshot)
        newest = past.at(plan.cutoffs[0])
        self.network = new_network(
            settings.model,
            self.vocabulary,
            self.learned,
            newest,
            kinds=[kind for kind in KINDS if kind in self.targets],
            teaches=plan.teaches(newest.snapshot.customer_ids),
            season=self.learned.snapshot.history_days >= _SEASON_KNOWN_DAYS,
            pairs={
                kind: column_names(newest.design(kind, plan.horizons[0], self.timing.name))
                for kind in self.targets
            },
            seed=self.training.seed,
        ).to(settings.device)
        self.lessons = Lessons(
            past, plan, self.training, priors.best, self.timing, self.targets, self.network, self.vocabulary
        )
        self.judged = self.lessons.judged()
        self.baselines = self._losses(self.network)

    def parts(self) -> list[Examples]:
        """Every training window, and the anchors."""
        instants = [*self.plan.cutoffs, *self.plan.anchors]
        parts = []
        for number, instant in enumerate(instants):
            self.progress("examples", number + 1, len(instants))
            part = self.past.at(instant)
            whole = instant in self.plan.cutoffs
            parts.append(self.lessons.examples(part, self.plan.ends, whole=whole))
        know_numbers(self.network, parts)
        return [part for part in parts if len(part)]

    def validate(self, network: IntentModel) -> dict[str, float]:
        """The mean over heads of the loss over the prior's, and each head's own."""
        losses = self._losses(network)
        shares: dict[str, list[float]] = {}
        for name, loss in losses.items():
            shares.setdefault(name.rpartition("_")[0], []).append(loss / self.baselines[name])
        mean = float(np.mean([np.mean(of_head) for of_head in shares.values()]))
        return {"loss": mean, **{f"{name}/log_loss": loss for name, loss in losses.items()}}

    def gated(self) -> Correction:
        """The network with gates chosen on validation."""
        gates: dict[str, dict[int, tuple[Mend, Mend]]] = {}
        timings: list[tuple[ValidationWindow, int, F32, F32]] = []
        windows: list[ValueWindow] = []
        for days, judged in self.judged.items():
            states = states_of(self.network, judged.examples.sequences)
            of_numbers = timing_ratio(self.network, judged.examples.timing.numbers)
            timings.append((judged, days, of_numbers, sequence_ratio(self.network, states)))
            windows.append(self._value_window(self.network, judged, states, days))
            for (kind, _), one in judged.examples.targets.items():
                self.progress(f"gate of {kind}, {days} days", 1, 1)
                window = self._validation(states, one, judged.examples.customers)
                gates.setdefault(kind, {})[days] = gate_targets(window)
        timed = Correction(self.network, self.vocabulary, gates, gated_timing(timings))
        return self._levelled(timed, gate_values(windows))

    def last_heads(self, network: IntentModel, parts: Sequence[Examples]) -> None:
        """Fit the pair networks and the value head over a sequence that is finished."""
        self.progress("pair networks", 1, 1)
        states = [states_of(network, part.sequences) for part in parts]
        fit_pair_networks(network, parts, states, self.training, lambda step: self.progress(step, 1, 1))
        self.progress("orders and spend", 1, 1)
        fit_value_head(network, parts, states, self.training)

    def with_newest(self, honest: Correction, begun: IntentModel, parts: Sequence[Examples]) -> Correction:
        """The same gates over heads that have learned from validation and the days since, too.

        Args:
            honest: Gated on validation.
            begun: Its network before its last heads; fitted in place.
            parts: What it has learned from, of every cutoff and anchor.
        """
        if not self.plan.newest or honest.idle or not self.training.newest:
            return honest
        ends = self.past.log.until
        newest = [self.lessons.examples(self.past.at(at), ends, whole=True) for at in self.plan.newest]
        instants = (*self.plan.cutoffs, *self.plan.anchors, *self.plan.newest, *self.plan.newest_anchors)
        timing = [
            timing_examples(part, self.lessons.learners(part), self.past.log, ends, self.timing, settled=True)
            for part in map(self.past.at, instants)
        ]
        self.progress("once more, from the newest days", 1, 1)
        fit_timing_network(begun, timing, self.training)
        self.last_heads(begun, [*parts, *newest])
        weights = honest.values.orders, honest.values.money
        return self._levelled(replace(honest, network=begun), weights)

    def _levelled(self, timed: Correction, weights: tuple[float, float]) -> Correction:
        """With today's levels, instead of any it has, and the gates of orders and of money."""
        timed = replace(timed, timing=replace(timed.timing, level=()))
        now, best = self.past.now, self.priors.best
        customers = some_buyers(now, np.ones(len(now.snapshot), bool), JUDGED_CUSTOMERS, self.training.seed)
        levels = levels_today(timed, now, best, customers, self.judged, weights)
        values = ValueGates(*weights, levels.values) if any(weights) else ValueGates()
        return replace(timed, timing=replace(timed.timing, level=levels.timing), values=values)

    def _value_window(
        self, network: IntentModel, judged: ValidationWindow, states: F32, days: int
    ) -> ValueWindow:
        """Orders and spend on validation, and what the network says of them."""
        examples = judged.examples
        numbers = np.hstack([examples.timing.numbers, examples.values.numbers])
        ratio = value_ratio(network, states, numbers, horizon_place(days))
        return ValueWindow(examples.values.amounts[days], ratio)

    def _losses(self, network: IntentModel) -> dict[str, float]:
        """Log-loss of every head on validation."""
        losses = {}
        for days, judged in self.judged.items():
            states = states_of(network, judged.examples.sequences)
            ratio = timing_ratio(network, judged.examples.timing.numbers) + sequence_ratio(network, states)
            losses[head_name(TIMING, days)] = float(judged.timing_losses(days, ratio).mean())
            for (kind, _), one in judged.examples.targets.items():
                said = corrections(network, states, kind, days, one.codes, one.candidates)
                logits = one.prior.rows(slice(None)) + said.learned
                logits += np.where(one.seen.toarray(), said.repeat, said.explore)
                losses[head_name(kind, days)] = float(pair_log_loss(logits, one.bought.toarray()).mean())
        return losses

    def _validation(self, states: F32, one: TargetExamples, customers: I64) -> Validation:
        """All that the gate of one kind and horizon looks at."""
        days = one.horizon_days
        part = self.past.at(self.plan.validation[days])
        calibrated = self.targets[one.kind][days].calibrated
        final = calibrated.score(part.design(one.kind, days, self.timing.name)).take(customers)
        said = corrections(self.network, states, one.kind, days, one.codes, one.candidates)
        return Validation(
            honest=one.prior.rows(slice(None)),
            final=final.select(part.eligible(one.kind)).rows(slice(None)),
            said=said,
            bought=one.bought.toarray(),
            seen=one.seen.toarray(),
        )

    def _fitted_targets(self) -> dict[str, dict[int, FittedTargets]]:
        """The target priors at every horizon learned; those of a shorter one are fitted here."""
        found: dict[str, dict[int, FittedTargets]] = {}
        for kind, knots in self.priors.targets.items():
            for days in self.plan.validation:
                fitted = knots.get(days)
                windows = cutoffs(self.past.log, days, self.config.windows)
                if fitted is None and windows is not None:
                    fitted, _ = fit_targets(
                        self.past,
                        windows,
                        kind,
                        self.timing.name,
                        per_window=self.config.sample_per_window,
                        seed=self.config.seed,
                        tell=lambda step: self.progress(step, 1, 1),
                    )
                if fitted is not None:
                    found.setdefault(kind, {})[days] = fitted
        return found
