"""Ta-Feng: dates, codes with leading zeros, derived orders and levels; the sample against the real tables."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from intentml.datasets import ta_feng
from intentml.errors import DataError

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "ta_feng"

RAW = (
    '\ufeff"TRANSACTION_DT","CUSTOMER_ID","AGE_GROUP","PIN_CODE","PRODUCT_SUBCLASS","PRODUCT_ID","AMOUNT",'
    '"ASSET","SALES_PRICE"\r\n'
    '"11/13/2000","00002","30-34","115","130201","0471","2","45","90"\r\n'
    '"11/1/2000","00002","30-34","115","130201","0471","1","45","53"\r\n'
    '"11/1/2000","00002","30-34","115","110411","0999","1","45","20"\r\n'
    '"11/1/2000","00001","","Unknown","110412","0471","1","45","60"\r\n'
)


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "raw.csv").write_bytes(RAW.encode())
    return ta_feng.derive([tmp_path / "raw.csv"])


def test_an_order_is_a_customers_day_and_lines_stand_by_customer_and_day(shop):
    assert shop.orders["order_id"].to_pylist() == [
        "00001-20001101",
        "00002-20001101",
        "00002-20001101",
        "00002-20001113",
    ]
    assert str(shop.orders["ordered_at"][3]) == "2000-11-13 00:00:00"


def test_the_price_of_a_line_is_divided_over_its_pieces(shop):
    assert shop.orders["unit_price"].to_pylist() == [60, 53, 20, 45]


def test_a_products_category_is_its_commonest_subclass_and_the_path_its_prefixes(shop):
    assert shop.products.to_pylist() == [
        {"product_id": "0471", "category": "130201", "category_path": "13 > 1302 > 130201", "price": 53},
        {"product_id": "0999", "category": "110411", "category_path": "11 > 1104 > 110411", "price": 20},
    ]
    assert [(count.rule, count.count) for count in shop.counts] == [("several_subclasses", 1)]


def test_a_missing_age_stays_missing(shop):
    assert shop.customers.to_pylist() == [
        {"customer_id": "00001", "age_group": None, "residence_area": "Unknown"},
        {"customer_id": "00002", "age_group": "30-34", "residence_area": "115"},
    ]


def test_months_in_files_of_their_own_read_like_the_merged_file(shop, tmp_path):
    header, *lines = RAW.splitlines(keepends=True)
    for name, part in (("d11.csv", lines[:2]), ("d12.csv", lines[2:])):
        (tmp_path / name).write_bytes((header + "".join(part)).encode())
    parts = ta_feng.derive([tmp_path / "d11.csv", tmp_path / "d12.csv"])
    assert parts.orders.equals(shop.orders)


def test_a_file_of_another_source_is_refused(tmp_path):
    (tmp_path / "raw.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="lacks the columns TRANSACTION_DT"):
        ta_feng.derive([tmp_path / "raw.csv"])


@pytest.mark.skipif(not DATA.exists(), reason="the folder of real data sets is not here")
def test_the_sample_gives_exactly_its_customers_lines_of_the_real_tables():
    shop = ta_feng.derive([DATA / "raw_sample.csv"])
    sampled = shop.customers["customer_id"].to_pylist()
    real = pq.read_table(
        DATA / "orders.parquet",
        columns=shop.orders.column_names,
        filters=[("customer_id", "in", sampled)],
    )
    # The real tables round a price to four decimals; ours is the exact quotient.
    assert shop.orders["unit_price"].to_pylist() == pytest.approx(real["unit_price"].to_pylist(), abs=5.1e-5)
    assert shop.orders.drop_columns("unit_price").equals(real.drop_columns("unit_price"))
    customers = pq.read_table(DATA / "customers.parquet", filters=[("customer_id", "in", sampled)])
    assert shop.customers.equals(customers)
