"""The scores folder: what it holds, what comes back, and every way it can be broken."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from intentml.errors import ScoresError, UnknownTargetError
from intentml.pairs import semantic
from intentml.priors.union import SetUnion
from intentml.scores import folder as folder_module
from intentml.scores import interests
from intentml.scores.folder import interest_rows, load_scores, write_scores
from intentml.scores.scores import Scores
from intentml.survival import SURVIVAL_DAYS
from intentml.workflows import score
from random_shop import AS_OF_TEXT
from same import arrays_of, assert_same
from scored_shop import HORIZONS, log, model, scores

FILES = {
    "manifest.json",
    "customers.parquet",
    "interests.parquet",
    "products.parquet",
    "context.parquet",
    "vectors",
    "bought.safetensors",
    "products.fts.sqlite",
    "customers.arrow",
    "histories.arrow",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A scores folder that tests only read."""
    folder = tmp_path_factory.mktemp("written") / "scores"
    write_scores(scores(), folder)
    return folder


@pytest.fixture
def copied(written, tmp_path) -> Path:
    """A scores folder that a test may break."""
    return Path(shutil.copytree(written, tmp_path / "scores"))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, by its place."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# -- what it holds ----------------------------------------------------------------------------------


def test_the_folder_holds_the_files_of_the_contract(written):
    assert {path.name for path in written.iterdir()} == FILES
    vectors = {f"{kind}-{days}.safetensors" for kind, days in scores().targets}
    assert {path.name for path in (written / "vectors").iterdir()} == vectors
    assert len(vectors) == 4 * len(HORIZONS)


def test_every_file_may_be_read_by_the_user_who_answers(written):
    files = [path for path in written.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o444 for path in files} == {0o444}


def test_every_file_may_be_read_by_a_service_of_another_user(written):
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in written.rglob("*"))


def test_the_manifest_tells_what_the_scores_are_of(written):
    manifest = json.loads((written / "manifest.json").read_text())
    assert manifest["schema_version"] == 4
    assert manifest["as_of"] == "2024-03-31T00:00:00+00:00"
    assert manifest["horizons"] == [28, 14]
    assert manifest["timezone"] == "UTC"
    assert manifest["model"]["name"] == "priors"
    assert manifest["model"]["fingerprint"].startswith(manifest["model"]["version"])
    assert manifest["data"] == {"source": log().tables.source, "fingerprint": log().tables.fingerprint}
    assert manifest["calibrated"] is True
    assert manifest["calibrated_horizons"] == [28, 14]
    assert manifest["counts"]["customers"] == manifest["counts"]["buyers"] + manifest["counts"]["prospects"]
    assert set(manifest["limits"]) == {"lifecycle", "importance"}
    assert "email" in manifest["undated_columns"]["customers"]
    assert "created_at" not in manifest["undated_columns"]["customers"]
    assert manifest["created_by"]


def test_products_compared_by_meaning_are_searched_by_it(tmp_path, monkeypatch):
    class EverythingIsOne:
        def encode(self, texts, **how):
            return np.ones((len(texts), 1), dtype=np.float32)

    monkeypatch.setattr(semantic, "_model", EverythingIsOne)
    assert scores().manifest.model.text == "hashed"
    stamp = scores().manifest.model.model_copy(update={"text": "semantic"})
    by_meaning = replace(
        scores(), manifest=scores().manifest.model_copy(update={"model": stamp}), _scratch=[]
    )
    write_scores(by_meaning, tmp_path / "scores")
    for shop in (by_meaning, load_scores(tmp_path / "scores")):
        assert {match.mode for match in shop.search("zebra")} == {"meaning"}
        answer = shop.interested_in(keyword="zebra")
        assert (answer.matched_by, len(answer.matched_products) > 10) == ("meaning", True)
    with pytest.raises(UnknownTargetError):
        scores().search("zebra")


def test_customers_have_the_columns_of_the_contract(written):
    columns = pq.read_schema(written / "customers.parquet").names
    wanted = ["customer_id", "orders", "recency_days", "monetary", "churn_probability", "expected_orders"]
    wanted += ["expected_spend", "expected_spend_net", "expected_next_order_at", "return_probability"]
    wanted += [f"survival_{days}" for days in SURVIVAL_DAYS] + ["lifecycle", "importance"]
    assert set(wanted) <= set(columns)
    assert columns[0] == "customer_id"
    ids = pq.read_table(written / "customers.parquet")["customer_id"].to_pylist()
    assert ids == sorted(set(ids))


def test_interests_are_unique_and_ranked_from_one(written):
    table = pq.read_table(written / "interests.parquet")
    assert table.num_rows == interest_rows(scores())
    assert table.column_names == ["customer_id", "kind", "target", "horizon_days", "probability", "rank"]
    frame = table.to_pandas()
    assert not frame.duplicated(["customer_id", "kind", "target", "horizon_days"]).any()
    for _, group in frame.groupby(["customer_id", "kind", "horizon_days"]):
        assert group["rank"].tolist() == list(range(1, len(group) + 1))
        by_rank = group.sort_values(["probability", "target"], ascending=[False, True])
        assert by_rank["rank"].tolist() == group["rank"].tolist()


def test_interests_keep_the_best_or_every_target(tmp_path):
    for keep, name in ((2, "few"), (None, "all")):
        told = score(model(), log(), as_of=AS_OF_TEXT, horizon_days=28, interests=keep, out=tmp_path / name)
        table = pq.read_table(tmp_path / name / "interests.parquet")
        sizes = [len(told.scores_of(kind)) for kind in ("category", "category_node", "brand", "product")]
        assert table.num_rows == len(told) * sum(size if keep is None else min(size, keep) for size in sizes)


def test_all_interests_are_streamed_in_batches(monkeypatch, tmp_path):
    told = score(model(), log(), as_of=AS_OF_TEXT, horizon_days=28, interests=None)
    write_scores(told, tmp_path / "whole")
    monkeypatch.setattr(interests, "_ROWS_PER_BATCH", 40)
    write_scores(told, tmp_path / "streamed")
    one, other = (pq.ParquetFile(tmp_path / name / "interests.parquet") for name in ("whole", "streamed"))
    assert other.metadata.num_row_groups > one.metadata.num_row_groups
    assert other.read().equals(one.read())


# -- what comes back --------------------------------------------------------------------------------


def every_answer(shop: Scores) -> dict[str, object]:
    """One answer of each sort, as plain values."""
    answers: dict[str, object] = {"customers": shop.customers, "survival": shop.survival(33).to_numpy()}
    for days in HORIZONS:
        for name, asked in {
            "category": {"category": "TEA"},
            "node": {"category": "SHOP"},
            "brand": {"brand": "Oro"},
            "product": {"product": "p3"},
            "list": {"product": ["p3", "p1", "p7"]},
            "keyword": {"keyword": "thing"},
            "new": {"new_product": {"category": "TEA", "price": 2.0}},
        }.items():
            answer = shop.interested_in(**asked, horizon_days=days)
            answers[f"{name} {days}"] = {**answer.to_dict(), "customers": answer.customers}
        answers[f"interests {days}"] = shop.interests(5, horizon_days=days)
        answers[f"recommend {days}"] = shop.recommend("c1", 5, horizon_days=days)
    return answers


def test_scores_read_back_answer_byte_for_byte_as_in_memory(written):
    in_memory, read_back = (every_answer(shop) for shop in (scores(), load_scores(written)))
    assert_same(arrays_of(in_memory, "answer"), arrays_of(read_back, "answer"))


def test_the_manifest_keeps_how_products_of_a_set_are_joined(tmp_path):
    sets = SetUnion(frailty={28: 1.5}, ratio={28: {"2-3": 1.02}})
    shop = replace(scores(), manifest=scores().manifest.model_copy(update={"sets": sets}))
    write_scores(shop, tmp_path / "scores")
    back = load_scores(tmp_path / "scores")
    assert back.manifest.sets == sets
    told, plain = (one.interested_in(product=["p3", "p7"]) for one in (back, scores()))
    assert told.to_dict() == shop.interested_in(product=["p3", "p7"]).to_dict()
    assert 0 < told.expected_buyers < 0.99 * plain.expected_buyers
    assert told.calibrated


def test_the_folder_answers_wherever_it_is_moved(written, tmp_path):
    moved = Path(shutil.copytree(written, tmp_path / "elsewhere" / "moved"))
    assert len(load_scores(moved).interested_in(keyword="thing", limit=3)) == 3


def test_a_change_of_the_working_folder_does_not_lose_the_scores(written, tmp_path, monkeypatch):
    monkeypatch.chdir(written.parent)
    shop = load_scores(written.name)
    monkeypatch.chdir(tmp_path)
    assert len(shop.interested_in(keyword="thing", limit=3)) == 3


def test_the_same_scores_are_written_as_the_same_bytes(written, tmp_path):
    write_scores(scores(), tmp_path / "again")
    assert contents(tmp_path / "again") == contents(written)


# -- what is refused --------------------------------------------------------------------------------


def refused(folder: Path, message: str) -> None:
    with pytest.raises(ScoresError, match=message) as caught:
        load_scores(folder)
    assert caught.value.hint


def test_a_folder_that_is_missing_or_empty_is_no_scores_folder(tmp_path):
    refused(tmp_path / "nowhere", "is not a scores folder: it has no manifest.json")
    refused(tmp_path, "is not a scores folder")


@pytest.mark.parametrize("name", sorted(FILES - {"manifest.json"}))
def test_a_missing_file_is_named(copied, name):
    path = copied / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    refused(copied, name)


@pytest.mark.parametrize("name", sorted(FILES - {"vectors"}))
def test_a_file_cut_short_is_named(copied, name):
    path = copied / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(copied, f"cannot be used: {name}")


def test_a_missing_or_cut_vectors_file_is_named(copied):
    path = copied / "vectors" / "brand-14.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    refused(copied, "vectors/brand-14.safetensors is missing or damaged")
    path.unlink()
    refused(copied, "vectors/brand-14.safetensors is missing or damaged")


def test_a_manifest_of_another_version_is_told(copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    (copied / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 99}))
    refused(copied, "schema version 99, this package reads 4")


@pytest.mark.parametrize("content", ["[]", '"scores"', "null", "{}"])
def test_a_manifest_of_something_else_is_refused(copied, content):
    (copied / "manifest.json").write_text(content)
    refused(copied, "cannot be used: manifest.json|schema version None")


@pytest.fixture(scope="module")
def another_run(tmp_path_factory) -> Path:
    """The same shop and model, a day earlier asked for another horizon."""
    folder = tmp_path_factory.mktemp("other") / "scores"
    score(model(), log(), as_of=AS_OF_TEXT, horizon_days=(28, 21), out=folder)
    return folder


@pytest.mark.parametrize("name", sorted(FILES - {"vectors"}))
def test_a_file_of_another_run_is_told(copied, another_run, name):
    shutil.copy(another_run / name, copied / name)
    refused(copied, "of another scoring run|is missing or damaged")


def test_vectors_of_another_run_are_told(copied, another_run):
    shutil.copy(another_run / "vectors" / "brand-28.safetensors", copied / "vectors" / "brand-28.safetensors")
    refused(copied, "vectors/brand-28.safetensors is of another scoring run")


# -- where it is written ----------------------------------------------------------------------------


def test_new_scores_take_the_place_of_old_ones(copied):
    later = score(model(), log(), as_of="2024-04-05", horizon_days=28)
    write_scores(later, copied)
    assert load_scores(copied).manifest.as_of.startswith("2024-04-05")
    assert [path.name for path in copied.parent.iterdir()] == ["scores"]


def test_a_folder_of_something_else_is_not_touched(tmp_path):
    (tmp_path / "thesis.md").write_text("three years of work")
    with pytest.raises(ScoresError, match=r"is not a scores folder: it holds thesis.md"):
        write_scores(scores(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.md"]


def test_notes_put_into_a_scores_folder_are_not_deleted(copied):
    (copied / "notes.md").write_text("ask Ana")
    with pytest.raises(ScoresError, match=r"it holds notes.md"):
        write_scores(scores(), copied)
    assert (copied / "notes.md").exists()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "scores").write_text("")
    with pytest.raises(ScoresError, match="is not a scores folder"):
        write_scores(scores(), tmp_path / "scores")


def test_scores_of_another_shop_are_not_replaced(copied):
    before = contents(copied)
    strangers = pd.Series(pq.read_table(copied / "customers.parquet")["customer_id"].to_pylist()) + "-other"
    table = pq.read_table(copied / "customers.parquet")
    pq.write_table(table.set_column(0, "customer_id", [strangers.tolist()]), copied / "customers.parquet")
    with pytest.raises(ScoresError, match="scores of another shop"):
        write_scores(scores(), copied)
    assert set(contents(copied)) == set(before)


def test_broken_scores_may_be_replaced(copied):
    (copied / "customers.parquet").write_bytes(b"PAR1")
    write_scores(scores(), copied)
    assert load_scores(copied).manifest == scores().manifest


@pytest.mark.parametrize("breaks_at", ["write_text_index", "write_bought", "write_targets"])
@pytest.mark.parametrize("failure", [OSError("no space left"), KeyboardInterrupt()])
def test_a_run_cut_off_leaves_the_old_folder_and_nothing_else(monkeypatch, copied, breaks_at, failure):
    before = contents(copied)

    def fails(*_: object) -> None:
        raise failure

    monkeypatch.setattr(folder_module, breaks_at, fails)
    with pytest.raises(type(failure)):
        write_scores(scores(), copied)
    with pytest.raises(type(failure)):
        write_scores(scores(), copied.parent / "new")
    assert contents(copied) == before
    assert [path.name for path in copied.parent.iterdir()] == ["scores"]


def test_vectors_damaged_after_the_scores_were_read_are_told_when_asked_for(copied):
    shop = load_scores(copied)
    (copied / "vectors" / "brand-28.safetensors").unlink()
    assert len(shop.interested_in(category="TEA", limit=1)) == 1
    with pytest.raises(ScoresError, match=r"vectors/brand-28.safetensors is missing"):
        shop.interested_in(brand="Oro")


def test_vectors_are_read_when_first_asked_for(monkeypatch, written):
    read: list[str] = []
    actual = folder_module.read_targets
    monkeypatch.setattr(
        folder_module, "read_targets", lambda path, *rest: (read.append(path.name), actual(path, *rest))[1]
    )
    shop = load_scores(written)
    assert np.isfinite(shop.survival(20)).all()
    assert read == []
    shop.interested_in(category="TEA")
    shop.interested_in(category="COFFEE")
    assert read == ["category-28.safetensors"]
