"""One step's loss and gradients, in bf16 and compiled on a GPU.

What comes in: a batch and what happened to its customers. What goes out: the loss; its gradients are left
in the weights. Functions are compiled, not the network: its weights keep their names, so checkpoints and
resumed trainings do not know of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from intentml.errors import ModelError
from intentml.fitting.examples import TimingExamples
from intentml.fitting.losses import DrawnTargets, Told, head_losses, head_names, told_of
from intentml.fitting.settings import Compile
from intentml.model.intent_model import IntentModel
from intentml.model.tensors import OrderTensors, order_tensors
from intentml.sequences.batches import SequenceBatch


class Step:
    """What a network learns from one batch.

    Args:
        network: On its device.
        how: Whether its functions are compiled; `auto` = on a GPU.
    """

    def __init__(self, network: IntentModel, how: Compile) -> None:
        self.network = network
        self.compiled = how == "always" or (how == "auto" and network.device.type == "cuda")
        self._states, self._loss = _states, _mean_loss
        self._failures: tuple[type[Exception], ...] = ()
        if self.compiled:
            from torch._dynamo.exc import TorchDynamoException

            # What was compiled for another network of this process is of no more use, and there is a limit
            # to how often a function is compiled.
            torch.compiler.reset()
            # Lengths, customers, lines and targets differ from batch to batch: one function for all of them.
            self._states = torch.compile(_states, dynamic=True)
            self._loss = torch.compile(_mean_loss, dynamic=True)
            self._failures = (TorchDynamoException,)

    def learn(
        self,
        batch: SequenceBatch,
        timing: TimingExamples,
        targets: Mapping[tuple[str, int], DrawnTargets],
        baselines: Mapping[str, float],
    ) -> float:
        """The mean over heads of the loss over the prior's; its gradients are left in the weights.

        Args:
            batch: At least one customer.
            timing: Next orders of the window.
            targets: Drawn targets of the window, by kind and horizon.
            baselines: The prior's loss by head.

        Raises:
            ModelError: The functions cannot be compiled here.
        """
        device = self.network.device
        orders = order_tensors(batch, season=self.network.sizes.season, device=device)
        try:
            states = self._states(self.network, orders)
            chosen = _one_horizon_each(targets)
            told = told_of(batch.customer, timing, chosen, device)
            scale = torch.tensor([baselines[head] for head in head_names(chosen)], device=device)
            mean = self._loss(self.network, states, told, scale)
            mean.backward()  # type: ignore[no-untyped-call]
        except self._failures as problem:
            # Its first line may name the backend alone, the next one says what is wrong.
            reason = " ".join(str(problem).split("\n")[:2]).strip()
            raise ModelError(
                f"the training step cannot be compiled here ({type(problem).__name__}: {reason})",
                hint="train with --set training.compile=never",
            ) from problem
        return float(mean.detach())


def _states(network: IntentModel, orders: OrderTensors) -> Tensor:
    """States at NOW, read in bf16 on a GPU. Shape: (B, d)."""
    kind = network.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
        states: Tensor = network(orders)
    return states.float()


def _mean_loss(network: IntentModel, states: Tensor, told: Told, baselines: Tensor) -> Tensor:
    """The mean over heads of the loss over the prior's."""
    return (torch.stack(head_losses(network, states, told)) / baselines).mean()


def _one_horizon_each(
    targets: Mapping[tuple[str, int], DrawnTargets],
) -> dict[tuple[str, int], DrawnTargets]:
    """Of each kind one horizon, drawn: horizons share weights, and a step takes a share of the time."""
    horizons: dict[str, list[int]] = {}
    for kind, days in targets:
        horizons.setdefault(kind, []).append(days)
    drawn = ((kind, days[int(torch.randint(len(days), ()))]) for kind, days in horizons.items())
    return {key: targets[key] for key in drawn}
