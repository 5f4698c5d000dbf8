"""Other futures of one shop: what was known before `AS_OF` stays, everything else may change.

What comes in: the frames of a random shop. What goes out: the frames of a shop that looked exactly
the same just before `AS_OF`. A column without a time is only changed where no model may read it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from random_shop import AS_OF, customer_name, product_name

Frames = dict[str, pd.DataFrame]
Future = Callable[[Frames, np.random.Generator], Frames]


def known_at(orders: pd.DataFrame, at: str = "ordered_at") -> pd.Series:
    """When the shop knew of each line (or event)."""
    return orders["recorded_at"].fillna(orders[at]).clip(lower=orders[at])


def _later(orders: pd.DataFrame) -> np.ndarray:
    return (known_at(orders) >= AS_OF).to_numpy()


def _after(rng: np.random.Generator, n: int) -> pd.DatetimeIndex:
    """Instants from AS_OF itself on."""
    hours = rng.integers(0, 40 * 24, n)
    hours[:1] = 0
    return AS_OF + pd.to_timedelta(hours, unit="h")


def _new_lines(rng: np.random.Generator, orders: pd.DataFrame, n: int) -> pd.DataFrame:
    """Lines of old and new customers, products and orders, from AS_OF on."""
    ids = [*orders["order_id"], "!first of all", "~last of all"]
    return pd.DataFrame(
        {
            "customer_id": [customer_name(number) for number in rng.integers(-1, 30, n)],
            "order_id": rng.choice(np.array(ids, dtype=object), n),
            "ordered_at": _after(rng, n),
            # p900 is in the catalogue, and nobody has bought it so far.
            "product_id": [product_name(number) for number in rng.choice([*range(-1, 20), 900], n)],
            "quantity": rng.choice([1.0, 5.0, np.nan, np.nan, -1.0], n),
            "unit_price": rng.choice([0.1, 99.0], n),
            "currency": rng.choice(["AUD", "AUD", "AUD", "EUR"], n),
            "status": rng.choice(np.array([None, "completed", "returned", "cancelled"], dtype=object), n),
            "discount": 9.0,
            "promo_code": "LATER",
            "tax": 9.0,
            "channel": "fair",
        }
    )


def _append(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows below, with the column types of the frame."""
    rows = rows.reindex(columns=frame.columns)
    return pd.concat([frame, rows.astype(frame.dtypes.to_dict())], ignore_index=True)


def lines_deleted(frames: Frames, rng: np.random.Generator) -> Frames:
    """No line after AS_OF, and none recorded after it."""
    orders = frames["orders"]
    return {**frames, "orders": orders[~_later(orders)]}


def lines_changed(frames: Frames, rng: np.random.Generator) -> Frames:
    """Every line known later says something else."""
    orders, later = frames["orders"].copy(), _later(frames["orders"])
    fresh = _new_lines(rng, orders, len(orders))
    for column in fresh.columns.drop("order_id"):
        orders.loc[later, column] = fresh.loc[later, column]
    orders.loc[later, "recorded_at"] = pd.NaT
    return {**frames, "orders": orders}


def lines_added(frames: Frames, rng: np.random.Generator) -> Frames:
    """A flood of lines from AS_OF on, most in another currency."""
    orders = frames["orders"]
    return {**frames, "orders": _append(orders, _new_lines(rng, orders, 3 * len(orders)))}


def late_lines_added(frames: Frames, rng: np.random.Generator) -> Frames:
    """Lines from before AS_OF, some older than the shop, recorded at AS_OF or later."""
    orders = frames["orders"]
    late = _new_lines(rng, orders, len(orders))
    late["recorded_at"] = late["ordered_at"]
    late["ordered_at"] = AS_OF - pd.to_timedelta(rng.integers(1, 400 * 24, len(late)), unit="h")
    return {**frames, "orders": _append(orders, late)}


def late_lines_deleted(frames: Frames, rng: np.random.Generator) -> Frames:
    """The lines that happened before AS_OF and were recorded later never were."""
    orders = frames["orders"]
    return {**frames, "orders": orders[~(_later(orders) & (orders["ordered_at"] < AS_OF))]}


def purchases_returned(frames: Frames, rng: np.random.Generator) -> Frames:
    """Purchases of the past come back from AS_OF on; half of them change their status too."""
    orders = frames["orders"].copy()
    kept = orders["returned_at"].isna() & (orders["quantity"].fillna(1) > 0)
    bought = (kept & orders["status"].fillna("completed").eq("completed")).to_numpy()
    orders.loc[bought, "returned_at"] = _after(rng, len(orders))[bought]
    orders.loc[bought & (rng.random(len(orders)) < 0.5), "status"] = "returned"
    return {**frames, "orders": orders}


def returns_undone(frames: Frames, rng: np.random.Generator) -> Frames:
    """What came back from AS_OF on is kept after all, or comes back another day."""
    orders = frames["orders"].copy()
    coming = (orders["returned_at"] >= AS_OF).to_numpy()
    bought = coming & (orders["quantity"].fillna(1) > 0).to_numpy()
    orders.loc[coming & ~bought, "returned_at"] += pd.Timedelta(days=3)
    orders.loc[bought, "returned_at"] = pd.NaT
    orders.loc[bought & orders["status"].eq("returned").to_numpy(), "status"] = "completed"
    return {**frames, "orders": orders}


def products_added(frames: Frames, rng: np.random.Generator) -> Frames:
    """Products that join at AS_OF or later, with new categories and brands."""
    names = ["!new", "p05", "zzz"]
    rows = pd.DataFrame(
        {
            "product_id": names,
            "name": names,
            "category": ["NEW", "TEA", "TEA"],
            "category_path": ["NEW > A", "SHOP > TEA > NEW", None],
            "brand": ["Nuevo", "Oro", None],
            "created_at": _after(rng, len(names)),
        }
    )
    return {**frames, "products": _append(frames["products"], rows)}


def products_deleted(frames: Frames, rng: np.random.Generator) -> Frames:
    """No product joins from AS_OF on."""
    products = frames["products"]
    return {**frames, "products": products[~(products["created_at"] >= AS_OF)]}


def products_changed(frames: Frames, rng: np.random.Generator) -> Frames:
    """Products that join later are called and sorted otherwise."""
    products = frames["products"].copy()
    later = products["created_at"] >= AS_OF
    for column in ("name", "category", "category_path", "brand"):
        products.loc[later, column] = "OTHER"
    return {**frames, "products": products}


def list_prices_changed(frames: Frames, rng: np.random.Generator) -> Frames:
    """Every list price, which has no date."""
    return {**frames, "products": frames["products"].assign(price=lambda table: rng.random(len(table)))}


def customers_added(frames: Frames, rng: np.random.Generator) -> Frames:
    """People who sign up at AS_OF or later."""
    rows = pd.DataFrame({"customer_id": ["!new", "c05", "zoe"], "created_at": _after(rng, 3)})
    rows["subscribed"] = True
    return {**frames, "customers": _append(frames["customers"], rows)}


def customers_deleted(frames: Frames, rng: np.random.Generator) -> Frames:
    """Nobody signs up from AS_OF on."""
    customers = frames["customers"]
    return {**frames, "customers": customers[~(customers["created_at"] >= AS_OF)]}


def customers_changed(frames: Frames, rng: np.random.Generator) -> Frames:
    """Everybody moves, and has another address: columns without a date."""
    changed = frames["customers"].assign(country="FR", subscribed=False)
    return {**frames, "customers": changed.assign(email="new." + changed["email"])}


def events_deleted(frames: Frames, rng: np.random.Generator) -> Frames:
    """No event known from AS_OF on."""
    events = frames["events"]
    return {**frames, "events": events[known_at(events, "occurred_at") < AS_OF]}


def events_added(frames: Frames, rng: np.random.Generator) -> Frames:
    """Events from AS_OF on, and older ones recorded only then."""
    events = frames["events"]
    fresh = events.copy()
    fresh["recorded_at"] = _after(rng, len(fresh))
    fresh["occurred_at"] = np.where(rng.random(len(fresh)) < 0.5, fresh["recorded_at"], fresh["occurred_at"])
    fresh["occurred_at"] = pd.to_datetime(fresh["occurred_at"], utc=True)
    return {**frames, "events": _append(events, fresh)}


def rows_shuffled(frames: Frames, rng: np.random.Generator) -> Frames:
    """The same rows in another order."""
    return {name: frame.iloc[rng.permutation(len(frame))] for name, frame in frames.items()}


def everything_at_once(frames: Frames, rng: np.random.Generator) -> Frames:
    """One future after the other."""
    for future in (
        returns_undone,
        lines_changed,
        lines_added,
        late_lines_added,
        purchases_returned,
        products_changed,
        products_added,
        list_prices_changed,
        customers_deleted,
        customers_added,
        customers_changed,
        events_added,
        rows_shuffled,
    ):
        frames = future(frames, rng)
    return frames


FUTURES: dict[str, Future] = {
    future.__name__: future
    for future in (
        lines_deleted,
        lines_changed,
        lines_added,
        late_lines_added,
        late_lines_deleted,
        purchases_returned,
        returns_undone,
        products_added,
        products_deleted,
        products_changed,
        list_prices_changed,
        customers_added,
        customers_deleted,
        customers_changed,
        events_deleted,
        events_added,
        rows_shuffled,
        everything_at_once,
    )
}
