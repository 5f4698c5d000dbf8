"""One file that a killed training goes on from.

What comes in: where a training stands after an epoch. What goes out: the same, when the run is asked
to resume. The file appears whole (written aside, then renamed); it says of which data, date and recipe
it is, and is refused for any other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentml.errors import ModelError
from intentml.fitting.epochs import Epoch

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from intentml.model.intent_model import IntentModel

Weights = dict[str, "Tensor"]


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands.

    Attributes:
        epochs: Epochs done, number 0 (the prior) first.
        best_epoch: The one with the least loss on validation.
        best: Its weights.
    """

    epochs: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    best: Weights = field(default_factory=dict)

    def after(self, epoch: Epoch, network: IntentModel) -> TrainingState:
        """The state one epoch later."""
        better = not self.epochs or epoch.validation["loss"] < self.epochs[self.best_epoch].validation["loss"]
        later = replace(self, epochs=(*self.epochs, epoch))
        if not better:
            return later
        kept = {name: value.detach().clone() for name, value in network.state_dict().items()}
        return replace(later, best_epoch=epoch.number, best=kept)

    def stalled(self, patience: int) -> bool:
        """Whether so many epochs brought nothing."""
        return len(self.epochs) - 1 - self.best_epoch >= patience and len(self.epochs) > 1


@dataclass(frozen=True)
class Checkpoint:
    """The file of one training; without a path nothing is kept.

    Attributes:
        path: The file.
        identity: What the training is of: data fingerprint, as_of, recipe.
        resume_from_it: Whether an older state is wanted.
    """

    path: Path | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)
    resume_from_it: bool = False

    def resume(self, network: IntentModel, optimiser: torch.optim.Optimizer) -> TrainingState:
        """The state left by a killed run, put into network and optimiser; a new one where there is none.

        Raises:
            ModelError: The file is of other data, another date or recipe, or damaged.
        """
        if self.path is None or not self.resume_from_it or not self.path.is_file():
            return TrainingState()
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(self.path), "pt", device=str(network.device)) as file:
                about = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            self._check(about["identity"])
            network.load_state_dict(_part(tensors, "network."))
            optimiser.load_state_dict(_optimiser_state(optimiser, _part(tensors, "optimiser.")))
            epochs = tuple(Epoch(**epoch) for epoch in about["epochs"])
            return TrainingState(epochs, about["best_epoch"], _part(tensors, "best."))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as problem:
            raise ModelError(
                f"the checkpoint {self.path} cannot be read ({type(problem).__name__})",
                hint="delete it, or train without --resume",
            ) from problem

    def save(self, state: TrainingState, network: IntentModel, optimiser: torch.optim.Optimizer) -> None:
        """Leave the state; a kill at any moment leaves this one or the one before."""
        if self.path is None:
            return
        from safetensors.torch import save_file

        tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in state.best.items()}
        for number, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": value for name, value in moments.items()}
        about = {
            "identity": dict(self.identity),
            "epochs": [asdict(epoch) for epoch in state.epochs],
            "best_epoch": state.best_epoch,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        save_file(whole, str(aside), metadata={"state": json.dumps(about)})
        aside.replace(self.path)

    def remove(self) -> None:
        """The training is over and its model written."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _check(self, identity: Mapping[str, Any]) -> None:
        """Refuse the checkpoint of something else, and say what differs."""
        here = json.loads(json.dumps(dict(self.identity)))
        other = [name for name in here if identity.get(name) != here[name]]
        if other:
            raise ModelError(
                f"the checkpoint {self.path} is of another training: it differs in {', '.join(other)}",
                hint="resume with the same data, date and recipe, or train without --resume",
            )


def _part(tensors: Mapping[str, Tensor], prefix: str) -> Weights:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def _optimiser_state(optimiser: torch.optim.Optimizer, moments: Weights) -> dict[str, Any]:
    """The optimiser's own state with the moments of the file."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in moments.items():
        number, moment = name.split(".", 1)
        state.setdefault(int(number), {})[moment] = value
    return {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
