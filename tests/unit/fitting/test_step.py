"""A compiled step is the same step: the same weights under the same names, one function for all lengths."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch._dynamo.exc import BackendCompilerFailed

from intentml.errors import ModelError
from intentml.fitting import step as step_module
from intentml.fitting import training
from intentml.fitting.epochs import Epoch
from intentml.fitting.step import Step
from intentml.workflows import train
from random_shop import AS_OF_TEXT
from scored_shop import log
from sequence_shop import QUICK

SETTINGS = (
    *QUICK,
    "training.epochs=2",
    "model.encoder=transformer",
    "model.layers=1",
    "training.batch_tokens=96",
    'priors.kinds=["category","product"]',
)


class CutOffError(Exception):
    """Somebody pulled the plug."""


def trained(out: Path, *settings: str, stop_after: int | None = None, **options: object) -> Path:
    def on_epoch(epoch: Epoch) -> None:
        if epoch.number == stop_after:
            raise CutOffError

    told = {"settings": [*SETTINGS, *settings], "out": out, "on_epoch": on_epoch, **options}
    train(log(), as_of=AS_OF_TEXT, recipe="smoke", **told)
    return out


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "weights.safetensors")


@pytest.fixture(scope="module", autouse=True)
def many_lengths():
    """The shop's histories are short: narrow buckets stand for the lengths of a large one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "buckets_of", lambda sequences: (2, 3, 4, 5, 6, 8))
        yield


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    return trained(tmp_path_factory.mktemp("plain") / "model")


@pytest.fixture
def graphs(monkeypatch) -> list[torch.fx.GraphModule]:
    """What was compiled, by a backend that runs each graph as it is."""
    found: list[torch.fx.GraphModule] = []

    def backend(graph, inputs):
        found.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    return found


def test_compiled_and_resumed_a_training_ends_in_the_weights_of_one_that_is_not_compiled(
    plain, graphs, monkeypatch, tmp_path
):
    shapes = set()

    def seen(batch, **options):
        shapes.add(batch.mask.shape)
        return tensors(batch, **options)

    tensors = step_module.order_tensors
    monkeypatch.setattr(step_module, "order_tensors", seen)
    compiled = "training.compile=always"
    with pytest.raises(CutOffError):
        trained(tmp_path / "model", compiled, stop_after=1)
    once = len(graphs)
    # Of every length and number of customers there are batches; a function is compiled anew where the
    # first numbers were equal by chance, not for each of them.
    assert 2 <= once <= 6 < len(shapes)
    trained(tmp_path / "model", compiled, resume=True)
    assert len(graphs) <= 2 * once
    one, other = weights_of(plain), weights_of(tmp_path / "model")
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_by_itself_a_training_on_a_cpu_compiles_nothing(plain, graphs, tmp_path):
    trained(tmp_path / "model", "training.compile=auto")
    assert not graphs
    assert weights_of(plain).keys() == weights_of(tmp_path / "model").keys()


@pytest.mark.parametrize(
    ("how", "device", "compiled"),
    [
        ("auto", "cuda", True),
        ("auto", "cpu", False),
        ("always", "cpu", True),
        ("never", "cuda", False),
    ],
)
def test_whether_to_compile_follows_setting_and_device(graphs, how, device, compiled):
    class Somewhere:
        device = torch.device("cpu")

    network = Somewhere()
    network.device = torch.device(device)
    assert Step(network, how).compiled is compiled


def test_what_cannot_be_compiled_ends_the_training_and_says_how_to_go_on(monkeypatch, tmp_path):
    def backend(graph, inputs):
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    with pytest.raises(ModelError, match="cannot be compiled here") as caught:
        trained(tmp_path / "model", "training.compile=always")
    assert "no compiler here" in str(caught.value)
    assert "training.compile=never" in caught.value.hint
    assert isinstance(caught.value.__cause__, BackendCompilerFailed)


@pytest.mark.gpu
def test_on_a_gpu_a_compiled_training_comes_to_the_losses_of_one_that_is_not(tmp_path):
    losses = [
        train(
            log(),
            as_of=AS_OF_TEXT,
            recipe="smoke",
            settings=[*SETTINGS, f"training.compile={how}", "model.dropout=0.0"],
            out=tmp_path / how,
            device="cuda",
        ).card["network"]["validation_loss"]
        for how in ("auto", "never")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
