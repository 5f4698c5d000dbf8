"""Reliability: bins a reader can fill by hand, and the streamed form against the exact one."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.metrics import ReliabilityHistogram, ece, predicted_over_actual, reliability_table
from intentml.metrics import reliability as reliability_module
from intentml.metrics.reliability import wilson_interval


def simulated(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = rng.beta(0.5, 8.0, size)
    return probability, rng.random(size) < probability**1.2


def test_each_bin_holds_its_share_of_pairs_in_order_of_probability() -> None:
    table = reliability_table([0.9, 0.1, 0.2, 0.8], [True, False, True, True], bins=2)
    assert table.predicted.tolist() == pytest.approx([0.15, 0.85])
    assert table.observed.tolist() == pytest.approx([0.5, 1.0])
    assert table.weight.tolist() == [2.0, 2.0]
    assert table.ece == pytest.approx((0.35 + 0.15) / 2)


def test_a_tie_on_an_edge_is_shared_out_whatever_the_order_of_the_pairs() -> None:
    label = np.array([True, False, False, True])
    table = reliability_table([0.5] * 4, label, bins=2)
    assert table.observed.tolist() == pytest.approx([0.5, 0.5])
    assert ece([0.5] * 4, label, bins=2) == pytest.approx(0.0)


def test_integer_weights_are_repeated_pairs() -> None:
    probability, label = simulated(0, 60)
    weight = np.random.default_rng(1).integers(0, 4, 60)
    repeated = ece(np.repeat(probability, weight), np.repeat(label, weight), bins=7)
    assert ece(probability, label, bins=7, weight=weight) == pytest.approx(repeated)


def test_a_perfectly_honest_probability_has_almost_no_error() -> None:
    rng = np.random.default_rng(2)
    probability = rng.random(200_000)
    assert ece(probability, rng.random(200_000) < probability, bins=20) < 0.005


def test_the_streamed_table_is_the_exact_one_up_to_a_cell() -> None:
    probability, label = simulated(3, 300_000)
    streamed = ReliabilityHistogram()
    for rows in np.array_split(np.arange(300_000), 7):
        streamed.add(probability[rows], label[rows])
    exact, near = reliability_table(probability, label, bins=20), streamed.table(20)
    np.testing.assert_allclose(near.predicted, exact.predicted, rtol=2e-4)
    assert near.ece == pytest.approx(exact.ece, abs=1e-4)
    assert streamed.predicted_over_actual == pytest.approx(predicted_over_actual(probability, label))


def test_many_pairs_take_the_streamed_way(monkeypatch: pytest.MonkeyPatch) -> None:
    probability, label = simulated(4, 5_000)
    weight = np.linspace(0.5, 2.0, 5_000)
    exact = ece(probability, label, 20, weight=weight)
    monkeypatch.setattr(reliability_module, "_EXACT_UP_TO", 100)
    assert ece(probability, label, 20, weight=weight) == pytest.approx(exact, abs=1e-3)


def test_nought_one_and_minus_nought_are_probabilities() -> None:
    histogram = ReliabilityHistogram()
    histogram.add([-0.0, 0.0, 1.0, 1.0], [False, False, True, True])
    assert histogram.table(2).predicted.tolist() == [0.0, 1.0]
    assert histogram.table(2).ece == 0.0


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan])
def test_a_probability_outside_its_range_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="1 of 2 probabilities are not between 0 and 1"):
        ece([0.5, wrong], [True, False], bins=2)


def test_other_shapes_and_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        ece([0.5, 0.5], [True], bins=2)
    with pytest.raises(ValueError, match="0 bins"):
        ece([0.5], [True], bins=0)


def test_nothing_to_judge_has_no_error_and_no_ratio() -> None:
    assert np.isnan(ece([], [], bins=20))
    assert np.isnan(predicted_over_actual([0.2], [False]))
    assert np.isnan(ReliabilityHistogram().predicted_over_actual)


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Published example: 1 of 10 at 95 % is 0.0179 to 0.4042.
    low, high = wilson_interval(0.1, 10)
    assert (float(low), float(high)) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    assert float(wilson_interval(0.0, 5)[0]) == 0.0
