"""A sequence model in a folder: the same numbers back, and every way its network can be broken."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from intentml.errors import ModelError
from intentml.inference.folder import load_model
from intentml.inference.intent import IntentPredictor
from random_shop import AS_OF_TEXT
from same import arrays_of, assert_same
from scored_shop import log
from sequence_shop import OPEN, model, saved, with_gates

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A model with every gate open."""
    folder = tmp_path_factory.mktemp("written") / "model"
    saved(with_gates(OPEN, 0.75, values=True)).save(folder)
    return folder


@pytest.fixture
def copied(written, tmp_path) -> Path:
    """A folder that a test may break."""
    return Path(shutil.copytree(written, tmp_path / "model"))


@pytest.mark.parametrize("days", [7, 10, 14, 200])
def test_a_predictor_read_back_predicts_byte_for_byte_the_same(written, days):
    snapshot = log().as_of(AS_OF_TEXT)
    one = with_gates(OPEN, 0.75, values=True).predict(snapshot, days)
    other = load_model(written).predict(snapshot, days)
    assert_same(arrays_of(one, "predictions"), arrays_of(other, "predictions"))


def test_everything_of_the_network_comes_back(written):
    one, other = with_gates(OPEN, 0.75, values=True).correction, load_model(written).predictor
    assert isinstance(other, IntentPredictor)
    again = other.correction
    assert again.network.config == one.network.config
    assert again.network.sizes == one.network.sizes
    assert not again.network.training
    assert again.vocabulary == one.vocabulary
    assert (again.gates, again.timing, again.values) == (
        one.gates,
        one.timing,
        one.values,
    )
    weights = {name: value.numpy() for name, value in again.network.state_dict().items()}
    assert_same({name: value.numpy() for name, value in one.network.state_dict().items()}, weights)


def test_a_fingerprint_is_the_same_before_and_after_writing(written, tmp_path):
    changed = saved(with_gates(OPEN, 0.75, values=True))
    assert load_model(written).fingerprint == changed.fingerprint != model().fingerprint
    model().save(tmp_path / "model")
    assert load_model(tmp_path / "model").fingerprint == model().fingerprint
    load_model(tmp_path / "model").save(tmp_path / "again")
    for path in (tmp_path / "model").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_the_folder_holds_three_files_and_no_pickle(written):
    assert sorted(path.name for path in written.iterdir()) == [
        "predictor.json",
        "vocabularies.json",
        "weights.safetensors",
    ]
    card = json.loads((written / "predictor.json").read_text())
    assert card["name"] == "sequence"
    assert card["recipe"]["predictor"] == "sequence"
    assert set(load_model(written).vocabularies) == {"product", "category", "category_node", "brand"}


# -- broken ----------------------------------------------------------------------------------------------


def refused(folder: Path, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load_model(folder)
    assert caught.value.hint


def sealed(folder: Path) -> None:
    """Put the digests of the files as they are into the page: nothing but their content is wrong."""
    card = json.loads((folder / "predictor.json").read_text())
    for name in card["files"]:
        digest = hashlib.blake2b((folder / name).read_bytes(), digest_size=16).hexdigest()
        card["files"][name] = digest
    (folder / "predictor.json").write_text(json.dumps(card))


def test_weights_that_were_changed_are_told(copied):
    content = bytearray((copied / "weights.safetensors").read_bytes())
    content[-5] ^= 1
    (copied / "weights.safetensors").write_bytes(bytes(content))
    refused(copied, "weights.safetensors in .* is not what was saved")


def without(name: str) -> Change:
    return lambda weights: weights.pop(name)


def reshaped(name: str) -> Change:
    return lambda weights: weights.update({name: np.zeros((3, 3), np.float32)})


@pytest.mark.parametrize(
    "change",
    [
        without("network.hazard.linear.weight"),
        without("network.tokens.items.product_trust"),
        reshaped("network.targets.brand.own.weight"),
        lambda weights: weights.update({"network.more": np.zeros(1, np.float32)}),
        lambda weights: [weights.pop(name) for name in list(weights) if name.startswith("network.")],
    ],
    ids=["a weight missing", "a buffer missing", "another shape", "one too many", "no network"],
)
def test_weights_of_another_network_are_corrupt(copied, change):
    weights = load_file(copied / "weights.safetensors")
    change(weights)
    save_file(weights, copied / "weights.safetensors")
    sealed(copied)
    refused(copied, r"is corrupt \(RuntimeError\)")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", {"encoder": "lstm"}),
        ("model", {"d_model": 8, "heads": 2}),
        ("model", None),
        ("sizes", {"product": 3}),
        ("sizes", None),
        ("hazard_bins", 5),
        ("hazard_bins", "many"),
        ("gates", {"brand": {"soon": [{}, {}]}}),
        ("gates", {"brand": {"14": [{}]}}),
        ("gates", {"brand": {"14": [{"weight": 1.0, "width": 2}, {}]}}),
        ("gates", 3),
    ],
)
def test_settings_of_the_network_that_make_no_sense_are_corrupt(copied, key, value):
    card = json.loads((copied / "predictor.json").read_text())
    card["correction"][key] = value
    (copied / "predictor.json").write_text(json.dumps(card))
    refused(copied, "predictor.json in .* is corrupt")


@pytest.mark.parametrize("key", ["model", "sizes", "hazard_bins", "gates", "timing", "values"])
def test_settings_of_the_network_that_are_missing_are_corrupt(copied, key):
    card = json.loads((copied / "predictor.json").read_text())
    del card["correction"][key]
    (copied / "predictor.json").write_text(json.dumps(card))
    refused(copied, r"is corrupt \(KeyError\)")


@pytest.mark.parametrize(
    "change",
    [
        lambda names: names.pop("sequence"),
        lambda names: names["sequence"].pop("price_edges"),
        lambda names: names["sequence"]["names"].pop("brand"),
        lambda names: names["sequence"]["price_edges"].pop(),
    ],
    ids=["none", "no prices", "no brands", "prices of fewer categories"],
)
def test_a_vocabulary_that_is_damaged_is_told(copied, change):
    names = json.loads((copied / "vocabularies.json").read_text())
    change(names)
    (copied / "vocabularies.json").write_text(json.dumps(names))
    sealed(copied)
    refused(copied, "is corrupt|vocabulary")
