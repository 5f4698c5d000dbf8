from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from intentml.prediction import TargetScores
from intentml.scores import interests
from intentml.scores.interests import SCHEMA, best_targets, interest_batches

#                    bread milk soap
LOGITS = np.array([[0.0, 2.0, 1.0], [3.0, 3.0, 3.0]], np.float32)


def scores_of(logits: np.ndarray) -> TargetScores:
    """Scores whose logits are told pair by pair."""
    users, targets = logits.shape
    return TargetScores(
        kind="category",
        targets=np.array(["bread", "milk", "soap"][:targets], dtype=object),
        customer_vectors=np.zeros((users, 1), np.float32),
        target_vectors=np.zeros((targets, 1), np.float32),
        pairs=sparse.csr_array(logits),
    )


def rows(logits: np.ndarray, keep: int | None) -> list[tuple[str, str, int]]:
    table = pa.Table.from_batches(
        interest_batches([(scores_of(logits), 28)], np.array(["ana", "ben"], dtype=object), keep), SCHEMA
    )
    return list(
        zip(
            table["customer_id"].to_pylist(),
            table["target"].to_pylist(),
            table["rank"].to_pylist(),
            strict=True,
        )
    )


def test_the_best_come_first_and_ranks_start_at_one():
    assert rows(LOGITS, 2)[:2] == [("ana", "milk", 1), ("ana", "soap", 2)]


def test_ties_go_by_target():
    assert rows(LOGITS, 2)[2:] == [("ben", "bread", 1), ("ben", "milk", 2)]
    assert rows(LOGITS, 1)[1:] == [("ben", "bread", 1)]


@pytest.mark.parametrize("keep", [3, 4, None])
def test_every_target_is_kept_where_as_many_are_wanted_as_there_are(keep):
    assert [(target, rank) for _, target, rank in rows(LOGITS, keep)] == [
        ("milk", 1), ("soap", 2), ("bread", 3), ("bread", 1), ("milk", 2), ("soap", 3),
    ]  # fmt: skip


def test_a_row_tells_kind_horizon_and_probability():
    (batch,) = interest_batches([(scores_of(LOGITS), 28)], np.array(["ana", "ben"], dtype=object), 1)
    assert batch.schema == SCHEMA
    assert batch.to_pylist()[1] == {
        "customer_id": "ben",
        "kind": "category",
        "target": "bread",
        "horizon_days": 28,
        "probability": pytest.approx(1 / (1 + np.exp(-3.0))),
        "rank": 1,
    }


@pytest.mark.parametrize("keep", [1, None])
def test_small_blocks_and_batches_tell_the_same(monkeypatch, keep):
    whole = rows(LOGITS, keep)
    monkeypatch.setattr(interests, "_CELLS_AT_ONCE", 3)
    monkeypatch.setattr(interests, "_ROWS_PER_BATCH", 1)
    assert rows(LOGITS, keep) == whole


def test_rows_are_sorted_by_customer_and_then_as_the_parts_are_told(monkeypatch):
    def keys() -> list[tuple[str, int, int]]:
        table = pa.Table.from_batches(interest_batches(parts, np.array(["ana", "ben"], dtype=object), 2))
        columns = (table[name].to_pylist() for name in ("customer_id", "horizon_days", "rank"))
        return list(zip(*columns, strict=True))

    parts = [(scores_of(LOGITS), 28), (scores_of(LOGITS), 14)]
    whole = keys()
    assert whole[:4] == [("ana", 28, 1), ("ana", 28, 2), ("ana", 14, 1), ("ana", 14, 2)]
    assert [customer for customer, _, _ in whole[4:]] == ["ben"] * 4
    monkeypatch.setattr(interests, "_ROWS_PER_BATCH", 1)
    assert keys() == whole


def test_a_kind_without_targets_has_no_rows():
    assert rows(np.zeros((2, 0), np.float32), 20) == []


@given(
    logits=st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=7, max_size=7), max_size=5),
    keep=st.integers(1, 8),
)
def test_best_targets_are_those_of_a_plain_sort(logits, keep):
    matrix = np.array(logits, np.float32).reshape(len(logits), 7)
    expected = [
        (row, target, rank)
        for row, values in enumerate(logits)
        for rank, target in enumerate(sorted(range(7), key=lambda at: (-values[at], at))[:keep], start=1)
    ]
    assert list(zip(*map(list, best_targets(matrix, keep)), strict=True)) == expected
