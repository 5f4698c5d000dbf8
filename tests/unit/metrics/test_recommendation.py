"""Targets for a user: hand-made lists, nDCG as scikit-learn has it, and next baskets as papers judge them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from intentml.metrics import next_basket, targets_for_user
from intentml.metrics import recommendation as recommendation_module


def test_precision_recall_and_ndcg_of_a_list_of_two() -> None:
    scores = np.array([[4.0, 3.0, 2.0, 1.0]])
    labels = np.array([[False, True, True, False]])
    found = targets_for_user(scores, labels, np.zeros_like(labels), k=2).overall
    assert found.precision[0] == 1 / 2
    assert found.recall[0] == 1 / 2
    # A hit at the second place of a list that could have held two.
    assert found.ndcg[0] == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))


def test_a_hit_is_any_purchase_in_the_list_and_its_mean_the_share_of_those_who_bought() -> None:
    scores = np.tile([4.0, 3.0, 2.0, 1.0], (4, 1))
    labels = np.array([[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]], dtype=bool)
    found = targets_for_user(scores, labels, labels, k=2).overall
    assert found.hit[:3].tolist() == [1.0, 1.0, 0.0]
    assert np.isnan(found.hit[3])  # bought nothing
    assert found.means()["hit"] == pytest.approx(2 / 3)


def test_ndcg_at_ten_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores = rng.permuted(np.tile(np.arange(30.0), (25, 1)), axis=1)
    labels = rng.random((25, 30)) < 0.3
    labels[:, 0] = True
    found = targets_for_user(scores, labels, np.zeros_like(labels)).overall
    assert found.ndcg.mean() == pytest.approx(ndcg_score(labels.astype(int), scores, k=10))


def test_customers_who_bought_nothing_are_not_judged() -> None:
    labels = np.array([[True, False], [False, False]])
    found = targets_for_user(np.ones((2, 2)), labels, labels)
    assert found.overall.means()["customers"] == 1
    assert np.isnan(found.overall.recall[1])


def test_repeat_and_explore_are_lists_of_their_own() -> None:
    scores = np.array([[9.0, 8.0, 3.0, 2.0]])
    before = np.array([[True, True, False, False]])
    labels = np.array([[False, True, True, False]])
    found = targets_for_user(scores, labels, before, k=1)
    assert found.overall.precision[0] == 0.0
    assert found.repeat.precision[0] == 0.0
    # Among targets never bought, the purchase stands first.
    assert found.explore.precision[0] == found.explore.recall[0] == found.explore.ndcg[0] == 1.0
    assert found.summary()["explore_customers"] == 1


def test_a_customer_without_explore_purchases_does_not_count_in_the_explore_list() -> None:
    labels = np.array([[True, False]])
    found = targets_for_user(np.ones((1, 2)), labels, labels)
    assert np.isnan(found.explore.ndcg[0])
    assert np.isnan(found.summary()["explore_precision"])


def test_fewer_targets_than_the_list_is_long_leave_places_empty() -> None:
    labels = np.array([[True, True, False]])
    found = targets_for_user(np.array([[3.0, 2.0, 1.0]]), labels, np.zeros_like(labels)).overall
    assert found.precision[0] == pytest.approx(2 / 10)
    assert found.recall[0] == found.ndcg[0] == 1.0


def test_chunks_of_customers_give_the_numbers_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 3, (40, 15)).astype(float)
    labels, before = rng.random((40, 15)) < 0.2, rng.random((40, 15)) < 0.5
    whole = targets_for_user(scores, labels, before, k=3)
    later = targets_for_user(scores[25:], labels[25:], before[25:], k=3, first_user=25)
    np.testing.assert_array_equal(whole.overall.ndcg[25:], later.overall.ndcg)
    monkeypatch.setattr(recommendation_module, "_CELLS_AT_ONCE", 1)
    one_by_one = targets_for_user(scores, labels, before, k=3)
    np.testing.assert_array_equal(whole.repeat.precision, one_by_one.repeat.precision)


def test_without_targets_nobody_is_judged() -> None:
    nothing = np.zeros((3, 0))
    assert targets_for_user(nothing, nothing, nothing).summary()["customers"] == 0


def test_a_list_of_no_places_and_other_shapes_are_refused() -> None:
    labels = np.zeros((2, 1), dtype=bool)
    with pytest.raises(ValueError, match="a list of 0 targets"):
        targets_for_user(np.zeros((2, 1)), labels, labels, k=0)
    with pytest.raises(ValueError, match="must have one shape"):
        targets_for_user(np.zeros((2, 2)), labels, labels)


def test_a_next_basket_is_judged_as_its_papers_do_by_hand() -> None:
    hits = np.array([[True, False, True], [False, False, False], [False, True, False]])
    found = next_basket(hits, [4, 1, 1], k=2)
    # Of a basket of four the list of two holds one, at its best place.
    assert found.recall.tolist() == [1 / 4, 0.0, 1.0]
    assert found.hit.tolist() == [1.0, 0.0, 1.0]
    second, third, fourth = 1 / np.log2([3, 4, 5])
    assert found.ndcg == pytest.approx([1 / (1 + second), 0.0, second])
    # Not cut, the best list is as long as the basket.
    assert found.ndcg_uncut == pytest.approx([1 / (1 + second + third + fourth), 0.0, second])


def test_a_next_basket_is_judged_as_targets_for_a_user_are() -> None:
    rng = np.random.default_rng(2)
    scores = rng.permuted(np.tile(np.arange(30.0), (25, 1)), axis=1)
    labels = rng.random((25, 30)) < 0.4
    labels[:, 0] = True
    hits = np.take_along_axis(labels, np.argsort(-scores, axis=1), axis=1)
    found, known = next_basket(hits, labels.sum(axis=1)), targets_for_user(scores, labels, labels).overall
    np.testing.assert_allclose(found.recall, known.recall)
    np.testing.assert_allclose(found.ndcg, known.ndcg)


def test_a_list_shorter_than_k_has_nothing_at_its_other_places() -> None:
    found = next_basket(np.array([[True]]), [2], k=10)
    assert found.recall[0] == 1 / 2
    assert found.ndcg[0] == found.ndcg_uncut[0] == pytest.approx(1 / (1 + 1 / np.log2(3)))


def test_an_empty_basket_and_one_smaller_than_what_was_found_of_it_are_refused() -> None:
    with pytest.raises(ValueError, match="a basket is empty"):
        next_basket(np.zeros((1, 3), dtype=bool), [0])
    with pytest.raises(ValueError, match="more of it than there is"):
        next_basket(np.ones((1, 3), dtype=bool), [2])
    with pytest.raises(ValueError, match="of the same customers"):
        next_basket(np.ones((1, 3), dtype=bool), [3, 3])
    with pytest.raises(ValueError, match="a list of 0 items"):
        next_basket(np.ones((1, 3), dtype=bool), [3], k=0)
