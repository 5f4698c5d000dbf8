"""The model folder: the same predictor back, and every way it can be broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from intentml.errors import ModelError
from intentml.inference.folder import SavedModel, fingerprint, load_model, save_model
from intentml.prediction import Predictions
from intentml.priors.union import SetUnion
from random_shop import AS_OF_TEXT
from same import arrays_of, assert_same
from scored_shop import log, model

FILES = ["predictor.json", "vocabularies.json", "weights.safetensors"]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A model folder that tests only read."""
    folder = tmp_path_factory.mktemp("written") / "model"
    save_model(folder, model().predictor, model().card)
    return folder


@pytest.fixture
def copied(written, tmp_path) -> Path:
    """A model folder that a test may break."""
    return Path(shutil.copytree(written, tmp_path / "model"))


def predicted(saved: SavedModel, days: int) -> Predictions:
    return saved.predictor.predict(log().as_of(AS_OF_TEXT), days)


def test_a_model_is_a_predictor_itself_and_saves_itself(written, tmp_path):
    itself = model().predict(log().as_of(AS_OF_TEXT), horizon_days=28)
    assert_same(arrays_of(itself, "predictions"), arrays_of(predicted(model(), 28), "predictions"))
    assert list(model().predict(log().as_of(AS_OF_TEXT), 28, kinds=["brand"]).targets) == ["brand"]
    load_model(written).save(tmp_path / "again")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (written / name).read_bytes()


def test_a_model_s_repr_is_one_line():
    assert repr(model()) == (
        f"SavedModel(priors {model().fingerprint[:12]}, trained until 2024-03-31T00:00:00+00:00)"
    )


@pytest.mark.parametrize("days", [7, 28, 200])
def test_a_predictor_read_back_predicts_byte_for_byte_the_same(written, days):
    one, other = predicted(model(), days), predicted(load_model(written), days)
    assert_same(arrays_of(one, "predictions"), arrays_of(other, "predictions"))


def test_the_folder_holds_no_pickle_and_the_page_tells_of_the_making(written):
    assert sorted(path.name for path in written.iterdir()) == FILES
    card = json.loads((written / "predictor.json").read_text())
    assert card["schema_version"] == 5
    assert card["name"] == "priors"
    assert card["trained_until"] == "2024-03-31T00:00:00+00:00"
    assert card["seed"] == 0
    assert card["data"]["fingerprint"] == log().tables.fingerprint
    assert card["recipe"]["priors"]["horizons_days"] == [28]
    assert {"category", "no_order", "spend"} <= {verdict["head"] for verdict in card["validation"]}


def test_a_model_knows_the_targets_that_it_was_trained_on(written):
    vocabularies = load_model(written).vocabularies
    assert vocabularies["category"].tolist() == ["COFFEE", "CUPS", "TEA"]
    assert set(vocabularies) == {"category", "category_node", "brand", "product"}


def test_a_model_knows_how_products_of_a_set_are_joined(written):
    assert set(model().sets.frailty) == {28}
    assert load_model(written).sets == model().sets


def test_a_model_without_sets_joins_them_as_if_independent(tmp_path):
    card = {name: value for name, value in model().card.items() if name != "sets"}
    save_model(tmp_path / "model", model().predictor, card)
    assert load_model(tmp_path / "model").sets == SetUnion()


def test_a_fingerprint_is_the_same_before_and_after_writing(written):
    saved = load_model(written)
    assert saved.fingerprint == fingerprint(model().predictor, model().card) == model().fingerprint
    other = fingerprint(model().predictor, {**model().card, "seed": 7})
    assert other != saved.fingerprint


def test_numbers_that_json_does_not_know_are_null(tmp_path):
    save_model(tmp_path / "model", model().predictor, {"loss": float("inf"), "n": np.int64(3), "x": [np.nan]})
    card = json.loads((tmp_path / "model" / "predictor.json").read_text())
    assert (card["loss"], card["n"], card["x"]) == (None, 3, [None])


def refused(folder: Path, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load_model(folder)
    assert caught.value.hint


def test_a_folder_that_is_missing_or_empty_is_no_model_folder(tmp_path):
    refused(tmp_path / "nowhere", "is not a model folder: it has no predictor.json")
    refused(tmp_path, "is not a model folder")


@pytest.mark.parametrize("name", ["vocabularies.json", "weights.safetensors"])
def test_a_missing_file_and_a_changed_one_are_told_apart(copied, name):
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    refused(copied, f"{name} in .* is not what was saved")
    (copied / name).unlink()
    refused(copied, f"{name} in .* is missing")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_page_cut_short_is_corrupt(copied, share):
    text = (copied / "predictor.json").read_bytes()
    (copied / "predictor.json").write_bytes(text[: int(len(text) * share)])
    refused(copied, "predictor.json in .* is corrupt")


@pytest.mark.parametrize("content", ["[]", "3", '{"schema_version": 5}', '{"schema_version": 5, "files": 3}'])
def test_a_page_of_something_else_is_corrupt(copied, content):
    (copied / "predictor.json").write_text(content)
    refused(copied, "is corrupt")


@pytest.mark.parametrize(
    ("key", "value"),
    [("heads", {}), ("kinds", ["colour"]), ("trained_until", "soon"), ("timezone", "Mars"), ("targets", [])],
)
def test_a_page_with_a_part_that_makes_no_sense_is_corrupt(copied, key, value):
    card = json.loads((copied / "predictor.json").read_text())
    (copied / "predictor.json").write_text(json.dumps(card | {key: value}))
    refused(copied, "is corrupt")


def test_another_schema_version_is_told(copied):
    card = json.loads((copied / "predictor.json").read_text())
    (copied / "predictor.json").write_text(json.dumps(card | {"schema_version": 6}))
    refused(copied, "schema version 6, this package reads 5")


def test_an_older_model_is_replaced_and_anything_else_is_not(copied, tmp_path):
    save_model(copied, model().predictor, {**model().card, "seed": 7})
    assert load_model(copied).card["seed"] == 7
    (copied / "notes.md").write_text("the good one")
    with pytest.raises(ModelError, match=r"is not a model folder: it holds notes.md"):
        save_model(copied, model().predictor, model().card)
    assert (copied / "notes.md").read_text() == "the good one"


def test_a_page_that_cannot_be_written_leaves_the_old_model(copied):
    with pytest.raises(TypeError):
        save_model(copied, model().predictor, {"data": object()})
    assert load_model(copied).fingerprint == model().fingerprint
    assert [path.name for path in copied.parent.iterdir()] == ["model"]
