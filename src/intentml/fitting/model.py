"""A model worth keeping: priors, over them the network where the recipe wants one, both judged.

What comes in: an order log, `as_of`, settings. What goes out: `FittedModel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from intentml.fitting.epochs import OnEpoch
from intentml.fitting.parallel import Processes
from intentml.fitting.priors import FittedPriors, PriorsConfig, Progress, fit_priors_on
from intentml.fitting.settings import TrainingConfig
from intentml.fitting.slices import Past
from intentml.fitting.windows import cutoffs
from intentml.model.config import ModelConfig
from intentml.priors.buyers import BuyersSpread
from intentml.priors.union import SetUnion
from intentml.timeline import Instant, OrderLog

if TYPE_CHECKING:
    import torch

    from intentml.fitting.checkpoint import Checkpoint
    from intentml.fitting.judging import Curve, Judged
    from intentml.fitting.sequence import FittedSequence


@dataclass(frozen=True)
class SequenceSettings:
    """What the network needs besides the priors.

    Attributes:
        model: Settings of the network.
        training: Settings of its training.
        device: Where to train.
        checkpoint: Where to go on from, and to leave each epoch.
        on_epoch: Told each epoch; it may raise to stop.
        together: This process among those that train.
    """

    model: ModelConfig
    training: TrainingConfig
    device: torch.device
    checkpoint: Checkpoint
    on_epoch: OnEpoch
    together: Processes


@dataclass(frozen=True)
class FittedModel:
    """Everything that was fitted.

    Attributes:
        priors: All priors.
        sequence: The network; None where none was asked for, or the history is too short for one.
        judged: The model beside every prior on validation.
        reliability: How often the model's probabilities came true there.
        union: How purchases of several targets hang together.
        buyers: How far the number of a target's buyers strays from what is expected.
        notes: What a person should know of this training.
    """

    priors: FittedPriors
    sequence: FittedSequence | None
    judged: tuple[Judged, ...]
    reliability: tuple[Curve, ...]
    union: SetUnion
    buyers: BuyersSpread
    notes: tuple[str, ...] = field(default=())

    def card(self) -> Mapping[str, Any]:
        """What a model folder tells of the fitting."""
        card: dict[str, Any] = {
            "validation": [vars(verdict) for verdict in self.priors.verdicts],
            "judged": [asdict(one) for one in self.judged],
            "reliability": [asdict(one) for one in self.reliability],
            "notes": list(self.notes),
            "sets": self.union.model_dump(mode="json"),
            "buyers": self.buyers.model_dump(mode="json"),
        }
        if self.sequence is not None:
            card["network"] = self.sequence.card()
        return card


def fit_model(
    log: OrderLog, as_of: Instant, config: PriorsConfig, sequence: SequenceSettings | None, progress: Progress
) -> FittedModel:
    """Fit on what was known before `as_of`.

    Args:
        log: The shop's history.
        as_of: Nothing known at or after it is used.
        config: Settings of the priors.
        sequence: Of the network; None for the priors alone.
        progress: Called with step, done, total.

    Raises:
        TimeError: There is no order before `as_of`.
        ModelError: The checkpoint to resume from is of another training.
    """
    from intentml.fitting.buyers import fit_buyers
    from intentml.fitting.judging import Court
    from intentml.fitting.sets import fit_union

    past = Past(log.before(as_of).drawn(config.customers), neighbours=config.neighbours)
    priors = fit_priors_on(past, config, progress)
    windows = _complete_windows(past, config)
    validation = {days: cutoffs[0] for days, cutoffs in windows.items()}
    progress("product sets", 1, 1)
    union = fit_union(past, priors.best, validation)
    progress("expected buyers", 1, 1)
    buyers = fit_buyers(past, priors.best, windows)
    fitted, notes = None, []
    if sequence is not None:
        from intentml.fitting.sequence import fit_sequence

        fitted = fit_sequence(past, priors, config, sequence, progress)
        if fitted is None:
            notes.append("the history is too short to train and judge a network: the priors answer alone")
    progress("judging on validation", 1, 1)
    if fitted is not None:
        court = Court(past, priors, fitted.plan.validation, fitted.plan.judges, fitted.targets, fitted.honest)
    else:
        court = Court(
            past,
            priors,
            validation,
            lambda ids: np.ones(len(ids), bool),
            priors.targets,
        )
    judged, reliability = court.judge()
    return FittedModel(priors, fitted, tuple(judged), tuple(reliability), union, buyers, tuple(notes))


def _complete_windows(past: Past, config: PriorsConfig) -> dict[int, tuple[Instant, ...]]:
    """Cutoffs of the complete windows of each horizon, newest first."""
    plans = (cutoffs(past.log, days, config.windows) for days in sorted(set(config.horizons_days)))
    return {plan.horizon_days: plan.all for plan in plans if plan is not None}
