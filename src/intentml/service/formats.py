"""An answer on its way out: JSON, or its rows as Arrow or Parquet for who asks for many.

What comes in: the body of an answer, its rows a table, and what the client accepts. What goes out: bytes and
what they are called. As Arrow or Parquet the rows are the table, and all else that the answer says stands
as JSON in the table's metadata, under `intentml`.
"""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from intentml.errors import RequestError

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
METADATA = b"intentml"
_TABLES_TAKE = 10
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATACLASS


@dataclass(frozen=True, eq=False)
class OneRow:
    """A row of a large table, told where it lies: to take it out takes longer than to tell it.

    Attributes:
        columns: Of the table.
        row: Which.
    """

    columns: Mapping[str, pa.ChunkedArray]
    row: int

    @property
    def num_rows(self) -> int:
        """One."""
        return 1

    def to_pylist(self) -> list[dict[str, Any]]:
        """As a table tells it."""
        return [{name: column[self.row].as_py() for name, column in self.columns.items()}]

    def taken(self) -> pa.Table:
        """A table of it alone."""
        return pa.table({name: column.slice(self.row, 1) for name, column in self.columns.items()})


def written(answer: Mapping[str, Any], accept: str | None, most_rows: float = math.inf) -> tuple[bytes, str]:
    """An answer in the form that the client likes best, and the form's media type.

    An answer without rows is JSON, whatever is asked for.

    Args:
        answer: The body; at most one of its values is a table, or a row of one.
        accept: The header of that name.
        most_rows: As of `check_rows`.

    Raises:
        RequestError: It has more rows than one answer may have: it is never cut.
    """
    wanted = preferred(accept)
    rows = next((name for name, value in answer.items() if isinstance(value, pa.Table | OneRow)), None)
    if rows is not None:
        check_rows(answer[rows].num_rows, accept, most_rows)
    if wanted == JSON or rows is None:
        return as_json(answer), JSON
    rest = as_json({name: value for name, value in answer.items() if name != rows})
    told = answer[rows]
    table = (told.taken() if isinstance(told, OneRow) else told).replace_schema_metadata({METADATA: rest})
    return (_arrow if wanted == ARROW else _parquet)(table), wanted


def check_rows(count: int, accept: str | None, most_rows: float, column: str | None = None) -> None:
    """Refuse more rows than one answer may have.

    Args:
        count: How many there are, or are asked for.
        accept: The header of that name.
        most_rows: Most rows of JSON; as Arrow or Parquet, which are smaller and sooner written, ten times as
            many.
        column: The field that asks for so many.

    Raises:
        RequestError: There are more.
    """
    most = most_rows if preferred(accept) == JSON else _TABLES_TAKE * most_rows
    if count > most:
        raise RequestError(
            f"{'the list' if column is None else column}: one answer has at most {most:,.0f} rows",
            column=column,
            hint="ask for fewer, by limit, share or min_probability; "
            f"as {ARROW} or {PARQUET} an answer has up to {_TABLES_TAKE * most_rows:,.0f}",
        )


def as_json(answer: Any) -> bytes:
    """JSON: tables as their rows, instants and dates as ISO 8601 text, NaN as null."""
    return orjson.dumps(answer, default=_plain, option=_OPTIONS)


def preferred(accept: str | None) -> str:
    """Which of our media types a client likes best; JSON where it names none of them.

    >>> preferred("text/html, */*;q=0.8")
    'application/json'
    >>> preferred("application/vnd.apache.arrow.stream, application/json;q=0.5")
    'application/vnd.apache.arrow.stream'
    """
    best, likes = JSON, 0.0
    for part in (accept or "").split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        if name in (JSON, ARROW, PARQUET) and (quality := _quality(parameters)) > likes:
            best, likes = name, quality
    return best


def _quality(parameters: list[str]) -> float:
    told = next((word[2:] for word in parameters if word.startswith("q=")), "1")
    try:
        return float(told)
    except ValueError:
        return 0.0


def _plain(value: Any) -> Any:
    """What orjson does not know by itself."""
    if isinstance(value, pa.Table | OneRow):
        return value.to_pylist()
    if isinstance(value, dt.datetime):  # pandas' own kind, which an instant finer than microseconds comes as
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _arrow(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    return out.getvalue()


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()
