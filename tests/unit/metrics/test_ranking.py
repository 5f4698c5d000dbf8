"""Users for a target: hand-made cases, and the same numbers as an independent library."""

from __future__ import annotations

from itertools import permutations
from math import comb

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from intentml.metrics import UsersForTarget, average_precision, chance_lift, users_for_target
from intentml.metrics import ranking as ranking_module


def column(values: list[float]) -> np.ndarray:
    return np.array(values)[:, None]


def random_shop(seed: int, users: int = 80, targets: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.arange(users * targets, dtype=np.float32).reshape(users, targets), axis=0)
    labels = rng.random((users, targets)) < 0.2
    labels[0] = True
    labels[1] = False
    return scores, labels, rng.random((users, targets)) < 0.4


def test_average_precision_is_the_mean_precision_at_the_buyers() -> None:
    # Buyers stand first and third: (1/1 + 2/3) / 2.
    assert average_precision([True, False, True], [0.9, 0.5, 0.1]) == pytest.approx(5 / 6)


def test_without_ties_average_precision_and_auroc_are_those_of_scikit_learn() -> None:
    scores, labels, before = random_shop(1)
    found = users_for_target(scores, labels, before)
    for target in range(scores.shape[1]):
        expected = average_precision_score(labels[:, target], scores[:, target])
        assert found.average_precision[target] == pytest.approx(expected)
        assert found.auroc[target] == pytest.approx(roc_auc_score(labels[:, target], scores[:, target]))


def test_with_ties_auroc_counts_them_half_as_scikit_learn_does() -> None:
    scores, labels, before = random_shop(2)
    coarse = np.floor(scores / 50) - 5.0
    found = users_for_target(coarse, labels, before)
    for target in range(scores.shape[1]):
        assert found.auroc[target] == pytest.approx(roc_auc_score(labels[:, target], coarse[:, target]))


def test_repeat_and_explore_are_the_metric_on_those_customers_alone() -> None:
    scores, labels, before = random_shop(3)
    labels[:4] = True
    found = users_for_target(scores, labels, before)
    for target in range(scores.shape[1]):
        old, score, label = before[:, target], scores[:, target], labels[:, target]
        assert found.repeat_customers[target] == old.sum()
        assert found.explore_buyers[target] == (label & ~old).sum()
        if (label & old).any():
            expected = average_precision_score(label[old], score[old])
            assert found.repeat_average_precision[target] == pytest.approx(expected)
        if (label & ~old).any():
            explore = average_precision_score(label[~old], score[~old])
            assert found.explore_average_precision[target] == pytest.approx(explore)
            assert found.explore_lift[target] == pytest.approx(explore / label[~old].mean())


def test_lift_and_recall_count_the_buyers_at_the_top() -> None:
    # 200 customers, 10 buyers, 4 of them in the best 10 (5 %) and 1 in the best 2 (1 %).
    places = [1, 5, 6, 9, 20, 30, 40, 50, 60, 70]
    labels = np.zeros(200, dtype=bool)
    labels[places] = True
    scores = -np.arange(200.0)[:, None]
    found = users_for_target(scores, labels[:, None], labels[:, None], recall_at=31)
    assert found.lift_5[0] == pytest.approx((4 / 10) / (10 / 200))
    assert found.lift_1[0] == pytest.approx((1 / 2) / (10 / 200))
    assert found.recall[0] == pytest.approx(6 / 10)
    assert found.base_rate[0] == pytest.approx(0.05)


def test_ties_are_broken_at_random_and_not_by_position() -> None:
    labels = np.zeros((400, 200), dtype=bool)
    labels[:40] = True
    found = users_for_target(np.zeros((400, 200)), labels, labels)
    assert found.average_precision.std() > 0
    assert found.average_precision.mean() == pytest.approx(0.1 * chance_lift(400, 40), rel=0.05)
    assert found.auroc.tolist() == [0.5] * 200


def test_zero_and_minus_zero_tie() -> None:
    found = users_for_target(column([0.0, -0.0]), np.array([[True], [False]]), np.zeros((2, 1)))
    assert found.auroc[0] == 0.5


def test_chunks_of_targets_give_the_numbers_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, labels, before = random_shop(4)
    coarse = np.floor(scores / 100)
    whole = users_for_target(coarse, labels, before, seed=5)
    parts = [
        users_for_target(coarse[:, a:b], labels[:, a:b], before[:, a:b], seed=5, first_target=a)
        for a, b in ((0, 3), (3, 7))
    ]
    monkeypatch.setattr(ranking_module, "_CELLS_AT_ONCE", 1)
    one_by_one = users_for_target(coarse, labels, before, seed=5)
    for other in (UsersForTarget.concatenate(parts), one_by_one):
        np.testing.assert_array_equal(whole.average_precision, other.average_precision)
        np.testing.assert_array_equal(whole.explore_average_precision, other.explore_average_precision)


def test_a_target_nobody_buys_has_no_average_precision_and_is_left_out_of_the_mean() -> None:
    labels = np.array([[True, False], [False, False]])
    found = users_for_target(np.array([[1.0, 1.0], [0.0, 0.0]]), labels, labels)
    assert np.isnan(found.average_precision).tolist() == [False, True]
    assert found.summary()["map"] == 1.0
    assert np.isnan(found.summary()["map_head"])


def test_the_summary_takes_explore_lift_over_targets_with_enough_new_buyers() -> None:
    # Target 0 has ten new buyers, all on top; target 1 has one, at the bottom.
    labels = np.zeros((20, 2), dtype=bool)
    labels[:10, 0] = labels[19, 1] = True
    scores = np.tile(-np.arange(20.0)[:, None], 2)
    summary = users_for_target(scores, labels, np.zeros_like(labels)).summary([False, True])
    assert summary["explore_targets"] == 1
    assert summary["explore_ap_lift"] == pytest.approx(1.0 / 0.5)
    assert summary["explore_ap_lift_by_chance"] == pytest.approx(float(chance_lift(20, 10)))
    assert summary["map_head"] == 1.0
    assert summary["map_tail"] == pytest.approx(1 / 20)
    assert summary["map_by_buyers"] == pytest.approx((10 * 1.0 + 1 * 0.05) / 11)
    assert summary["repeat_targets"] == 0


@pytest.mark.parametrize(("customers", "buyers"), [(1, 1), (5, 1), (5, 2), (6, 4), (4, 4)])
def test_chance_lift_is_the_mean_over_all_orders(customers: int, buyers: int) -> None:
    orders = set(permutations([True] * buyers + [False] * (customers - buyers)))
    assert len(orders) == comb(customers, buyers)
    total = sum(average_precision(order, -np.arange(customers)) for order in orders)
    assert chance_lift(customers, buyers) == pytest.approx(total / len(orders) * customers / buyers)


def test_scores_that_are_not_numbers_or_of_another_shape_are_refused() -> None:
    labels = np.zeros((2, 1), dtype=bool)
    with pytest.raises(ValueError, match="1 of 2 scores are not a number"):
        users_for_target(column([np.nan, 1.0]), labels, labels)
    with pytest.raises(ValueError, match="must have one shape"):
        users_for_target(np.zeros((3, 1)), labels, labels)
