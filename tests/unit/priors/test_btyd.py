"""Return probability and expected active days: against simulation, another package, and their laws."""

from __future__ import annotations

import json
import warnings
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import betaln

from btyd_simulation import TRUTH, simulate
from intentml.errors import ModelError
from intentml.priors.btyd import (
    BtydCounts,
    BtydModel,
    BtydName,
    expected_purchases,
    no_purchase_probability,
    probability_alive,
)
from intentml.priors.btyd_likelihood import log_likelihood

NAMES = get_args(BtydName)
MODELS = {name: BtydModel(name, TRUTH[name], -1.0, True, 1) for name in NAMES}
DAYS = [7.0, 28.0, 90.0, 181.0, 365.0]
COUNTS = BtydCounts(
    np.array([0.0, 0.0, 0.0, 1.0, 1.0, 3.0, 12.0, 80.0, 500.0, 500.0]),
    np.array([0.0, 0.0, 0.0, 5.0, 90.0, 60.0, 300.0, 360.0, 500.0, 4990.0]),
    np.array([0.0, 30.0, 900.0, 300.0, 91.0, 365.0, 310.0, 365.0, 5000.0, 5000.0]),
)


@pytest.mark.parametrize("name", NAMES)
def test_forecasts_come_true_on_simulated_customers(name: BtydName) -> None:
    lives = simulate(name, 60_000, DAYS, seed=11)
    silent = no_purchase_probability(MODELS[name], lives.counts, DAYS)
    expected = expected_purchases(MODELS[name], lives.counts, DAYS)
    for group in (lives.counts.x == 0, lives.counts.x == 1, lives.counts.x >= 2):
        off = (lives.later[group] == 0).mean(axis=0) - silent[group].mean(axis=0)
        error = np.sqrt((silent[group] * (1 - silent[group])).mean(axis=0) / group.sum())
        assert np.all(np.abs(off) < 4 * error)
        surprise = lives.later[group] - expected[group]
        assert np.all(np.abs(surprise.mean(axis=0)) < 4 * surprise.std(axis=0) / np.sqrt(group.sum()))


@pytest.mark.parametrize("name", NAMES)
def test_silence_is_the_likelihood_of_a_longer_wait_over_that_of_the_wait_so_far(name: BtydName) -> None:
    weeks = (COUNTS.x, COUNTS.t_x / 7, COUNTS.T / 7)
    silent = no_purchase_probability(MODELS[name], COUNTS, DAYS)
    for column, days in enumerate(DAYS):
        longer = log_likelihood(name, TRUTH[name], weeks[0], weeks[1], weeks[2] + days / 7)
        ratio = np.exp(longer - log_likelihood(name, TRUTH[name], *weeks))
        np.testing.assert_allclose(silent[:, column], ratio, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_expected_purchases_over_a_short_time_are_the_chance_of_one(name: BtydName) -> None:
    hour = 1 / 24
    once = 1 - no_purchase_probability(MODELS[name], COUNTS, hour)
    np.testing.assert_allclose(expected_purchases(MODELS[name], COUNTS, hour), once, rtol=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_expected_purchases_and_p_alive_are_those_of_lifetimes(name: BtydName) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lifetimes = pytest.importorskip("lifetimes", reason="lifetimes is in the extras dev and bench")
        import pandas as pd

        fitter = {
            "bg_nbd": lifetimes.BetaGeoFitter,
            "mbg_nbd": lifetimes.ModifiedBetaGeoFitter,
            "pareto_nbd": lifetimes.ParetoNBDFitter,
        }[name]()
        keys = ["r", "alpha", "s", "beta"] if name == "pareto_nbd" else ["r", "alpha", "a", "b"]
        fitter.params_ = pd.Series(TRUTH[name], index=keys)
        ordinary = COUNTS.take(np.arange(1, 8))
        arguments = (ordinary.x, ordinary.t_x / 7, ordinary.T / 7)
        theirs = [
            np.asarray(fitter.conditional_expected_number_of_purchases_up_to_time(days / 7, *arguments))
            for days in DAYS
        ]
        theirs_alive = np.asarray(fitter.conditional_probability_alive(*arguments))
    ours = expected_purchases(MODELS[name], ordinary, DAYS)
    np.testing.assert_allclose(ours, np.stack(theirs, axis=1), rtol=1e-6)
    np.testing.assert_allclose(probability_alive(MODELS[name], ordinary), theirs_alive.ravel(), rtol=1e-6)


@pytest.mark.parametrize(
    ("params", "x", "age", "days"),
    [
        ((0.27, 5.4, 0.6, 2.2), 0, 0, 365),
        ((0.27, 0.2, 0.1, 0.3), 3, 4, 365),
        ((9.0, 0.4, 1.4, 0.5), 2, 2, 365),
        ((16.0, 1.0, 27.0, 28.0), 0, 0, 1000),
        ((0.27, 5.4, 0.6, 2.2), 100, 110, 1825),
        ((0.27, 5.4, 0.6, 2.2), 500, 501, 5000),
    ],
)
@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd"])
def test_expected_purchases_are_the_integral_over_the_dropout_probability(
    name: BtydName, params: tuple[float, float, float, float], x: int, age: float, days: float
) -> None:
    # Adaptive quadrature over the logit of p, where the beta law has no singular end.
    r, alpha, a, b = params
    second, shape, scaled = b + x + (name == "mbg_nbd"), r + x, days / 7 / (alpha + age / 7)

    def integrand(log_p: float, log_q: float) -> float:
        value = -np.expm1(-shape * np.log1p(np.exp(log_p) * scaled))
        return float(value * np.exp((a - 1) * log_p + second * log_q - betaln(a, second)))

    def over_logit(z: float) -> float:
        return integrand(-np.logaddexp(0, -z), -np.logaddexp(0, z))

    reference = sum(
        integrate.quad(over_logit, z, z + 5, epsabs=0, epsrel=1e-11)[0] for z in range(-300, 300, 5)
    )
    counts = BtydCounts(np.array([float(x)]), np.array([age * (x > 0.0)]), np.array([float(age)]))
    model = BtydModel(name, params, -1.0, True, 1)
    ours = expected_purchases(model, counts, days)[0, 0] / probability_alive(model, counts)[0]
    assert ours == pytest.approx(reference, rel=1e-7)


def test_expected_purchases_pass_smoothly_through_the_published_formulas_poles() -> None:
    for name, pole in (("bg_nbd", 2), ("mbg_nbd", 2), ("pareto_nbd", 2)):
        around = []
        for value in (1 - 1e-9, 1.0, 1 + 1e-9):
            parameters = list(TRUTH[name])  # type: ignore[index]
            parameters[pole] = value
            model = BtydModel(name, tuple(parameters), -1.0, True, 1)  # type: ignore[arg-type]
            around.append(expected_purchases(model, COUNTS, DAYS))
        np.testing.assert_allclose(around[0], around[1], rtol=1e-7)
        np.testing.assert_allclose(around[2], around[1], rtol=1e-7)


@st.composite
def histories(draw: st.DrawFn) -> BtydCounts:
    age = draw(st.integers(0, 5000))
    span = draw(st.integers(0, age))
    x = draw(st.integers(1, min(500, span))) if span else 0
    return BtydCounts(np.array([float(x)]), np.array([float(span)]), np.array([float(age)]))


@st.composite
def models(draw: st.DrawFn) -> BtydModel:
    name = draw(st.sampled_from(NAMES))
    shape, scale = st.floats(0.02, 50.0), st.floats(0.1, 500.0)
    last = scale if name == "pareto_nbd" else shape
    return BtydModel(name, (draw(shape), draw(scale), draw(shape), draw(last)), -1.0, True, 1)


@given(models(), histories())
def test_a_longer_horizon_means_less_silence_and_more_purchases(model: BtydModel, counts: BtydCounts) -> None:
    days = [0.0, 1.0, 7.0, 30.0, 90.0, 365.0, 1000.0]
    silent = no_purchase_probability(model, counts, days)[0]
    expected = expected_purchases(model, counts, days)[0]
    assert silent[0] == 1.0
    assert expected[0] == 0.0
    assert np.all((silent >= 0) & (silent <= 1))
    assert np.all(np.diff(silent) <= 1e-9)
    assert np.all(np.diff(expected) >= -2e-6 * expected[1:])
    # P(at least one) <= E[number], with equality only where nobody buys twice.
    assert np.all(1 - silent <= expected * (1 + 2e-6) + 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_one_customer_alone_gets_the_same_bits_as_in_a_crowd(name: BtydName) -> None:
    crowd = simulate(name, 500, [30.0], seed=5).counts
    many = (
        no_purchase_probability(MODELS[name], crowd, DAYS),
        expected_purchases(MODELS[name], crowd, DAYS),
        probability_alive(MODELS[name], crowd),
    )
    for row in range(0, 500, 7):
        one = crowd.take(np.array([row]))
        assert np.array_equal(no_purchase_probability(MODELS[name], one, DAYS)[0], many[0][row])
        assert np.array_equal(expected_purchases(MODELS[name], one, DAYS)[0], many[1][row])
        assert probability_alive(MODELS[name], one)[0] == many[2][row]
        assert no_purchase_probability(MODELS[name], one, DAYS[2])[0, 0] == many[0][row, 2]


@pytest.mark.parametrize("name", NAMES)
def test_more_customers_than_one_chunk_holds_are_all_answered(
    name: BtydName, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = simulate(name, 100, [30.0], seed=6).counts
    whole = no_purchase_probability(MODELS[name], crowd, DAYS), expected_purchases(MODELS[name], crowd, DAYS)
    monkeypatch.setattr("intentml.priors.btyd._CHUNK", 7)
    assert np.array_equal(no_purchase_probability(MODELS[name], crowd, DAYS), whole[0])
    assert np.array_equal(expected_purchases(MODELS[name], crowd, DAYS), whole[1])


def test_a_single_horizon_and_no_customer_keep_their_shapes() -> None:
    assert no_purchase_probability(MODELS["bg_nbd"], COUNTS, 28).shape == (10, 1)
    assert expected_purchases(MODELS["bg_nbd"], COUNTS.take(np.array([], dtype=np.intp)), DAYS).shape == (
        0,
        5,
    )


@pytest.mark.parametrize("days", [-1.0, [7.0, np.nan], [[7.0]], np.inf])
def test_horizons_that_are_no_horizons_are_refused(days: Any) -> None:
    with pytest.raises(ValueError, match="days must be"):
        no_purchase_probability(MODELS["bg_nbd"], COUNTS, days)


def test_a_model_survives_json() -> None:
    model = BtydModel("pareto_nbd", (0.1 + 0.2, 1e-3, 12.5, 1e4), -124_713.3, False, 23_570)
    assert BtydModel.from_dict(json.loads(json.dumps(model.to_dict()))) == model


@pytest.mark.parametrize(
    "change",
    [{"params": [1, 2, 3]}, {"params": [1, 2, 3, -4]}, {"name": "x"}, {"time_unit": "day"}, {"params": None}],
)
def test_a_saved_model_that_cannot_be_one_is_a_model_error(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="the saved timing model cannot be read"):
        BtydModel.from_dict({**MODELS["bg_nbd"].to_dict(), **change})
    values = MODELS["bg_nbd"].to_dict()
    del values[next(iter(change))]
    with pytest.raises(ModelError, match="train the model again"):
        BtydModel.from_dict(values)
