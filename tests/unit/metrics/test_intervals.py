"""The bootstrap over customers, against metrics computed the slow way on every resample."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from intentml.metrics import (
    Resamples,
    auroc_replicates,
    ece,
    interval,
    ratio_replicates,
    replicates_for,
    statistic_replicates,
    users_for_target,
    users_for_target_replicates,
)
from intentml.metrics import intervals as intervals_module


def random_shop(users: int = 60, targets: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    scores = rng.permuted(np.tile(np.arange(users, dtype=np.float32)[:, None], targets), axis=0)
    return scores, rng.random((users, targets)) < 0.25


def test_every_resample_draws_as_many_customers_as_there_are() -> None:
    weights = Resamples(37, replicates=9, seed=3).weights()
    assert weights.sum(axis=1).tolist() == [37] * 9
    assert len({row.tobytes() for row in weights}) == 9


def test_the_same_seed_draws_the_same_customers_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    resamples = Resamples(20, replicates=5, seed=1)
    monkeypatch.setattr(intervals_module, "_CELLS_AT_ONCE", 40)
    blocks = [weights for _, weights in resamples.blocks()]
    assert [len(block) for block in blocks] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(blocks), resamples.weights())


def test_ranking_replicates_are_the_weighted_metrics_of_scikit_learn() -> None:
    scores, labels = random_shop()
    resamples = Resamples(60, replicates=6)
    precision, area = users_for_target_replicates(scores, labels, resamples)
    for replicate, weight in enumerate(resamples.weights()):
        for target in range(4):
            label, score = labels[:, target], scores[:, target]
            expected = average_precision_score(label, score, sample_weight=weight)
            assert precision[replicate, target] == pytest.approx(expected)
            assert area[replicate, target] == pytest.approx(roc_auc_score(label, score, sample_weight=weight))


def test_weights_of_one_give_the_metric_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, labels = random_shop()
    coarse = np.floor(scores / 9)
    monkeypatch.setattr(Resamples, "weights", lambda self: np.ones((1, 60), dtype=np.uint8))
    precision, _ = users_for_target_replicates(coarse, labels, Resamples(60, 1), seed=4)
    whole = users_for_target(coarse, labels, labels, seed=4)
    np.testing.assert_allclose(precision[0], whole.average_precision)


def test_chunks_of_targets_break_ties_as_all_at_once() -> None:
    scores, labels = random_shop()
    coarse, resamples = np.floor(scores / 20), Resamples(60, 3)
    whole, _ = users_for_target_replicates(coarse, labels, resamples)
    later, _ = users_for_target_replicates(coarse[:, 2:], labels[:, 2:], resamples, first_target=2)
    np.testing.assert_array_equal(whole[:, 2:], later)


def test_a_target_without_a_buyer_in_a_resample_is_unknown_there() -> None:
    labels = np.zeros((5, 2), dtype=bool)
    labels[0, 0] = True
    resamples = Resamples(5, replicates=50)
    precision, _ = users_for_target_replicates(np.zeros((5, 2)), labels, resamples)
    np.testing.assert_array_equal(np.isnan(precision[:, 0]), resamples.weights()[:, 0] == 0)
    assert np.isnan(precision[:, 1]).all()


def test_auroc_replicates_count_ties_half() -> None:
    rng = np.random.default_rng(2)
    score, label = rng.integers(0, 6, 80), rng.random(80) < 0.4
    resamples = Resamples(80, replicates=5)
    found = auroc_replicates(label, score, resamples)
    expected = [roc_auc_score(label, score, sample_weight=weight) for weight in resamples.weights()]
    assert found.tolist() == pytest.approx(expected)
    assert np.isnan(auroc_replicates(np.ones(80), score, resamples)).all()


def test_means_and_ratios_are_those_of_the_drawn_customers() -> None:
    top, bottom = np.array([1.0, 4.0, 9.0]), np.array([1.0, 2.0, 3.0])
    resamples = Resamples(3, replicates=4)
    weights = resamples.weights().astype(float)
    np.testing.assert_allclose(ratio_replicates(top, resamples), weights @ top / 3)
    np.testing.assert_allclose(ratio_replicates(top, resamples, bottom), (weights @ top) / (weights @ bottom))
    two = ratio_replicates(np.column_stack([top, bottom]), resamples, bottom)
    np.testing.assert_allclose(two[:, 1], 1.0)


def test_any_metric_with_weights_can_be_resampled() -> None:
    rng = np.random.default_rng(3)
    probability, label = rng.random(40), rng.random(40) < 0.5
    resamples = Resamples(40, replicates=3)
    found = statistic_replicates(lambda weight: ece(probability, label, 4, weight=weight), resamples)
    expected = [ece(probability, label, 4, weight=weight) for weight in resamples.weights()]
    assert found.tolist() == expected


def test_the_interval_stands_around_the_value() -> None:
    found = interval(10.0, np.arange(101.0))
    assert (found.low, found.high) == pytest.approx((10 - 47.5, 10 + 47.5))
    assert not found.excludes_zero
    assert interval(10.0, [9.0, 10.0, 11.0, np.nan]).excludes_zero
    assert interval(1.0, [0.4, np.nan]).replicates == 1
    assert np.isnan(interval(1.0, []).low)


def test_the_interval_of_a_mean_is_about_two_standard_errors_each_way() -> None:
    values = np.random.default_rng(4).normal(0.0, 1.0, 400)
    found = interval(float(values.mean()), ratio_replicates(values, Resamples(400, replicates=2000)))
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_the_paired_interval_of_nearly_equal_predictors_is_narrow() -> None:
    scores, labels = random_shop(300, 3)
    better = scores + 40 * labels
    resamples = Resamples(300, replicates=60)
    one = users_for_target_replicates(scores, labels, resamples)[0].mean(axis=1)
    same = users_for_target_replicates(scores * 2, labels, resamples)[0].mean(axis=1)
    other = users_for_target_replicates(better, labels, resamples)[0].mean(axis=1)
    np.testing.assert_array_equal(one, same)
    assert (other - one).std() < other.std()


def test_big_data_get_fewer_resamples_and_small_data_two_hundred() -> None:
    assert replicates_for(2_469, 242) == 200
    assert replicates_for(32_000, 1_500) == 83
    assert replicates_for(1_000_000, 1_500) == 50
