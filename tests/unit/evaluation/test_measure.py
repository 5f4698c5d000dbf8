"""Every question to predictors who know the future, know nothing, or say the opposite."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fortunes import SURE, Fortune
from intentml.errors import TimeError
from intentml.evaluation import BacktestConfig, Judge, judged, measure


def numbers(fortune, snapshot, labels, **settings):
    """Value by (head, question, metric, stratum)."""
    told = fortune.predict(snapshot, labels.horizon_days)
    found = measure({fortune.name: told}, snapshot, labels, **settings)
    return {(one.head, one.question, one.metric, one.stratum): one for one in found}


def value(found, *key):
    return found[key].value


def test_who_knows_the_future_is_perfect_in_every_question(perfect, snapshot, labels):
    found = numbers(perfect, snapshot, labels)
    for stratum in ("all", "repeat", "explore"):
        assert value(found, "category", "users for a target", "map", stratum) == 1.0
        assert value(found, "category", "targets for a user", "recall_10", stratum) == 1.0
    assert value(found, "category", "users for a target", "auroc", "all") == 1.0
    assert value(found, "category", "targets for a user", "ndcg_10", "all") == 1.0
    assert value(found, "no_order", "no order", "auroc", "all") == 1.0
    assert value(found, "orders", "orders", "mae", "all") == 0.0
    assert value(found, "spend", "spend", "total_bias", "all") == 0.0


def test_who_says_the_opposite_is_at_the_bottom(upside_down, snapshot, labels):
    found = numbers(upside_down, snapshot, labels)
    assert value(found, "category", "users for a target", "auroc", "all") == 0.0
    assert value(found, "no_order", "no order", "auroc", "all") == 0.0
    loss = value(found, "category", "calibration", "log_loss", "all")
    assert loss == pytest.approx(math.log1p(math.exp(SURE)))


def test_a_half_for_every_pair_has_the_numbers_of_a_coin(constant, snapshot, labels):
    found = numbers(constant, snapshot, labels)
    assert value(found, "category", "users for a target", "auroc", "all") == 0.5
    for stratum in ("all", "repeat", "explore"):
        assert value(found, "category", "calibration", "log_loss", stratum) == pytest.approx(math.log(2))
        assert value(found, "category", "calibration", "brier", stratum) == pytest.approx(0.25)
    # 45 of 80 pairs were bought, 40 were promised.
    assert value(found, "category", "calibration", "predicted_over_actual", "all") == pytest.approx(40 / 45)
    assert value(found, "category", "calibration", "ece", "all") == pytest.approx(45 / 80 - 0.5)
    # 60 pairs had been bought before (tea 40, cups 20): 25 + 10 were bought again.
    assert value(found, "category", "calibration", "predicted_over_actual", "repeat") == pytest.approx(
        30 / 35
    )
    assert value(found, "category", "calibration", "predicted_over_actual", "explore") == pytest.approx(
        10 / 10
    )
    assert value(found, "no_order", "no order", "predicted_over_actual", "all") == pytest.approx(20 / 10)


def test_precision_at_ten_counts_ten_places_even_of_two_targets(perfect, snapshot, labels):
    """c00-c09 and c25-c29 buy one judged category, c10-c24 two, the other ten none."""
    one = numbers(perfect, snapshot, labels)["category", "targets for a user", "precision_10", "all"]
    assert one.customers == 30
    assert one.value == pytest.approx((15 * 0.1 + 15 * 0.2) / 30)


def test_hit_at_ten_is_the_share_of_customers_with_a_purchase_in_their_list(
    perfect, upside_down, snapshot, labels
):
    """A list of ten holds both judged categories, whoever ranks them: all 30 who buy are hit."""
    for predictor in (perfect, upside_down):
        one = numbers(predictor, snapshot, labels)["category", "targets for a user", "hit_10", "all"]
        assert (one.customers, one.value) == (30, 1.0)


def test_amounts_by_tenths_stand_beside_their_error(perfect, snapshot, labels):
    measured = Judge(snapshot, labels, BacktestConfig(resamples=0)).measure(
        "perfect", perfect.predict(snapshot, labels.horizon_days)
    )
    assert [one.head for one in measured.deciles] == ["orders", "spend"]
    for one in measured.deciles:
        np.testing.assert_allclose(one.table.expected, one.table.actual)
        assert one.table.actual.sum() > 0
    error = numbers(perfect, snapshot, labels)["spend", "spend", "decile_error", "all"]
    assert error.value == pytest.approx(0.0, abs=1e-12)


def test_customers_and_targets_stand_beside_every_number(noisy, snapshot, labels):
    found = numbers(noisy, snapshot, labels)
    one = found["category", "users for a target", "map", "all"]
    assert (one.predictor, one.as_of, one.horizon_days) == ("noisy", "2024-03-01T00:00:00+00:00", 28)
    assert (one.customers, one.targets) == (40, 2)
    assert found["category", "users for a target", "ap_lift", "explore"].targets == 1  # cups alone
    strata = {
        key[3]: one.customers for key, one in found.items() if key[:3] == ("no_order", "no order", "auroc")
    }
    assert strata == {"all": 40, "1": 20, "2-4": 10, "5+": 10}


def test_the_lift_by_chance_stands_beside_the_explore_lift(constant, snapshot, labels):
    found = numbers(constant, snapshot, labels)
    chance = value(found, "category", "users for a target", "ap_lift_by_chance", "explore")
    # Ten of twenty by chance: E[AP] / (1/2), with H_20 = 3.59774.
    assert chance == pytest.approx((3.59774 + 9 * (20 - 3.59774) / 19) / 10, rel=1e-5)


def test_intervals_hold_the_value_and_are_not_points(noisy, snapshot, labels):
    found = numbers(noisy, snapshot, labels)
    for key in [
        ("category", "users for a target", "map", "all"),
        ("category", "users for a target", "auroc", "all"),
        ("category", "targets for a user", "ndcg_10", "all"),
        ("category", "calibration", "log_loss", "all"),
        ("no_order", "no order", "auroc", "all"),
        ("no_order", "no order", "log_loss", "all"),
    ]:
        one = found[key]
        assert one.low < one.value < one.high, key


def test_without_resamples_there_are_values_and_no_intervals(noisy, snapshot, labels):
    plain = numbers(noisy, snapshot, labels, resamples=0)
    full = numbers(noisy, snapshot, labels)
    assert {key: one.value for key, one in plain.items()} == pytest.approx(
        {key: one.value for key, one in full.items()}, nan_ok=True
    )
    assert all(math.isnan(one.low) and math.isnan(one.high) for one in plain.values())


def test_the_same_question_twice_has_the_same_answer(noisy, snapshot, labels):
    told = {"noisy": noisy.predict(snapshot, labels.horizon_days)}
    assert repr(measure(told, snapshot, labels)) == repr(measure(told, snapshot, labels))


def test_numbers_do_not_depend_on_the_size_of_blocks(noisy, snapshot, labels, monkeypatch):
    whole = numbers(noisy, snapshot, labels, resamples=20)
    monkeypatch.setattr(judged, "_CELLS_PER_BLOCK", 1)
    single = numbers(noisy, snapshot, labels, resamples=20)
    assert list(whole) == list(single)
    for key, one in whole.items():
        other = single[key]
        assert (one.value, one.low, one.high) == pytest.approx(
            (other.value, other.low, other.high), nan_ok=True
        )


def test_a_head_that_a_predictor_lacks_has_no_numbers(snapshot, labels):
    found = numbers(Fortune("timing", no_order=np.full(41, 0.25)), snapshot, labels)
    assert {key[0] for key in found} == {"no_order"}


def test_only_the_kinds_asked_for_are_measured(perfect, snapshot, labels):
    found = numbers(perfect, snapshot, labels, kinds=["product"])
    assert {key[0] for key in found} == {"product", "no_order", "orders", "spend"}


def test_a_kind_without_a_judged_target_is_told_in_the_population_alone(perfect, snapshot, labels):
    judge = Judge(snapshot, labels, BacktestConfig(min_buyers_in_window=26, kinds=("category",)))
    assert judge.kinds == ()
    assert [(one.head, one.customers, one.targets) for one in judge.population()] == [
        ("category", 40, 0),
        ("no_order", 40, 0),
    ]
    assert judge.population()[1].base_rate == 0.25
    heads = {one.head for one in judge.measure("p", perfect.predict(snapshot, 28)).measurements}
    assert heads == {"no_order", "orders", "spend"}


def test_predictions_for_other_customers_or_days_are_refused(perfect, snapshot, labels):
    judge = Judge(snapshot, labels, BacktestConfig())
    with pytest.raises(ValueError, match="perfect predicts 7 days, the outcomes are of 28"):
        judge.measure("perfect", perfect.predict(snapshot, 7))
    some = perfect.predict(snapshot, 28)
    object.__setattr__(some, "customer_ids", snapshot.customer_ids[::-1])
    with pytest.raises(ValueError, match="not the 41 of the snapshot"):
        judge.measure("perfect", some)


def test_a_shop_of_prospects_has_nobody_to_measure(snapshot, labels):
    nobody = snapshot.take([40])
    assert nobody.customer_ids.tolist() == ["p00"]
    with pytest.raises(TimeError, match="nobody to measure"):
        Judge(nobody, labels, BacktestConfig())


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="'colour' is no kind of target"):
        BacktestConfig(kinds=("colour",))
