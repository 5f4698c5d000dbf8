"""Expected orders and spend: amounts a reader can add up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from intentml.metrics import decile_table, normalised_gini, spearman, value_metrics


def test_errors_and_bias_of_three_customers() -> None:
    found = value_metrics([1.0, 2.0, 6.0], [0.0, 2.0, 4.0])
    assert found.mae == pytest.approx(1.0)
    assert found.rmse == pytest.approx(np.sqrt(5 / 3))
    assert found.total_bias == pytest.approx(0.5)
    assert found.actual_total == 6.0
    assert found.summary()["customers"] == 3


def test_gini_is_one_for_the_right_order_and_minus_one_for_the_reverse() -> None:
    actual = np.array([0.0, 1.0, 5.0, 10.0])
    assert normalised_gini([1.0, 2.0, 3.0, 4.0], actual) == pytest.approx(1.0)
    assert normalised_gini([4.0, 3.0, 2.0, 1.0], actual) == pytest.approx(-1.0)
    assert normalised_gini([1.0, 1.0, 1.0, 1.0], actual) == pytest.approx(0.0)


def test_gini_of_a_hand_made_order() -> None:
    # One of four customers spends everything: own Gini 0.75 (area 1/8). Placed third of four, the
    # Lorenz curve reaches 1 at 3/4: area 1/8 + 1/4, Gini 0.25.
    assert normalised_gini([1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 9.0, 0.0]) == pytest.approx(0.25 / 0.75)


def test_spearman_is_scipys_with_ties() -> None:
    rng = np.random.default_rng(0)
    expected, actual = rng.integers(0, 5, 50), rng.integers(0, 4, 50)
    assert spearman(expected, actual) == pytest.approx(spearmanr(expected, actual).statistic)


def test_tenths_of_twenty_customers_hold_two_each_in_order_of_expectation() -> None:
    expected = np.arange(20.0)[::-1]
    table = decile_table(expected, expected * 2)
    assert table.customers.tolist() == [2.0] * 10
    assert table.expected.tolist() == pytest.approx([0.5 + 2 * part for part in range(10)])
    assert table.actual.tolist() == pytest.approx([1.0 + 4 * part for part in range(10)])
    assert value_metrics(expected, expected * 2).decile_error == pytest.approx(0.5)


def test_equal_expectations_put_the_same_mean_in_every_tenth() -> None:
    table = decile_table(np.ones(7), np.arange(7.0))
    assert table.actual.tolist() == pytest.approx([3.0] * 10)


def test_a_window_in_which_nothing_was_spent_leaves_what_cannot_be_had_empty() -> None:
    found = value_metrics([1.0, 2.0], [0.0, 0.0])
    assert found.mae == 1.5
    assert np.isnan([found.total_bias, found.gini, found.spearman, found.decile_error]).all()


def test_nobody_to_judge_gives_no_numbers() -> None:
    empty = value_metrics([], [])
    assert empty.customers == 0
    assert np.isnan(empty.mae)


def test_other_shapes_and_amounts_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="one amount a customer"):
        value_metrics([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="not a finite number"):
        value_metrics([np.inf], [1.0])
