"""A raw table -> the contract's columns and types.

What comes in: a raw table, its column mapping, the shop's zone. What goes out: every contract
column (nulls where the source lacks it), the further columns of open tables, and what failed.
Status becomes lower case, currency upper case, category paths get their ` > `; no row is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from intentml.tables.contracts import PATH_SEPARATOR, Column, Contract
from intentml.tables.mapping import TableMapping, renamed
from intentml.tables.parse import Parsed, infer_text, parse_flag, parse_number, parse_text
from intentml.tables.sources import RawTable
from intentml.tables.times import parse_date, parse_time
from intentml.tables.validate import (
    Failure,
    column_failures,
    malformed_lines,
    missing_columns,
    repeated_columns,
)

IDS = frozenset({"customer_id", "order_id", "product_id", "session_id", "campaign_id"})
_ANY_YEAR = (1, 9999)


@dataclass(frozen=True)
class Normalised:
    """A table after parsing.

    Attributes:
        table: Contract columns in contract order, then the further ones of an open table.
        present: Columns that the source really has.
        ignored: Columns of the source that nothing reads.
        failures: What its columns break.
    """

    table: pa.Table
    present: tuple[str, ...]
    ignored: tuple[str, ...]
    failures: tuple[Failure, ...]


def normalise(contract: Contract, raw: RawTable, names: TableMapping, timezone: str) -> Normalised:
    """Gives a raw table its contract's names and types, and collects what fails.

    Raises:
        MappingError: The mapping names a column that the source does not have.
    """
    source = renamed(raw.table, names, contract, raw.columns)
    failures = [
        *malformed_lines(contract.name, raw.malformed),
        *repeated_columns(contract, raw.columns, names.columns),
        *missing_columns(contract, source, raw.columns),
    ]
    # Each in one piece as soon as it is read: two copies of one column, never of all of them.
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    for column in contract.columns:
        if column.name not in source.column_names:
            columns[column.name] = pa.nulls(source.num_rows, column.arrow_type)
            continue
        given = source[column.name]
        parsed = parse_column(column, given, timezone)
        columns[column.name] = _whole(_canonical(column.name, parsed.values))
        failures += column_failures(contract.name, column, given, parsed.values, parsed.broken)
    further = [name for name in source.column_names if name not in contract] if contract.open else []
    for name in further:
        columns[name] = _whole(_further(source[name], untyped=raw.untyped, timezone=timezone))
    used = set(names.columns.values()) | set(contract.names) | set(further)
    return Normalised(
        table=pa.table(columns),
        present=tuple(name for name in columns if name in source.column_names),
        ignored=tuple(name for name in raw.columns if name and name not in used),
        failures=tuple(failures),
    )


def _whole(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same in one piece; in as few as hold it, where it is text of more than two gigabytes."""
    return pa.table({"": values}).combine_chunks().column(0)


def parse_column(column: Column, values: pa.ChunkedArray, timezone: str) -> Parsed:
    """A raw column as its contract's type."""
    if column.kind == "number":
        return parse_number(values)
    if column.kind == "time":
        return parse_time(values, timezone)
    if column.kind == "date":
        return parse_date(values, timezone)
    if column.kind == "flag":
        return parse_flag(values)
    return parse_text(values, is_id=column.name in IDS)


def _canonical(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """One spelling for words that are compared."""
    if name == "status":
        return pc.utf8_lower(values)
    if name == "currency":
        return pc.utf8_upper(values)
    if name == "category_path":
        return pc.replace_substring_regex(values, pattern=r"\s*>\s*", replacement=PATH_SEPARATOR)
    return values


def _further(values: pa.ChunkedArray, *, untyped: bool, timezone: str) -> pa.ChunkedArray:
    """A column that no contract names: as it is, with text trimmed and times as instants."""
    kind = values.type
    read_time = partial(parse_time, timezone=timezone, years=_ANY_YEAR)
    if untyped:
        return infer_text(values, read_time)
    if pt.is_timestamp(kind):
        return read_time(values).values
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_dictionary(kind) or pt.is_null(kind):
        return parse_text(values).values
    return values
