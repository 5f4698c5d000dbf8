"""CDNOW: all purchases, January 1997 to June 1998, of 23,570 customers first seen in early 1997.

What comes in: `CDNOW_master.txt` (customer, day, CDs, dollars, divided by runs of blanks, with or
without a header) and, if wished, `CDNOW_sample.txt` (the same with the number in the 1-in-10 sample
as its second field, on which the published results rest). What goes out: orders, and customers
where the sample was given; the source knows no products.

Derived: `order_id` is customer, day and a running number within the day (transactions of one day
stay apart); `unit_price` is dollars per CD.

Source: P. Fader and B. Hardie, Notes on the CDNOW master data set.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from intentml.datasets.derived import DerivedShop, select
from intentml.datasets.raw_files import RawTable, instants, numbers, read_text
from intentml.errors import DataError
from intentml.tables.shop import RuleCount

_MASTER = ("customer_id", "ordered_at", "quantity", "line_total")
_SAMPLE = ("customer_id", "sample_id", *_MASTER[1:])
_FIRST_DAY, _LAST_DAY = dt.date(1997, 1, 1), dt.date(1998, 6, 30)

_ORDERS = """
WITH numbered AS (
    SELECT *, row_number() OVER (PARTITION BY customer_id, ordered_at ORDER BY line) AS place
    FROM lines
)
SELECT
    customer_id,
    customer_id || '-' || strftime(ordered_at, '%Y%m%d') || '-' || place AS order_id,
    ordered_at, quantity,
    CASE WHEN quantity > 0 THEN line_total / quantity ELSE line_total END AS unit_price,
    'USD' AS currency
FROM numbered
ORDER BY customer_id, ordered_at, place
"""

_CUSTOMERS = """
WITH sampled AS (SELECT customer_id, min(sample_id) AS sample_id FROM sample GROUP BY customer_id)
SELECT customer_id, sample_id IS NOT NULL AS in_sample_2357, sample_id
FROM (SELECT DISTINCT customer_id FROM lines) LEFT JOIN sampled USING (customer_id)
ORDER BY customer_id
"""

_SAME_DAY = """
SELECT count(*) - count(DISTINCT (customer_id, ordered_at)) AS lines FROM lines
"""


def convert(paths: Sequence[Path], folder: Path) -> tuple[RuleCount, ...]:
    """Writes the shop into `folder`.

    Args:
        paths: The master file, the sample file, or both; with both, orders are the master's and
            the sample marks its customers.
        folder: Where the tables go.

    Raises:
        DataError: A file that cannot be read or is not this source.
    """
    return derive(paths).write(folder)


def derive(paths: Sequence[Path]) -> DerivedShop:
    """The contract's tables from the source's files."""
    parts = [_typed(_read(path)) for path in paths]
    samples = [part for part in parts if "sample_id" in part.column_names]
    masters = [part for part in parts if "sample_id" not in part.column_names]
    lines = pa.concat_tables(masters or [part.drop_columns("sample_id") for part in samples])
    lines = lines.append_column("line", pa.array(range(lines.num_rows), pa.int64()))
    return DerivedShop(
        orders=select(_ORDERS, lines=lines),
        customers=select(_CUSTOMERS, lines=lines, sample=pa.concat_tables(samples)) if samples else None,
        counts=(
            RuleCount(
                "orders",
                "same_day",
                select(_SAME_DAY, lines=lines)["lines"][0].as_py(),
                "second or later transactions of a customer's day; each stays an order of its own",
            ),
        ),
    )


def _read(path: Path) -> RawTable:
    rows = [fields for line in read_text(path).splitlines() if (fields := line.split())]
    if not rows[0][0].isdigit():
        rows = rows[1:]
    names = _SAMPLE if rows and len(rows[0]) == len(_SAMPLE) else _MASTER
    uneven = [position for position, fields in enumerate(rows) if len(fields) != len(names)]
    if uneven or not rows:
        example = " ".join(rows[uneven[0]])[:80] if uneven else "no lines"
        raise DataError(
            f"{path.name}: {len(uneven):,} of {len(rows):,} lines do not have the fields"
            f" {', '.join(names)}: {example!r}",
            rows=uneven[:5],
            hint="name CDNOW_master.txt or CDNOW_sample.txt as published",
        )
    columns = zip(*rows, strict=True)
    table = pa.table({name: pa.array(values) for name, values in zip(names, columns, strict=True)})
    return RawTable(path.name, table)


def _typed(raw: RawTable) -> pa.Table:
    typed = {
        "ordered_at": instants(raw, "ordered_at", _FIRST_DAY, _LAST_DAY),
        "quantity": numbers(raw, "quantity"),
        "line_total": numbers(raw, "line_total"),
    }
    return pa.table({name: typed.get(name, raw.columns[name]) for name in raw.columns.column_names})
