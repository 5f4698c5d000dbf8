"""The order log: every purchase and return of a shop, with the instant from which each was known.

What comes in: `ShopTables`. What goes out: `OrderLog`, which answers `before(t)` (the log as it was),
`as_of(t)` (a `Snapshot` for predictors) and `outcomes(window)` (what happened after).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.errors import IncompleteOutcomeError, TimeError
from intentml.tables.dirt import PURCHASE, RETURN, line_amounts, line_roles
from intentml.tables.shop import ShopTables
from intentml.timeline.catalogue import Catalogue, Strings
from intentml.timeline.instants import NEVER, AsOf, Instant, Window, first_instant_of_day, local_days
from intentml.timeline.outcomes import Outcomes
from intentml.timeline.snapshot import Snapshot, snapshot_of

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lines:
    """Purchase lines (or returns), columnar, sorted by customer, order, product. Shapes: (n,).

    Attributes:
        customer: Row in the log's `customer_ids`.
        order: Rank of the order id among all order ids.
        at: When it happened, microseconds.
        known_at: From when the shop knew of it, microseconds.
        product: Row in the log's catalogue, -1 where none.
        quantity: Pieces (of a return: pieces given back, positive).
        amount: Money paid (of a return: paid back, positive); NaN where unknown.
        returned_at: From when the line was known to be returned; NEVER where not.
    """

    customer: I64
    order: I64
    at: I64
    known_at: I64
    product: npt.NDArray[np.int32]
    quantity: npt.NDArray[np.float64]
    amount: npt.NDArray[np.float64]
    returned_at: I64

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Lines:
        """Some of the lines, in order."""
        return Lines(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class OrderLog:
    """A shop's history. Make it with `OrderLog.from_tables`.

    Attributes:
        tables: What it was made from (names, fingerprint, dirt counts, events, customers).
        customer_ids: Everybody on a purchase line or in the customers table, sorted. Shape: (U,).
        customer_since: From when the customers table knew each; NEVER where it has no row. Shape: (U,).
        catalogue: All products.
        product_since: From when the catalogue knew each; NEVER where it has no row. Shape: (P,).
        purchases: Purchase lines.
        returns: Return lines.
        until: First instant that the log says nothing about.
    """

    tables: ShopTables
    customer_ids: Strings
    customer_since: I64
    catalogue: Catalogue
    product_since: I64
    purchases: Lines
    returns: Lines
    until: Instant

    @classmethod
    def from_tables(cls, tables: ShopTables) -> OrderLog:
        """Number customers, orders and products and lay the lines out as arrays."""
        roles = line_roles(tables.orders)
        used = np.flatnonzero((roles == PURCHASE) | (roles == RETURN))
        orders = tables.orders.take(pa.array(used))
        customer_ids = _sorted_unique(orders["customer_id"], tables.customers["customer_id"])
        product_ids = _sorted_unique(orders["product_id"], tables.products["product_id"])
        at = _micros(orders["ordered_at"])
        quantity = orders["quantity"].to_numpy()
        lines = Lines(
            customer=_codes(orders["customer_id"], customer_ids).astype(np.int64),
            order=_ranks(orders["order_id"]),
            at=at,
            # Nothing is known before it happens, whatever the clock that recorded it says.
            known_at=np.maximum(_micros(orders["recorded_at"], missing=at), at),
            product=_codes(orders["product_id"], product_ids),
            quantity=np.abs(np.where(np.isnan(quantity), 1.0, quantity)),
            amount=line_amounts(tables.orders)[used],
            returned_at=_micros(orders["returned_at"]),
        )
        order = np.lexsort((lines.product, lines.order, lines.customer))
        bought = (roles[used] == PURCHASE)[order]
        lines = lines.take(order)
        returns = lines.take(~bought)
        returns = replace(returns, amount=np.abs(returns.amount))
        purchases = lines.take(bought)
        until = Instant(0, tables.timezone)
        if len(purchases):
            last_day = int(local_days(purchases.at.max(keepdims=True), tables.timezone)[0])
            until = first_instant_of_day(last_day + 1, tables.timezone)
        return cls(
            tables=tables,
            customer_ids=_strings(customer_ids),
            customer_since=_since(tables.customers, "customer_id", customer_ids),
            catalogue=_catalogue(tables.products, product_ids),
            product_since=_since(tables.products, "product_id", product_ids),
            purchases=purchases,
            returns=returns,
            until=until,
        )

    @property
    def timezone(self) -> str:
        """The shop's zone."""
        return self.tables.timezone

    @cached_property
    def start(self) -> Instant:
        """First instant of the first purchase's day."""
        if not len(self.purchases):
            return self.until
        first = int(local_days(self.purchases.at.min(keepdims=True), self.timezone)[0])
        return first_instant_of_day(first, self.timezone)

    @cached_property
    def last_order(self) -> Instant:
        """When the newest purchase happened."""
        return Instant(int(self.purchases.at.max()), self.timezone) if len(self.purchases) else self.until

    def instant(self, as_of: AsOf | Instant) -> Instant:
        """`as_of` as an instant in the shop's zone, refused outside the data."""
        instant = Instant.of(as_of, self.timezone)
        if not self.start.us < instant.us <= self.until.us:
            raise TimeError(
                f"as_of {instant.iso} is outside the data, which runs from {self.start.iso} to {self.until.iso}",
                table="orders",
                column="ordered_at",
                hint=f"choose a date after {self.start.datetime:%Y-%m-%d} and at most {self.until.datetime:%Y-%m-%d}",
            )
        return Instant(instant.us, self.timezone)

    def before(self, as_of: AsOf | Instant) -> OrderLog:
        """The log as it was known just before `as_of`: later rows are gone, later returns undone."""
        instant = self.instant(as_of)
        purchases = self.purchases.take(self.purchases.known_at < instant.us)
        later = purchases.returned_at >= instant.us
        purchases = replace(purchases, returned_at=np.where(later, NEVER, purchases.returned_at))
        returns = self.returns.take(_return_known_at(self.returns) < instant.us)
        customers = self.customer_since < instant.us
        customers[purchases.customer] = True
        described = self.product_since < instant.us
        products = described.copy()
        products[purchases.product[purchases.product >= 0]] = True
        catalogue = _undescribed(self.catalogue, ~described).take(np.flatnonzero(products))
        return replace(
            self,
            customer_ids=self.customer_ids[customers],
            customer_since=np.where(self.customer_since < instant.us, self.customer_since, NEVER)[customers],
            catalogue=catalogue,
            product_since=np.where(described, self.product_since, NEVER)[products],
            purchases=_recode(purchases, customers, products),
            returns=_recode(returns.take(customers[returns.customer]), customers, products),
            until=instant,
        )

    def as_of(self, as_of: AsOf | Instant) -> Snapshot:
        """Everything a predictor may know at `as_of`."""
        known = self.before(as_of)
        return snapshot_of(
            as_of=known.until,
            start=self.start,
            customer_ids=known.customer_ids,
            customer_since=known.customer_since,
            catalogue=known.catalogue,
            purchases=known.purchases,
            returns=known.returns,
            timezone=self.timezone,
        )

    def outcomes(self, snapshot: Snapshot, horizon_days: int) -> Outcomes:
        """What the snapshot's customers bought in `as_of <= t < as_of + horizon`.

        Raises:
            IncompleteOutcomeError: The window ends after the log does.
        """
        window = Window(snapshot.as_of, horizon_days)
        if window.end.us > self.until.us:
            left = int(self.until.days_since(window.as_of))
            raise IncompleteOutcomeError(
                f"the {horizon_days} days after {window.as_of.iso} end {window.end.iso}, "
                f"but the data ends {self.until.iso}",
                table="orders",
                column="ordered_at",
                hint=f"choose a horizon of at most {left} days or an as_of of at least "
                f"{horizon_days - left} days earlier",
            )
        inside = (self.purchases.at >= window.as_of.us) & (self.purchases.at < window.end.us)
        lines = self.purchases.take(inside)
        customer = _rows_in(self.customer_ids, snapshot.customer_ids)[lines.customer]
        lines, customer = lines.take(customer >= 0), customer[customer >= 0]
        product_row = _rows_in(self.catalogue.product_ids, snapshot.catalogue.product_ids)
        product = np.where(lines.product >= 0, product_row[lines.product], -1).astype(np.int32)
        return Outcomes(window, len(snapshot.customer_ids), customer, lines.order, product, lines.amount)


def _return_known_at(returns: Lines) -> I64:
    """A return counts from `returned_at` where known, else from its own line's time."""
    return np.where(returns.returned_at == NEVER, returns.known_at, np.maximum(returns.returned_at, returns.known_at))


def _recode(lines: Lines, customers: npt.NDArray[np.bool_], products: npt.NDArray[np.bool_]) -> Lines:
    """Renumber customers and products after some of them were dropped."""
    product_row = np.append(np.cumsum(products) - 1, -1)  # a product of -1 stays -1
    kept = np.append(products, False)
    return replace(
        lines,
        customer=(np.cumsum(customers) - 1)[lines.customer],
        product=np.where(kept[lines.product], product_row[lines.product], -1).astype(np.int32),
    )


def _undescribed(catalogue: Catalogue, rows: npt.NDArray[np.bool_]) -> Catalogue:
    """The catalogue with the attributes of `rows` unknown."""
    if not rows.any():
        return catalogue
    blank = {
        name: np.where(rows, None, getattr(catalogue, name)) for name in ("names", "categories", "paths", "brands")
    }
    return Catalogue(catalogue.product_ids, **blank)


def _rows_in(ids: Strings, wanted: Strings) -> I64:
    """For each id, its row in the sorted `wanted`, -1 where absent."""
    if not len(wanted):
        return np.full(len(ids), -1, np.int64)
    row = np.searchsorted(wanted, ids)
    row[row == len(wanted)] = 0
    return np.where(wanted[row] == ids, row, -1)


def _sorted_unique(*columns: pa.ChunkedArray) -> pa.Array:
    """The distinct values of some text columns, sorted by code point, without null."""
    merged = pa.chunked_array([chunk for column in columns for chunk in column.chunks], type=pa.string())
    unique = pc.drop_null(pc.unique(merged))
    return unique.take(pc.array_sort_indices(unique))


def _codes(column: pa.ChunkedArray, ids: pa.Array) -> npt.NDArray[np.int32]:
    """The row of each value in `ids`, -1 for null."""
    return pc.fill_null(pc.index_in(column, value_set=ids), -1).to_numpy().astype(np.int32)


def _ranks(column: pa.ChunkedArray) -> I64:
    """The rank of each text among the sorted distinct texts."""
    return _codes(column, _sorted_unique(column)).astype(np.int64)


def _strings(values: pa.Array) -> Strings:
    strings: Strings = values.to_numpy(zero_copy_only=False).astype(object)
    return strings


def _micros(column: pa.ChunkedArray, missing: I64 | int = NEVER) -> I64:
    """Instants as microseconds; nulls become `missing`."""
    values = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    absent = values.is_null().to_numpy()
    return np.where(absent, missing, pc.fill_null(values, 0).to_numpy())


def _since(table: pa.Table, key: str, ids: pa.Array) -> I64:
    """From when a table knew each id: its created_at, the beginning where null, NEVER without a row."""
    since = np.full(len(ids), NEVER, np.int64)
    rows = _codes(table[key], ids)
    since[rows[rows >= 0]] = _micros(table["created_at"], missing=-NEVER)[rows >= 0]
    return since


def _catalogue(products: pa.Table, product_ids: pa.Array) -> Catalogue:
    """All products, described where the products table has a row."""
    row = pc.index_in(product_ids, value_set=products["product_id"].combine_chunks())
    described = {
        name: _strings(products[column].combine_chunks().take(row))
        for name, column in (
            ("names", "name"),
            ("categories", "category"),
            ("paths", "category_path"),
            ("brands", "brand"),
        )
    }
    return Catalogue(_strings(product_ids), **described)
