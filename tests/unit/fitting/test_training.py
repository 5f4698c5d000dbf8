"""The training: the same seed gives the same bytes, in one go or in several, and no step looks ahead."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from intentml.errors import ModelError
from intentml.fitting.epochs import Epoch
from intentml.inference.folder import load_model
from intentml.workflows import train
from random_shop import AS_OF_TEXT
from scored_shop import log
from sequence_shop import QUICK, model

EPOCHS = 4
SETTINGS = [*QUICK, f"training.epochs={EPOCHS}", 'priors.kinds=["category","product"]']


class CutOffError(Exception):
    """Somebody pulled the plug."""


def trained(out: Path, *settings: str, stop_after: int | None = None, **options: object) -> list[Epoch]:
    """Train into a folder; the epochs that ran in this call."""
    told: list[Epoch] = []

    def on_epoch(epoch: Epoch) -> None:
        told.append(epoch)
        if epoch.number == stop_after:
            raise CutOffError

    try:
        train(
            log(),
            as_of=AS_OF_TEXT,
            recipe="smoke",
            settings=[*SETTINGS, *settings],
            out=out,
            on_epoch=on_epoch,
            **options,
        )
    except CutOffError:
        assert not out.exists()
    return told


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The model of a training that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "model"
    assert [epoch.number for epoch in trained(out)] == [1, 2, 3, 4]
    return out


def assert_same_folder(one: Path, other: Path) -> None:
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def network_of(folder: Path) -> dict[str, np.ndarray]:
    weights = load_file(folder / "weights.safetensors")
    return {name: value for name, value in weights.items() if name.startswith("network.")}


def test_the_same_seed_gives_the_same_bytes(whole, tmp_path):
    trained(tmp_path / "model")
    assert_same_folder(tmp_path / "model", whole)


def test_another_seed_gives_other_weights(whole, tmp_path):
    trained(tmp_path / "model", seed=1)
    one, other = network_of(whole), network_of(tmp_path / "model")
    assert one.keys() == other.keys()
    assert any(not np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("stops", [(1, 3), (4,)])
def test_a_training_cut_off_after_any_epoch_goes_on_to_the_same_bytes(whole, tmp_path, stops):
    out = tmp_path / "model"
    done = 0
    for stop in stops:
        told = trained(out, stop_after=stop, resume=True)
        assert [epoch.number for epoch in told] == list(range(done + 1, stop + 1))
        assert [path.name for path in tmp_path.iterdir()] == ["model.checkpoint"]
        done = stop
    told = trained(out, resume=True)
    assert [epoch.number for epoch in told] == list(range(done + 1, EPOCHS + 1))
    assert_same_folder(out, whole)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_without_being_asked_a_training_starts_anew(whole, tmp_path):
    trained(tmp_path / "model", stop_after=2)
    assert [epoch.number for epoch in trained(tmp_path / "model")] == [1, 2, 3, 4]
    assert_same_folder(tmp_path / "model", whole)


def test_the_checkpoint_of_other_settings_data_or_date_is_refused(tmp_path):
    trained(tmp_path / "model", stop_after=1)
    with pytest.raises(ModelError, match="it differs in recipe"):
        trained(tmp_path / "model", "training.learning_rate=0.1", resume=True)
    with pytest.raises(ModelError, match="it differs in as_of"):
        train(
            log(),
            as_of="2024-03-30",
            recipe="smoke",
            settings=SETTINGS,
            out=tmp_path / "model",
            resume=True,
        )
    with pytest.raises(ModelError, match="it differs in data"):
        train(
            log(1),
            as_of=AS_OF_TEXT,
            recipe="smoke",
            settings=SETTINGS,
            out=tmp_path / "model",
            resume=True,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["model.checkpoint"]


def test_a_training_ends_when_validation_gains_no_more(tmp_path):
    # A step so long that each epoch is worse than the prior.
    told = trained(
        tmp_path / "model", "training.learning_rate=1.0", "training.patience=2", "training.epochs=9"
    )
    assert [epoch.number for epoch in told] == [1, 2]
    assert all(epoch.validation["loss"] > 1 for epoch in told)
    network = load_model(tmp_path / "model").card["network"]
    assert network["best_epoch"] == 0
    # The pair networks learn after the epochs, at a pace of their own, and cannot have gone so far wrong.
    assert network["validation_loss"] == pytest.approx(1, abs=0.01)
    assert network["timing_weights"]["sequence"] == 0.0
    # The weights of the best epoch are kept: those before the first, with heads of zero.
    kept = network_of(tmp_path / "model")
    assert not kept["network.hazard.linear.weight"].any()
    assert not kept["network.targets.product.repeat.customer.weight"].any()
    mends = [mend for knots in network["gates"].values() for gates in knots.values() for mend in gates]
    assert [mend["weight"] for mend in mends] == [0.0] * len(mends)


@cache
def epochs() -> list[dict]:
    return model(f"training.epochs={EPOCHS}").card["network"]["epochs"]


def test_before_the_first_epoch_the_timing_network_alone_speaks():
    assert epochs()[0]["number"] == 0
    assert epochs()[0]["validation"]["loss"] == pytest.approx(1, abs=0.05)
    assert epochs()[0]["validation"]["loss"] != 1.0


def test_each_epoch_tells_the_loss_of_every_head():
    heads = {
        f"{kind}_{days}d/log_loss"
        for kind in ("no_order", "product", "category", "category_node", "brand")
        for days in (7, 14)
    }
    for number, epoch in enumerate(epochs()):
        assert epoch["number"] == number
        assert epoch["of"] == EPOCHS
        assert set(epoch["validation"]) == {"loss", *heads}


def test_the_loss_on_validation_is_the_mean_over_heads_of_the_loss_over_the_prior_s():
    first, last = (epochs()[at]["validation"] for at in (0, -1))
    shares: dict[str, list[float]] = {}
    for name in first:
        if name != "loss":
            shares.setdefault(name.rpartition("_")[0].rpartition("_")[0], []).append(last[name] / first[name])
    assert len(shares) == 5
    # Of the targets the prior's own losses are those before the first epoch; of the timing they are not told.
    of_timing = shares.pop("no_order")
    of_targets = sum(np.mean(each) for each in shares.values())
    begun = 5 * first["loss"] - 4
    assert min(of_timing) * begun <= 5 * last["loss"] - of_targets <= max(of_timing) * begun


def test_the_card_is_strict_json_and_tells_how_the_network_came_about(whole):
    network = json.loads((whole / "predictor.json").read_text())["network"]
    assert network["split"] == "windows"
    assert network["device"] == "cpu"
    assert network["learned_until"] == min(network["validation_cutoffs"].values())
    assert "seconds" not in network  # the same training gives the same folder
    assert (
        network["best_epoch"]
        == min(network["epochs"], key=lambda epoch: epoch["validation"]["loss"])["number"]
    )
