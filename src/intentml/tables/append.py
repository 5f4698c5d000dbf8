"""Order lines -> the end of a folder's table of orders, each once, by one rename.

What comes in: a folder, tellings of order lines, the column mapping. What goes out: the same file with the
lines that it lacked below its own; its further columns are null there. What it has already is recognised
from the table itself, so that telling it again, after a crash too, adds nothing.
"""

from __future__ import annotations

import csv
import gzip
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from intentml.errors import DataError, MappingError
from intentml.tables.alike import RETURNED_SINCE, News, news
from intentml.tables.as_written import as_text, longer
from intentml.tables.contracts import ORDERS
from intentml.tables.csv_text import read_csv_text
from intentml.tables.mapping import TableMapping, read_mapping
from intentml.tables.normalise import Normalised, normalise
from intentml.tables.sources import RawTable, described, file_of_table
from intentml.tables.validate import raise_failures

NEW_FILE = "orders.parquet"
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Appended:
    """What became of the lines.

    Attributes:
        file: The table of orders.
        lines: Lines that it has more.
        customers: Whose.
        known: Lines told that it had.
        returned: Lines that it had, and that were returned since.
        retyped: Columns of the file that took another type to hold them.
    """

    file: Path
    lines: int
    customers: int
    known: int
    returned: int
    retyped: tuple[str, ...] = ()


@dataclass(frozen=True)
class _File:
    """The table as its file has it, and how to write it."""

    path: Path
    raw: RawTable
    delimiter: str = ","
    encoding: str = "utf-8"
    compression: str = "zstd"

    @property
    def is_text(self) -> bool:
        return self.raw.untyped


def append_orders(
    source: str | Path,
    told: Sequence[pa.Table],
    telling: Sequence[int],
    *,
    columns: str | Path | None = None,
    timezone: str = "UTC",
    make: bool = False,
) -> Appended:
    """Put order lines that a folder's table of orders does not have below it, whole or not at all.

    Args:
        source: The folder.
        told: Order lines in the contract's names, in order; each part is read by itself.
        telling: Of each line of all parts, which telling it came with; ascending.
        columns: The column mapping, as for reading.
        timezone: The shop's zone.
        make: Whether a folder without a table of orders gets one.

    Raises:
        ContractError: The table, or a line, breaks the contract.
        MappingError: The mapping does not fit the table, or two columns of ours are one of the file's.
        DataError: There is no such folder or table, or it is one that lines cannot be added to.
    """
    folder, mapping = _folder(source, make=make), read_mapping(columns)
    names = mapping["orders"]
    with _locked(folder):
        path = None if make and _is_bare(folder) else file_of_table(folder, "orders", mapping)
        file = _new_file(folder) if path is None else _read(path)
        here = normalise(ORDERS, file.raw, names, timezone)
        raise_failures(list(here.failures), described(source))
        found = news(here.table, _lines(told, timezone), telling)
        retyped: tuple[str, ...] = ()
        if found.lines.num_rows or found.returned or path is None:
            whole = _whole(file, here, found, names, timezone)
            retyped = _retyped(file, whole)
            _write(replace(file, raw=replace(file.raw, table=whole)))
    customers = len(pc.unique(found.lines["customer_id"]))
    return Appended(file.path, len(found.lines), customers, found.known, len(found.returned), retyped)


def _folder(source: str | Path, *, make: bool) -> Path:
    """The folder of the tables; a database is told how it gets the lines."""
    if "://" in str(source) or Path(source).is_file():
        raise DataError(
            f"{described(source)} is no folder: lines are added to a file of orders alone",
            hint="fold with --new into an empty folder, and load its orders.parquet into the database "
            "by the database's own tools",
        )
    folder = Path(source)
    if make:
        folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        raise DataError(f"no folder at {folder}", hint="check the path; --new makes one")
    return folder


def _is_bare(folder: Path) -> bool:
    """Whether nothing but what is hidden is in a folder."""
    return not any(not path.name.startswith(".") for path in folder.iterdir())


def _new_file(folder: Path) -> _File:
    """A table without lines; columns that lines fill come with them."""
    needed = pa.schema([ORDERS.schema.field(name) for name in ORDERS.required])
    return _File(folder / NEW_FILE, RawTable.whole(needed.empty_table()))


def _lines(told: Sequence[pa.Table], timezone: str) -> pa.Table:
    """All lines, read."""
    read = [normalise(ORDERS, RawTable.whole(part), TableMapping(), timezone) for part in told]
    raise_failures([failure for part in read for failure in part.failures], "the log of orders")
    return pa.concat_tables([ORDERS.schema.empty_table(), *(part.table for part in read)])


def _read(path: Path) -> _File:
    """A file with all its columns."""
    if path.is_dir():
        raise DataError(
            f"{path.name} is a folder of files", hint="write it as one file, or add the lines by your own job"
        )
    real = path.resolve()  # a link stays one
    if not path.name.casefold().endswith(".parquet"):
        text = read_csv_text(path)
        raw = RawTable(text.table, text.columns, untyped=True, malformed=text.malformed)
        return _File(real, raw, text.delimiter, text.encoding)
    try:
        with pq.ParquetFile(path) as parquet:
            groups = parquet.metadata.num_row_groups
            used = parquet.metadata.row_group(0).column(0).compression if groups else "zstd"
            table = parquet.read()
    except (pa.ArrowException, OSError):
        raise DataError(
            f"{path.name} cannot be read as Parquet", hint="is it complete? write it again"
        ) from None
    return _File(real, RawTable.whole(table), compression="none" if used == "UNCOMPRESSED" else used)


def _whole(file: _File, here: Normalised, found: News, names: TableMapping, timezone: str) -> pa.Table:
    """The file's table with the news, column by column."""
    table, more = file.raw.table, found.lines
    fields = list(table.column_names)
    columns = [
        pa.chunked_array([*values.chunks, pa.nulls(len(more), values.type)], values.type)
        for values in table.columns
    ]
    filled: dict[int, str] = {}
    for column in ORDERS.columns:
        at, values, read = _position(column.name, fields, names), more[column.name], here.table[column.name]
        changed = column.name in RETURNED_SINCE and bool(found.returned)
        if at in filled:
            _check_alike(column.name, filled[at], more)
            continue
        if changed:
            read = _changed(read, {row: now[column.name] for row, now in found.returned.items()})
        whole = pa.chunked_array([*read.chunks, *values.chunks], column.arrow_type)
        if at is not None:
            filled[at] = column.name
            columns[at] = whole if changed else longer(column, table.columns[at], read, values, timezone)
        elif whole.null_count < len(whole):
            if column.name in fields:
                raise _two_in_one(column.name, "another column")
            fields.append(column.name)
            columns.append(whole)
    if file.is_text:
        columns = [as_text(values) for values in columns]
    return pa.table(columns, names=fields).replace_schema_metadata(table.schema.metadata)


def _position(name: str, fields: Sequence[str], names: TableMapping) -> int | None:
    """Which of the file's columns is ours; None where it has none."""
    called = names.columns.get(name, name)
    if called not in fields or (name not in names.columns and name in names.columns.values()):
        return None
    return fields.index(called)


def _check_alike(name: str, other: str, lines: pa.Table) -> None:
    """Raise where two of our columns are one of the file's, and lines differ in them."""
    given = lines.filter(lines[name].is_valid())
    if not given[name].equals(given[other]):
        raise _two_in_one(name, other)


def _two_in_one(name: str, other: str) -> MappingError:
    return MappingError(
        f"by the mapping the file has {name} and {other} in one column, and there are lines to be added "
        "where they differ",
        table="orders",
        column=name,
        hint="give each a column of its own",
    )


def _changed(values: pa.ChunkedArray, now: Mapping[int, Any]) -> pa.ChunkedArray:
    """A column with other values in some rows."""
    rows = sorted(now)
    mask = pc.is_in(pa.array(range(len(values)), pa.int64()), value_set=pa.array(rows, pa.int64()))
    new = pa.array([now[row] for row in rows], values.type)
    return pa.chunked_array([pc.replace_with_mask(values.combine_chunks(), mask, new)])


def _retyped(file: _File, whole: pa.Table) -> tuple[str, ...]:
    """Columns of the file that have another type now."""
    before = file.raw.table.schema
    pairs = zip(before, whole.schema, strict=False)  # added ones stand at the end
    return tuple(old.name for old, new in pairs if old.type != new.type)


def _write(file: _File) -> None:
    """Put the table in the place of its file: written aside, on the disk, renamed, the rename on the disk."""
    aside = file.path.with_name(f".{file.path.name}.folding")  # the next run writes over what a crash left
    if file.is_text:
        _write_csv(file, aside)
    else:
        pq.write_table(file.raw.table, aside, compression=file.compression)
    if file.path.exists():
        shutil.copymode(file.path, aside)
    _to_disk(aside)
    aside.replace(file.path)
    _to_disk(file.path.parent)


def _write_csv(file: _File, aside: Path) -> None:
    """The table as CSV with the file's own delimiter and encoding; UTF-8 where that lacks a sign."""
    opened = gzip.open if file.path.name.casefold().endswith(".gz") else open
    table = file.raw.table
    for encoding in dict.fromkeys((file.encoding, "utf-8")):
        try:
            with opened(aside, "wt", encoding=encoding, newline="") as text:
                rows = csv.writer(text, delimiter=file.delimiter, lineterminator="\n")
                rows.writerow(table.column_names)
                for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
                    rows.writerows(zip(*(values.to_pylist() for values in batch.columns), strict=True))
            return
        except UnicodeEncodeError:
            continue


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else adds lines to this folder meanwhile; a crash gives the lock back."""
    import fcntl  # where there is none, the tables can still be read

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"somebody else is adding order lines to {folder}", hint="wait until that is done"
            ) from None
        yield
    finally:
        os.close(handle)
