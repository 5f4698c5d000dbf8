"""The network's part of a model folder: its settings as JSON, its weights as arrays.

What comes in: a `Correction`. What goes out: the same, number for number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from intentml.model.config import ModelConfig
from intentml.model.correction import Correction
from intentml.model.intent_model import IntentModel, Sizes
from intentml.model.timing_network import TimingGates
from intentml.model.values import ValueGates
from intentml.prediction import Mend
from intentml.sequences.vocabulary import Vocabulary

_PREFIX = "network."


def network_arrays(correction: Correction) -> dict[str, Any]:
    """The weights, by name."""
    weights = correction.network.state_dict()
    return {
        f"{_PREFIX}{name}": np.ascontiguousarray(value.detach().cpu().numpy())
        for name, value in weights.items()
    }


def correction_settings(correction: Correction) -> dict[str, Any]:
    """Everything but the weights and the vocabulary."""
    network = correction.network
    return {
        "model": network.config.model_dump(mode="json"),
        "sizes": asdict(network.sizes),
        "hazard_bins": network.bins,
        "gates": {
            kind: {str(days): [asdict(mend) for mend in gates] for days, gates in knots.items()}
            for kind, knots in correction.gates.items()
        },
        "timing": asdict(correction.timing),
        "values": {
            "orders": correction.values.orders,
            "money": correction.values.money,
            "levels": {str(days): list(pair) for days, pair in correction.values.levels.items()},
        },
    }


def read_correction(
    settings: Mapping[str, Any], arrays: Mapping[str, Any], vocabulary: Vocabulary
) -> Correction:
    """The correction from the parts of its folder."""
    network = IntentModel(
        ModelConfig.model_validate(settings["model"]), Sizes(**settings["sizes"]), settings["hazard_bins"]
    )
    weights = {
        name.removeprefix(_PREFIX): torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith(_PREFIX)
    }
    network.load_state_dict(weights)
    network.eval()
    gates = {
        kind: {int(days): (Mend(**repeat), Mend(**explore)) for days, (repeat, explore) in knots.items()}
        for kind, knots in settings["gates"].items()
    }
    told = settings["values"]
    levels = {int(days): (orders, money) for days, (orders, money) in told["levels"].items()}
    values = ValueGates(told["orders"], told["money"], levels)
    timing = settings["timing"]
    timed = TimingGates(timing["numbers"], timing["sequence"], tuple(timing["level"]))
    return Correction(network, vocabulary, gates, timed, values)
