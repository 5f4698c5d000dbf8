"""Backtest: nothing later than a window's start reaches what is fitted, and nobody is favoured."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np
import pytest

from fortunes import AS_OF, Fortune
from intentml.errors import IncompleteOutcomeError, TimeError
from intentml.evaluation import BacktestConfig, Contenders, backtest
from intentml.timeline import Instant, Window, rolling_windows


@dataclass(frozen=True)
class Rate:
    """Predicts one rate for everybody."""

    name: str
    rate: float
    trained_until: Instant

    def predict(self, snapshot, horizon_days, *, kinds=None):
        return Fortune(self.name, no_order=np.full(len(snapshot), self.rate)).predict(snapshot, horizon_days)


def rates(log, as_of):
    return {"low": Rate("low", 0.2, as_of), "high": Rate("high", 0.9, as_of)}


def at(shop, as_of, horizon=28):
    return Window(shop.instant(as_of), horizon)


def never(log, as_of):
    raise AssertionError("fitted before the windows were checked")


def test_a_window_that_the_data_does_not_cover_is_refused_before_anything_is_fitted(shop):
    windows = [at(shop, "2024-02-01"), at(shop, "2024-04-10")]
    with pytest.raises(IncompleteOutcomeError, match="1 of 2 windows end after the data does") as problem:
        backtest(shop, windows, never)
    assert "start the last window at 2024-03-24 or before" in str(problem.value)


def test_the_last_window_that_is_covered_is_measured(shop):
    assert backtest(shop, [at(shop, "2024-03-24")], rates).windows[0].end == shop.until


@pytest.mark.parametrize(("as_of", "horizon"), [("2023-12-01", 28), ("2024-03-01", 3)])
def test_a_window_outside_the_data_or_of_a_wild_horizon_is_refused_first(shop, as_of, horizon):
    with pytest.raises(TimeError):
        backtest(shop, [Window(Instant.of(as_of), horizon)], never)


def test_no_window_is_a_mistake_of_the_caller(shop):
    with pytest.raises(ValueError, match="no window"):
        backtest(shop, [], never)


def test_what_fits_is_handed_the_log_as_it_was_known(shop):
    seen = []

    def fit(log, as_of):
        seen.append((log.until, as_of, log.purchases.at.max() < as_of.us))
        return rates(log, as_of)

    windows = rolling_windows(shop.instant("2024-03-01"), 28, 2, 28)
    backtest(shop, windows, fit, BacktestConfig(resamples=0))
    assert seen == [(one.as_of, one.as_of, True) for one in windows]


def test_a_predictor_that_was_trained_on_the_window_is_refused(shop, window):
    def fit(log, as_of):
        return {"low": Rate("low", 0.2, as_of), "late": Rate("late", 0.5, as_of.plus_days(1))}

    with pytest.raises(TimeError, match=r"late was trained until 2024-03-02.* it has seen"):
        backtest(shop, [window], fit)


def test_every_window_needs_the_same_contenders(shop):
    names = count()

    def fit(log, as_of):
        name = f"n{next(names)}"
        return {name: Rate(name, 0.2, as_of)}

    with pytest.raises(ValueError, match="n0, n1 changed"):
        backtest(shop, rolling_windows(shop.instant("2024-03-01"), 28, 2, 28), fit)


def test_all_predictors_are_measured_on_the_same_customers_and_outcomes(shop, window):
    report = backtest(shop, [window], rates)
    told = {
        one.predictor: one
        for one in report.measurements
        if one.metric == "base_rate" and one.stratum == "all"
    }
    assert [one.value for one in told.values()] == [0.25, 0.25]
    assert {one.customers for one in told.values()} == {40}
    gap = next(one for one in report.differences if one.metric == "log_loss")
    # Ten of forty do not order: 0.2 costs less than 0.9.
    losses = [-(0.25 * np.log(p) + 0.75 * np.log(1 - p)) for p in (0.2, 0.9)]
    assert gap.value == pytest.approx(losses[0] - losses[1])
    assert (gap.predictor, gap.against, gap.against_best, gap.verdict) == ("low", "high", True, "better")


def test_two_runs_give_one_report_to_the_last_digit(shop, window, contenders):
    few = BacktestConfig(resamples=20)
    one, two = (backtest(shop, [window], lambda log, as_of: contenders, few) for _ in range(2))
    assert repr(one.measurements) == repr(two.measurements)
    assert repr(one.differences) == repr(two.differences)
    assert repr(one.reliability) == repr(two.reliability)


def test_another_seed_moves_intervals_but_not_values_without_ties(shop, window, contenders):
    reports = [
        backtest(shop, [window], lambda log, as_of: contenders, BacktestConfig(resamples=20, seed=seed))
        for seed in (0, 1)
    ]
    pair = [
        next(one for one in report.measurements if one.metric == "auroc" and one.head == "no_order")
        for report in reports
    ]
    assert pair[0].value == pair[1].value
    assert pair[0].low != pair[1].low


def test_progress_starts_at_nothing_and_ends_at_all(shop):
    told = []
    windows = rolling_windows(shop.instant("2024-03-01"), 28, 2, 28)
    backtest(shop, windows, rates, BacktestConfig(resamples=0), lambda *step: told.append(step))
    done = [step[1] for step in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, told[-1][2])
    assert told[0][0] == "2024-02-02: fit"


def test_the_stop_watch_is_an_argument(shop, window):
    ticks = count()
    report = backtest(shop, [window], rates, clock=lambda: float(next(ticks)))
    steps = [(one.step, one.predictor, one.seconds) for one in report.seconds]
    assert ("fit", "", 1.0) in steps
    assert ("measure", "high", 1.0) in steps


def test_contenders_may_be_asked_without_some_of_the_others():
    every = Contenders(rates(None, Instant.of(AS_OF)), recipe="low").beside({"peer": None, "other": None})
    assert every.against("peer", "nobody").roles == {"low": "recipe", "peer": "peer"}
    assert every.against("high").roles == {"low": "recipe", "high": "baseline"}


# -- new products: of the finger shop, the seed draws cups and hats ---------------------------------

CUPS_AND_HATS = BacktestConfig(seed=38, min_buyers_in_window=10, resamples=20)


def test_new_products_are_measured_by_a_fit_of_their_own(shop, window, contenders):
    handed = []

    def fit_new(log, as_of):
        handed.append((log.until, set(log.catalogue.product_ids[log.purchases.product])))
        return {name: contenders[name] for name in ("noisy", "perfect")}

    report = backtest(shop, [window], lambda log, as_of: contenders, CUPS_AND_HATS, fit_new=fit_new)
    plain = backtest(shop, [window], lambda log, as_of: contenders, CUPS_AND_HATS)
    assert handed == [(window.as_of, {"tea", "rings"})]
    assert (report.roles, report.recipe) == (plain.roles, plain.recipe)
    rules = ["category's popularity", "activity alone", "category counts"]
    assert list(report.roles_of("new_product")) == ["noisy", "perfect", *rules]
    assert report.roles_of("product") == plain.roles
    assert set(report.heads) - set(plain.heads) == {"new_product"}
    for name in ("measurements", "differences", "reliability", "populations"):
        without = [one for one in getattr(report, name) if one.head != "new_product"]
        assert repr(without) == repr(list(getattr(plain, name)))
        assert len(without) < len(getattr(report, name))
    (population,) = (one for one in report.populations if one.head == "new_product")
    assert (population.customers, population.targets) == (40, 2)
    best = {
        one.against for one in report.mean_differences() if one.head == "new_product" and one.against_best
    }
    assert best == {"perfect"}


def test_progress_and_the_stop_watch_go_on_over_new_products(shop, contenders):
    told = []
    windows = rolling_windows(shop.instant("2024-03-01"), 28, 2, 28)
    report = backtest(
        shop,
        windows,
        lambda log, as_of: {"noisy": Rate("noisy", 0.2, as_of)},
        CUPS_AND_HATS,
        lambda *step: told.append(step),
        fit_new=lambda log, as_of: {"noisy": contenders["noisy"]},
    )
    done = [step[1] for step in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, told[-1][2])
    assert "2024-03-01: new products: noisy" in {step[0] for step in told}
    timed = [one.as_of for one in report.seconds if one.step == "new products"]
    assert timed == [one.as_of.iso for one in windows]
    # Nobody bought cups or hats in the window of February.
    assert [one.targets for one in report.populations if one.head == "new_product"] == [0, 2]
    assert {one.as_of for one in report.measurements if one.head == "new_product"} == {windows[1].as_of.iso}


def test_the_recipe_of_new_products_is_the_recipe(shop, window, contenders):
    with pytest.raises(ValueError, match="of new products the recipe is perfect, and not noisy"):
        backtest(
            shop,
            [window],
            lambda log, as_of: contenders,
            CUPS_AND_HATS,
            fit_new=lambda log, as_of: {"perfect": contenders["perfect"]},
        )


def test_verdicts_and_the_data_are_kept_with_the_windows(shop, window):
    def fit(log, as_of):
        return Contenders(rates(log, as_of), recipe="high", verdicts=("said",))

    report = backtest(shop, [window], fit, BacktestConfig(resamples=0))
    assert report.recipe == "high"
    assert [(one.as_of, one.verdict) for one in report.verdicts] == [(window.as_of.iso, "said")]
    assert (report.source, report.fingerprint) == (shop.tables.source, shop.tables.fingerprint)


def test_the_priors_of_the_house_go_through_a_backtest(shop):
    from intentml.fitting.priors import PriorsConfig, fit_priors

    def fit(log, as_of):
        fitted = fit_priors(log, as_of, PriorsConfig(horizons_days=(7,), windows=1, sample_per_window=1000))
        return Contenders({"priors": fitted.best, **fitted.each}, "priors", verdicts=fitted.verdicts)

    report = backtest(shop, [at(shop, AS_OF, 7)], fit, BacktestConfig(resamples=20))
    heads = {one.predictor: set() for one in report.measurements}
    for one in report.measurements:
        heads[one.predictor].add(one.head)
    assert heads["priors"] == {"category", "product", "no_order", "orders", "spend"}
    assert heads["counts"] == {"category", "product"}
    assert heads["bg_nbd"] == {"no_order", "orders", "spend"}
    assert {one.verdict.head for one in report.verdicts} >= {"no_order", "category"}
