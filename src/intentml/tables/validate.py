"""Does a table keep its contract? Every failure found, all told at once.

What comes in: columns after parsing, with the rows they lost; whole tables. What goes out:
`Failure`s, and one `ContractError` that lists them. Dirt that has a rule of its own is no failure
(`dirt`). A person's address never enters a failure: private columns give rows and no example.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intentml.errors import ContractError, nearest
from intentml.tables.contracts import CONTRACTS, PATH_SEPARATOR, Column, Contract
from intentml.tables.parse import Mask, mask_of
from intentml.tables.times import DATE_YEARS, TIME_YEARS

FIRST_ROWS = 5
SHOWN_COLUMNS = 20
PRIVATE = frozenset({"email", "phone", "birth_date", "customer_id"})

RULES: dict[str, str] = {
    "missing_column": "the column is required and not there",
    "repeated_column": "the name stands over several columns",
    "malformed_line": "the line has too few or too many fields",
    "empty_table": "the table has no rows",
    "not_a_time": "the value is no ISO 8601 time",
    "not_a_date": "the value is no ISO 8601 date",
    "not_a_number": "the value is no number",
    "not_finite": "the value is NaN or infinite",
    "not_a_flag": "the value is neither yes nor no",
    "year_out_of_range": "the year cannot be right",
    "null": "the value is required and empty",
    "duplicate_key": "the key stands on an earlier row already",
    "malformed_path": "the category path has an empty segment",
}
"""Every rule a table can break, with its sentence."""
ROWS_COUNT = "rows count from 0; in a CSV file row 0 is the line under the header, empty lines not counted"
"""How the rows of a failure are found, for the reader."""


@dataclass(frozen=True)
class Failure:
    """One rule that one column (or table) breaks.

    Attributes:
        table: Table name.
        column: Column name; None where the whole line or table is meant.
        rule: A name in `RULES`.
        count: Rows in fault.
        rows: The first of them, at most five; 0-based, the header not counted.
        hint: What to do about it, with an example where it may be shown.
    """

    table: str
    column: str | None
    rule: str
    count: int
    rows: tuple[int, ...]
    hint: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON of contracts.md."""
        return {
            "table": self.table,
            "column": self.column,
            "rule": self.rule,
            "count": self.count,
            "rows": list(self.rows),
            "hint": self.hint,
        }

    def __str__(self) -> str:
        where = self.table if self.column is None else f"{self.table}.{self.column}"
        rows = f" (first rows: {', '.join(map(str, self.rows))})" if self.rows else ""
        count = f": {self.count:,} {'row' if self.count == 1 else 'rows'}{rows}" if self.count else ""
        return f"{where}: {RULES[self.rule]} [{self.rule}]{count}; {self.hint}"


def raise_failures(failures: Sequence[Failure], source: str) -> None:
    """One ContractError with every failure; nothing where there are none."""
    if not failures:
        return
    order = list(CONTRACTS)
    failures = sorted(failures, key=lambda failure: order.index(failure.table))
    first = failures[0]
    count = f"{len(failures)} {'rule' if len(failures) == 1 else 'rules'}"
    lines = "\n".join(f"  - {failure}" for failure in failures)
    raise ContractError(
        f"{source} breaks {count} of its tables' contracts:\n{lines}",
        failures=failures,
        table=first.table,
        column=first.column,
        rows=first.rows,
        hint=ROWS_COUNT if any(failure.rows for failure in failures) else None,
    )


def validate(tables: Mapping[str, pa.Table]) -> list[Failure]:
    """What whole tables break: empty orders, repeated keys, category paths with holes.

    Args:
        tables: Typed tables by name; missing ones and empty ones (but orders) are fine.
    """
    failures = []
    if "orders" in tables and not tables["orders"].num_rows:
        hint = "a shop needs orders; was the export cut off?"
        failures.append(Failure("orders", None, "empty_table", 0, (), hint))
    for name, table in tables.items():
        key = CONTRACTS[name].key
        if key is not None and key in table.column_names:
            failures += _failure(
                name, key, "duplicate_key", _later_repeats(table[key]), f"keep one row per {key}"
            )
    products = tables.get("products")
    if products is not None and "category_path" in products.column_names:
        paths = products["category_path"]
        holes = mask_of(pc.match_substring_regex(paths, r"(^|>)\s*(>|$)"))
        hint = _shown(f"write it as a{PATH_SEPARATOR}b{PATH_SEPARATOR}c", paths, holes, "category_path")
        failures += _failure("products", "category_path", "malformed_path", holes, hint)
    return failures


def missing_columns(contract: Contract, table: pa.Table, there: Sequence[str]) -> list[Failure]:
    """A failure for each required column that is not there, with the nearest names that are."""
    failures = []
    for name in contract.required:
        if name not in table.column_names:
            foreign = [column for column in there if column and column not in contract]
            near = nearest(name, foreign)
            hint = f"nearest columns there: {', '.join(near)}; " if near else ""
            hint += f"all: {', '.join(there[:SHOWN_COLUMNS]) or 'none'}"
            hint += ", ..." if len(there) > SHOWN_COLUMNS else ""
            example = near[0] if near else "its name there"
            hint += f'; map it in a TOML file (--columns): [{contract.name}] {name} = "{example}"'
            failures.append(Failure(contract.name, name, "missing_column", table.num_rows, (), hint))
    return failures


def repeated_columns(contract: Contract, there: Sequence[str], mapped: Mapping[str, str]) -> list[Failure]:
    """A failure for each contract column that the source has more than once."""
    failures = []
    for name in contract.names:
        foreign = mapped.get(name, name)
        if there.count(foreign) > 1:
            hint = f"{foreign!r} is there {there.count(foreign)} times; keep one"
            failures.append(Failure(contract.name, name, "repeated_column", 0, (), hint))
    return failures


def malformed_lines(table: str, rows: Sequence[int]) -> list[Failure]:
    """The failure of lines that the CSV format could not read."""
    if not rows:
        return []
    hint = "is a delimiter or a quote inside a field not quoted?"
    return [Failure(table, None, "malformed_line", len(rows), tuple(rows[:FIRST_ROWS]), hint)]


def column_failures(
    table: str, column: Column, raw: pa.ChunkedArray, typed: pa.ChunkedArray, broken: Mapping[str, Mask]
) -> list[Failure]:
    """What one column breaks: values that could not be read, and nulls where there may be none.

    Args:
        table: Its table.
        column: Its contract.
        raw: The values as the source has them, for an example.
        typed: The values after parsing.
        broken: Rule -> rows, from parsing.
    """
    failures: list[Failure] = []
    for rule, rows in broken.items():
        failures += _failure(
            table, column.name, rule, rows, _shown(_remedy(rule, column), raw, rows, column.name)
        )
    if column.required and not may_be_null(table, column.name):
        empty = mask_of(pc.is_null(typed))
        for rows in broken.values():
            empty &= ~rows
        failures += _failure(table, column.name, "null", empty, f"give every row its {column.name}")
    return failures


def may_be_null(table: str, column: str) -> bool:
    """Whether a required column may have empty values: an unknown buyer or visitor is no failure."""
    return column == "customer_id" and table in ("orders", "events")


def renumbered(failure: Failure, malformed: Sequence[int]) -> Failure:
    """The failure with rows counted in the source, where lines that could not be read count too.

    Args:
        failure: With rows counted in the table as read.
        malformed: Rows of the source that are not in that table, ascending.
    """
    if failure.rule == "malformed_line" or not malformed or not failure.rows:
        return failure
    rows = np.array(failure.rows)
    for row in malformed:
        rows[rows >= row] += 1
    return replace(failure, rows=tuple(rows.tolist()))


def _failure(table: str, column: str, rule: str, rows: Mask, hint: str) -> list[Failure]:
    """The failure of some rows, or none where no row is in fault."""
    found = np.flatnonzero(rows)
    if not len(found):
        return []
    first = tuple(int(row) for row in found[:FIRST_ROWS])
    return [Failure(table, column, rule, len(found), first, hint)]


def _remedy(rule: str, column: Column) -> str:
    """What to do about values that could not be read."""
    if rule == "year_out_of_range":
        first, last = DATE_YEARS if column.kind == "date" else TIME_YEARS
        return f"years run from {first} to {last}; leave an unknown time empty"
    return {
        "not_a_time": "write times as ISO 8601, e.g. 2026-03-14 or 2026-03-14T09:30:00+01:00",
        "not_a_date": "write dates as ISO 8601, e.g. 2026-03-14",
        "not_a_number": "write numbers with a decimal point and nothing else, e.g. 1234.5",
        "not_finite": "leave an unknown number empty",
        "not_a_flag": "write true or false",
    }[rule]


def _shown(remedy: str, raw: pa.ChunkedArray, rows: Mask, column: str) -> str:
    """The remedy, with the first value in fault where it cannot be anybody's address."""
    if column in PRIVATE or not rows.any():
        return remedy
    value = str(raw[int(np.flatnonzero(rows)[0])].as_py())
    if "@" in value:
        return remedy
    return f"e.g. {value[:40]!r}; {remedy}"


def _later_repeats(keys: pa.ChunkedArray) -> Mask:
    """Rows whose key stands on an earlier row too; nulls repeat nothing."""
    codes = keys.combine_chunks().dictionary_encode().indices
    numbers = pc.fill_null(codes, -1).to_numpy(zero_copy_only=False)
    repeats = np.ones(len(numbers), dtype=bool)
    repeats[np.unique(numbers, return_index=True)[1]] = False
    return repeats & mask_of(pc.is_valid(keys))
