"""Where tables come from: a folder, a DuckDB file, a database, frames in memory.

What comes in: a path, a URL or frames, and the column mapping. What goes out: raw Arrow tables
under the contract's table names, columns still as the source calls them. It judges no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from intentml.errors import DataError, IntentmlError, MappingError, nearest
from intentml.tables.contracts import CONTRACTS
from intentml.tables.csv_text import read_csv_text
from intentml.tables.mapping import Mapping

SUFFIXES = (".parquet", ".csv", ".csv.gz")
_CREDENTIALS = re.compile(r"//[^/]*@|\?.*$")


@dataclass(frozen=True)
class RawTable:
    """One table as the source has it.

    Attributes:
        table: The content; of a closed table perhaps without the columns that nothing reads.
        columns: Names of all columns that the source has.
        untyped: Everything is text because the format knows no types (CSV).
        malformed: 0-based rows that the format itself could not read.
    """

    table: pa.Table
    columns: tuple[str, ...]
    untyped: bool = False
    malformed: tuple[int, ...] = ()

    @classmethod
    def whole(cls, table: pa.Table) -> RawTable:
        """A table of a source that knows types, read with all of its columns."""
        return cls(table, tuple(table.column_names))


def load(source: str | Path, mapping: Mapping) -> dict[str, RawTable]:
    """Reads the raw tables of a folder, a `.duckdb` file or a database URL.

    Raises:
        DataError: There is nothing to read, no orders, or several files for one table.
        MappingError: The mapping names a table that is not there.
    """
    if isinstance(source, str) and "://" in source:
        if source.startswith("duckdb://"):
            return _load_duckdb(Path(source.removeprefix("duckdb://").split("?", 1)[0]), mapping)
        return _load_url(source, mapping)
    path = Path(source)
    if path.is_dir():
        return _load_folder(path, mapping)
    if path.suffix.casefold() in (".duckdb", ".ddb"):
        return _load_duckdb(path, mapping)
    if path.exists():
        raise DataError(f"{path} is a file", hint="name the folder that holds it, a .duckdb file or a URL")
    raise DataError(f"no folder or database at {path}", hint="check the path")


def described(source: str | Path) -> str:
    """The source for manifests and messages, without a user's name or password."""
    text = str(source)
    return _CREDENTIALS.sub(lambda found: "//" if found[0][0] == "/" else "", text) if "://" in text else text


def frame_to_arrow(frame: Any, name: str) -> pa.Table:
    """A pandas DataFrame, Arrow table or anything with the Arrow stream protocol, as an Arrow table.

    Raises:
        DataError: It is no table.
    """
    if isinstance(frame, pa.Table):
        return frame
    if hasattr(frame, "columns") and hasattr(frame, "dtypes") and hasattr(frame, "iloc"):
        columns = [_series_to_arrow(frame.iloc[:, position]) for position in range(len(frame.columns))]
        return pa.table(columns, names=[str(column) for column in frame.columns])
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.table(frame)
    raise DataError(
        f"{name} is a {type(frame).__name__}, not a table",
        table=name,
        hint="hand over a pandas DataFrame or a pyarrow Table",
    )


def _series_to_arrow(series: Any) -> pa.Array | pa.ChunkedArray:
    """A pandas column; one of mixed types (ids 17 and "17b") becomes text."""
    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        present = series.notna()
        return pa.array(
            [_word(value) if known else None for value, known in zip(series, present, strict=True)],
            type=pa.string(),
        )


def _word(value: Any) -> str:
    """A value of a mixed column as text; 17.0 is "17"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def file_of_table(folder: Path, name: str, mapping: Mapping) -> Path | None:
    """The file of a folder that is this table: called like it (or as the mapping says), of any format.

    Raises:
        DataError: There is no file of any table, or several for this one.
        MappingError: The mapping names a file that is not there.
    """
    files = _files(folder)
    called = mapping[name].table or name
    fits = [path for path in files if called.casefold() in (path.name.casefold(), _stem(path).casefold())]
    if len(fits) > 1:
        raise DataError(
            f"{folder} has several files for {name}: {', '.join(path.name for path in fits)}",
            table=name,
            hint="keep one of them in the folder",
        )
    if not fits:
        _absent(name, mapping, [_stem(path) for path in files], str(folder))
    return fits[0] if fits else None


def _files(folder: Path) -> list[Path]:
    """The files of a folder that may be tables."""
    files = [path for path in sorted(folder.iterdir()) if path.name.casefold().endswith(SUFFIXES)]
    if not files:
        raise DataError(
            f"{folder} holds no tables",
            hint="put orders.parquet or orders.csv there (see `intentml datasets`)",
        )
    return files


def _load_folder(folder: Path, mapping: Mapping) -> dict[str, RawTable]:
    """Tables of a folder."""
    files = {name: file_of_table(folder, name, mapping) for name in CONTRACTS}
    return {
        name: _read_file(path, mapping.wanted(CONTRACTS[name]))
        for name, path in files.items()
        if path is not None
    }


def _read_file(path: Path, wanted: frozenset[str] | None) -> RawTable:
    """One Parquet or CSV file."""
    if not path.name.casefold().endswith(".parquet"):
        text = read_csv_text(path, wanted)
        return RawTable(text.table, text.columns, untyped=True, malformed=text.malformed)
    try:
        dataset = pq.ParquetDataset(path, partitioning=None)
        names = tuple(dataset.schema.names)
        columns = None if wanted is None else [name for name in names if name in wanted]
        return RawTable(dataset.read(columns=columns), names)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).split("\n", 1)[0].rsplit(": ", 1)[-1]
        raise DataError(
            f"{path.name} cannot be read as Parquet ({reason})", hint="is it complete? write it again"
        ) from None


def _load_duckdb(path: Path, mapping: Mapping) -> dict[str, RawTable]:
    """Tables and views of a DuckDB file, opened for reading only."""
    import duckdb

    if not path.is_file():
        raise DataError(f"no DuckDB file at {path}", hint="check the path")
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error:
        raise DataError(
            f"{path} cannot be opened as a DuckDB file", hint="is it damaged, or open elsewhere for writing?"
        ) from None
    with connection:
        there = connection.sql(
            "select table_name from information_schema.tables where table_schema = current_schema()"
        ).fetchall()
        named = _named_tables([str(name) for (name,) in there], mapping, str(path))
        try:
            return {
                name: RawTable.whole(connection.sql(f"select * from {_quoted(called)}").to_arrow_table())
                for name, called in named
            }
        except duckdb.Error as error:
            raise _unreadable(str(path), error) from None


def _load_url(url: str, mapping: Mapping) -> dict[str, RawTable]:
    """Tables of any database that Ibis connects to."""
    import ibis

    shown = described(url)
    file = re.fullmatch(r"sqlite://([^?]*)(?:\?.*)?", url)
    if file and not Path(file.group(1)).is_file():
        raise DataError(f"no database file at {file.group(1)}", hint="check the path in the URL")
    try:
        connection = ibis.connect(url)
        there = list(connection.list_tables())
    except Exception as error:  # each backend raises its own
        raise DataError(
            f"{shown} cannot be connected to ({type(error).__name__})",
            hint="check the URL; Ibis must have the backend installed, e.g. ibis-framework[postgres]",
        ) from None
    try:
        named = _named_tables(there, mapping, shown)
        return {name: RawTable.whole(connection.table(called).to_pyarrow()) for name, called in named}
    except IntentmlError:
        raise
    except Exception as error:
        raise _unreadable(shown, error) from None
    finally:
        connection.disconnect()


def _named_tables(there: list[str], mapping: Mapping, source: str) -> list[tuple[str, str]]:
    """Our table names beside the database's, for the tables that are there."""
    by_folded = {name.casefold(): name for name in there}
    named = []
    for name in CONTRACTS:
        called = mapping[name].table or name
        if called.casefold() in by_folded:
            named.append((name, called if called in there else by_folded[called.casefold()]))
        else:
            _absent(name, mapping, there, source)
    return named


def _absent(name: str, mapping: Mapping, there: Iterable[str], source: str) -> None:
    """Raises where a table that is not there is required, or was named by the mapping."""
    there = sorted(set(there))
    called = mapping[name].table
    if called is not None:
        raise MappingError(
            f"the mapping takes {name} from {called!r}, and {source} has no such table",
            table=name,
            hint=f"tables there: {', '.join(nearest(called, there) or there)}",
        )
    if mapping[name].columns and name != "orders":
        raise MappingError(f"the mapping has columns of {name}, and {source} has no such table", table=name)
    if name == "orders":
        example = (nearest(name, there) or there or ["invoices"])[0]
        raise DataError(
            f"{source} has no table of orders (tables there: {', '.join(there) or 'none'})",
            table="orders",
            hint=f'name it orders, or say in a mapping file (--columns): [orders] table = "{example}"',
        )


def _unreadable(source: str, error: Exception) -> DataError:
    """A database that has the table and cannot hand it over."""
    reason = (str(error).splitlines() or [""])[0]
    told = "" if "@" in reason else f": {reason}"  # a backend may quote a value, and a value an address
    return DataError(
        f"a table of {source} cannot be read ({type(error).__name__}{told})",
        hint="is it a view whose sources are gone?",
    )


def _stem(path: Path) -> str:
    """File name without .parquet, .csv or .csv.gz."""
    lower = path.name.casefold()
    suffix = next(suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if lower.endswith(suffix))
    return path.name[: -len(suffix)]


def _quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
