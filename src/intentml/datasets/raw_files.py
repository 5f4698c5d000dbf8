"""A source's own text files and workbooks, read into columns of text, then into numbers and instants.

What comes in: a path and the names a column may bear in the source. What goes out: Arrow columns,
or a DataError that names file, column, rows and an example. It knows encodings, delimiters and
spellings of dates, and no data set.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from intentml.errors import DataError

_DELIMITERS = (",", ";", "\t")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DAYS = (
    "%Y-%m-%d",
    "%Y%m%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%m/%d/%y",
    "%d/%m/%y",
)
_FORMATS = tuple(day + clock for day, clock in product(_DAYS, ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S")))
# Formats are ruled out on the first lines before one is tried on all of them.
_PROBE = 2000


@dataclass(frozen=True)
class RawTable:
    """One file, or one sheet of a workbook.

    Attributes:
        label: File name (and sheet), as errors call it.
        columns: Text columns under our names; empty cells are null, blanks around text are cut.
    """

    label: str
    columns: pa.Table


def read_delimited(path: Path, names: Mapping[str, Sequence[str]]) -> RawTable:
    """Reads a delimited text file with a header, in UTF-8 (with or without mark) or Latin-1.

    Args:
        path: The file; comma, semicolon or tab divide its columns.
        names: For each column we want, the headers the source may give it; case, blanks and
            punctuation are not looked at. Other columns are skipped.

    Raises:
        DataError: The file cannot be read, lacks columns or has rows of another width.
    """
    text = read_text(path)
    first_line = text.partition("\n")[0].rstrip("\r")
    delimiter = max(_DELIMITERS, key=first_line.count)
    header = next(csv.reader([first_line], delimiter=delimiter), [])
    found = _match_header(path.name, header, names)
    positions = [f"{position}" for position in range(len(header))]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text.encode()),
            read_options=arrow_csv.ReadOptions(column_names=positions, skip_rows=1),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=[positions[found[name]] for name in names],
                column_types={position: pa.string() for position in positions},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"{path.name} is not a table of {len(header)} columns: {error}") from error
    return RawTable(path.name, _tidy(table.rename_columns(list(names))))


def read_workbook(path: Path, names: Mapping[str, Sequence[str]]) -> list[RawTable]:
    """Reads every sheet of an Excel workbook whose first row is a header.

    Raises:
        DataError: No Excel reader is installed, or the workbook cannot be read or lacks columns.
    """
    try:
        from openpyxl import load_workbook  # type: ignore[import-untyped]
    except ImportError as error:
        raise DataError(
            f"{path.name} is an Excel workbook and no reader for it is installed",
            hint="run: pip install openpyxl, or save each sheet as CSV and name those files",
        ) from error
    try:
        workbook = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl passes on whatever zip and XML raise
        raise DataError(f"{path.name} cannot be opened as an Excel workbook: {error}") from error
    tables = []
    for sheet in workbook.worksheets:
        rows = sheet.iter_rows(values_only=True)
        label = f"{path.name}, sheet {sheet.title}"
        found = _match_header(label, [_cell(value) or "" for value in next(rows, ())], names)
        cells: dict[str, list[str | None]] = {name: [] for name in names}
        for row in rows:
            for name, position in found.items():
                cells[name].append(_cell(row[position]) if position < len(row) else None)
        columns = {name: pa.array(values, pa.string()) for name, values in cells.items()}
        tables.append(RawTable(label, _tidy(pa.table(columns))))
    workbook.close()
    return tables


def read_text(path: Path) -> str:
    """A file's text: UTF-8 if it is, else Latin-1.

    Raises:
        DataError: The file is missing, empty or packed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", hint="check the path of the source's file"
        ) from error
    if content.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise DataError(f"{path.name} is a packed file", hint="unpack it and name the file inside")
    if not content.strip():
        raise DataError(f"{path.name} is empty", hint="copy it again, whole")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def numbers(raw: RawTable, name: str) -> pa.ChunkedArray:
    """A text column as float64; empty cells stay null.

    Raises:
        DataError: Cells that are no number.
    """
    text = raw.columns[name]
    _refuse(raw, name, pc.invert(pc.match_substring_regex(text, _NUMBER)), "is not a number")
    return text.cast(pa.float64())


def instants(raw: RawTable, name: str, earliest: dt.date, latest: dt.date) -> pa.ChunkedArray:
    """A text column as timestamps without a zone (the shop's own clock), in one format for all rows.

    Where a column can be read both month first and day first, the reading that keeps every row
    between `earliest` and `latest` (the dates the data set is known to span) is taken.

    Raises:
        DataError: Cells that fit no format, or two formats that both fit and disagree.
    """
    text = raw.columns[name]
    probe = pc.drop_null(text).slice(0, _PROBE)
    if not len(probe):
        return text.cast(pa.timestamp("us"))
    misses = {form: pc.sum(pc.is_null(_parse(probe, form))).as_py() for form in _FORMATS}
    fewest = min(misses.values())
    parsed = {form: _parse(text, form) for form, missed in misses.items() if missed == fewest}
    closest = min(column.null_count for column in parsed.values())
    readings = [column for column in parsed.values() if column.null_count == closest]
    _refuse(raw, name, pc.and_(pc.is_null(readings[0]), pc.is_valid(text)), "is not a date like the others")
    within = [column for column in readings if _is_between(column, earliest, latest)] or readings
    if any(not column.equals(within[0]) for column in within[1:]):
        raise DataError(
            f"{raw.label}, column {name}: day and month cannot be told apart, e.g. {probe[0].as_py()!r}",
            column=name,
            hint="write the dates as 2010-12-31",
        )
    return within[0]


def _parse(text: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    return pc.strptime(text, format=form, unit="us", error_is_null=True)


def _is_between(moments: pa.ChunkedArray, earliest: dt.date, latest: dt.date) -> bool:
    span = pc.min_max(moments.cast(pa.date32(), safe=False)).as_py()
    return bool(earliest <= span["min"] and span["max"] <= latest)


def _refuse(raw: RawTable, name: str, wrong: pa.ChunkedArray, complaint: str) -> None:
    rows = pc.indices_nonzero(pc.fill_null(wrong, False)).to_pylist()
    if rows:
        example = raw.columns[name][rows[0]].as_py()
        raise DataError(
            f"{raw.label}, column {name}: {len(rows):,} of {len(wrong):,} rows: {example!r} {complaint}",
            column=name,
            rows=rows[:5],
            hint="mend or delete these rows in the source file (row 0 is the first below the header)",
        )


def _tidy(table: pa.Table) -> pa.Table:
    """Blanks around text cut; text of blanks alone is null."""
    trimmed = [pc.utf8_trim_whitespace(column) for column in table.columns]
    nulled = [pc.if_else(pc.equal(column, ""), None, column) for column in trimmed]
    return pa.table(dict(zip(table.column_names, nulled, strict=True)))


def _match_header(label: str, header: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    positions = {_key(title): position for position, title in reversed(list(enumerate(header)))}
    found = {
        name: positions[_key(alias)]
        for name, aliases in names.items()
        for alias in reversed(aliases)
        if _key(alias) in positions
    }
    missing = [aliases[0] for name, aliases in names.items() if name not in found]
    if missing:
        raise DataError(
            f"{label} lacks the columns {', '.join(missing)}; it has: {', '.join(header)[:300] or 'none'}",
            hint="name the source's own file, with its header line",
        )
    return found


def _key(title: str) -> str:
    return re.sub(r"[\W_]+", "", title).casefold()


def _cell(value: object) -> str | None:
    """A workbook's cell as the text file would have it."""
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
