"""Ta-Feng: four months of membership-card purchases at a Taiwanese warehouse grocery, 2000-2001.

What comes in: `ta_feng_all_months_merged.csv`, or parts of it. What goes out: orders, products and
customers of the contract.

Derived: `order_id` is customer and day (the source has no basket, its papers do the same);
`unit_price` is the price of the line over its pieces; `category` is the commonest subclass code of
the product, and `category_path` its first two, four and six digits: that these are levels is our
reading of the codes, for which no key was published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from intentml.datasets.derived import DerivedShop, select
from intentml.datasets.raw_files import RawTable, instants, numbers, read_delimited
from intentml.tables.shop import RuleCount

_HEADERS = {
    "ordered_at": ("TRANSACTION_DT",),
    "customer_id": ("CUSTOMER_ID",),
    "age_group": ("AGE_GROUP",),
    "residence_area": ("PIN_CODE",),
    "subclass": ("PRODUCT_SUBCLASS",),
    "product_id": ("PRODUCT_ID",),
    "quantity": ("AMOUNT",),
    "line_total": ("SALES_PRICE",),
}
_FIRST_DAY, _LAST_DAY = dt.date(2000, 11, 1), dt.date(2001, 2, 28)

_ORDERS = """
SELECT
    customer_id,
    customer_id || '-' || strftime(ordered_at, '%Y%m%d') AS order_id,
    ordered_at, product_id, quantity,
    CASE WHEN quantity > 0 THEN line_total / quantity ELSE line_total END AS unit_price,
    'TWD' AS currency
FROM lines
ORDER BY customer_id, ordered_at, line
"""

_PRODUCTS = """
WITH placed AS (
    SELECT
        product_id, subclass,
        row_number() OVER (PARTITION BY product_id ORDER BY count(*) DESC, subclass) AS place
    FROM lines
    WHERE subclass IS NOT NULL
    GROUP BY product_id, subclass
), priced AS (
    SELECT product_id, median(line_total / quantity) FILTER (quantity > 0) AS price
    FROM lines
    WHERE product_id IS NOT NULL
    GROUP BY product_id
)
SELECT
    product_id,
    subclass AS category,
    concat_ws(' > ', left(subclass, 2), left(subclass, 4), subclass) AS category_path,
    price
FROM priced LEFT JOIN (SELECT product_id, subclass FROM placed WHERE place = 1) USING (product_id)
ORDER BY product_id
"""

_CUSTOMERS = """
SELECT customer_id, age_group, residence_area
FROM (
    SELECT
        customer_id, age_group, residence_area,
        row_number() OVER (
            PARTITION BY customer_id ORDER BY count(*) DESC, age_group, residence_area
        ) AS place
    FROM lines
    WHERE customer_id IS NOT NULL
    GROUP BY customer_id, age_group, residence_area
)
WHERE place = 1
ORDER BY customer_id
"""

_SEVERAL_SUBCLASSES = """
SELECT count(*) AS products
FROM (SELECT product_id FROM lines GROUP BY product_id HAVING count(DISTINCT subclass) > 1)
"""


def convert(paths: Sequence[Path], folder: Path) -> tuple[RuleCount, ...]:
    """Writes the shop into `folder`.

    Args:
        paths: The merged file, or files that each hold some of its lines.
        folder: Where the tables go.

    Raises:
        DataError: A file that cannot be read or is not this source.
    """
    return derive(paths).write(folder)


def derive(paths: Sequence[Path]) -> DerivedShop:
    """The contract's tables from the source's files."""
    lines = pa.concat_tables([_typed(read_delimited(path, _HEADERS)) for path in paths])
    lines = lines.append_column("line", pa.array(range(lines.num_rows), pa.int64()))
    return DerivedShop(
        orders=select(_ORDERS, lines=lines),
        products=select(_PRODUCTS, lines=lines),
        customers=select(_CUSTOMERS, lines=lines),
        counts=(
            RuleCount(
                "products",
                "several_subclasses",
                select(_SEVERAL_SUBCLASSES, lines=lines)["products"][0].as_py(),
                "products with several subclass codes; the commonest is their category",
            ),
        ),
    )


def _typed(raw: RawTable) -> pa.Table:
    typed = {
        "ordered_at": instants(raw, "ordered_at", _FIRST_DAY, _LAST_DAY),
        "quantity": numbers(raw, "quantity"),
        "line_total": numbers(raw, "line_total"),
    }
    return pa.table({name: typed.get(name, raw.columns[name]) for name in _HEADERS})
