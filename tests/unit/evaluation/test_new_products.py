from __future__ import annotations

import numpy as np
import pytest

from fortunes import AS_OF, finger_shop, told_by
from intentml.evaluation import BacktestConfig
from intentml.evaluation.new_products import ACTIVITY, CATEGORY_COUNTS, held_out, new_products
from intentml.tasks import labels_of

FEW = BacktestConfig(min_buyers_in_window=10, resamples=20)
HALF = 0.5  # of the four products: cups and hats


@pytest.fixture(scope="module")
def found(window):
    """A prophet and a fool, as of the finger shop's first of March."""
    log = finger_shop()
    handed = []

    def fit(past, as_of):
        handed.append(past)
        young = log.unsold(held_out(log.catalogue.product_ids, HALF), AS_OF)
        snapshot = young.as_of(AS_OF)
        labels = labels_of(snapshot, young.outcomes(snapshot, window.horizon_days))
        return {
            "prophet": told_by("prophet", labels, lambda sign: 6.0 * sign),
            "fool": told_by("fool", labels, lambda sign: -6.0 * sign),
        }

    return new_products(log, window, fit, FEW, share=HALF), handed[0]


def value(found, predictor, metric):
    (one,) = (
        one.value
        for one in found[0].measurements
        if (one.predictor, one.metric, one.stratum) == (predictor, metric, "all")
    )
    return one


def test_the_share_held_out_is_the_one_asked_for_and_hangs_on_the_id_alone():
    ids = np.array([f"product {number}" for number in range(5_000)], dtype=object)
    drawn = held_out(ids, 0.1)
    assert 0.08 < len(drawn) / len(ids) < 0.12
    assert set(held_out(ids[:100], 0.1)) == set(drawn) & set(ids[:100])
    assert set(held_out(ids, 0.1, seed=1)) != set(drawn)


def test_who_fits_sees_the_products_held_out_and_none_of_their_lines(found):
    _, past = found
    bought = set(past.catalogue.product_ids[past.purchases.product])
    assert bought == {"rings", "tea"}
    assert {"cups", "hats"} <= set(past.catalogue.product_ids)


def test_only_products_held_out_with_enough_buyers_are_judged(found):
    assert found[0].held_out == 2
    assert found[0].judged == 2  # twenty buy cups, twenty-five hats


def test_a_prophet_ranks_every_buyer_first_and_a_fool_last(found):
    assert value(found, "prophet", "map") == pytest.approx(1.0)
    assert value(found, "prophet", "auroc") == pytest.approx(1.0)
    assert value(found, "fool", "auroc") == pytest.approx(0.0)


def test_every_pair_is_one_without_history(found):
    repeat = [one.targets for one in found[0].measurements if one.stratum == "repeat" and one.metric == "map"]
    assert repeat
    assert set(repeat) == {0}


def test_rules_without_a_model_stand_beside(found):
    assert 0.5 < value(found, ACTIVITY, "auroc") <= 1.0  # the prophet's own P(no order) is known to it
    assert value(found, CATEGORY_COUNTS, "auroc") == pytest.approx(value(found, ACTIVITY, "auroc"))
    against = {one.against for one in found[0].differences}
    assert {"fool", ACTIVITY} <= against


def test_probabilities_are_summed_over_all_products_held_out(found):
    # cups: twenty buy and the twenty others do not, of forty; hats: twenty-five and fifteen.
    sure, unsure = 1 / (1 + np.exp(-6.0)), 1 / (1 + np.exp(6.0))
    assert found[0].ratios["prophet"] == pytest.approx((45 * sure + 35 * unsure) / 45)
