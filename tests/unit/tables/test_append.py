"""Order lines put below a table of orders: each once, in the file's own manner, whole or not at all."""

from __future__ import annotations

import fcntl
import gzip
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intentml.errors import ContractError, DataError, MappingError
from intentml.tables.append import append_orders
from intentml.tables.read import read_shop

ROWS = [
    {"customer_id": "C-1", "order_id": "1", "ordered_at": "2024-03-01 10:00:00", "product_id": "p1"},
    {"customer_id": "C-2", "order_id": "2", "ordered_at": "2024-03-02 10:00:00", "product_id": "p2"},
]


def line(**cells):
    return {
        "customer_id": "C-1",
        "order_id": "9",
        "ordered_at": "2024-04-02T10:30:00Z",
        "product_id": "p1",
    } | cells


def told(*lines):
    names = dict.fromkeys(name for one in lines for name in one)
    return pa.table({name: [one.get(name) for one in lines] for name in names})


def append(folder, *lines, telling=None, **options):
    return append_orders(folder, [told(*lines)], telling or [1] * len(lines), **options)


def frame(tmp_path, name="orders.csv", rows=ROWS, **columns) -> Path:
    table = pd.DataFrame(rows).assign(**columns)
    path = tmp_path / name
    table.to_parquet(path, index=False) if name.endswith("parquet") else table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz", "orders.parquet"])
def test_a_line_is_added_once_however_often_it_is_told(tmp_path, name):
    path = frame(tmp_path, name, till="north")
    first = append(tmp_path, line(quantity=2.0))
    assert (first.lines, first.customers, first.known, first.file.name) == (1, 1, 0, name)
    content = path.read_bytes()
    again = append(tmp_path, line(quantity=2.0))
    assert (again.lines, again.known) == (0, 1)
    assert path.read_bytes() == content
    orders = read_shop(tmp_path).orders.to_pandas()
    assert orders["order_id"].tolist() == ["1", "2", "9"]
    assert orders["ordered_at"].iloc[2] == pd.Timestamp("2024-04-02T10:30:00Z")
    assert orders["quantity"].tolist()[2] == 2
    whole = pd.read_parquet(path) if name.endswith("parquet") else pd.read_csv(path)
    assert whole["till"].tolist()[:2] == ["north", "north"]
    assert whole["till"].isna().tolist() == [False, False, True]


def test_a_line_that_the_shop_s_own_export_brought_is_no_news(tmp_path):
    frame(tmp_path, rows=[*ROWS, line()])
    assert append(tmp_path, line(unit_price=1.0)).known == 1


def test_lines_alike_are_as_many_as_one_telling_has(tmp_path):
    frame(tmp_path)
    assert append(tmp_path, line(), line(), line(), telling=[1, 1, 2]).lines == 2
    assert append(tmp_path, line(), line(), line(), telling=[3, 3, 3]).lines == 1


def test_a_line_that_was_returned_since_says_so(tmp_path):
    frame(tmp_path, "orders.parquet")
    back = line(**ROWS[0]) | {"status": "returned", "returned_at": "2024-03-05T12:00:00Z"}
    done = append(tmp_path, back, line(), line(returned_at="2024-04-03"), telling=[1, 2, 3])
    assert (done.lines, done.known, done.returned) == (1, 2, 1)
    orders = read_shop(tmp_path).orders.to_pandas()
    assert orders["returned_at"].dt.strftime("%m-%d").tolist()[0::2] == ["03-05", "04-03"]
    assert orders["status"].fillna("").tolist() == ["returned", "", ""]
    assert append(tmp_path, back).returned == 0


def test_the_file_keeps_its_delimiter_encoding_mode_and_link(tmp_path):
    aside = tmp_path / "elsewhere.csv"
    text = 'customer_id;order_id;ordered_at;Häuser\nC-1;1;2024-03-01;"a;b"\n'
    aside.write_bytes(text.encode("cp1252"))
    aside.chmod(0o640)
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "orders.csv").symlink_to(aside)
    append(folder, line())
    assert (folder / "orders.csv").is_symlink()
    lines = aside.read_bytes().decode("cp1252").splitlines()
    assert lines[0] == "customer_id;order_id;ordered_at;Häuser;product_id"
    assert lines[1] == 'C-1;1;2024-03-01;"a;b";'
    assert lines[2].startswith("C-1;9;2024-04-02 10:30:00")
    assert aside.stat().st_mode & 0o777 == 0o640


def test_a_name_that_the_encoding_lacks_makes_the_file_utf_8(tmp_path):
    (tmp_path / "orders.csv").write_bytes(
        "customer_id,order_id,ordered_at\nÄ,1,2024-03-01\n".encode("cp1252")
    )
    append(tmp_path, line(customer_id="Łucja"))
    assert read_shop(tmp_path).orders["customer_id"].to_pylist() == ["Ä", "Łucja"]


def test_foreign_names_are_filled_by_the_mapping(tmp_path):
    (tmp_path / "names.toml").write_text(
        '[orders]\ntable = "invoices"\ncustomer_id = "Client"\norder_id = "No"\nordered_at = "Date"\n'
    )
    rows = pd.DataFrame(ROWS).drop(columns="product_id").set_axis(["Client", "No", "Date"], axis=1)
    shop = tmp_path / "shop"
    shop.mkdir()
    rows.to_parquet(shop / "invoices.parquet")
    append(shop, line(), columns=tmp_path / "names.toml")
    assert pd.read_parquet(shop / "invoices.parquet")["Client"].tolist() == ["C-1", "C-2", "C-1"]
    assert append(shop, line(), columns=tmp_path / "names.toml").known == 1


def test_two_columns_of_ours_in_one_of_the_file_s_may_not_differ(tmp_path):
    (tmp_path / "names.toml").write_text('[orders]\nrecorded_at = "ordered_at"\nordered_at = "ordered_at"\n')
    frame(tmp_path)
    append(tmp_path, line(recorded_at="2024-04-02T10:30:00Z"), columns=tmp_path / "names.toml")
    before = (tmp_path / "orders.csv").read_bytes()
    with pytest.raises(MappingError, match="recorded_at and ordered_at in one column"):
        append(tmp_path, line(order_id="10", recorded_at="2024-04-03"), columns=tmp_path / "names.toml")
    assert (tmp_path / "orders.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("types", "retyped"),
    [
        ({"ordered_at": pa.timestamp("s")}, ()),
        ({"ordered_at": pa.timestamp("ns", tz="Europe/Madrid")}, ()),
        ({"ordered_at": pa.date32()}, ("ordered_at",)),
        ({"order_id": pa.int64()}, ()),
        ({"order_id": pa.int64(), "product_id": pa.dictionary(pa.int32(), pa.string())}, ()),
    ],
)
def test_a_column_keeps_its_type_where_that_can_hold_what_came(tmp_path, types, retyped):
    table = pa.Table.from_pandas(
        pd.DataFrame(ROWS).assign(ordered_at=pd.to_datetime([row["ordered_at"] for row in ROWS]))
    )
    for name, kind in types.items():
        at = table.column_names.index(name)
        table = table.set_column(at, name, table[name].cast(kind))
    pq.write_table(table, tmp_path / "orders.parquet", compression="gzip")
    before = read_shop(tmp_path, timezone="Europe/Madrid").orders
    done = append(tmp_path, line(), timezone="Europe/Madrid")
    after = read_shop(tmp_path, timezone="Europe/Madrid").orders
    assert done.retyped == retyped
    assert after[:2].equals(before)
    assert after["ordered_at"].to_pandas()[2] == pd.Timestamp("2024-04-02T10:30:00Z")
    assert append(tmp_path, line(), timezone="Europe/Madrid").known == 1


def test_an_id_of_letters_below_numbers_keeps_both_as_they_read(tmp_path):
    frame(tmp_path, "orders.parquet", customer_id=[7, 8])
    done = append(tmp_path, line(customer_id="C-9"))
    assert done.retyped == ("customer_id",)
    assert read_shop(tmp_path).orders["customer_id"].to_pylist() == ["7", "8", "C-9"]


def test_ids_that_a_float_column_wrote_stay_who_they_were(tmp_path):
    frame(tmp_path, customer_id=["7.0", "8.0"])
    append(tmp_path, line(customer_id="C-9"), line(customer_id="7"))
    assert read_shop(tmp_path).orders["customer_id"].to_pylist() == ["7", "8", "C-9", "7"]


def test_the_hour_that_the_clocks_show_twice_is_told_apart(tmp_path):
    frame(tmp_path)
    second = line(ordered_at="2024-10-27T01:30:00Z")  # 02:30 in Madrid, for the second time
    append(tmp_path, second, timezone="Europe/Madrid")
    orders = read_shop(tmp_path, timezone="Europe/Madrid").orders.to_pandas()
    assert orders["ordered_at"].iloc[-1] == pd.Timestamp("2024-10-27T01:30:00Z")
    assert append(tmp_path, second, timezone="Europe/Madrid").known == 1


def test_an_empty_folder_gets_a_table_where_that_is_asked_for(tmp_path):
    done = append(tmp_path / "new", line(quantity=2.0), make=True)
    assert (done.file.name, done.lines) == ("orders.parquet", 1)
    assert pq.read_schema(done.file).names == [
        "customer_id",
        "order_id",
        "ordered_at",
        "product_id",
        "quantity",
    ]
    assert append(tmp_path / "new", line(quantity=2.0), make=True).known == 1


def test_what_lines_cannot_be_added_to_is_told_with_a_way_out(tmp_path):
    with pytest.raises(DataError, match="no folder at"):
        append(tmp_path / "nowhere", line())
    with pytest.raises(DataError, match=r"postgres://db/shop is no folder(.|\n)*--new into an empty folder"):
        append("postgres://jane:secret@db/shop", line())
    (tmp_path / "orders.parquet").mkdir()
    with pytest.raises(DataError, match="a folder of files"):
        append(tmp_path, line())


def test_a_table_that_breaks_its_contract_is_left_as_it_is(tmp_path):
    path = frame(tmp_path, ordered_at=["soon", "later"])
    before = path.read_bytes()
    with pytest.raises(ContractError):
        append(tmp_path, line())
    assert path.read_bytes() == before


def test_two_do_not_add_at_once(tmp_path):
    frame(tmp_path)
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(DataError, match="somebody else is adding"):
        append(tmp_path, line())
    os.close(handle)
    assert append(tmp_path, line()).lines == 1


KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow as pa
from intentml.tables import append

step, folder = sys.argv[1:]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if step == "written":
    append._to_disk = die
elif step == "renamed":
    real = append._to_disk
    append._to_disk = lambda path: die() if path.is_dir() else real(path)
table = pa.table({name: [value] for name, value in %r.items()})
append.append_orders(folder, [table], [1])
"""


@pytest.mark.parametrize(("step", "there"), [("written", 0), ("renamed", 1)])
@pytest.mark.parametrize("name", ["orders.csv.gz", "orders.parquet"])
def test_killed_at_any_moment_it_has_all_or_nothing_and_the_next_run_adds_the_rest(
    tmp_path, name, step, there
):
    path = frame(tmp_path, name)
    before = path.read_bytes()
    killed = subprocess.run([sys.executable, "-c", KILLED % line(), step, str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert (path.read_bytes() == before) == (not there)
    done = append(tmp_path, line())
    assert (done.lines, done.known) == (1 - there, there)
    assert read_shop(tmp_path).orders.num_rows == 3
    assert sorted(one.name for one in tmp_path.iterdir()) == [name]
    if name.endswith("gz"):
        assert gzip.decompress(path.read_bytes()).count(b"\n") == 4
