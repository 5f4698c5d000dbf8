"""The whole fit: reproducible, blind to what comes later, and sane on shops that are hardly shops."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from intentml.errors import TimeError
from intentml.fitting.priors import FittedPriors, PriorsConfig, fit_priors
from intentml.inference.folder import save_model
from intentml.prediction import Predictions, sigmoid
from intentml.priors.activity import ACTIVITY_PRIORS
from intentml.priors.linear import TARGET_PRIORS
from intentml.timeline import OrderLog
from simulated_log import simulated
from tiny import log_of

AS_OF = "2024-10-01"
CONFIG = PriorsConfig(horizons_days=(7, 28), kinds=("category", "brand"), sample_per_window=4000)
START = pd.Timestamp("2024-01-01", tz="UTC")


def log() -> OrderLog:
    return simulated(800)[0]


@cache
def fitted() -> FittedPriors:
    return fit_priors(log(), log().instant(AS_OF), CONFIG)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def saved(fit: FittedPriors, folder: Path) -> dict[str, bytes]:
    save_model(folder, fit.best, {})
    return files_of(folder)


def test_the_best_has_every_head():
    predictions = fitted().best.predict(log().as_of(AS_OF), 28)
    assert set(predictions.targets) == {"category", "brand"}
    assert predictions.no_order is not None
    assert predictions.orders is not None
    assert predictions.spend is not None
    assert fitted().best.trained_until == log().instant(AS_OF)
    assert fitted().best.longest_days == 28


def test_every_prior_is_a_predictor_of_its_own():
    assert set(fitted().each) == {*TARGET_PRIORS, *ACTIVITY_PRIORS}
    assert all(predictor.name == name for name, predictor in fitted().each.items())


def test_every_prior_gets_a_verdict_for_every_head_and_horizon():
    heads = {(one.head, one.horizon_days) for one in fitted().verdicts}
    assert heads == {
        (head, days) for head in ("no_order", "orders", "spend", "category", "brand") for days in (7, 28)
    }
    for head, days in heads:
        said = [one for one in fitted().verdicts if (one.head, one.horizon_days) == (head, days)]
        assert sum(one.chosen for one in said) == 1
        assert all(np.isfinite(one.loss) for one in said)


def test_for_targets_the_chosen_prior_has_the_least_loss():
    for kind in CONFIG.kinds:
        for days in CONFIG.horizons_days:
            said = [one for one in fitted().verdicts if (one.head, one.horizon_days) == (kind, days)]
            least = min(said, key=lambda one: one.loss)
            assert least.chosen
            assert fitted().best.targets[kind][days].name == least.prior


def test_target_priors_read_the_timing_that_they_were_fitted_with():
    # Past slices have no churn calibration; with it, P(order) would be another feature than the one learnt.
    best = fitted().best
    assert best.no_order is not None
    assert best.activity.name == best.no_order.name
    assert best.activity.calibration == {}


def test_the_same_seed_twice_gives_the_same_files(tmp_path):
    again = fit_priors(log(), log().instant(AS_OF), CONFIG)
    assert again.verdicts == fitted().verdicts
    assert saved(again, tmp_path / "again") == saved(fitted(), tmp_path / "first")


def test_what_comes_later_changes_nothing(tmp_path):
    # The log cut at as_of has nothing left to tell.
    cut = log().before(AS_OF)
    blind = fit_priors(cut, cut.instant(AS_OF), CONFIG)
    assert blind.verdicts == fitted().verdicts
    assert saved(blind, tmp_path / "blind") == saved(fitted(), tmp_path / "first")


def test_progress_goes_from_one_to_all():
    told: list[tuple[str, int, int]] = []
    config = PriorsConfig(horizons_days=(28,), kinds=("category",), sample_per_window=1000)
    fit_priors(log(), log().instant(AS_OF), config, lambda *step: told.append(step))
    total = told[0][2]
    assert [done for _, done, _ in told] == list(range(1, total + 1))
    assert {of for _, _, of in told} == {total}


def test_before_the_first_order_there_is_nothing_to_learn_from():
    with pytest.raises(TimeError, match=r"nothing to learn from|outside the data"):
        fit_priors(log(), log().start, CONFIG)


@pytest.mark.parametrize(
    "wrong",
    [{"horizons_days": ()}, {"windows": 0}, {"sample_per_window": 10}, {"seed": -1}, {"horizon_days": (28,)}],
)
def test_settings_out_of_range_or_unknown_are_refused(wrong):
    with pytest.raises(ValidationError):
        PriorsConfig(**wrong)


# Shops that are hardly shops. Each line: customer, day, and what else the line says.
Lines = list[dict[str, object]]
MANY = [f"c{number:02d}" for number in range(60)]


def line(customer: str, day: float, **other: object) -> dict[str, object]:
    at = START + pd.Timedelta(days=float(day))
    return {
        "customer_id": customer,
        "order_id": f"{customer}/{day}",
        "ordered_at": at,
        "product_id": "p",
        "quantity": 1.0,
        "unit_price": 2.0,
        **other,
    }


def often(**other: object) -> Lines:
    rng = np.random.default_rng(0)
    return [line(name, day, **other) for name in MANY for day in np.sort(rng.choice(100, 4, replace=False))]


HARDLY_SHOPS: dict[str, Lines] = {
    "one customer, one order": [line("a", 0)],
    "one customer, many orders": [line("a", day) for day in range(0, 100, 7)],
    "everybody on one day": [line(name, 0) for name in MANY],
    "one day, then silence": [*(line(name, 0) for name in MANY), line("last", 90)],
    "nobody buys twice": [line(name, number) for number, name in enumerate(MANY)],
    "everybody every day": [line(name, day) for name in MANY[:8] for day in range(90)],
    "one product": often(),
    "no products": often(product_id=None),
    "no prices": often(unit_price=float("nan")),
    "all for free": often(unit_price=0.0),
    "ten days old": [line(name, number % 10) for number, name in enumerate(MANY)],
    "silence at the end": [
        *(line(name, number % 40) for number, name in enumerate(2 * MANY)),
        line("z", 199),
    ],
    "recorded late": [*often(recorded_at=START + pd.Timedelta(days=99)), line("z", 99)],
    "five customers, one window": [line(name, day) for name in MANY[:5] for day in range(0, 57, 5)],
}


def hardly_a_shop(lines: Lines) -> OrderLog:
    orders = pd.DataFrame(lines).drop_duplicates("order_id")
    return log_of({"orders": orders})


def check_sane(predictions: Predictions) -> None:
    """Numbers, and none that nobody would believe."""
    for values in (predictions.no_order, predictions.survival):
        assert values is not None
        assert ((values >= 0) & (values <= 1)).all()
    assert predictions.orders is not None
    assert ((predictions.orders >= 0) & (predictions.orders < 2 * predictions.horizon_days)).all()
    if predictions.spend is not None:
        assert ((predictions.spend >= 0) & np.isfinite(predictions.spend)).all()
    for scores in predictions.targets.values():
        assert (np.abs(scores.rows(slice(None))) < 12).all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("lines", HARDLY_SHOPS.values(), ids=HARDLY_SHOPS)
def test_a_shop_that_is_hardly_one_gets_sane_numbers(lines):
    small = hardly_a_shop(lines)
    config = PriorsConfig(horizons_days=(7, 28), sample_per_window=1000)
    fit = fit_priors(small, small.until, config)
    snapshot = small.as_of(small.until)
    for predictor in (fit.best, *fit.each.values()):
        for days in (7, 28, 365):
            predictions = predictor.predict(snapshot, days)
            if predictor is fit.best and days == 28:
                check_sane(predictions)
    assert np.isfinite([one.loss for one in fit.verdicts]).all()


def test_a_shop_of_one_product_sells_it_about_as_often_as_orders_come():
    small = hardly_a_shop(HARDLY_SHOPS["one product"])
    config = PriorsConfig(horizons_days=(28,), sample_per_window=1000)
    predictions = fit_priors(small, small.until, config).best.predict(small.as_of(small.until), 28)
    bought = sigmoid(predictions.targets["product"].rows(slice(None)).astype(float)).mean()
    assert bought == pytest.approx(1 - predictions.no_order.mean(), abs=0.25)


def test_a_window_of_five_customers_is_split_in_two_whatever_the_seed():
    small = hardly_a_shop(HARDLY_SHOPS["five customers, one window"])
    for seed in range(10):
        config = PriorsConfig(horizons_days=(28,), sample_per_window=1000, seed=seed)
        said = fit_priors(small, small.until, config).verdicts
        assert {one.split for one in said if one.head == "product"} == {"customers"}
