"""The simulated shop's tables: by contract, repeatable, with the traits that audiences need."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from intentml.datasets.simulated import (
    SimulatedShop,
    SimulatedTables,
    iter_blocks,
    read_truth,
    simulate_shop,
    write_simulated,
)
from intentml.datasets.simulated.customers import NEVER_BUYS
from intentml.tables.contracts import CUSTOMERS, EVENTS, ORDERS, PRODUCTS

NAMES = ("orders", "products", "customers", "events")


@lru_cache(maxsize=3)
def shop(dial: float = 0.0) -> SimulatedTables:
    return simulate_shop(SimulatedShop(customers=4_000, dial=dial, seed=2))


def lines(status: str) -> pa.Table:
    return shop().orders.filter(pc.equal(shop().orders["status"], status))


def test_tables_have_the_contracts_columns_and_types() -> None:
    assert shop().orders.schema.equals(ORDERS.schema)
    assert shop().products.schema.equals(PRODUCTS.schema)
    assert shop().customers.schema.equals(CUSTOMERS.schema)
    assert shop().events.schema.equals(EVENTS.schema)


def test_every_column_of_every_table_holds_values() -> None:
    for name in NAMES:
        table = getattr(shop(), name)
        empty = [column for column in table.column_names if table[column].null_count == table.num_rows]
        assert empty == []


def test_the_same_settings_give_the_same_bytes() -> None:
    settings = SimulatedShop(customers=300, seed=9, block_customers=128)
    one, other = simulate_shop(settings), simulate_shop(settings)
    for name in NAMES:
        assert ipc_bytes(getattr(one, name)) == ipc_bytes(getattr(other, name))
    assert one.truth.hidden.tastes.tobytes() == other.truth.hidden.tastes.tobytes()


def ipc_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_another_seed_gives_another_shop() -> None:
    one = simulate_shop(SimulatedShop(customers=50, seed=1))
    other = simulate_shop(SimulatedShop(customers=50, seed=2))
    assert not one.orders.equals(other.orders)
    assert not one.products.equals(other.products)


def test_a_full_block_is_the_same_in_a_shop_of_any_size() -> None:
    small = list(iter_blocks(SimulatedShop(customers=200, block_customers=100)))
    large = list(iter_blocks(SimulatedShop(customers=310, block_customers=100)))
    assert len(large) == 4
    for block in range(2):
        for name in NAMES:
            assert getattr(small[block], name).equals(getattr(large[block], name))
    assert large[3].customers.num_rows == 10


def test_blocks_laid_together_are_the_shop() -> None:
    settings = SimulatedShop(customers=250, block_customers=100)
    whole, blocks = simulate_shop(settings), list(iter_blocks(settings))
    assert whole.orders.equals(pa.concat_tables([block.orders for block in blocks]))
    second = slice(100, 200)
    counts = np.diff(whole.truth.indptr)[second]
    assert counts.tolist() == np.diff(blocks[1].truth.indptr).tolist()
    assert whole.truth.customer_ids[second].tolist() == blocks[1].truth.customer_ids.tolist()


def test_about_three_in_five_buyers_have_exactly_one_order() -> None:
    counts = np.diff(shop().truth.indptr)
    assert 0.55 < (counts[counts > 0] == 1).mean() < 0.65
    assert 0.15 < (counts == 0).mean() < 0.3


def test_prospects_never_order() -> None:
    truth = shop().truth
    assert np.diff(truth.indptr)[truth.hidden.kind == NEVER_BUYS].sum() == 0


def test_the_orders_of_the_table_are_the_orders_of_the_truth() -> None:
    truth = shop().truth
    done = lines("completed")
    done = done.filter(pc.is_valid(done["customer_id"]))
    per_customer = done.group_by("customer_id").aggregate([("order_id", "count_distinct")])
    counted = dict(zip(*(per_customer[name].to_pylist() for name in per_customer.column_names), strict=True))
    expected = dict(zip(truth.customer_ids, np.diff(truth.indptr).tolist(), strict=True))
    assert counted == {customer: count for customer, count in expected.items() if count}


def test_a_product_stands_once_in_an_order() -> None:
    keys = lines("completed").group_by(["order_id", "product_id"]).aggregate([("quantity", "count")])
    assert set(keys["quantity_count"].to_pylist()) == {1}


def test_nobody_orders_before_signing_up_nor_a_product_before_it_came() -> None:
    orders = shop().orders
    since = (
        shop()
        .customers["created_at"]
        .take(pc.index_in(orders["customer_id"], shop().customers["customer_id"].combine_chunks()))
    )
    assert pc.all(pc.less(since, orders["ordered_at"])).as_py()
    came = (
        shop()
        .products["created_at"]
        .take(pc.index_in(orders["product_id"], shop().products["product_id"].combine_chunks()))
    )
    assert came.null_count < len(came)
    assert pc.all(pc.less(came, orders["ordered_at"])).as_py()


def test_lines_are_recorded_after_the_order_and_some_only_days_later() -> None:
    done = lines("completed")
    lag = pc.divide(
        pc.subtract(done["recorded_at"].cast(pa.int64()), done["ordered_at"].cast(pa.int64())), 3_600_000_000
    )
    hours = lag.to_numpy()
    assert hours.min() >= 0
    assert 0.005 < (hours >= 24).mean() < 0.04
    assert np.median(hours) < 0.2


def test_a_return_gives_back_a_bought_line_of_the_same_order_and_is_known_when_it_came_back() -> None:
    back = lines("returned")
    done = lines("completed")
    bought = dict(
        zip(
            zip(done["order_id"].to_pylist(), done["product_id"].to_pylist(), strict=True),
            done["quantity"].to_pylist(),
            strict=True,
        )
    )
    for line in back.to_pylist():
        assert line["quantity"] == -bought[line["order_id"], line["product_id"]]
        assert line["ordered_at"] < line["returned_at"] <= line["recorded_at"]
    end = dt.datetime.combine(shop().truth.settings.end, dt.time(), dt.UTC)
    assert pc.max(back["returned_at"]).as_py() < end
    assert done["returned_at"].null_count == done.num_rows


def test_a_few_customers_return_much_and_most_return_little() -> None:
    rate = shop().truth.hidden.return_rate
    assert 0.08 < (rate > 0.2).mean() < 0.16
    assert np.median(rate) < 0.06


def test_some_orders_are_cancelled_and_some_have_no_customer() -> None:
    cancelled = lines("cancelled")
    done = set(lines("completed")["order_id"].to_pylist())
    assert cancelled.num_rows > 0
    assert not done & set(cancelled["order_id"].to_pylist())
    assert 0.003 < shop().orders["customer_id"].null_count / shop().orders.num_rows < 0.03


def test_paid_price_and_discount_add_up_to_the_promised_rate() -> None:
    line = next(row for row in lines("completed").to_pylist() if row["promo_code"] == "BLACKFRIDAY20")
    listed = line["unit_price"] + line["discount"] / line["quantity"]
    assert line["unit_price"] / listed == pytest.approx(0.8, abs=0.01)
    without = pc.is_null(shop().orders["promo_code"])
    assert pc.max(pc.abs(shop().orders.filter(without)["discount"])).as_py() == 0


def test_addresses_and_numbers_lead_nowhere() -> None:
    customers = shop().customers
    assert pc.all(pc.ends_with(customers["email"], "@example.com")).as_py()
    assert pc.all(pc.starts_with(customers["phone"], "+999")).as_py()
    assert 0 < customers["email"].null_count < 400


def test_customers_live_near_their_city_and_consent_has_three_values() -> None:
    customers = shop().customers
    paris = customers.filter(pc.equal(customers["city"], "Paris"))
    assert abs(pc.mean(paris["latitude"]).as_py() - 48.86) < 0.05
    assert customers["latitude"].null_count == customers["longitude"].null_count > 0
    for column in ("consent_ad_user_data", "consent_ad_personalization"):
        assert set(customers[column].to_pylist()) == {"granted", "denied", "unknown"}


def orders_before_and_after(dial: float, day: int) -> tuple[np.ndarray, np.ndarray]:
    truth = shop(dial).truth
    owner = np.repeat(np.arange(len(truth.hidden)), np.diff(truth.indptr))
    early = truth.order_days < day
    size = len(truth.hidden)
    return np.bincount(owner[early], minlength=size), np.bincount(owner[~early], minlength=size)


def test_past_orders_tell_of_coming_ones_when_lawful_and_nothing_at_full_noise() -> None:
    assert np.corrcoef(*orders_before_and_after(0.0, 365))[0, 1] > 0.3
    assert abs(np.corrcoef(*orders_before_and_after(1.0, 365))[0, 1]) < 4 / np.sqrt(4_000)


def test_at_full_noise_all_customers_are_there_from_the_first_day_and_stay() -> None:
    hidden = shop(1.0).truth.hidden
    assert (hidden.signup_day == 0).all()
    assert hidden.alive(10**6).all()
    for name in ("kind", "mean_gap", "regularity", "basket", "browsing", "return_rate", "promo_affinity"):
        assert len(np.unique(getattr(hidden, name))) == 1, name
    assert (hidden.tastes == hidden.tastes[0]).all()
    assert (hidden.brand_loyalty == 0).all()
    assert (hidden.repeat_habit == 0).all()


def test_some_who_buy_a_bike_buy_a_lock_and_some_do_not() -> None:
    done = lines("completed")
    row = pc.index_in(done["product_id"], shop().products["product_id"].combine_chunks())
    path = shop().products["category_path"].take(row)
    owner = done["customer_id"]
    bikers = set(owner.filter(pc.match_substring(path, "> Bikes >")).to_pylist()) - {None}
    locked = set(owner.filter(pc.match_substring(path, "> Bike locks")).to_pylist())
    assert 0.3 < len(bikers & locked) / len(bikers) < 0.8


def test_a_folder_holds_the_tables_and_the_truth_beside_them(tmp_path: Path) -> None:
    settings = SimulatedShop(customers=60, seed=4)
    write_simulated(tmp_path / "shop", settings)
    tables = simulate_shop(settings)
    for name in NAMES:
        assert pq.read_table(tmp_path / "shop" / f"{name}.parquet").equals(getattr(tables, name))
    assert read_truth(tmp_path / "shop" / "truth").settings == settings


def test_writing_again_replaces_the_tables_and_the_truth(tmp_path: Path) -> None:
    write_simulated(tmp_path, SimulatedShop(customers=20, seed=1))
    write_simulated(tmp_path, SimulatedShop(customers=30, seed=2))
    truth = read_truth(tmp_path / "truth")
    assert (truth.settings.seed, len(truth.hidden)) == (2, 30)
    assert pq.read_table(tmp_path / "customers.parquet").num_rows == 30


@pytest.mark.parametrize(
    "wrong",
    [{"dial": 1.5}, {"customers": 0}, {"colour": "red"}, {"start": "2025-06-30", "end": "2025-07-01"}],
)
def test_a_setting_that_is_unknown_or_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        SimulatedShop.model_validate(wrong)


@pytest.mark.parametrize(
    "edge",
    [
        {"customers": 1},
        {"customers": 3, "prospects": 0.999, "guest_orders": 0.0},
        {"customers": 20, "departments": 1, "categories_per_department": 1, "types_per_category": 1},
        {"customers": 20, "start": dt.date(2025, 1, 1), "end": dt.date(2025, 1, 3)},
        {"customers": 20, "one_time_buyers": 1.0, "browsing_per_year": 0.0},
    ],
)
def test_the_smallest_shops_have_tables_too(edge: dict[str, object]) -> None:
    tables = simulate_shop(SimulatedShop.model_validate(edge))
    assert tables.orders.schema.equals(ORDERS.schema)
    assert tables.customers.num_rows == tables.truth.settings.customers
