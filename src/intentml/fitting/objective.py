"""What a study makes small: how far a trained model is from the truth on its validation window.

What comes in: a way to train, and settings. What goes out: one loss, the same scale for every trial of a
study. The window of validation lies before `as_of`, so nothing after it is learned from by choosing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from intentml.fitting.epochs import Epoch, OnEpoch
from intentml.fitting.space import Value
from intentml.fitting.workers import Report


class WithCard(Protocol):
    """A trained model, as far as it is asked here."""

    @property
    def card(self) -> Mapping[str, Any]:
        """What is told of its making."""


class Train(Protocol):
    """A way to train with settings on top of a recipe; picklable."""

    def __call__(self, *, settings: list[str], on_epoch: OnEpoch) -> WithCard:
        """Train."""


@dataclass(frozen=True)
class ValidationLoss:
    """Trains with settings on top, and says how well that went; an `Objective`.

    Attributes:
        train: Trains, given `settings` as `--set` takes them, and `on_epoch`.
    """

    train: Train

    def __call__(self, settings: Mapping[str, Value], report: Report) -> float:
        """The validation loss of what came of it; that of each epoch of the sequence is reported."""

        def on_epoch(epoch: Epoch) -> None:
            report(epoch.number, epoch.validation["loss"])

        # What is learned once more after the gates are set changes nothing that validation sees.
        told = [*as_settings(settings), "training.newest=false"]
        return validation_loss(self.train(settings=told, on_epoch=on_epoch).card)


def as_settings(values: Mapping[str, Value]) -> list[str]:
    """Settings as `--set` takes them.

    >>> as_settings({"priors.windows": 4, "model.encoder": "gru"})
    ['priors.windows=4', 'model.encoder="gru"']
    """
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]


def validation_loss(card: Mapping[str, Any]) -> float:
    """One number of a model's card: less is better.

    Of a network, its pair networks included, the mean over heads of its loss over its prior's. Of priors
    alone, the geometric mean over heads and horizons of the chosen prior's loss: a percent less on one head
    weighs as much as a percent less on another, whatever their scales and the recipe one compares with.

    >>> validation_loss({"validation": [{"chosen": True, "loss": 2.0}, {"chosen": True, "loss": 8.0}]})
    4.0
    """
    if "network" in card:
        return float(card["network"]["validation_loss"])
    losses = [verdict["loss"] for verdict in card["validation"] if verdict["chosen"]]
    if not losses:
        return math.nan
    return math.exp(math.fsum(math.log(max(loss, 1e-12)) for loss in losses) / len(losses))
