"""Values of the contract, written as a column of somebody's file writes its own.

What comes in: a column as its file has it, what reading makes of it, and values to put below. What goes
out: the longer column, of which reading makes exactly these values. It opens no file.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from intentml.tables.contracts import Column
from intentml.tables.normalise import parse_column

_LOCAL = pa.timestamp("us")


def longer(
    column: Column, raw: pa.ChunkedArray, read: pa.ChunkedArray, more: pa.ChunkedArray, timezone: str
) -> pa.ChunkedArray:
    """A column with values below it, in its own type where that can hold them.

    Where it cannot (a time of day in a column of dates, the id `C-7` in one of numbers), the whole column
    takes the type of its contract, which says the same.

    Args:
        column: Which one.
        raw: As the file has it.
        read: What reading makes of it.
        more: The values to add, of the contract's type.
        timezone: The shop's zone.
    """
    wanted = pa.chunked_array([*read.chunks, *more.chunks], column.arrow_type)
    for written in _forms(column, raw, more, timezone):
        whole = pa.chunked_array([*raw.chunks, *written.chunks], raw.type)
        parsed = parse_column(column, whole, timezone)
        if not parsed.broken and parsed.values.equals(wanted):
            return whole
    return wanted


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Any column as a CSV file has it."""
    return values if pt.is_string(values.type) else values.cast(pa.string())


def _forms(
    column: Column, raw: pa.ChunkedArray, more: pa.ChunkedArray, timezone: str
) -> Iterator[pa.ChunkedArray]:
    """The values in the type of the file's column, in each way that may do; the likeliest first."""
    local = _local(more, timezone) if column.kind == "time" else None
    if local is not None and _says_no_zone(raw):
        yield from _cast(local, raw.type)
    yield from _cast(more, raw.type)


def _cast(values: pa.ChunkedArray, kind: pa.DataType) -> Iterator[pa.ChunkedArray]:
    try:
        yield values.cast(kind, safe=not pt.is_temporal(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return


def _local(instants: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Instants as the shop's clocks show them."""
    return pc.local_timestamp(instants.cast(pa.timestamp("us", tz=timezone)))


def _says_no_zone(raw: pa.ChunkedArray) -> bool:
    """Whether a column of times tells local ones."""
    if pt.is_timestamp(raw.type):
        return raw.type.tz is None
    if not (pt.is_string(raw.type) or pt.is_large_string(raw.type)):
        return True
    try:
        raw.cast(_LOCAL)
    except pa.ArrowInvalid:
        return False
    return True
