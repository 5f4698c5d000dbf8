"""Column mappings: what they say, and what they may not say."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from intentml.errors import MappingError
from intentml.tables.contracts import CUSTOMERS, ORDERS
from intentml.tables.mapping import Mapping, TableMapping, read_mapping, renamed


def test_no_file_maps_nothing() -> None:
    assert read_mapping(None)["orders"] == TableMapping()


def test_a_section_names_a_table_and_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "names.toml"
    path.write_text('[orders]\ntable = "invoices"\ncustomer_id = "CustomerID"\n')
    mapping = read_mapping(path)
    assert mapping["orders"] == TableMapping("invoices", {"customer_id": "CustomerID"})
    wanted = mapping.wanted(ORDERS)
    assert wanted is not None
    assert {"CustomerID", "order_id"} <= wanted
    assert mapping.wanted(CUSTOMERS) is None


def test_columns_are_renamed_one_may_serve_two_and_a_mapped_name_wins() -> None:
    raw = pa.table({"day": ["d"], "customer_id": ["internal"], "Client": ["c"], "store": ["s"]})
    names = TableMapping(columns={"customer_id": "Client", "order_id": "day", "ordered_at": "day"})
    assert renamed(raw, names, ORDERS).to_pylist() == [
        {"customer_id": "c", "order_id": "d", "ordered_at": "d", "store": "s"}
    ]


def test_a_column_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(MappingError, match=r"Customer_ID.*not have") as told:
        renamed(pa.table({"CustomerID": ["c"]}), TableMapping(columns={"customer_id": "Customer_ID"}), ORDERS)
    assert told.value.to_dict()["column"] == "customer_id"
    assert "CustomerID" in str(told.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[order]\na = 'b'", r"\[order\]"),
        ("[orders]\ncustomerid = 'b'", "nearest: customer_id"),
        ("[orders]\ncustomer_id = 3", "not a name in quotes"),
        ("orders = 'x'", r"section \[orders\] belongs"),
        ("[orders", "no TOML"),
    ],
)
def test_a_mapping_that_says_nonsense_is_one_clear_error(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "names.toml"
    path.write_text(text)
    with pytest.raises(MappingError, match=told):
        read_mapping(path)


def test_an_open_table_takes_names_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "names.toml"
    path.write_text("[customers]\nloyalty_points = 'pts'\n")
    assert read_mapping(path)["customers"].columns == {"loyalty_points": "pts"}


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="no column mapping"):
        read_mapping(tmp_path / "none.toml")


def test_the_empty_mapping_changes_nothing() -> None:
    raw = pa.table({"a": [1], "b": [2]})
    assert renamed(raw, Mapping()["orders"], ORDERS).equals(raw)
