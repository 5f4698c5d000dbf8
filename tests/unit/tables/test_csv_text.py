"""CSV files of every habit become the same text table."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from intentml.errors import DataError
from intentml.tables.csv_text import read_csv_text

TEXT = 'id,name\n007,Zoë\n008,"a, b\nc"\n'


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.replace("\n", "\r\n").replace("b\r\nc", "b\nc").encode(),
        TEXT.encode("cp1252"),
        TEXT.encode("utf-16"),
        b"\n" + TEXT.encode(),
        TEXT.rstrip("\n").encode(),
    ],
    ids=["utf-8", "byte order mark", "crlf", "windows-1252", "utf-16", "blank first line", "no last newline"],
)
def test_encodings_and_line_ends_do_not_matter(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert read_csv_text(path).table.to_pydict() == {"id": ["007", "008"], "name": ["Zoë", "a, b\nc"]}


def test_windows_1252_signs_are_read_and_bytes_it_lacks_fall_back_to_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("name\n5 € “kilo”\n".encode("cp1252"))
    assert read_csv_text(path).table["name"].to_pylist() == ["5 € “kilo”"]
    path.write_bytes(b"name\n\xe9\x81\n")
    assert read_csv_text(path).table["name"].to_pylist() == ["é\x81"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header_and_gz_is_unpacked(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(f"a{delimiter}b\n1{delimiter}\n".encode()))
    assert read_csv_text(path).table.to_pydict() == {"a": ["1"], "b": [None]}


def test_lines_with_a_wrong_number_of_fields_are_numbered_from_the_first_data_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3\n4,5\n6,7,8\n")
    read = read_csv_text(path)
    assert read.malformed == (1, 3)
    assert read.table["a"].to_pylist() == ["1", "4"]


def test_only_wanted_columns_are_kept_and_all_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n1,2,3\n")
    read = read_csv_text(path, frozenset({"b", "z"}))
    assert read.table.column_names == ["b"]
    assert read.columns == ("a", "b", "c")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.csv is empty"):
        read_csv_text(tmp_path / "t.csv")


def test_a_file_of_bytes_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"PK\x03\x04\x00\x00")
    with pytest.raises(DataError, match="not text"):
        read_csv_text(tmp_path / "t.csv")


def test_a_broken_gz_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n" * 99)[:20])
    with pytest.raises(DataError, match=r"t\.csv\.gz"):
        read_csv_text(tmp_path / "t.csv.gz")


def test_a_sign_of_the_header_alone_tells_the_encoding(tmp_path):
    (tmp_path / "customers.csv").write_bytes("customer_id,Häuser\nC-1,2\n".encode("cp1252"))
    assert read_csv_text(tmp_path / "customers.csv").table.column_names == ["customer_id", "Häuser"]
