"""Laws that hold for any scores and outcomes, whatever the shop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from intentml.metrics import (
    auroc,
    average_precision,
    ece,
    normalised_gini,
    reliability_table,
    spearman,
    targets_for_user,
    users_for_target,
)

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(2, 60)


def distinct_scores(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.permutation(size).astype(np.float64)


def some_of_each(rng: np.random.Generator, size: int) -> np.ndarray:
    label = rng.random(size) < rng.random()
    label[0], label[1] = True, False
    return label


@given(SEEDS, SIZES)
def test_average_precision_only_sees_the_order_of_scores(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    score, label = distinct_scores(rng, size), some_of_each(rng, size)
    assert average_precision(label, score) == average_precision(label, np.sqrt(score) / 7 - 3)


@given(SEEDS, SIZES)
def test_without_ties_the_order_of_customers_does_not_matter(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    score, label, old = distinct_scores(rng, size), some_of_each(rng, size), some_of_each(rng, size)
    shuffled = rng.permutation(size)
    one = users_for_target(score[:, None], label[:, None], old[:, None])
    other = users_for_target(score[shuffled, None], label[shuffled, None], old[shuffled, None])
    for name in ("average_precision", "auroc", "lift_5", "explore_average_precision"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name))


@given(SEEDS, SIZES)
def test_average_precision_lies_between_the_worst_order_and_one(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    label = some_of_each(rng, size)
    found = average_precision(label, rng.integers(0, 3, size))
    worst = average_precision(label, ~label)
    assert worst <= found <= average_precision(label, label) == 1.0


@given(SEEDS, SIZES)
def test_turning_the_scores_around_turns_auroc_around(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    score, label = rng.integers(0, 5, size) / 4, some_of_each(rng, size)
    assert auroc(label, 1 - score) == pytest.approx(1 - auroc(label, score))
    assert auroc(~label, score) == pytest.approx(1 - auroc(label, score))
    both = users_for_target(
        np.column_stack([score, 1 - score]), np.column_stack([label] * 2), np.zeros((size, 2))
    )
    assert both.auroc.sum() == pytest.approx(1.0)


@given(SEEDS, SIZES, st.integers(1, 25))
def test_bins_share_out_the_pairs_and_keep_the_totals(seed: int, size: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    probability, label = rng.integers(0, 6, size) / 5, some_of_each(rng, size)
    table = reliability_table(probability, label, bins=bins)
    assert table.weight.sum() == pytest.approx(size)
    assert (table.weight * table.predicted).sum() == pytest.approx(probability.sum())
    assert (table.weight * table.observed).sum() == pytest.approx(label.sum())
    assert (np.diff(table.predicted) >= -1e-9).all()


@given(SEEDS, SIZES, st.integers(1, 25))
def test_ece_is_at_least_the_total_error_and_ignores_the_order_of_pairs(
    seed: int, size: int, bins: int
) -> None:
    rng = np.random.default_rng(seed)
    probability, label = rng.integers(0, 6, size) / 5, some_of_each(rng, size)
    shuffled = rng.permutation(size)
    found = ece(probability, label, bins)
    assert found >= abs(probability.mean() - label.mean()) - 1e-9
    assert found == pytest.approx(ece(probability[shuffled], label[shuffled], bins))


@given(SEEDS, SIZES)
def test_orderings_are_unmoved_by_a_change_of_unit(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    expected, actual = rng.random(size), rng.integers(0, 4, size).astype(float)
    assume(len(set(actual)) > 1)
    assert normalised_gini(expected * 100, actual * 3) == pytest.approx(normalised_gini(expected, actual))
    assert spearman(expected**3, actual) == pytest.approx(spearman(expected, actual))
    assert -1 - 1e-9 <= normalised_gini(expected, actual) <= 1 + 1e-9


@settings(max_examples=50)
@given(SEEDS, st.integers(1, 15), st.integers(1, 20), st.integers(1, 12))
def test_a_list_holds_at_most_what_there_is_to_find(seed: int, users: int, targets: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    labels, before = rng.random((users, targets)) < 0.3, rng.random((users, targets)) < 0.5
    found = targets_for_user(rng.integers(0, 4, (users, targets)), labels, before, k=k)
    perfect = targets_for_user(labels, labels, before, k=k)
    judged = labels.any(axis=1)
    np.testing.assert_array_equal(np.isnan(found.overall.ndcg), ~judged)
    np.testing.assert_allclose(perfect.overall.ndcg[judged], 1.0)
    assert (found.overall.recall[judged] <= perfect.overall.recall[judged] + 1e-12).all()
    hits = found.overall.precision[judged] * k
    np.testing.assert_allclose(hits, found.overall.recall[judged] * labels[judged].sum(axis=1))
