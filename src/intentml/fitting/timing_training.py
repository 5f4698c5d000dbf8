"""The timing network, learned by itself over windows that are known.

What comes in: next orders of past windows. What goes out: a network with a fresh timing network, fitted.
Beside the targets, in batches of one window, it had a head's share of the steps and ended worse than trees
over the same numbers; by itself it is as good or better (experiments/0022-timing-alone).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from intentml.fitting.examples import TimingExamples
from intentml.fitting.last_heads import fit_members
from intentml.fitting.settings import TrainingConfig
from intentml.model.correction import timing_ratio
from intentml.model.intent_model import IntentModel
from intentml.model.losses import silence_losses
from intentml.model.timing_network import TimingNetwork

_PASSES, _BATCH, _RATE, _PULL = 8, 1024, 3e-3, 0.02
# A pass over a large shop takes some of its customers, others each time.
_MOST_A_PASS = 60_000


def fit_timing_network(
    network: IntentModel, windows: Sequence[TimingExamples], config: TrainingConfig
) -> None:
    """Give the network a timing network fitted on these windows; all else stays as it is.

    Args:
        network: Any.
        windows: Next orders of past windows.
        config: The seed is read.
    """
    torch.manual_seed(config.seed)
    head = TimingNetwork(network.config, network.sizes, network.bins).to(network.device)
    numbers, hazard, event_bin, full_bins = (
        _joined(windows, name, network.device) for name in ("numbers", "hazard", "event_bin", "full_bins")
    )

    def loss_of(batch: Tensor) -> Tensor:
        told = (hazard[batch], event_bin[batch], full_bins[batch])
        return torch.stack(
            [silence_losses(said, *told).mean() for said in head.members(numbers[batch])]
        ).sum()

    fit_members(
        head, numbers, loss_of, most=_MOST_A_PASS, passes=_PASSES, batch=_BATCH, rate=_RATE, pull=_PULL
    )
    network.timing = head


def told_by_numbers(network: IntentModel, window: TimingExamples) -> TimingExamples:
    """The window with the timing network's word in the hazard: the orders tell what it does not."""
    hazard = window.hazard * np.exp(timing_ratio(network, window.numbers))
    return replace(window, hazard=hazard.astype(np.float32))


def _joined(windows: Sequence[TimingExamples], name: str, device: torch.device) -> Tensor:
    """An array of all windows, one after the other."""
    return torch.from_numpy(np.concatenate([getattr(one, name) for one in windows])).to(device)
