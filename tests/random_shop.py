"""Random shops with every kind of dirt, for properties that must hold whatever the shop.

What comes in: a seed. What goes out: the four tables as frames. The shop asks its questions at
`AS_OF`, day 90 of 130; somebody always buys on the days before `AS_OF` and on the last day, so that
`AS_OF` stays inside the data whatever a test deletes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

FIRST_DAY = pd.Timestamp("2024-01-01", tz="UTC")
AS_OF_DAY, LAST_DAY = 90, 130
AS_OF = FIRST_DAY + pd.Timedelta(days=AS_OF_DAY)
AS_OF_TEXT = AS_OF.isoformat()

CATEGORIES = ("TEA", "COFFEE", "CUPS", None)
BRANDS = ("Oro", "Plata", None)
STATUSES = (None, "completed", "completed", "returned", "cancelled")


def random_shop(
    seed: int, customers: int = 10, products: int = 9, lines: int = 120
) -> dict[str, pd.DataFrame]:
    """The frames of one shop: orders, products, customers, events."""
    rng = np.random.default_rng(seed)
    return {
        "orders": random_orders(rng, customers, products, lines),
        "products": random_products(rng, products),
        "customers": random_customers(rng, customers),
        "events": random_events(rng, customers, products, lines),
    }


def random_orders(rng: np.random.Generator, customers: int, products: int, lines: int) -> pd.DataFrame:
    """Order lines: some without a customer, a product, a price; some late, returned or cancelled."""
    order = rng.integers(0, max(1, lines // 2), lines)
    at_of_order = days(rng.integers(0, LAST_DAY * 24, lines) / 24)
    buyer_of_order = rng.integers(-1, customers, lines)
    # A few lines join their order later than its other lines.
    at = pd.Series(at_of_order[order]) + pd.to_timedelta(rng.choice([0, 0, 0, 9], lines), unit="D")
    told = np.random.default_rng(lines)  # of its own, so that the other tables stay as they are
    frame = pd.DataFrame(
        {
            "customer_id": [customer_name(buyer) for buyer in buyer_of_order[order]],
            "order_id": [f"o{number:03d}" for number in order],
            "ordered_at": at,
            "product_id": [product_name(code) for code in rng.integers(-1, products, lines)],
            "quantity": rng.choice([1.0, 1.0, 2.0, 3.0, np.nan, -1.0, 0.0], lines),
            "unit_price": rng.choice([1.1, 2.3, 4.7, np.nan], lines),
            "currency": rng.choice(["EUR", "EUR", "EUR", "USD"], lines),
            "status": rng.choice(np.array(STATUSES, dtype=object), lines),
            "discount": told.choice([0.0, 0.3, 0.7, np.nan], lines),
            "promo_code": told.choice(np.array([None, None, "SPRING", "FIRST"], dtype=object), lines),
            "tax": told.choice([0.1, 0.2, np.nan], lines),
            "channel": told.choice(np.array(["web", "store", None], dtype=object), lines),
            "recorded_at": sometimes(rng, at + hours(rng, lines, 30 * 24), 0.3),
            "returned_at": sometimes(rng, at + hours(rng, lines, 40 * 24), 0.3),
        }
    )
    return pd.concat([frame, _anchors()], ignore_index=True)


def _anchors() -> pd.DataFrame:
    """Two plain purchases: one in the last hours before AS_OF, one on the last day."""
    return pd.DataFrame(
        {
            "customer_id": ["anchor", "anchor"],
            "order_id": ["o-before", "o-last"],
            "ordered_at": [AS_OF - pd.Timedelta(hours=2), FIRST_DAY + pd.Timedelta(days=LAST_DAY + 9)],
            "product_id": ["p0", "p0"],
            "quantity": [1.0, 1.0],
            "unit_price": [2.3, 2.3],
            "currency": ["EUR", "EUR"],
            "status": [None, None],
            "recorded_at": pd.Series([pd.NaT, pd.NaT], dtype="datetime64[us, UTC]"),
            "returned_at": pd.Series([pd.NaT, pd.NaT], dtype="datetime64[us, UTC]"),
        }
    )


def random_products(rng: np.random.Generator, products: int) -> pd.DataFrame:
    """A catalogue that misses one sold product and holds one that nobody can have bought."""
    codes = [*range(1, products), 900]
    categories = rng.choice(np.array(CATEGORIES, dtype=object), len(codes))
    return pd.DataFrame(
        {
            "product_id": [f"p{code}" for code in codes],
            "name": [f"Thing {code}" for code in codes],
            "category": categories,
            "category_path": [
                None if category is None else f"SHOP > {category} > SHELF {code % 2}"
                for category, code in zip(categories, codes, strict=True)
            ],
            "brand": rng.choice(np.array(BRANDS, dtype=object), len(codes)),
            "price": rng.choice([1.0, 2.0, np.nan], len(codes)),
            "created_at": sometimes(rng, days(rng.integers(0, LAST_DAY, len(codes))), 0.5),
        }
    )


def random_customers(rng: np.random.Generator, customers: int) -> pd.DataFrame:
    """Rows for half of the buyers and for as many prospects."""
    names = [f"c{number}" for number in range(0, 2 * customers, 2)]
    return pd.DataFrame(
        {
            "customer_id": names,
            "email": [f"{name}@example.com" for name in names],
            "country": rng.choice(["ES", "PT"], len(names)),
            "subscribed": rng.choice([True, False], len(names)),
            "created_at": sometimes(rng, days(rng.integers(0, LAST_DAY, len(names))), 0.7),
        }
    )


def random_events(rng: np.random.Generator, customers: int, products: int, lines: int) -> pd.DataFrame:
    """Visits, views, carts and answers; some recorded late."""
    at = days(rng.integers(0, LAST_DAY * 24, lines) / 24)
    types = rng.choice(["visit", "product_view", "cart_add", "email_opened", "nps_answer"], lines)
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in rng.integers(0, customers, lines)],
            "event_type": types,
            "occurred_at": at,
            "recorded_at": sometimes(rng, pd.Series(at) + hours(rng, lines, 20 * 24), 0.3),
            "product_id": [product_name(code) for code in rng.integers(-1, products, lines)],
            "session_id": [f"s{number}" for number in rng.integers(0, lines, lines)],
            "duration_s": rng.integers(1, 600, lines).astype(float),
            "value": np.where(types == "nps_answer", rng.integers(0, 11, lines), np.nan),
        }
    )


def customer_name(number: int) -> str | None:
    """The id of a customer; -1 is nobody."""
    return None if number < 0 else f"c{number}"


def product_name(number: int) -> str | None:
    """The id of a product; -1 is none."""
    return None if number < 0 else f"p{number}"


def days(count: np.ndarray) -> pd.DatetimeIndex:
    """Instants that many days after the first day."""
    return (FIRST_DAY + pd.to_timedelta(count, unit="D")).round("s").as_unit("us")


def hours(rng: np.random.Generator, n: int, most: int) -> pd.TimedeltaIndex:
    """Random delays of up to so many hours."""
    return pd.to_timedelta(rng.integers(0, most, n), unit="h")


def sometimes(rng: np.random.Generator, at: pd.Series | pd.DatetimeIndex, share: float) -> pd.Series:
    """The instants, most of them missing."""
    return pd.Series(at).where(rng.random(len(at)) < share)
