from __future__ import annotations

import numpy as np
import pytest

from fortunes import AS_OF, HORIZON, finger_shop, told_by
from intentml.errors import DataError, TimeError
from intentml.evaluation import BacktestConfig, backtest
from intentml.evaluation.new_products import (
    ACTIVITY,
    CATEGORY_COUNTS,
    CATEGORY_POPULARITY,
    held_out,
    new_products,
)
from intentml.tables.read import shop_from_frames
from intentml.tasks import labels_of
from intentml.timeline import OrderLog

FEW = BacktestConfig(min_buyers_in_window=10, resamples=20)
HALF = 0.5  # of the four products: cups and hats


@pytest.fixture(scope="module")
def found(window):
    """A prophet and a fool, as of the finger shop's first of March."""
    handed = []

    def fit(past, as_of):
        handed.append(past)
        return fortunes()

    return new_products(finger_shop(), window, fit, FEW, share=HALF), handed[0]


def fortunes():
    """They know the window of the shop in which half of the products are new."""
    log = finger_shop()
    young = log.unsold(held_out(log.catalogue.product_ids, HALF), AS_OF)
    snapshot = young.as_of(AS_OF)
    labels = labels_of(snapshot, young.outcomes(snapshot, HORIZON))
    return {
        "prophet": told_by("prophet", labels, lambda sign: 6.0 * sign),
        "fool": told_by("fool", labels, lambda sign: -6.0 * sign),
    }


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
    assert found[0].population.targets == 2  # twenty buy cups, twenty-five hats


def test_a_prophet_ranks_every_buyer_first_and_a_fool_last(found):
    assert value(found, "prophet", "map") == pytest.approx(1.0)
    assert value(found, "prophet", "auroc") == pytest.approx(1.0)
    assert value(found, "fool", "auroc") == pytest.approx(0.0)


def test_nobody_has_a_history_with_them_to_tell_apart(found):
    assert {(one.head, one.stratum) for one in found[0].measurements} == {("new_product", "all")}
    assert {(one.head, one.stratum) for one in found[0].differences} == {("new_product", "all")}


def test_rules_without_a_model_stand_beside(found):
    assert 0.5 < value(found, ACTIVITY, "auroc") <= 1.0  # the prophet's own P(no order) is known to it
    assert value(found, CATEGORY_COUNTS, "auroc") == pytest.approx(value(found, ACTIVITY, "auroc"))
    against = {one.against for one in found[0].differences}
    assert {"fool", ACTIVITY} <= against
    assert list(found[0].roles) == ["prophet", "fool", CATEGORY_POPULARITY, ACTIVITY, CATEGORY_COUNTS]
    assert set(found[0].roles.values()) == {"recipe", "baseline"}


def test_probabilities_are_summed_over_all_products_held_out(found):
    # cups: twenty buy and the twenty others do not, of forty; hats: twenty-five and fifteen.
    sure, unsure = 1 / (1 + np.exp(-6.0)), 1 / (1 + np.exp(6.0))
    assert value(found, "prophet", "predicted_over_actual") == pytest.approx((45 * sure + 35 * unsure) / 45)


def test_the_level_is_over_products_that_sold_too_little_to_be_judged_too(window, found):
    picky = BacktestConfig(min_buyers_in_window=25, resamples=20)
    again = new_products(finger_shop(), window, lambda past, as_of: fortunes(), picky, share=HALF)
    assert again.population.targets == 1  # hats
    one, two = (
        {one.metric: one for one in told.measurements if one.predictor == "prophet"}
        for told in (again, found[0])
    )
    assert one["predicted_over_actual"] == two["predicted_over_actual"]
    assert one["predicted_over_actual"].targets == 2
    assert one["predicted_over_actual"].low < one["predicted_over_actual"].high
    assert one["map"].targets == 1


def test_nobody_is_fitted_where_no_product_is_judged(window):
    def never(past, as_of):
        raise AssertionError("fitted for nothing")

    told = new_products(finger_shop(), window, never, BacktestConfig(min_buyers_in_window=26), share=HALF)
    assert (told.held_out, told.population.targets, told.measurements) == (2, 0, ())
    assert not told.roles


def test_a_predictor_that_has_seen_the_window_is_refused(window):
    def fit(past, as_of):
        late = fortunes()["prophet"]
        object.__setattr__(late, "trained_until", as_of.plus_days(1))
        return {"late": late}

    with pytest.raises(TimeError, match=r"late was trained until 2024-03-02.* it has seen"):
        new_products(finger_shop(), window, fit, FEW, share=HALF)


def test_a_shop_without_a_table_of_products_has_no_new_ones(window):
    """What sells for the first time is known to nobody there: nothing is fitted, and it is said why."""
    log = finger_shop()
    orders = log.tables.orders
    alone = OrderLog.from_tables(shop_from_frames(orders, timezone=log.timezone))

    def never(past, as_of):
        raise AssertionError("fitted")

    with pytest.raises(DataError, match="without a table of products"):
        new_products(alone, window, never, FEW, share=HALF)
    with pytest.raises(DataError, match="without a table of products"):
        backtest(alone, [window], never, FEW, fit_new=never)
