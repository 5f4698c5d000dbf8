"""A CSV file -> an Arrow table of text, whatever its encoding and delimiter.

What comes in: a .csv or .csv.gz file with a header. What goes out: every column as text (so leading
zeros survive), and the lines that have too few or too many fields. Types are given later (`parse`).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from intentml.errors import DataError

ENCODINGS = ("utf-8", "cp1252", "latin-1")
"""Tried in order. Windows-1252 is Latin-1 with signs where Latin-1 has none; the last never fails."""
DELIMITERS = (",", ";", "\t", "|")
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class CsvText:
    """What a CSV file says.

    Attributes:
        table: The wanted columns as text; an empty field is null.
        columns: Names of all columns of the file.
        malformed: 0-based rows with a wrong number of fields; they are not in `table`.
        delimiter: What stands between its fields.
        encoding: What its bytes mean.
    """

    table: pa.Table
    columns: tuple[str, ...]
    malformed: tuple[int, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"


def read_csv_text(path: Path, wanted: frozenset[str] | None = None) -> CsvText:
    """Reads a CSV file as text.

    UTF-8 (with or without a byte order mark), UTF-16 with its mark, else Windows-1252 or Latin-1;
    the delimiter is the one of comma, semicolon, tab and bar that the header has most of.

    Args:
        path: The file; `.gz` is unpacked.
        wanted: Columns to keep; None = all.

    Raises:
        DataError: The file is empty or cannot be unpacked.
    """
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error}") from None
    if not head.strip(b"\xef\xbb\xbf\r\n \t"):
        raise DataError(f"{path.name} is empty", hint="export it again, with a header line")
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path.name} is not text", hint="is it a Parquet or Excel file under this name?")
    encodings = ("utf-16",) if head.startswith((b"\xff\xfe", b"\xfe\xff")) else ENCODINGS
    for encoding in encodings[:-1]:
        try:
            return _read_as(path, head, encoding, wanted)
        except (UnicodeDecodeError, pa.ArrowInvalid) as error:
            if isinstance(error, pa.ArrowInvalid) and "UTF8" not in str(error):
                raise _unreadable(path, error) from None
    try:
        return _read_as(path, head, encodings[-1], wanted)
    except (UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from None


def _read_as(path: Path, head: bytes, encoding: str, wanted: frozenset[str] | None) -> CsvText:
    """Reads the file under one encoding."""
    names, delimiter = _header(head, encoding)
    malformed: list[int | None] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        malformed.append(row.number)
        return "skip"

    def read(*, use_threads: bool) -> pa.Table:
        malformed.clear()
        include = None
        if wanted is not None and len(set(names)) == len(names):
            include = [name for name in names if name in wanted]
        return pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(encoding=encoding, use_threads=use_threads),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                include_columns=include,
            ),
        )

    table = read(use_threads=True)
    if malformed:
        # Only a reader of one thread knows the numbers of the lines; the header is number 1.
        table = read(use_threads=False)
    _ = table.column_names  # decoded here alone: where the lines are plain, a sign of the header tells
    rows = tuple(number - 2 for number in malformed if number is not None)
    return CsvText(table, tuple(names), rows, delimiter, encoding)


def _header(head: bytes, encoding: str) -> tuple[list[str], str]:
    """The column names and the delimiter."""
    text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="ignore")
    first = next(line for line in text.splitlines() if line.strip())
    delimiter = max(DELIMITERS, key=first.count)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    return next(row for row in rows if row), delimiter


def _unreadable(path: Path, error: Exception) -> DataError:
    """What went wrong, without the line it went wrong in (it may hold addresses)."""
    reason = str(error).split(":", 1)[0]
    return DataError(f"{path.name} cannot be read as CSV ({reason})", hint="export it again as CSV in UTF-8")
