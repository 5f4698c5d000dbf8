from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from intentml.timeline import Instant
from plain_reading import DAY, known_customers, orders_of, returned_money
from random_shop import AS_OF as AS_OF_INSTANT
from random_shop import AS_OF_TEXT, random_shop
from same import assert_same, snapshot_arrays
from tiny import AS_OF, log_of, tiny_frames, tiny_log, tiny_snapshot


def test_lines_group_into_orders_by_customer_and_time():
    orders = tiny_snapshot().orders
    assert orders.customer.tolist() == [0, 0, 0, 1, 1, 2]  # ana o01 o02 o03, ben o04 o07, cho o09
    assert orders.lines.tolist() == [2, 1, 1, 1, 1, 1]
    assert orders.items.tolist() == [3.0, 1.0, 1.0, 3.0, 1.0, 1.0]
    assert orders.spend.tolist() == [7.0, 1.5, 2.0, 3.0, 4.2, 10.0]


def test_ages_are_days_of_24_hours_back_from_as_of():
    assert tiny_snapshot().orders.age_days.tolist() == [59.625, 29.625, 29.25, 19.5, 9.5, 4.5]


def test_two_orders_of_one_day_stay_two_orders_on_that_day():
    day = tiny_snapshot().orders.day
    assert day[1] == day[2] == (np.datetime64("2024-01-31") - np.datetime64("1970-01-01")).astype(int)


def test_the_day_of_an_order_is_the_shop_s_own():
    last = {zone: tiny_log(zone).as_of("2024-03-29T00:00:00Z") for zone in ("UTC", "Europe/Madrid")}
    ben = 1
    day = {zone: shot.orders.day[shot.order_indptr[ben + 1] - 1] for zone, shot in last.items()}
    assert day["Europe/Madrid"] == day["UTC"] + 1  # o14: 23:59:59 in Greenwich


def test_pointers_count_the_orders_and_lines_of_each_customer():
    snapshot = tiny_snapshot()
    assert snapshot.n_orders.tolist() == [3, 2, 1, 0]  # dee is a prospect
    assert snapshot.order_indptr.tolist() == [0, 3, 5, 6, 6]
    assert snapshot.line_indptr.tolist() == [0, 4, 6, 7, 7]


def test_every_line_points_to_its_order_and_its_product():
    snapshot = tiny_snapshot()
    assert snapshot.line_order.tolist() == [0, 0, 1, 2, 3, 4, 5]
    names = snapshot.catalogue.product_ids[snapshot.line_product]
    assert names.tolist() == ["brie", "milk", "milk", "bread", "soap", "brie", "bag"]


def test_the_returned_money_stands_apart_and_the_spend_stays_gross():
    snapshot = tiny_snapshot()
    assert snapshot.returned_amount.tolist() == [0.0, 1.0, 10.0, 0.0]
    assert snapshot.orders.spend[snapshot.orders.customer == 2].tolist() == [10.0]


def test_listed_days_count_from_the_row_of_the_customer():
    # ana's row has no date, ben's is of February 9 at noon, cho has none, dee's is a second old
    listed = tiny_snapshot().listed_days
    assert listed[[0, 1]].tolist() == [np.inf, 20.5]
    assert np.isnan(listed[2])
    assert listed[3] == pytest.approx(1 / 86_400)


def test_history_starts_with_the_first_day_of_the_shop():
    snapshot = tiny_snapshot()
    assert snapshot.start == Instant.of("2024-01-01")
    assert snapshot.history_days == 60.0


def test_a_line_recorded_late_does_not_move_the_start_of_the_history():
    frames = tiny_frames()
    late = frames["orders"]["order_id"] == "o11"
    frames["orders"].loc[late, ["ordered_at", "recorded_at"]] = [
        "2023-06-01T00:00:00Z",
        "2024-03-04T00:00:00Z",
    ]
    assert log_of(frames).as_of(AS_OF).history_days == 60.0
    assert log_of(frames).as_of("2024-03-05").history_days > 200


def test_an_order_takes_the_time_of_its_first_line():
    frames = tiny_frames()
    frames["orders"].loc[1, "ordered_at"] = "2024-01-03T09:00:00Z"  # the brie of o01
    orders = log_of(frames).as_of(AS_OF).orders
    assert (orders.age_days[0], orders.lines[0]) == (59.625, 2)


def test_an_unknown_price_adds_nothing_to_the_spend_and_stays_unknown_on_the_line():
    frames = tiny_frames()
    frames["orders"].loc[0, "unit_price"] = None  # the milk of o01
    snapshot = log_of(frames).as_of(AS_OF)
    assert snapshot.orders.spend[0] == 4.0
    assert np.isnan(snapshot.line_amount[:2]).tolist() == [False, True]


def test_a_line_without_a_product_is_in_its_order_and_in_no_target():
    frames = tiny_frames()
    frames["orders"].loc[1, "product_id"] = None  # the brie of o01
    snapshot = log_of(frames).as_of(AS_OF)
    assert snapshot.orders.lines[0] == 2
    assert sorted(snapshot.line_product[:2])[0] == -1
    _, rows, _ = snapshot.line_targets("product")
    assert len(rows) == len(snapshot.line_product) - 1


def test_an_order_number_of_two_customers_is_two_orders():
    frames = tiny_frames()
    frames["orders"].loc[frames["orders"]["order_id"] == "o04", "order_id"] = "o01"
    assert log_of(frames).as_of(AS_OF).n_orders.tolist() == [3, 2, 1, 0]


def test_line_targets_lead_each_line_to_all_its_nodes():
    snapshot = tiny_snapshot()
    index, rows, targets = snapshot.line_targets("category_node")
    met = list(zip(rows.tolist(), index.targets[targets].tolist(), strict=True))
    assert met[:4] == [
        (0, "FOOD"),
        (0, "FOOD > DAIRY > CHEESE"),
        (1, "FOOD"),
        (1, "FOOD > DAIRY > MILK"),
    ]
    assert met[-1] == (5, "FOOD > DAIRY > CHEESE")  # line 6 is the bag, in no category


def test_find_knows_the_customers_and_nobody_else():
    snapshot = tiny_snapshot()
    assert [snapshot.find(name) for name in ("ana", "dee", "eve", "", "zoe")] == [0, 3, None, None, None]


def test_take_keeps_the_context_of_the_whole_shop():
    snapshot = tiny_snapshot()
    assert snapshot.take([1]).shop is snapshot.shop
    assert snapshot.take([1]).catalogue is snapshot.catalogue


def test_take_gives_the_rows_of_the_crowd():
    ben = tiny_snapshot().take([1])
    assert ben.customer_ids.tolist() == ["ben"]
    assert ben.orders.customer.tolist() == [0, 0]
    assert ben.orders.age_days.tolist() == [19.5, 9.5]
    assert ben.line_order.tolist() == [0, 1]
    assert ben.returned_amount.tolist() == [1.0]


def test_take_of_a_prospect_or_of_nobody_is_a_snapshot_too():
    dee = tiny_snapshot().take([3])
    assert (len(dee), len(dee.orders), len(dee.line_product)) == (1, 0, 0)
    assert len(tiny_snapshot().take([])) == 0


@pytest.mark.parametrize("seed", range(3))
def test_take_of_everybody_is_the_snapshot(seed):
    snapshot = log_of(random_shop(seed)).as_of(AS_OF_TEXT)
    assert_same(snapshot_arrays(snapshot.take(np.arange(len(snapshot)))), snapshot_arrays(snapshot))


@pytest.mark.parametrize("seed", range(3))
def test_take_of_a_take_is_the_take_of_both(seed):
    snapshot = log_of(random_shop(seed)).as_of(AS_OF_TEXT)
    rows = np.flatnonzero(np.arange(len(snapshot)) % 3 != 1)
    twice = snapshot.take(rows).take([1, 3])
    assert_same(snapshot_arrays(twice), snapshot_arrays(snapshot.take(rows[[1, 3]])))


def test_a_snapshot_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        tiny_snapshot().start = Instant.of("2020-01-01")


@pytest.mark.parametrize("seed", range(4))
def test_random_shops_agree_with_contracts_read_line_by_line(seed):
    frames = random_shop(seed, lines=250)
    snapshot = log_of(frames).as_of(AS_OF_TEXT)
    orders, returned = orders_of(frames, AS_OF_INSTANT), returned_money(frames, AS_OF_INSTANT)
    assert snapshot.customer_ids.tolist() == known_customers(frames, AS_OF_INSTANT)
    assert sum(map(len, orders.values())) == len(snapshot.orders) > 30
    assert sum(returned.values()) > 0
    for row, customer in enumerate(snapshot.customer_ids):
        mine = slice(*snapshot.order_indptr[row : row + 2])
        expected = orders.get(customer, [])
        ages = [(AS_OF_INSTANT - order.at) / DAY for order in expected]
        np.testing.assert_allclose(snapshot.orders.age_days[mine], ages)
        np.testing.assert_allclose(snapshot.orders.spend[mine], [order.spend for order in expected])
        assert snapshot.orders.lines[mine].tolist() == [len(order.lines) for order in expected]
        assert snapshot.returned_amount[row] == pytest.approx(returned.get(customer, 0.0))
