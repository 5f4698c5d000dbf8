"""UCI Online Retail I (one year) and II (two years): every invoice line of a UK online gift shop.

What comes in: the CSV files or the workbook, in either header (`InvoiceNo ... CustomerID` or
`Invoice ... Customer ID`). What goes out: orders, products and customers of the contract; the
source has no categories.

Derived: `status` (an invoice C... is a cancellation or credit note: `returned`; A... is bad debt:
`adjustment`; a negative quantity on another invoice is a `stock_adjustment`; the rest `completed`);
a product's name is the commonest description of its priced lines, its price the median of lines
sold at a price; a customer's country is the commonest. Dirt is left in: lines without a customer,
repeats, codes that are no product (POST, M, D ...).

Source: D. Chen, Online Retail (id 352) and Online Retail II (id 502), UCI Machine Learning Repository.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from intentml.datasets.derived import DerivedShop, select
from intentml.datasets.raw_files import RawTable, instants, numbers, read_delimited, read_workbook
from intentml.tables.shop import RuleCount

_HEADERS = {
    "order_id": ("Invoice", "InvoiceNo"),
    "product_id": ("StockCode",),
    "name": ("Description",),
    "quantity": ("Quantity",),
    "ordered_at": ("InvoiceDate",),
    "unit_price": ("Price", "UnitPrice"),
    "customer_id": ("Customer ID", "CustomerID"),
    "country": ("Country",),
}
_FIRST_DAY, _LAST_DAY = dt.date(2009, 12, 1), dt.date(2011, 12, 9)
_WORKBOOKS = (".xlsx", ".xlsm")

_ORDERS = """
SELECT
    customer_id, order_id, ordered_at, product_id, quantity, unit_price,
    'GBP' AS currency,
    CASE
        WHEN upper(order_id[1]) = 'C' THEN 'returned'
        WHEN upper(order_id[1]) = 'A' THEN 'adjustment'
        WHEN quantity < 0 THEN 'stock_adjustment'
        ELSE 'completed'
    END AS status
FROM lines
ORDER BY ordered_at, line
"""

_PRODUCTS = """
WITH named AS (
    SELECT
        product_id, name,
        row_number() OVER (PARTITION BY product_id ORDER BY count(*) DESC, name) AS place
    FROM lines
    WHERE unit_price > 0 AND name IS NOT NULL
    GROUP BY product_id, name
), priced AS (
    SELECT product_id, median(unit_price) FILTER (unit_price > 0 AND quantity > 0) AS price
    FROM lines
    WHERE product_id IS NOT NULL
    GROUP BY product_id
)
SELECT product_id, named.name, priced.price
FROM priced LEFT JOIN (SELECT product_id, name FROM named WHERE place = 1) AS named USING (product_id)
ORDER BY product_id
"""

_CUSTOMERS = """
SELECT customer_id, country
FROM (
    SELECT
        customer_id, country,
        row_number() OVER (PARTITION BY customer_id ORDER BY count(*) DESC, country) AS place
    FROM lines
    WHERE customer_id IS NOT NULL
    GROUP BY customer_id, country
)
WHERE place = 1
ORDER BY customer_id
"""


def convert(paths: Sequence[Path], folder: Path) -> tuple[RuleCount, ...]:
    """Writes the shop into `folder`.

    Args:
        paths: CSV files or workbooks; an invoice that stands in several of them (the workbook's
            two sheets share nine days) is taken from the one that begins last.
        folder: Where the tables go.

    Raises:
        DataError: A file that cannot be read or is not this source.
    """
    return derive(paths).write(folder)


def derive(paths: Sequence[Path]) -> DerivedShop:
    """The contract's tables from the source's files."""
    parts = [_typed(raw) for path in paths for raw in _read(path)]
    lines, repeated = _without_shared_invoices(parts)
    lines = lines.append_column("line", pa.array(range(lines.num_rows), pa.int64()))
    return DerivedShop(
        orders=select(_ORDERS, lines=lines),
        products=select(_PRODUCTS, lines=lines),
        customers=select(_CUSTOMERS, lines=lines),
        counts=(
            RuleCount(
                "orders",
                "invoice_in_several_files",
                repeated,
                "lines left out because a file that begins later holds the same invoice",
            ),
        ),
    )


def _read(path: Path) -> list[RawTable]:
    if path.suffix.casefold() in _WORKBOOKS:
        return read_workbook(path, _HEADERS)
    return [read_delimited(path, _HEADERS)]


def _typed(raw: RawTable) -> pa.Table:
    """The text columns with their types; `17850.0` is customer 17850."""
    typed = {
        "ordered_at": instants(raw, "ordered_at", _FIRST_DAY, _LAST_DAY),
        "quantity": numbers(raw, "quantity"),
        "unit_price": numbers(raw, "unit_price"),
        "customer_id": pc.replace_substring_regex(raw.columns["customer_id"], r"\.0+$", ""),
    }
    return pa.table({name: typed.get(name, raw.columns[name]) for name in _HEADERS})


def _without_shared_invoices(parts: Sequence[pa.Table]) -> tuple[pa.Table, int]:
    """All lines in order of the parts' first instants, each invoice from one part; and those left out."""
    latest_first = sorted(parts, key=lambda part: str(pc.min(part["ordered_at"]).as_py()), reverse=True)
    kept: list[pa.Table] = []
    for part in latest_first:
        for later in kept:
            seen = pc.is_in(part["order_id"], value_set=pc.unique(later["order_id"]))
            part = part.filter(pc.invert(seen))
        kept.append(part)
    total = sum(part.num_rows for part in parts)
    lines = pa.concat_tables(reversed(kept))
    return lines, total - lines.num_rows
