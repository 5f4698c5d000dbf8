"""Maximum likelihood: known parameters come back, and data that say little still give a sane model."""

from __future__ import annotations

import warnings
from typing import get_args

import numpy as np
import pytest

from btyd_simulation import TRUTH, simulate
from intentml.priors.btyd import (
    BtydCounts,
    BtydName,
    expected_purchases,
    fit_btyd,
    no_purchase_probability,
    total_log_likelihood,
)

NAMES = get_args(BtydName)


@pytest.mark.parametrize("name", NAMES)
def test_the_parameters_that_made_the_customers_come_back(name: BtydName) -> None:
    counts = simulate(name, 20_000, [30.0], seed=1).counts
    model = fit_btyd(name, counts)
    assert model.converged
    assert model.customers_fitted == 20_000
    np.testing.assert_allclose(model.params, TRUTH[name], rtol=0.25)
    assert model.log_likelihood == pytest.approx(total_log_likelihood(model, counts))


@pytest.mark.parametrize("name", NAMES)
def test_no_other_parameters_are_likelier(name: BtydName) -> None:
    counts = simulate(name, 2_000, [30.0], seed=2).counts
    model = fit_btyd(name, counts)
    again = fit_btyd(name, counts, start=tuple(3 * value for value in model.params))  # type: ignore[arg-type]
    assert again.log_likelihood == pytest.approx(model.log_likelihood, abs=1e-3)
    np.testing.assert_allclose(again.params, model.params, rtol=5e-3)


DEGENERATE = {
    "only one-time buyers": ([0.0] * 50, [0.0] * 50, list(range(50))),
    "all first bought on the same day": ([0.0, 1.0, 2.0, 0.0] * 5, [0.0, 3.0, 9.0, 0.0] * 5, [30.0] * 20),
    "nobody was watched for a day": ([0.0] * 30, [0.0] * 30, [0.0] * 30),
    "one customer, one purchase": ([0.0], [0.0], [10.0]),
    "one customer, many purchases": ([300.0], [400.0], [400.0]),
    "all alike and regular": ([10.0] * 40, [100.0] * 40, [101.0] * 40),
    "all bought every day and left": ([30.0] * 40, [30.0] * 40, [2000.0] * 40),
}


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("name", NAMES)
def test_degenerate_shops_give_finite_models_and_no_warning(name: BtydName, case: str) -> None:
    counts = BtydCounts(*(np.array(column, dtype=np.float64) for column in DEGENERATE[case]))
    with warnings.catch_warnings(), np.errstate(divide="raise", invalid="raise", over="raise"):
        warnings.simplefilter("error")
        model = fit_btyd(name, counts)
        silent = no_purchase_probability(model, counts, [7, 365])
        expected = expected_purchases(model, counts, [7, 365])
    assert np.all(np.isfinite(model.params))
    assert np.isfinite(model.log_likelihood)
    assert np.all((silent >= 0) & (silent <= 1))
    assert np.all(np.isfinite(expected) & (expected >= 0))


@pytest.mark.parametrize("name", NAMES)
def test_a_shop_of_one_time_buyers_is_expected_to_stay_silent(name: BtydName) -> None:
    counts = BtydCounts(np.zeros(500), np.zeros(500), np.full(500, 300.0))
    assert no_purchase_probability(fit_btyd(name, counts), counts, 30).min() > 0.99


def test_above_the_limit_a_seeded_sample_is_fitted() -> None:
    counts = simulate("bg_nbd", 3_000, [30.0], seed=3).counts
    model = fit_btyd("bg_nbd", counts, max_customers=1_000)
    assert model.customers_fitted == 1_000
    assert fit_btyd("bg_nbd", counts, max_customers=1_000) == model
    assert fit_btyd("bg_nbd", counts, max_customers=1_000, seed=1) != model


def test_the_order_of_the_customers_does_not_matter() -> None:
    counts = simulate("mbg_nbd", 1_000, [30.0], seed=4).counts
    turned = counts.take(np.arange(len(counts))[::-1])
    assert fit_btyd("mbg_nbd", turned) == fit_btyd("mbg_nbd", counts)


def test_nobody_to_fit_an_unknown_model_and_an_impossible_start_are_refused() -> None:
    counts = BtydCounts(np.zeros(1), np.zeros(1), np.ones(1))
    with pytest.raises(ValueError, match="needs a customer"):
        fit_btyd("bg_nbd", counts.take(np.array([], dtype=np.intp)))
    with pytest.raises(ValueError, match="unknown BTYD model 'bg'; known: bg_nbd, mbg_nbd, pareto_nbd"):
        fit_btyd("bg", counts)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="four finite parameters above 0"):
        fit_btyd("bg_nbd", counts, start=(1.0, 1.0, 0.0, 1.0))
