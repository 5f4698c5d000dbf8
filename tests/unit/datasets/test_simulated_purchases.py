"""Order days and baskets follow their laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from intentml.datasets.simulated import SimulatedShop
from intentml.datasets.simulated.calendar import activity, shop_time
from intentml.datasets.simulated.catalogue import catalogue
from intentml.datasets.simulated.customers import BUYS_AGAIN, NO_DEATH, Hidden, draw_hidden
from intentml.datasets.simulated.purchases import (
    GUEST,
    OrderDays,
    _draw_categories,
    _repeat_last,
    draw_baskets,
    draw_order_days,
    pick,
)
from intentml.datasets.simulated.truth import category_shares

SETTINGS = SimulatedShop(customers=400, seed=3, guest_orders=0.0)
SHOP = catalogue(SETTINGS)


def lasting(mean_gap: float, regularity: float) -> Hidden:
    """Customers who came on the first day, never leave, and order by one law."""
    hidden = draw_hidden(SETTINGS, SHOP, 0)
    size = len(hidden)
    return replace(
        hidden,
        kind=np.full(size, BUYS_AGAIN),
        signup_day=np.zeros(size, np.int64),
        death_day=np.full(size, NO_DEATH),
        mean_gap=np.full(size, mean_gap),
        regularity=np.full(size, regularity),
    )


def test_a_year_of_shop_time_is_about_a_year() -> None:
    assert activity(SETTINGS.start, 730).mean() == pytest.approx(1.0, abs=0.02)
    assert (np.diff(shop_time(SETTINGS.start, 730)) > 0).all()


@pytest.mark.parametrize("regularity", [1.0, 8.0])
def test_gaps_have_their_mean_and_their_irregularity_in_shop_time(regularity: float) -> None:
    orders = draw_order_days(np.random.default_rng(0), SETTINGS, lasting(30.0, regularity))
    clock = shop_time(SETTINGS.start, SETTINGS.days)
    early = orders.day < 365  # gaps that begin early are not cut off by the end
    same = np.diff(orders.owner) == 0
    gap = np.diff(clock[orders.day])[same & early[:-1]]
    assert gap.mean() == pytest.approx(30.5, rel=0.05)  # half a day by rounding up to whole days
    assert gap.std() / gap.mean() == pytest.approx(1 / np.sqrt(regularity), rel=0.1)


def test_nobody_orders_twice_a_day_before_the_sign_up_or_after_the_death() -> None:
    hidden = draw_hidden(SETTINGS, SHOP, 0)
    orders = draw_order_days(np.random.default_rng(0), SETTINGS, hidden)
    pairs = orders.owner * 10_000 + orders.day
    assert (np.diff(pairs) > 0).all()
    assert (orders.day >= hidden.signup_day[orders.owner]).all()
    assert (orders.day < np.minimum(hidden.death_day[orders.owner], SETTINGS.days)).all()


def test_an_order_holds_a_category_as_often_as_the_truth_says() -> None:
    hidden = lasting(30.0, 1.0)
    orders = 40_000
    rows = np.array([7])
    days = OrderDays(np.full(orders, 7), np.full(orders, 20))  # all in July
    basket = draw_baskets(np.random.default_rng(1), SETTINGS, SHOP, hidden, days)
    held = np.zeros((orders, len(SHOP.categories)), bool)
    held[basket.order, SHOP.category[basket.product]] = True
    expected = category_shares(SHOP, hidden, rows)[0, 6]
    assert held.any(axis=1).all()
    assert np.abs(held.mean(axis=0) - expected).max() < 4.5 * np.sqrt(0.25 / orders)


def test_empty_baskets_do_not_exist_even_where_almost_nothing_is_wanted() -> None:
    order, category = _draw_categories(np.random.default_rng(0), np.full((1_000, 3), 1e-6))
    assert order.tolist() == list(range(1_000))
    assert set(category.tolist()) == {0, 1, 2}


def test_a_repeat_takes_the_product_of_the_last_line_that_was_chosen_freely() -> None:
    product = np.array([10, 11, 12, 20, 21])
    group = np.array([1, 1, 1, 2, 2])
    day = np.array([5, 9, 7, 1, 2])  # within group 1 the order of time is 10, 12, 11
    repeats = np.array([True, True, False, False, True])
    assert _repeat_last(product, repeats, group, day).tolist() == [10, 12, 12, 20, 20]


def test_pick_falls_back_where_a_range_has_no_weight() -> None:
    cumulative = np.tile(np.array([0.0, 0.0, 1.0, 1.0, 4.0]), (12, 1))  # products 0 and 2 never sell
    month = np.zeros(1_000, np.int64)
    narrow = np.tile([2, 3], (1_000, 1))
    whole = np.tile([0, 4], (1_000, 1))
    drawn = pick(np.random.default_rng(0), cumulative, month, narrow, whole)
    assert set(drawn.tolist()) == {1, 3}
    assert (drawn == 3).mean() == pytest.approx(0.75, abs=0.06)


def test_guests_buy_by_the_shops_taste_and_stand_last() -> None:
    settings = SETTINGS.model_copy(update={"guest_orders": 0.5})
    hidden = draw_hidden(settings, SHOP, 0)
    orders = draw_order_days(np.random.default_rng(0), settings, hidden)
    guests = orders.owner == GUEST
    assert 0.25 < guests.mean() < 0.42
    assert not guests[: np.argmax(guests)].any()
    assert guests[np.argmax(guests) :].all()
    basket = draw_baskets(np.random.default_rng(1), settings, SHOP, hidden, orders)
    assert set(basket.order.tolist()) == set(range(len(orders)))
