"""Gamma-Gamma spend: known parameters, another package's fit, dirt and heavy tails."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.errors import ModelError
from intentml.priors.gamma_gamma import SMALLEST_EXCESS, GammaGamma, expected_mean_spend, fit_gamma_gamma

MODEL = GammaGamma(2.0, 4.0, 30.0, 20.0, -1.0, True, 10, 0)


def simulated(customers: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Orders and mean spend under p = 3, q = 4, v = 50: mean 3 * 50 / 3 = 50."""
    random = np.random.default_rng(seed)
    orders = random.integers(1, 9, customers)
    nu = random.gamma(4.0, 1 / 50.0, customers)
    return orders.astype(np.float64), random.gamma(3.0 * orders, 1 / nu) / orders


def test_the_expected_mean_lies_between_the_own_and_the_shops() -> None:
    # p (v + n m) / (p n + q - 1) = 2 (30 + 3 * 50) / (6 + 3) = 40: 50 with weight 6/9 and 20 with 3/9.
    assert expected_mean_spend(MODEL, [3], [50.0])[0] == pytest.approx(40.0)


@pytest.mark.parametrize(
    ("orders", "spend"),
    [(0, 50.0), (3, 0.0), (3, -2.0), (3, np.nan), (3, np.inf), (np.nan, 50.0)],
)
def test_a_customer_without_usable_spend_is_expected_to_spend_the_shops_mean(
    orders: float, spend: float
) -> None:
    assert expected_mean_spend(MODEL, [orders], [spend])[0] == 20.0


def test_the_parameters_that_made_the_spend_come_back() -> None:
    model = fit_gamma_gamma(*simulated(20_000, seed=1))
    assert model.converged
    np.testing.assert_allclose((model.p, model.q, model.v), (3.0, 4.0, 50.0), rtol=0.15)
    assert model.population_mean == pytest.approx(50.0, rel=0.02)


def test_predictions_are_right_on_average_for_each_number_of_orders() -> None:
    random = np.random.default_rng(2)
    nu = random.gamma(4.0, 1 / 50.0, 40_000)
    orders = np.repeat([1.0, 4.0], 20_000)
    past, future = random.gamma(3.0 * orders, 1 / nu) / orders, random.gamma(3.0, 1 / nu)
    model = fit_gamma_gamma(orders, past)
    expected = expected_mean_spend(model, orders, past)
    for rich in (past > 60, past < 30):
        assert future[rich].mean() == pytest.approx(expected[rich].mean(), rel=0.05)


def test_dirt_is_left_out_and_counted() -> None:
    orders, spend = simulated(500, seed=3)
    clean = fit_gamma_gamma(orders, spend)
    dirty = fit_gamma_gamma(
        np.append(orders, [1, 1, 1, 1, 0]), np.append(spend, [0.0, -5.0, np.nan, np.inf, 5.0])
    )
    assert (dirty.p, dirty.q, dirty.v) == (clean.p, clean.q, clean.v)
    assert (dirty.customers_fitted, dirty.customers_excluded) == (500, 5)


def test_a_weight_of_two_is_the_same_as_the_customer_twice() -> None:
    orders, spend = simulated(400, seed=4)
    weighted = fit_gamma_gamma(orders, spend, np.full(400, 2.0))
    twice = fit_gamma_gamma(np.tile(orders, 2), np.tile(spend, 2))
    assert weighted.log_likelihood == pytest.approx(twice.log_likelihood)
    np.testing.assert_allclose((weighted.p, weighted.q, weighted.v), (twice.p, twice.q, twice.v), rtol=1e-3)


@given(st.floats(1e-3, 1e5))
def test_the_unit_of_the_currency_does_not_matter(unit: float) -> None:
    orders, spend = simulated(50, seed=5)
    model, other = fit_gamma_gamma(orders, spend), fit_gamma_gamma(orders, unit * spend)
    assert other.population_mean == pytest.approx(unit * model.population_mean, rel=1e-3)
    assert other.log_likelihood == pytest.approx(model.log_likelihood - 50 * np.log(unit), abs=1e-3)


@pytest.mark.parametrize(
    "spend",
    [
        [12.0],
        [30.0] * 50,
        list(1 + np.random.default_rng(6).pareto(0.3, 1_000)),
        [*np.random.default_rng(7).lognormal(3, 2, 300), 1e9],
        [1e-12, 1.0, 2.0, 1e12],
        [0.0, -1.0, np.nan],
    ],
    ids=[
        "one customer",
        "all alike",
        "no finite mean",
        "one absurd order",
        "absurd both ways",
        "no usable spend",
    ],
)
def test_any_spend_gives_finite_numbers_and_no_warning(spend: list[float]) -> None:
    orders = np.ones(len(spend))
    with warnings.catch_warnings(), np.errstate(divide="raise", invalid="raise", over="raise"):
        warnings.simplefilter("error")
        model = fit_gamma_gamma(orders, spend)
        expected = expected_mean_spend(model, orders, spend)
    assert np.all(np.isfinite(expected) & (expected >= 0))
    assert model.q >= 1 + SMALLEST_EXCESS * (1 - 1e-9)
    assert np.isfinite(model.population_mean)


def test_where_no_finite_mean_fits_the_tail_the_cut_mean_of_the_customers_stands_in() -> None:
    spend = 1 + np.random.default_rng(8).pareto(0.3, 2_000)
    model = fit_gamma_gamma(np.ones(2_000), spend)
    assert not model.converged
    assert model.population_mean == pytest.approx(np.minimum(spend, np.quantile(spend, 0.99)).mean())


def test_a_shop_without_usable_spend_expects_none() -> None:
    model = fit_gamma_gamma([1, 2], [0.0, np.nan])
    assert (model.customers_fitted, model.customers_excluded, model.converged) == (0, 2, False)
    assert expected_mean_spend(model, [1, 2], [0.0, np.nan]).tolist() == [0.0, 0.0]


def test_cdnow_gets_the_fit_of_lifetimes(shared_data: Path) -> None:
    """The 1-in-10 sample to September 1997, means over repeat days: published p 6.25, q 3.74, v 15.44."""
    folder = shared_data / "cdnow"
    if not folder.exists():
        pytest.skip("the folder of real data holds no CDNOW orders")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lifetimes = pytest.importorskip("lifetimes", reason="lifetimes is in the extras dev and bench")
        import pandas as pd

        customers = pq.read_table(folder / "customers.parquet").to_pandas()
        orders = pq.read_table(folder / "orders.parquet").to_pandas()
        sample = customers.customer_id[customers.in_sample_2357.astype(bool)]
        known = orders[orders.customer_id.isin(sample) & (orders.ordered_at < pd.Timestamp("1997-10-01"))]
        days = known.groupby(["customer_id", known.ordered_at.dt.floor("D")]).line_total.sum()
        repeat = (
            days[days.groupby("customer_id").cumcount() > 0].groupby("customer_id").agg(["count", "mean"])
        )
        repeat = repeat[repeat["mean"] > 0]
        theirs = lifetimes.GammaGammaFitter(penalizer_coef=0.0).fit(repeat["count"], repeat["mean"])
    model = fit_gamma_gamma(repeat["count"].to_numpy(), repeat["mean"].to_numpy())
    assert model.customers_fitted == 946
    np.testing.assert_allclose((model.p, model.q, model.v), (6.25, 3.74, 15.44), rtol=0.02)
    ours = expected_mean_spend(model, repeat["count"].to_numpy(), repeat["mean"].to_numpy())
    expected = theirs.conditional_expected_average_profit(repeat["count"], repeat["mean"])
    np.testing.assert_allclose(ours, expected.to_numpy(), rtol=0.006)


def test_a_model_survives_json_and_a_broken_one_is_a_model_error() -> None:
    assert GammaGamma.from_dict(json.loads(json.dumps(MODEL.to_dict()))) == MODEL
    for change in ({"q": 0.9}, {"p": "many"}, {"population_mean": float("nan")}):
        with pytest.raises(ModelError, match="the saved spend model cannot be read"):
            GammaGamma.from_dict({**MODEL.to_dict(), **change})


def test_columns_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="of one length"):
        fit_gamma_gamma([1, 2], [3.0])
    with pytest.raises(ValueError, match="of one length"):
        expected_mean_spend(MODEL, [1, 2], [3.0])
    with pytest.raises(ValueError, match="weights"):
        fit_gamma_gamma([1, 2], [3.0, 4.0], [1.0, -1.0])
