"""CDNOW: runs of blanks, header or none, several purchases a day; the published files against the tables."""

from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from intentml.datasets import cdnow
from intentml.errors import DataError

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "cdnow"

MASTER = """ 00001 19970101  1   11.77
 00002 19970112  1   12.00
 00002 19970112  5   77.00
 00003 19980330  2    0.00
"""
SAMPLE = " 00002 0001 19970112  1   12.00\n 00002 0001 19970112  5   77.00\n"


def write(folder: Path, text: str, name: str = "CDNOW_master.txt") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_transactions_of_one_day_stay_orders_of_their_own_and_are_counted(tmp_path):
    shop = cdnow.derive([write(tmp_path, MASTER)])
    assert shop.orders["order_id"].to_pylist() == [
        "00001-19970101-1",
        "00002-19970112-1",
        "00002-19970112-2",
        "00003-19980330-1",
    ]
    assert [(count.rule, count.count) for count in shop.counts] == [("same_day", 1)]


def test_dollars_are_divided_over_the_cds(tmp_path):
    orders = cdnow.derive([write(tmp_path, MASTER)]).orders
    assert orders["unit_price"].to_pylist() == [11.77, 12.0, pytest.approx(15.4), 0.0]
    assert orders["quantity"].to_pylist() == [1, 1, 5, 2]
    assert str(orders["ordered_at"][3]) == "1998-03-30 00:00:00"


def test_a_header_makes_no_difference(tmp_path):
    header = " customer_id  date number_of_cds  dollar_value\n"
    with_header = cdnow.derive([write(tmp_path, header + MASTER, "with.txt")])
    assert with_header.orders.equals(cdnow.derive([write(tmp_path, MASTER)]).orders)


def test_the_sample_file_marks_customers_and_adds_no_orders(tmp_path):
    master, sample = write(tmp_path, MASTER), write(tmp_path, SAMPLE, "CDNOW_sample.txt")
    shop = cdnow.derive([master, sample])
    assert shop.orders.num_rows == 4
    assert shop.customers.to_pylist() == [
        {"customer_id": "00001", "in_sample_2357": False, "sample_id": None},
        {"customer_id": "00002", "in_sample_2357": True, "sample_id": "0001"},
        {"customer_id": "00003", "in_sample_2357": False, "sample_id": None},
    ]


def test_the_sample_file_alone_gives_its_own_orders(tmp_path):
    assert cdnow.derive([write(tmp_path, SAMPLE)]).orders.num_rows == 2


def test_without_the_sample_there_is_nothing_to_say_about_customers(tmp_path):
    assert cdnow.derive([write(tmp_path, MASTER)]).customers is None


def test_a_line_with_another_number_of_fields_is_counted_and_shown(tmp_path):
    with pytest.raises(DataError, match=r"1 of 5 lines do not have .*: '00004 19980330'") as caught:
        cdnow.derive([write(tmp_path, MASTER + " 00004 19980330\n")])
    assert caught.value.rows == (4,)


def test_a_header_alone_is_refused(tmp_path):
    with pytest.raises(DataError, match="no lines"):
        cdnow.derive([write(tmp_path, "customer_id date number_of_cds dollar_value\n")])


@pytest.mark.skipif(not DATA.exists(), reason="the folder of real data sets is not here")
def test_the_raw_sample_gives_the_first_lines_of_the_real_table():
    orders = cdnow.derive([DATA / "raw_sample.csv"]).orders
    real = pq.read_table(DATA / "orders.parquet", columns=orders.column_names).slice(0, orders.num_rows)
    # The real table rounds a price to six decimals; ours is the exact quotient.
    assert orders["unit_price"].to_pylist() == pytest.approx(real["unit_price"].to_pylist(), abs=5.1e-7)
    assert orders.drop_columns("unit_price").equals(real.drop_columns("unit_price"))


@pytest.mark.skipif(not DATA.exists(), reason="the folder of real data sets is not here")
def test_the_published_files_give_all_69659_purchases_and_the_2357_sampled_customers():
    found = find_spec("lifetimes")
    if found is None or found.origin is None:
        pytest.skip("the package that carries the published files is not installed")
    published = Path(found.origin).parent / "datasets"
    shop = cdnow.derive([published / "CDNOW_master.txt", published / "CDNOW_sample.txt"])
    real = pq.read_table(DATA / "orders.parquet", columns=shop.orders.column_names)
    assert shop.orders.drop_columns("unit_price").equals(real.drop_columns("unit_price"))
    assert shop.customers.equals(pq.read_table(DATA / "customers.parquet"))
