"""Paired differences, the best baseline, and means over windows."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from intentml.evaluation import BacktestConfig, Difference, Judge, Measurement
from intentml.evaluation.comparison import differences, mean_differences, mean_measurements
from intentml.evaluation.contenders import BASELINE, PEER, RECIPE, Contenders, contenders_of

MAP = ("category", "users for a target", "map", "all")


@pytest.fixture(scope="module")
def measured(contenders, snapshot, labels):
    judge = Judge(snapshot, labels, BacktestConfig(kinds=("category",)))
    return {name: judge.measure(name, one.predict(snapshot, 28)) for name, one in contenders.items()}


def told(found, *key):
    """Differences of one metric by rival."""
    return {one.against: one for one in found if (one.head, one.question, one.metric, one.stratum) == key}


def roles(recipe, *baselines, peers=()):
    return {recipe: RECIPE, **dict.fromkeys(baselines, BASELINE), **dict.fromkeys(peers, PEER)}


def test_who_knows_more_is_better_beyond_the_interval(measured):
    found = told(differences(measured, roles("perfect", "noisy", "constant")), *MAP)
    assert found["noisy"].verdict == "better"
    assert found["noisy"].low > 0
    assert found["constant"].value > found["noisy"].value


def test_a_lower_loss_is_better_and_a_higher_one_worse(measured):
    key = "no_order", "no order", "log_loss", "all"
    better = told(differences(measured, roles("perfect", "noisy", "timing")), *key)["noisy"]
    worse = told(differences(measured, roles("noisy", "perfect", "timing")), *key)["perfect"]
    assert (better.value < 0, better.verdict) == (True, "better")
    assert (worse.value > 0, worse.verdict) == (True, "worse")
    assert better.value == -worse.value


def test_the_same_predictor_under_two_names_differs_by_nothing_at_all(measured):
    twins = {**measured, "twin": measured["noisy"]}
    found = told(differences(twins, roles("noisy", "constant", "perfect", "timing", "twin")), *MAP)
    assert (found["twin"].value, found["twin"].low, found["twin"].high) == (0.0, 0.0, 0.0)
    assert found["twin"].verdict == "level"


def test_a_paired_interval_is_narrower_than_the_metrics_own(measured):
    found = told(differences(measured, roles("noisy", "constant")), "no_order", "no order", "log_loss", "all")
    own = next(one for one in measured["noisy"].measurements if one.key == found["constant"].key)
    assert found["constant"].high - found["constant"].low < 1.5 * (own.high - own.low)


def test_the_best_baseline_is_marked_and_a_peer_never(measured):
    with_peer = differences(measured, roles("noisy", "constant", "timing", peers=["perfect"]))
    assert {name: one.against_best for name, one in told(with_peer, *MAP).items()} == {
        "constant": True,
        "perfect": False,
    }
    without = differences(measured, roles("noisy", "constant", "perfect"))
    assert [name for name, one in told(without, *MAP).items() if one.against_best] == ["perfect"]


def test_a_rival_without_the_head_is_not_compared(measured):
    assert "timing" not in told(differences(measured, roles("noisy", "constant", "timing")), *MAP)


def number(predictor: str, as_of: str, value: float, low: float = math.nan, high: float = math.nan):
    return Measurement(predictor, as_of, 28, *MAP, value, low, high, 100, 10)


def test_a_mean_over_windows_is_of_the_values_and_of_both_ends():
    (mean,) = mean_measurements(
        [
            number("a", "2024-01-01", 0.2, 0.1, 0.4),
            replace(number("a", "2024-02-01", 0.4, 0.3, 0.5), customers=103),
        ]
    )
    assert (mean.value, mean.low, mean.high) == pytest.approx((0.3, 0.2, 0.45))
    assert (mean.as_of, mean.windows, mean.customers, mean.targets) == ("mean", 2, 102, 10)


def test_a_window_without_the_number_is_left_out_of_the_mean_and_counted():
    (mean,) = mean_measurements([number("a", "2024-01-01", math.nan), number("a", "2024-02-01", 0.4)])
    assert (mean.value, mean.windows) == (0.4, 1)


def test_the_best_baseline_of_the_mean_is_the_best_by_its_own_mean():
    values = {"recipe": (0.5, 0.5), "early": (0.9, 0.1), "steady": (0.6, 0.6)}
    windows = "2024-01-01", "2024-02-01"
    numbers = [
        number(name, as_of, value)
        for name, both in values.items()
        for as_of, value in zip(windows, both, strict=True)
    ]
    gaps = [
        Difference("recipe", name, as_of, 28, *MAP, 0.5 - value, math.nan, math.nan, against_best=False)
        for name in ("early", "steady")
        for as_of, value in zip(windows, values[name], strict=True)
    ]
    found = mean_differences(gaps, mean_measurements(numbers), roles("recipe", "early", "steady"))
    assert [(one.against, round(one.value, 6)) for one in found if one.against_best] == [("steady", -0.1)]


def test_a_difference_too_small_to_print_is_level_and_one_without_interval_unknown():
    gap = Difference("a", "b", "2024-01-01", 28, *MAP, 0.00003, 0.00001, 0.00005, against_best=True)
    assert gap.verdict == "level"
    assert replace(gap, value=0.03, low=math.nan, high=math.nan).verdict == "unknown"
    assert replace(gap, value=0.03, low=0.01, high=0.05).verdict == "better"


def test_the_first_of_a_plain_mapping_is_the_recipe(contenders):
    assert contenders_of(contenders).roles == roles("noisy", "constant", "perfect", "timing")
    with pytest.raises(ValueError, match="no predictor"):
        contenders_of({})


def test_roles_stand_in_the_order_of_the_tables(contenders):
    chosen = Contenders(contenders, recipe="perfect", peers=("noisy",))
    assert list(chosen.roles.items()) == [
        ("perfect", RECIPE),
        ("constant", BASELINE),
        ("timing", BASELINE),
        ("noisy", PEER),
    ]
    with pytest.raises(ValueError, match="'absent' is none of the predictors"):
        Contenders(contenders, recipe="absent")
