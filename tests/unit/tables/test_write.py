"""Writing a shop folder: whole or not at all, and nobody else's files harmed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intentml.errors import DataError
from intentml.tables.write import write_shop

ORDERS = pa.table({"customer_id": ["a"], "order_id": ["1"], "ordered_at": ["2024-01-01"]})
PRODUCTS = pa.table({"product_id": ["p"]})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_holds_exactly_the_tables_given(tmp_path: Path) -> None:
    write_shop(tmp_path / "deep" / "shop", orders=ORDERS, products=PRODUCTS)
    assert names(tmp_path / "deep" / "shop") == ["orders.parquet", "products.parquet"]
    assert names(tmp_path / "deep") == ["shop"]
    assert pq.read_table(tmp_path / "deep" / "shop" / "orders.parquet").equals(ORDERS)
    metadata = pq.read_metadata(tmp_path / "deep" / "shop" / "orders.parquet")
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    write_shop(tmp_path / "shop", orders=ORDERS)
    assert names(tmp_path / "shop") == ["orders.parquet"]


def test_writing_again_replaces_tables_removes_stale_ones_and_keeps_other_files(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop", orders=ORDERS, products=PRODUCTS)
    (tmp_path / "shop" / "truth.json").write_text("{}")
    later = pa.table({"customer_id": ["b"], "order_id": ["2"], "ordered_at": ["2024-02-01"]})
    write_shop(tmp_path / "shop", orders=later)
    assert names(tmp_path / "shop") == ["orders.parquet", "truth.json"]
    assert pq.read_table(tmp_path / "shop" / "orders.parquet").equals(later)


def test_a_table_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="struct"):
        write_shop(tmp_path / "shop", orders=ORDERS, events=pa.table({"x": pa.array([{}], pa.struct([]))}))
    assert names(tmp_path) == []


@pytest.mark.parametrize("held", ["notes.txt", "orders.csv", "products.csv.gz"])
def test_a_folder_of_somebody_elses_files_is_refused_and_left_alone(tmp_path: Path, held: str) -> None:
    (tmp_path / held).write_text("mine")
    with pytest.raises(DataError, match=held):
        write_shop(tmp_path, orders=ORDERS)
    assert names(tmp_path) == [held]


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine")
    with pytest.raises(DataError, match="is a file"):
        write_shop(tmp_path / "shop", orders=ORDERS)
