"""Times and dates at the door: any column -> instants in UTC, or local dates.

What comes in: an Arrow column and the shop's time zone. What goes out: `Parsed` instants. It
compares no time with an as_of (`timeline` does).

Rules. A time with a zone is that instant. A time without one is the shop's local time; a plain date
is its first instant there. Where clocks go back, a local time that happens twice is the first of
the two; where they go forward, one that never happens is the first instant after the gap. Text is
ISO 8601 (`2026-03-14`, `2026-03-14 09:30:00`, `2026-03-14T09:30:00+01:00`, `20260314`, and
`2026/03/14`); anything else is in fault, because 03/04/2026 is two days.
"""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from intentml.tables.contracts import TIMESTAMP
from intentml.tables.parse import (
    NOT_AVAILABLE,
    Mask,
    Parsed,
    as_text,
    fault,
    lost,
    mask_of,
    nothing_as_null,
    without,
)

TIME_YEARS = (1970, 2200)
DATE_YEARS = (1850, 2200)
_LOCAL = pa.timestamp("us")
_ISO = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})-([0-9]{2})|/([0-9]{2})/([0-9]{2})|([0-9]{2})([0-9]{2}))"
    r"(?:[ T]([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,12}))?)?)?"
    r" ?(Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def parse_time(values: pa.ChunkedArray, timezone: str, *, years: tuple[int, int] = TIME_YEARS) -> Parsed:
    """Any column as instants (microseconds, UTC), by the rules above.

    Args:
        values: Timestamps, dates or text; whole numbers are read as text (20260314).
        timezone: The shop's zone, for times without one.
        years: First and last year allowed, on the shop's calendar.

    Returns:
        Rules broken: `not_a_time`, `year_out_of_range`.
    """
    kind = values.type
    broken: dict[str, Mask] = {}
    if pt.is_timestamp(kind):
        micros = _micros(values)
        instants = micros.cast(TIMESTAMP) if kind.tz else localize(micros, timezone)
    elif pt.is_date(kind):
        local = values.cast(pa.timestamp("ms" if pt.is_date64(kind) else "s"))
        instants = localize(_micros(local), timezone)
    elif pt.is_floating(kind) or pt.is_boolean(kind) or pt.is_temporal(kind) or pt.is_nested(kind):
        instants = pa.chunked_array([pa.nulls(len(values), TIMESTAMP)])
        broken = fault("not_a_time", mask_of(pc.is_valid(values)))
    else:
        text = nothing_as_null(pc.utf8_trim_whitespace(as_text(values)), NOT_AVAILABLE)
        instants = _read_texts(text, timezone)
        broken = fault("not_a_time", lost(text, instants))
    outside = _outside(instants, timezone, years)
    if not outside.any():
        return Parsed(instants, broken)
    return Parsed(without(instants, outside), broken | fault("year_out_of_range", outside))


def parse_date(values: pa.ChunkedArray, timezone: str) -> Parsed:
    """Any column as dates on the shop's calendar. Rules broken: `not_a_date`, `year_out_of_range`."""
    times = parse_time(values, timezone, years=DATE_YEARS)
    local = pc.local_timestamp(times.values.cast(pa.timestamp("us", tz=timezone)))
    broken = {("not_a_date" if rule == "not_a_time" else rule): rows for rule, rows in times.broken.items()}
    return Parsed(local.cast(pa.date32(), safe=False), broken)


def localize(local: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Local times (microseconds, no zone) as UTC instants; the first instant in doubt."""
    if timezone == "UTC":
        return local.cast(TIMESTAMP)
    return pc.assume_timezone(local, timezone, ambiguous="earliest", nonexistent="latest").cast(TIMESTAMP)


def _read_texts(text: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """ISO texts as instants, null where unreadable; mostly one vectorised cast."""
    try:
        return localize(text.cast(_LOCAL), timezone)
    except pa.ArrowInvalid:
        pass
    try:
        return text.cast(TIMESTAMP)
    except pa.ArrowInvalid:
        pass
    # Mixed or broken: each distinct text once, in Python.
    distinct = pc.unique(text)
    read = [_read_iso(word) for word in distinct.to_pylist()]
    local = pa.array([time if time is not None and time.tzinfo is None else None for time in read], _LOCAL)
    aware = pa.array([time if time is not None and time.tzinfo else None for time in read], TIMESTAMP)
    instants = pc.coalesce(aware, localize(pa.chunked_array([local]), timezone))
    return instants.take(pc.index_in(text, value_set=distinct))


def _read_iso(word: str | None) -> dt.datetime | None:
    """One ISO 8601 text as a datetime, aware where it names a zone; None where it is none."""
    match = None if word is None else _ISO.fullmatch(word)
    if match is None:
        return None
    year, *days, hour, minute, second, fraction, offset = match.groups()
    month, day = (part for part in days if part is not None)
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    clock = (int(hour or 0), int(minute or 0), int(second or 0), micros)
    try:
        return dt.datetime(int(year), int(month), int(day), *clock, tzinfo=_zone(offset))
    except ValueError:
        return None


def _zone(offset: str | None) -> dt.timezone | None:
    """`Z`, `+01`, `+0100` or `+01:00` as a zone; None where absent."""
    if offset is None:
        return None
    if offset in ("Z", "UTC"):
        return dt.UTC
    minutes = int(offset[1:3]) * 60 + int(offset[3:].lstrip(":") or 0)
    return dt.timezone(dt.timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def _micros(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Timestamps of any unit in microseconds, same zone.

    Nanoseconds are cut off. Seconds and milliseconds beyond the years 1 to 9999 do not fit; they are
    moved to that edge, where the rule for years finds them.
    """
    kind = values.type
    target = pa.timestamp("us", tz=kind.tz)
    if kind.unit in ("s", "ms"):
        scale = 1 if kind.unit == "s" else 1000
        first, last = (int(dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp()) * scale for year in (1, 9999))
        ticks = pc.max_element_wise(values.cast(pa.int64()), first, skip_nulls=False)
        values = pc.min_element_wise(ticks, last, skip_nulls=False).cast(kind)
    return values.cast(target, safe=False)


def _outside(instants: pa.ChunkedArray, timezone: str, years: tuple[int, int]) -> Mask:
    """Rows whose local year is outside `years`."""
    span = pc.min_max(instants.cast(pa.int64())).as_py()
    # Away from the edges by two days, no zone can push a time over them.
    edges = [int(np.datetime64(f"{year:04d}", "us").astype(int)) for year in (years[0], years[1] + 1)]
    margin = 2 * 86_400_000_000
    if span["min"] is None or (edges[0] + margin < span["min"] and span["max"] < edges[1] - margin):
        return np.zeros(len(instants), dtype=bool)
    year = pc.year(instants.cast(pa.timestamp("us", tz=timezone)))
    return mask_of(pc.or_(pc.less(year, years[0]), pc.greater(year, years[1])))
