"""The checkpoint: everything a training goes on from, back as it was; refused where it is of another one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from intentml.errors import ModelError
from intentml.fitting.checkpoint import Checkpoint, TrainingState
from intentml.fitting.epochs import Epoch
from intentml.model.intent_model import IntentModel
from networks import new_network, sequences, tensors

IDENTITY = {
    "data": "f00",
    "as_of": "2024-03-01T00:00:00+00:00",
    "recipe": {"model": {"rank": 4}},
    "package": "1",
}


def adam(network: IntentModel) -> torch.optim.AdamW:
    return torch.optim.AdamW(network.parameters(), lr=1e-2)


def epoch(number: int, loss: float) -> Epoch:
    return Epoch(number, 5, 1 / 3, {"loss": loss, "brand_28d/log_loss": loss / 3})


def step(network: IntentModel, optimiser: torch.optim.AdamW) -> None:
    network.hazard(network(tensors(sequences()))).add(1).square().sum().backward()
    optimiser.step()
    optimiser.zero_grad()


@pytest.fixture
def left(tmp_path) -> tuple[Checkpoint, TrainingState, IntentModel, torch.optim.AdamW]:
    """What a training left after two epochs, of which the first was the best."""
    network = new_network()
    optimiser, state = adam(network), TrainingState()
    for number, loss in enumerate((1.0, 0.9, 0.95)):
        step(network, optimiser)
        state = state.after(epoch(number, loss), network)
    checkpoint = Checkpoint(tmp_path / "model.checkpoint", IDENTITY, resume_from_it=True)
    checkpoint.save(state, network, optimiser)
    return checkpoint, state, network, optimiser


def assert_equal(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_a_training_comes_back_as_it_was_left(left):
    checkpoint, state, network, optimiser = left
    again = new_network("transformer")
    moments = adam(again)
    resumed = checkpoint.resume(again, moments)
    assert resumed.epochs == state.epochs
    assert resumed.best_epoch == state.best_epoch == 1
    assert_equal(resumed.best, state.best)
    assert_equal(again.state_dict(), network.state_dict())
    ours, theirs = moments.state_dict(), optimiser.state_dict()
    assert ours["param_groups"] == theirs["param_groups"]
    for number, of in theirs["state"].items():
        assert_equal(ours["state"][number], of)


def test_both_go_on_to_the_same_weights(left):
    checkpoint, _, network, optimiser = left
    again = new_network()
    moments = adam(again)
    checkpoint.resume(again, moments)
    for one, at in ((network, optimiser), (again, moments)):
        step(one, at)
    assert_equal(again.state_dict(), network.state_dict())


def test_the_best_weights_are_those_of_the_best_epoch_and_no_later_step_moves_them(left):
    _, state, network, optimiser = left
    before = {name: value.clone() for name, value in state.best.items()}
    step(network, optimiser)
    assert_equal(state.best, before)
    assert any(not torch.equal(value, state.best[name]) for name, value in network.state_dict().items())


def test_the_file_lies_alone_and_whole(left):
    checkpoint, _, _, _ = left
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["model.checkpoint"]
    checkpoint.remove()
    checkpoint.remove()
    assert list(checkpoint.path.parent.iterdir()) == []


def test_without_a_file_or_without_being_asked_a_training_starts_anew(left, tmp_path):
    checkpoint = left[0]
    network = new_network()
    fresh = {name: value.clone() for name, value in network.state_dict().items()}
    for other in (
        replace(checkpoint, resume_from_it=False),
        replace(checkpoint, path=tmp_path / "none"),
        replace(checkpoint, path=None),
        Checkpoint(),
    ):
        assert other.resume(network, adam(network)) == TrainingState()
    assert_equal(network.state_dict(), fresh)
    Checkpoint().save(TrainingState(), network, adam(network))
    Checkpoint().remove()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data": "f11"}, "data"),
        ({"as_of": "2024-04-01T00:00:00+00:00"}, "as_of"),
        ({"recipe": {"model": {"rank": 8}}}, "recipe"),
        ({"package": "2"}, "package"),
        ({"data": "f11", "recipe": {}}, "data, recipe"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused_with_what_differs(left, change, told):
    other = replace(left[0], identity=IDENTITY | change)
    network = new_network()
    with pytest.raises(ModelError, match=rf"is of another training: it differs in {told}\n") as caught:
        other.resume(network, adam(network))
    assert "without --resume" in caught.value.hint
    assert_equal(network.state_dict(), new_network().state_dict())


def rewritten(path: Path, metadata: dict[str, str] | None) -> None:
    save_file({"network.x": torch.zeros(2)}, str(path), metadata=metadata)


WHOLE_STATE = json.dumps({"identity": IDENTITY, "epochs": [], "best_epoch": 0})
DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:2000]),
    "cut at its end": lambda path: path.write_bytes(path.read_bytes()[:-8]),
    "text": lambda path: path.write_text("no tensors here, and long enough to be one"),
    "of something else": lambda path: rewritten(path, None),
    "without a state": lambda path: rewritten(path, {"format": "pt"}),
    "with a state that is none": lambda path: rewritten(path, {"state": "3"}),
    "with half a state": lambda path: rewritten(path, {"state": "{}"}),
    "with the weights of another network": lambda path: rewritten(path, {"state": WHOLE_STATE}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_told_with_the_way_out(left, damage):
    damage(left[0].path)
    network = new_network()
    with pytest.raises(ModelError, match="cannot be read") as caught:
        left[0].resume(network, adam(network))
    assert caught.value.hint == "delete it, or train without --resume"


def test_a_training_has_stalled_after_as_many_epochs_without_a_gain():
    network, state = new_network(), TrainingState()
    stalled = []
    for number, loss in enumerate((1.0, 0.9, 0.95, 0.9, 0.85, 0.86)):
        state = state.after(epoch(number, loss), network)
        stalled.append(state.stalled(2))
    assert stalled == [False, False, False, True, False, False]
    assert state.best_epoch == 4
