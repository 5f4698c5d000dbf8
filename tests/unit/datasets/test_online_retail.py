"""UCI Online Retail: both headers, both encodings, the statuses, and the sample against the real tables."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intentml.datasets import online_retail
from intentml.datasets.derived import select
from intentml.errors import DataError

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "online_retail"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the folder of real data sets is not here")

YEAR_TWO = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A, WHITE HANGING HEART ,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,85123A,WHITE HANGING HEART,2,2010-12-01 08:26:00,2.75,17850.0,United Kingdom
536365,85123A,sold as a set?,1,2010-12-01 08:26:00,0,17850.0,France
C536379,85123A,WHITE HANGING HEART,-1,2010-12-01 09:41:00,2.55,17850.0,United Kingdom
536380,22961,"JAM, MAKING SET",-3,2010-12-01 09:41:00,0,,United Kingdom
A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,11062.06,,United Kingdom
"""


def write(folder: Path, text: str, name: str = "raw.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_status_tells_sales_cancellations_bad_debt_and_stock_adjustments_apart(tmp_path):
    orders = online_retail.derive([write(tmp_path, YEAR_TWO)]).orders
    assert orders["status"].to_pylist() == [
        "completed",
        "completed",
        "completed",
        "returned",
        "stock_adjustment",
        "adjustment",
    ]
    assert orders["currency"].unique().to_pylist() == ["GBP"]


def test_customer_17850_point_0_is_customer_17850_and_a_missing_one_stays_missing(tmp_path):
    orders = online_retail.derive([write(tmp_path, YEAR_TWO)]).orders
    assert orders["customer_id"].to_pylist() == ["17850"] * 4 + [None] * 2


def test_a_products_name_is_the_commonest_of_its_priced_lines_and_its_price_their_median(tmp_path):
    products = online_retail.derive([write(tmp_path, YEAR_TWO)]).products
    assert products.to_pylist() == [
        {"product_id": "22961", "name": None, "price": None},
        {"product_id": "85123A", "name": "WHITE HANGING HEART", "price": pytest.approx(2.65)},
        {"product_id": "B", "name": "Adjust bad debt", "price": 11062.06},
    ]


def test_a_customers_country_is_the_commonest(tmp_path):
    customers = online_retail.derive([write(tmp_path, YEAR_TWO)]).customers
    assert customers.to_pylist() == [{"customer_id": "17850", "country": "United Kingdom"}]


def test_the_header_of_the_two_year_edition_and_latin_1_give_the_same_tables(tmp_path):
    pound = YEAR_TWO.replace("WHITE", "£1 WHITE")
    renamed = pound.replace(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID",
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID",
    ).replace("17850.0", "17850")
    first = online_retail.derive([write(tmp_path, pound)])
    second = online_retail.derive([write(tmp_path, renamed, "ii.csv", "latin-1")])
    assert first.orders.equals(second.orders)
    assert second.products["name"][1].as_py() == "£1 WHITE HANGING HEART"


def test_month_first_dates_are_recognised_by_the_years_the_data_set_spans(tmp_path):
    american = YEAR_TWO.replace("2010-12-01 08:26:00", "12/1/2009 8:26")
    american = american.replace("2010-12-01 09:41:00", "12/1/2010 9:41")
    american = american.replace("2011-08-12 14:50:00", "12/8/2011 14:50")
    ordered_at = online_retail.derive([write(tmp_path, american)]).orders["ordered_at"]
    # Day first, the first line would be of January 2009, before the data set begins.
    assert str(ordered_at[0]) == "2009-12-01 08:26:00"
    assert str(ordered_at[5]) == "2011-12-08 14:50:00"


def test_dates_that_could_be_month_first_or_day_first_are_refused(tmp_path):
    header, line = YEAR_TWO.splitlines()[:2]
    path = write(tmp_path, f"{header}\n{line.replace('2010-12-01 08:26:00', '3/4/2011 8:26')}\n")
    with pytest.raises(DataError, match=r"day and month cannot be told apart, e\.g\. '3/4/2011 8:26'"):
        online_retail.derive([path])


def test_an_invoice_in_two_files_is_taken_from_the_later_one_and_counted(tmp_path):
    header, *lines = YEAR_TWO.splitlines(keepends=True)
    earlier = (
        header + "489434,85048,GLASS BALL,12,2009-12-01 07:45:00,6.95,13085.0,Spain\n" + "".join(lines[:3])
    )
    shop = online_retail.derive([write(tmp_path, earlier, "one.csv"), write(tmp_path, YEAR_TWO, "two.csv")])
    assert shop.orders.num_rows == 7
    assert shop.orders["order_id"][0].as_py() == "489434"
    assert [(count.rule, count.count) for count in shop.counts] == [("invoice_in_several_files", 3)]


def test_a_file_of_another_source_is_refused_with_what_it_lacks_and_has(tmp_path):
    path = write(tmp_path, "user,item,stars\n1,2,3\n")
    with pytest.raises(DataError, match=r"lacks the columns Invoice, .*; it has: user, item, stars"):
        online_retail.derive([path])


def test_cells_that_are_no_number_are_counted_and_shown(tmp_path):
    with pytest.raises(DataError, match="column quantity: 1 of 6 rows: 'six' is not a number") as caught:
        online_retail.derive([write(tmp_path, YEAR_TWO.replace(",6,2010", ",six,2010"))])
    assert caught.value.rows == (0,)


def test_a_date_unlike_the_others_is_counted_and_shown(tmp_path):
    with pytest.raises(DataError, match="1 of 6 rows: 'soon' is not a date") as caught:
        online_retail.derive([write(tmp_path, YEAR_TWO.replace("2011-08-12 14:50:00", "soon"))])
    assert caught.value.rows == (5,)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "is empty"), (b"PK\x03\x04rest", "is a packed file"), (b"\x1f\x8brest", "is a packed file")],
)
def test_empty_and_packed_files_are_named_as_such(tmp_path, content, complaint):
    (tmp_path / "raw.csv").write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        online_retail.derive([tmp_path / "raw.csv"])


def test_a_row_of_another_width_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not a table of 8 columns"):
        online_retail.derive([write(tmp_path, YEAR_TWO + "536381,1\n")])


def test_a_workbook_without_an_excel_reader_tells_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    (tmp_path / "online_retail_II.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="pip install openpyxl"):
        online_retail.derive([tmp_path / "online_retail_II.xlsx"])


def test_a_workbooks_sheets_read_like_the_files_they_were_saved_as(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="no Excel reader is installed")
    workbook = openpyxl.Workbook()
    header, *lines = YEAR_TWO.splitlines()
    workbook.active.append(header.split(","))
    for cells in (line.split(",") for line in lines[:4]):
        invoice = int(cells[0]) if cells[0].isdigit() else cells[0]
        when = datetime.fromisoformat(cells[4])
        workbook.active.append(
            [invoice, cells[1], cells[2], int(cells[3]), when, float(cells[5]), 17850.0, cells[7]]
        )
    workbook.save(tmp_path / "raw.xlsx")
    as_text = write(tmp_path, "\n".join([header, *lines[:4]]) + "\n")
    assert online_retail.derive([tmp_path / "raw.xlsx"]).orders.equals(online_retail.derive([as_text]).orders)


@needs_data
@pytest.mark.parametrize(("sample", "whole_customers"), [("raw_sample.csv", 24), ("raw_sample_ii.csv", 26)])
def test_the_sample_gives_its_customers_lines_of_the_real_tables(sample, whole_customers):
    shop = online_retail.derive([DATA / sample])
    real = pq.read_table(DATA / "orders.parquet", columns=shop.orders.column_names)
    # A sample holds whole customers over its own year, and some lines of others.
    unmatched = select("SELECT * FROM ours EXCEPT ALL SELECT * FROM theirs", ours=shop.orders, theirs=real)
    assert unmatched.num_rows == 0
    assert whole(shop.orders, real) == whole_customers
    known = pq.read_table(DATA / "customers.parquet").to_pylist()
    assert [row for row in shop.customers.to_pylist() if row not in known] == []


def whole(ours: pa.Table, theirs: pa.Table) -> int:
    """Customers of `ours` whose lines in the days of `ours` are all there."""
    per_customer = """
    WITH span AS (SELECT min(ordered_at) AS first, max(ordered_at) AS last FROM ours),
    expected AS (
        SELECT customer_id, count(*) AS lines FROM theirs, span
        WHERE ordered_at BETWEEN first AND last GROUP BY customer_id
    ), found AS (SELECT customer_id, count(*) AS lines FROM ours GROUP BY customer_id)
    SELECT count(*) AS customers FROM expected JOIN found USING (customer_id, lines)
    """
    return select(per_customer, ours=ours, theirs=theirs)["customers"][0].as_py()
