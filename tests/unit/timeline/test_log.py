from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intentml.errors import TimeError
from intentml.timeline import Instant, OrderLog
from random_shop import AS_OF_TEXT, random_shop
from same import assert_same, snapshot_arrays
from tiny import AS_OF, log_of, tiny_frames, tiny_log, tiny_snapshot


def orders_of(log: OrderLog, customer_id: str) -> int:
    """How many orders are known of a customer."""
    customers = log.customer_ids[log.purchases.customer]
    return len(np.unique(log.purchases.order[customers == customer_id]))


def test_the_log_holds_every_purchase_and_return_and_nothing_else():
    log = tiny_log()
    assert len(log.purchases) == 13  # sixteen lines less the return, the cancelled one, the one of nobody
    assert len(log.returns) == 1
    assert log.customer_ids.tolist() == ["ana", "ben", "cho", "dee", "eve"]


def test_the_log_runs_from_the_first_day_to_the_end_of_the_last():
    log = tiny_log()
    assert log.start == Instant.of("2024-01-01")
    assert log.until == Instant.of("2024-03-30")
    assert log.last_order == Instant.of("2024-03-29")


def test_the_first_and_last_day_are_the_shop_s_own():
    log = tiny_log("America/New_York")  # o15 falls on the evening of March 28 there
    assert log.until.iso == "2024-03-29T00:00:00-04:00"
    assert log.start.iso == "2024-01-01T00:00:00-05:00"


def test_a_null_quantity_is_one_piece():
    log = tiny_log()
    bread = log.catalogue.product_ids.tolist().index("bread")
    line = (log.purchases.product == bread) & (log.purchases.customer == 0)
    assert log.purchases.quantity[line].tolist() == [1.0]
    assert log.purchases.amount[line].tolist() == [2.0]


def test_what_a_return_pays_back_is_positive():
    returns = tiny_log().returns
    assert returns.quantity.tolist() == [1.0]
    assert returns.amount.tolist() == [1.0]


def test_a_line_at_as_of_itself_is_not_known_and_one_microsecond_later_it_is():
    assert orders_of(tiny_log().before("2024-03-01T00:00:00Z"), "ana") == 3
    assert orders_of(tiny_log().before("2024-03-01T00:00:00.000001Z"), "ana") == 4


def test_a_line_recorded_late_is_unknown_until_it_was_recorded():
    log = tiny_log()
    assert orders_of(log.before("2024-03-01"), "cho") == 1
    assert orders_of(log.before("2024-03-02T08:00:00Z"), "cho") == 1
    assert orders_of(log.before("2024-03-02T08:00:01Z"), "cho") == 2


def test_a_line_recorded_before_it_happened_is_known_from_when_it_happened():
    frames = tiny_frames()
    ahead = frames["orders"]["order_id"] == "o11"
    frames["orders"].loc[ahead, "recorded_at"] = "2024-02-01T00:00:00Z"
    assert orders_of(log_of(frames).before(AS_OF), "ana") == 3


def test_a_purchase_stays_one_after_it_was_returned():
    assert orders_of(tiny_log().before(AS_OF), "cho") == 1  # the bag went back on February 28


def test_a_later_return_is_undone_in_the_log_as_it_was():
    returned = "2024-03-02T12:00:00Z"
    log = tiny_log()
    money = {
        as_of: log.as_of(as_of).returned_amount.tolist()
        for as_of in (AS_OF, returned, "2024-03-02T12:00:01Z")
    }
    assert money[AS_OF] == [0.0, 1.0, 10.0, 0.0]
    assert money[returned][:3] == [0.0, 1.0, 10.0]
    assert money["2024-03-02T12:00:01Z"][:3] == [0.0, pytest.approx(5.2), 10.0]


def test_a_return_line_counts_from_its_returned_at():
    frames = tiny_frames()
    frames["orders"].loc[frames["orders"]["order_id"] == "o05", "returned_at"] = "2024-03-05T00:00:00Z"
    log = log_of(frames)
    assert log.as_of(AS_OF).returned_amount[1] == 0.0
    assert log.as_of("2024-03-05").returned_amount[1] == pytest.approx(4.2)  # the brie of o07 alone
    assert log.as_of("2024-03-06").returned_amount[1] == pytest.approx(5.2)


def test_a_status_that_turned_to_returned_later_leaves_the_purchase_where_it_was():
    frames = tiny_frames()
    frames["orders"].loc[frames["orders"]["order_id"] == "o07", "status"] = "returned"
    assert_same(snapshot_arrays(log_of(frames).as_of(AS_OF)), snapshot_arrays(tiny_snapshot()))


def test_customers_are_known_by_a_purchase_or_by_their_row():
    assert tiny_snapshot().customer_ids.tolist() == [
        "ana",
        "ben",
        "cho",
        "dee",
    ]  # cho has no row, dee no order


def test_a_customer_whose_row_is_dated_at_as_of_is_not_known_yet():
    assert "eve" not in tiny_snapshot().customer_ids
    assert "eve" in tiny_log().as_of("2024-03-01T00:00:01Z").customer_ids


def test_a_buyer_is_known_before_the_date_of_their_row():
    frames = tiny_frames()
    frames["customers"].loc[frames["customers"]["customer_id"] == "ana", "created_at"] = (
        "2024-03-10T00:00:00Z"
    )
    snapshot = log_of(frames).as_of(AS_OF)
    assert snapshot.n_orders[snapshot.find("ana")] == 3
    assert np.isnan(snapshot.listed_days[snapshot.find("ana")])  # the row itself is still to come


def test_products_are_known_by_a_purchase_or_by_their_row():
    known = tiny_snapshot().catalogue.product_ids.tolist()
    assert known == ["bag", "bread", "brie", "cake", "candle", "milk", "soap"]  # the lamp joins at as_of


def test_a_product_sold_before_the_date_of_its_row_has_no_attributes_yet():
    frames = tiny_frames()
    milk = frames["products"]["product_id"] == "milk"
    frames["products"].loc[milk, "created_at"] = "2024-03-01T00:00:00Z"
    catalogue = log_of(frames).as_of(AS_OF).catalogue
    row = catalogue.product_ids.tolist().index("milk")
    assert [catalogue.names[row], catalogue.categories[row], catalogue.paths[row], catalogue.brands[row]] == [
        None
    ] * 4
    later = log_of(frames).as_of("2024-03-02").catalogue
    assert later.names[later.product_ids.tolist().index("milk")] == "Whole milk"


def test_a_product_that_was_sold_without_a_row_is_still_a_product():
    frames = tiny_frames()
    frames["products"] = frames["products"].query("product_id != 'bag'")
    assert "bag" in log_of(frames).as_of(AS_OF).catalogue.product_ids


def test_money_is_told_in_the_currency_that_was_the_main_one_by_then():
    frames = tiny_frames()
    orders = frames["orders"]
    orders["currency"] = np.where(orders["ordered_at"] < "2024-03-01", "EUR", "USD")
    orders.loc[orders["order_id"] == "o02", "currency"] = "USD"
    later = pd.DataFrame(
        {
            "customer_id": "eve",
            "order_id": [f"z{number:02d}" for number in range(20)],
            "ordered_at": "2024-03-20T00:00:00Z",
            "product_id": "milk",
            "currency": "USD",
        }
    )
    frames["orders"] = pd.concat([orders, later])
    amounts = log_of(frames).as_of(AS_OF).orders.spend
    assert amounts[:3].tolist() == [7.0, 0.0, 2.0]  # o02 was paid in dollars, and euros ruled


@pytest.mark.parametrize("as_of", ["2023-12-31", "2024-01-01", "2024-09-27", "2030-01-01"])
def test_an_as_of_outside_the_data_is_refused_with_the_dates_of_the_data(as_of):
    with pytest.raises(TimeError, match=f"as_of {as_of}.* is outside the data") as refused:
        tiny_log().as_of(as_of)
    assert "2024-01-01" in refused.value.message
    assert "2024-03-30" in refused.value.message
    assert refused.value.hint == (
        "choose a date after 2024-01-01 and at most 2024-09-26, 180 days after the last order"
    )
    assert (refused.value.table, refused.value.column) == ("orders", "ordered_at")


def test_an_as_of_on_days_without_an_order_is_inside_until_half_a_year_of_silence():
    assert tiny_log().as_of("2024-03-30").orders.age_days.min() == 1
    assert tiny_log().as_of("2024-09-26").orders.age_days.min() == 181


def test_what_was_known_before_as_of_is_enough_to_ask_at_as_of():
    frames = tiny_frames()
    orders = frames["orders"]
    frames["orders"] = orders[orders["recorded_at"].fillna(orders["ordered_at"]) < AS_OF]  # last: Feb 25
    assert log_of(frames).as_of(AS_OF).n_orders.tolist() == tiny_snapshot().n_orders.tolist()


def test_a_log_s_repr_counts_and_shows_nobody():
    frames = tiny_frames()
    frames["customers"]["email"] = "somebody@example.com"
    assert repr(log_of(frames)) == (
        "OrderLog(5 customers, 13 purchase lines, 2024-01-01T00:00:00+00:00 to 2024-03-30T00:00:00+00:00)"
    )


def test_a_plain_as_of_is_read_in_the_zone_of_the_shop():
    madrid = tiny_log("Europe/Madrid").as_of(AS_OF)
    assert madrid.as_of.iso == "2024-03-01T00:00:00+01:00"
    assert madrid.customer_ids.tolist() == ["ana", "ben", "cho"]  # dee signed up at 00:59:59 in Madrid
    assert madrid.orders.age_days[0] == 59 + (24 - 10) / 24  # o01 was at ten in the morning


def test_an_instant_of_another_zone_is_told_in_the_shop_s():
    snapshot = tiny_log("Europe/Madrid").as_of("2024-03-01T00:00:00Z")
    assert snapshot.as_of.iso == "2024-03-01T01:00:00+01:00"


@pytest.mark.parametrize("seed", range(5))
def test_the_log_before_as_of_answers_like_the_whole_log(seed):
    log = log_of(random_shop(seed))
    whole = log.as_of(AS_OF_TEXT)
    assert_same(snapshot_arrays(log.before(AS_OF_TEXT).as_of(AS_OF_TEXT)), snapshot_arrays(whole))
    later = log.before("2024-04-20")
    assert_same(snapshot_arrays(later.as_of(AS_OF_TEXT)), snapshot_arrays(whole))


@pytest.mark.parametrize("seed", range(5))
def test_the_log_before_as_of_is_the_log_of_tables_cut_at_as_of(seed):
    frames = random_shop(seed)
    orders = frames["orders"]
    at = pd.Timestamp(AS_OF_TEXT)
    known = orders["recorded_at"].fillna(orders["ordered_at"]).clip(lower=orders["ordered_at"]) < at
    orders = orders[known].copy()
    # A return that is still to come is no return: a returned status says so too soon.
    to_come = orders["returned_at"] >= at
    orders.loc[to_come & (orders["quantity"].fillna(1) > 0) & (orders["status"] == "returned"), "status"] = (
        None
    )
    orders = orders[~(to_come & (orders["quantity"] < 0))]
    orders.loc[to_come, "returned_at"] = pd.NaT
    cut = {
        "orders": orders,
        **{name: frames[name][~(frames[name]["created_at"] >= at)] for name in ("products", "customers")},
        "events": frames["events"],
    }
    assert_same(
        snapshot_arrays(log_of(cut).as_of(AS_OF_TEXT)), snapshot_arrays(log_of(frames).as_of(AS_OF_TEXT))
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_rows_does_not_matter(seed):
    frames = random_shop(seed, lines=300, customers=4, products=3)  # many lines alike but for the money
    shuffled = {
        name: frame.sample(frac=1, random_state=seed).reset_index(drop=True) for name, frame in frames.items()
    }
    assert_same(
        snapshot_arrays(log_of(shuffled).as_of(AS_OF_TEXT)), snapshot_arrays(log_of(frames).as_of(AS_OF_TEXT))
    )


def test_a_shop_without_purchases_has_no_date_to_ask_about():
    frames = tiny_frames()
    frames["orders"] = frames["orders"].query("status == 'cancelled'")
    log = log_of(frames)
    assert len(log.purchases) == 0
    with pytest.raises(TimeError, match="no purchase"):
        log.as_of(AS_OF)


def test_a_product_taken_back_from_the_past_stays_in_the_catalogue_and_sells_from_then_on():
    log = tiny_log()
    young = log.unsold(np.array(["milk"], dtype=object), AS_OF)
    bought = log.catalogue.product_ids[young.purchases.product] == "milk"
    assert bought.sum() == 1  # o11, at AS_OF itself
    assert "milk" in young.as_of(AS_OF).catalogue.product_ids
    others = log.catalogue.product_ids[log.purchases.product] != "milk"
    assert len(young.purchases) == others.sum() + 1


def test_a_line_without_a_product_is_not_taken_back():
    log = tiny_log()
    nameless = (log.purchases.product < 0).sum()
    young = log.unsold(log.catalogue.product_ids, AS_OF)
    assert (young.purchases.product < 0).sum() == nameless


def test_a_draw_of_customers_is_the_log_of_these_alone():
    frames = random_shop(0, customers=30, lines=600)
    whole, drawn = log_of(frames), log_of(frames).drawn(12)
    assert len(drawn.customer_ids) == 12
    wanted = np.flatnonzero(np.isin(whole.customer_ids, drawn.customer_ids))
    told, mine = whole.as_of(AS_OF_TEXT), drawn.as_of(AS_OF_TEXT)
    rows = np.flatnonzero(np.isin(told.customer_ids, whole.customer_ids[wanted]))
    assert mine.customer_ids.tolist() == told.customer_ids[rows].tolist()
    assert_same(of_customers(mine), of_customers(told.take(rows)))


def of_customers(snapshot):
    """What a snapshot says of its customers, by the products' names."""
    names = np.append(snapshot.catalogue.product_ids, "none").astype(str)
    orders = {name: getattr(snapshot.orders, name) for name in ("customer", "age_days", "spend", "items")}
    return orders | {"product": names[snapshot.line_product], "amount": snapshot.line_amount}


def test_who_is_drawn_among_few_is_drawn_among_more_and_a_small_shop_is_left_whole():
    log = log_of(random_shop(0, customers=30, lines=600))
    draws = [set(log.drawn(count).customer_ids) for count in (5, 12, 20)]
    assert draws[0] < draws[1] < draws[2]
    assert log.drawn(len(log.customer_ids)) is log
    assert set(log.before(AS_OF_TEXT).drawn(12).customer_ids) >= draws[1] & set(
        log.before(AS_OF_TEXT).customer_ids
    )
