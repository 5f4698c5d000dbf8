"""The door: folders, DuckDB, SQLite and frames give the same shop; bad sources one clear error."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from intentml.errors import ContractError, DataError, IntentmlError, MappingError
from intentml.tables.contracts import CONTRACTS
from intentml.tables.read import read_shop, shop_from_frames
from intentml.tables.sources import described
from intentml.tables.write import write_shop

ORDERS = pa.table(
    {
        "customer_id": ["007", "007", None],
        "order_id": ["A1", "A1", "A2"],
        "ordered_at": ["2024-03-01 10:00:00", "2024-03-01 10:00:00", "2024-03-02 00:00:00"],
        "product_id": ["0042", "0043", "0042"],
        "quantity": [1.0, 2.5, None],
        "status": ["completed", "RETURNED", None],
    }
)
PRODUCTS = pa.table(
    {"product_id": ["0042", "0043"], "name": ["Tea", "Jam"], "category_path": ["a>b", "a > c"]}
)


def csv_folder(folder: Path) -> Path:
    folder.mkdir()
    pa_csv.write_csv(ORDERS, folder / "orders.csv")
    (folder / "products.csv.gz").write_bytes(gzip.compress(_csv(PRODUCTS)))
    return folder


def _csv(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pa_csv.write_csv(table, sink)
    return bytes(sink.getvalue())


def parquet_folder(folder: Path) -> Path:
    write_shop(folder, orders=ORDERS, products=PRODUCTS)
    return folder


def duckdb_file(path: Path) -> Path:
    path = path.with_suffix(".duckdb")
    with duckdb.connect(str(path)) as connection:
        connection.register("o", ORDERS)
        connection.register("p", PRODUCTS)
        connection.execute(
            "create table orders as select * replace (ordered_at::timestamp as ordered_at) from o"
        )
        connection.execute("create view \"Products\" as select * from (values ('x')) where false")
        connection.execute('drop view "Products"; create table "Products" as select * from p')
    return path


def duckdb_url(path: Path) -> str:
    return f"duckdb://{duckdb_file(path)}"


def sqlite_url(path: Path) -> str:
    with sqlite3.connect(path.with_suffix(".db")) as connection:
        ORDERS.to_pandas().to_sql("orders", connection, index=False)
        PRODUCTS.to_pandas().to_sql("products", connection, index=False)
    return f"sqlite://{path.with_suffix('.db')}"


@pytest.mark.parametrize("make", [csv_folder, parquet_folder, duckdb_file, duckdb_url, sqlite_url])
def test_every_kind_of_source_gives_the_same_shop(tmp_path: Path, make: object) -> None:
    expected = shop_from_frames(ORDERS, PRODUCTS)
    shop = read_shop(make(tmp_path / "shop"))  # type: ignore[operator]
    assert shop.orders.equals(expected.orders)
    assert shop.products.equals(expected.products)
    assert shop.fingerprint == expected.fingerprint
    assert shop.present == expected.present


def test_a_shop_has_every_contract_column_and_tells_which_are_real() -> None:
    shop = shop_from_frames(ORDERS.append_column("colour", pa.array(["r", "g", "b"])))
    for name, contract in CONTRACTS.items():
        assert getattr(shop, name).schema.equals(contract.schema)
    assert shop.present["orders"] == tuple(ORDERS.column_names)
    assert shop.present["products"] == ()
    assert shop.ignored == {"orders": ("colour",)}
    assert shop.orders["status"].to_pylist() == ["completed", "returned", None]
    assert shop.orders["customer_id"].to_pylist() == ["007", "007", None]


def test_category_paths_get_one_separator() -> None:
    assert shop_from_frames(ORDERS, PRODUCTS).products["category_path"].to_pylist() == ["a > b", "a > c"]


def test_what_is_written_reads_back_as_the_same_shop(tmp_path: Path) -> None:
    shop = shop_from_frames(ORDERS, PRODUCTS, timezone="Europe/Berlin")
    write_shop(tmp_path / "again", orders=shop.orders, products=shop.products)
    again = read_shop(tmp_path / "again", timezone="Asia/Tokyo")
    assert again.fingerprint == shop.fingerprint


def test_pandas_frames_with_float_ids_and_mixed_columns_become_text() -> None:
    orders = pd.DataFrame(
        {
            "customer_id": [17850.0, None],
            "order_id": ["C1", 17],
            "ordered_at": pd.to_datetime(["2024-01-01", "2024-01-02"]),
            "channel": pd.Categorical(["web", "store"]),
        }
    )
    shop = shop_from_frames(orders)
    assert shop.orders.select(["customer_id", "order_id", "channel"]).to_pylist() == [
        {"customer_id": "17850", "order_id": "C1", "channel": "web"},
        {"customer_id": None, "order_id": "17", "channel": "store"},
    ]


def test_further_columns_of_customers_are_kept_and_typed_from_csv(tmp_path: Path) -> None:
    folder = csv_folder(tmp_path / "shop")
    (folder / "customers.csv").write_text(
        "customer_id,points,zip,vip,since,note\n007,10,02139,true,2020-01-01,hi\n008,,90210,,,\n"
    )
    customers = read_shop(folder).customers
    kinds = {
        name: str(customers.schema.field(name).type) for name in ("points", "zip", "vip", "since", "note")
    }
    assert kinds == {
        "points": "int64",
        "zip": "string",
        "vip": "bool",
        "since": "timestamp[us, tz=UTC]",
        "note": "string",
    }


def test_a_mapping_reads_foreign_tables_and_columns(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "invoices.csv").write_text("Client;No;Day;Colour\n1.0;9;20240301;red\n")
    names = tmp_path / "names.toml"
    names.write_text(
        '[orders]\ntable = "invoices"\ncustomer_id = "Client"\norder_id = "No"\nordered_at = "Day"\n'
    )
    shop = read_shop(folder, columns=names)
    assert shop.orders["customer_id"].to_pylist() == ["1"]
    assert shop.orders["ordered_at"].to_pylist()[0].isoformat() == "2024-03-01T00:00:00+00:00"
    assert shop.ignored == {"orders": ("Colour",)}
    names.write_text('[orders]\ntable = "invoice"\n')
    with pytest.raises(MappingError, match="no such table"):
        read_shop(folder, columns=names)


def test_unreadable_lines_and_bad_values_of_a_csv_are_told_by_their_row_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "customer_id,order_id,ordered_at\n\na,1,2024-01-01\n\na,1\na,2,01/02/2024\n"
    )  # as ROWS_COUNT says: 0 is the first under the header, and empty lines do not count
    with pytest.raises(ContractError) as told:
        read_shop(tmp_path)
    assert [(failure.rule, failure.rows) for failure in told.value.failures] == [
        ("malformed_line", (1,)),
        ("not_a_time", (2,)),
    ]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "holds no tables"),
        ({"notes.txt": "x"}, "holds no tables"),
        ({"invoices.csv": "a,b\n"}, r"no table of orders.*\n.*table = \"invoices\""),
        (
            {"orders.csv": "a\n", "Orders.CSV.gz": "b\n"},
            "several files for orders: Orders.CSV.gz, orders.csv",
        ),
        ({"orders.parquet": "PAR1 not really"}, r"orders\.parquet cannot be read as Parquet"),
        ({"orders.csv": ""}, r"orders\.csv is empty"),
    ],
)
def test_a_bad_folder_is_one_clear_error(tmp_path: Path, files: dict[str, str], told: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=told):
        read_shop(tmp_path)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nowhere", "no folder or database"),
        ("nowhere.duckdb", "no DuckDB file"),
        ("duckdb://nowhere.duckdb", "no DuckDB file"),
        ("sqlite://nowhere.db", "no database file"),
        ("nonsense://there", "cannot be connected to"),
    ],
)
def test_a_source_that_is_not_there_is_one_clear_error_and_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=told):
        read_shop(source)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_duckdb_file_and_a_lone_file_are_clear_errors(tmp_path: Path) -> None:
    (tmp_path / "shop.duckdb").write_bytes(b"hello" * 5000)
    with pytest.raises(DataError, match="cannot be opened as a DuckDB file"):
        read_shop(tmp_path / "shop.duckdb")
    pq.write_table(ORDERS, tmp_path / "orders.parquet")
    with pytest.raises(DataError, match="is a file"):
        read_shop(tmp_path / "orders.parquet")


def test_a_view_whose_sources_are_gone_is_a_clear_error(tmp_path: Path) -> None:
    pq.write_table(ORDERS, tmp_path / "gone.parquet")
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(f"create view orders as select * from '{tmp_path / 'gone.parquet'}'")
    (tmp_path / "gone.parquet").unlink()
    with pytest.raises(DataError, match=r"a table of .* cannot be read"):
        read_shop(tmp_path / "shop.duckdb")


def test_a_folder_of_parquet_parts_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "orders.parquet").mkdir()
    pq.write_table(ORDERS.slice(0, 2), tmp_path / "orders.parquet" / "part-0.parquet")
    pq.write_table(ORDERS.slice(2), tmp_path / "orders.parquet" / "part-1.parquet")
    (tmp_path / "orders.parquet" / "_SUCCESS").touch()
    assert read_shop(tmp_path).fingerprint == shop_from_frames(ORDERS).fingerprint


def test_what_is_no_table_and_no_time_zone_is_refused() -> None:
    with pytest.raises(DataError, match="orders is a dict"):
        shop_from_frames({"customer_id": ["a"]})
    with pytest.raises(DataError, match="Europe/Madrid"):
        shop_from_frames(ORDERS, timezone="Europe/Madird")


def test_a_password_in_a_url_is_never_shown() -> None:
    url = "postgres://ann:s3cr/et@host/db?password=s3cret"
    assert "s3cr" not in described("postgres://ann:s3cret@host/db?password=s3cret")
    assert described("postgres://ann:s3cret@host/db") == "postgres://host/db"
    with pytest.raises(IntentmlError) as told:
        read_shop(url.replace("s3cr/et", "s3cret"))
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "lines", "dirt"),
    [
        ("cdnow", 69_659, {"zero_price": 80, "no_product": 69_659}),
        ("grocery_elog", 10_483, {"no_quantity": 10_483, "no_price": 10_483, "no_product": 10_483}),
        ("instacart_sample", 149_998, {"no_price": 149_998}),
        (
            "online_retail",
            1_044_847,
            {
                "no_customer": 235_287,
                "other_status": 3_399,
                "returned": 18_446,
                "negative_quantity": 22_557,
                "zero_price": 6_024,
                "negative_price": 5,
                "repeated_line": 11_814,
            },
        ),
    ],
)
def test_real_shops_read_whole_with_the_dirt_their_pages_tell(
    shared_data: Path, name: str, lines: int, dirt: dict[str, int]
) -> None:
    shop = read_shop(shared_data / name)
    assert shop.orders.num_rows == lines
    assert {
        count.rule: count.count for count in shop.counts if count.table == "orders" and count.count
    } == dirt
