"""The random shop with a sequence model trained over it in a second or two.

What comes in: settings on top of the recipe `smoke`. What goes out: the trained model; and the same
model with another network or other gates, so that tests need not wait for luck to open one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from intentml.inference.folder import SavedModel, fingerprint
from intentml.inference.intent import IntentPredictor
from intentml.model.correction import Correction, Gates
from intentml.model.timing_network import TimingGates
from intentml.model.values import ValueGates
from intentml.prediction import Mend
from intentml.survival import SURVIVAL_DAYS
from intentml.workflows import train
from networks import perturbed
from random_shop import AS_OF_TEXT
from scored_shop import log

HORIZONS = (14, 28)
# Two horizons, so that answers lie at, between and outside them; 28 days are learned from too short a past.
QUICK = (
    "priors.horizons_days=[7,14]",
    "priors.windows=2",
    "priors.sample_per_window=1000",
    "training.patience=9",
)

OPEN = Mend(0.75, 0.2, 0.9, 0.6), Mend(0.5, -0.3, 1.1, 0.8)
CLOSED = Mend(), Mend()
VALUES = ValueGates(0.8, 0.6, {7: (0.1, -0.1), 14: (0.2, 0.05)})
LEVEL = (0.05, 0.1, 0.0, -0.1, *([0.02] * (len(SURVIVAL_DAYS) - 4)))


@cache
def model(*settings: str) -> SavedModel:
    """The recipe smoke, trained on the random shop."""
    return train(log(), as_of=AS_OF_TEXT, recipe="smoke", settings=[*QUICK, *settings])


def predictor() -> IntentPredictor:
    """The trained predictor."""
    found = model().predictor
    assert isinstance(found, IntentPredictor)
    return found


def with_gates(
    gates: Mapping[str, Gates] | Gates, timing: float, *, values: bool = False, noisy: bool = True
) -> IntentPredictor:
    """The predictor with these gates at all its horizons, by kind or for all kinds.

    With `noisy`, its network says something about everything.
    """
    trained = predictor()
    correction: Correction = trained.correction
    by_kind = {
        kind: dict.fromkeys(knots, gates[kind] if isinstance(gates, Mapping) else gates)
        for kind, knots in correction.gates.items()
    }
    network = perturbed(correction.network) if noisy else correction.network
    changed = replace(
        correction,
        network=network,
        gates=by_kind,
        timing=TimingGates(timing, timing, LEVEL) if timing else TimingGates(),
        values=VALUES if values else ValueGates(),
    )
    return IntentPredictor(trained.prior, changed)


def saved(found: IntentPredictor) -> SavedModel:
    """A changed predictor as a model."""
    card = dict(model().card)
    return SavedModel(found, card, fingerprint(found, card))
