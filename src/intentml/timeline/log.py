"""The order log: every purchase and return of a shop, with the instant from which each was known.

What comes in: `ShopTables`. What goes out: `OrderLog`, which answers `before(t)` (the log as it was),
`as_of(t)` (a `Snapshot` for predictors) and `outcomes(window)` (what happened after).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.errors import IncompleteOutcomeError, TimeError
from intentml.tables.lines import PURCHASE, RETURN, line_roles
from intentml.tables.shop import ShopTables
from intentml.timeline.catalogue import Catalogue, Strings
from intentml.timeline.columns import LINE_COLUMNS, catalogue_of, lines_of, since, sorted_unique, strings
from intentml.timeline.instants import (
    DAY_US,
    MIN_HORIZON_DAYS,
    NEVER,
    AsOf,
    Instant,
    Window,
    first_instant_of_day,
    local_days,
)
from intentml.timeline.lines import I64, Lines, in_currency, main_currency, sorting
from intentml.timeline.outcomes import Outcomes
from intentml.timeline.snapshot import Snapshot, snapshot_of

MAX_SILENT_DAYS = 180
"""How long after the last day with an order an as_of still makes sense; the data gate warns from 30 on."""


@dataclass(frozen=True, repr=False)
class OrderLog:
    """A shop's history. Make it with `OrderLog.from_tables`.

    Attributes:
        tables: What it was made from (names, fingerprint, dirt counts, events, customers).
        customer_ids: Everybody on a purchase line or in the customers table, sorted. Shape: (U,).
        customer_since: From when the customers table knew each; NEVER where it has no row. Shape: (U,).
        catalogue: All products.
        product_since: From when the catalogue knew each; NEVER where it has no row. Shape: (P,).
        currencies: Names of the currencies that the lines' numbers stand for, sorted.
        purchases: Purchase lines; amounts in each line's own currency.
        returns: Return lines; likewise.
        until: First instant that the log says nothing about.
    """

    tables: ShopTables
    customer_ids: Strings
    customer_since: I64
    catalogue: Catalogue
    product_since: I64
    currencies: Strings
    purchases: Lines
    returns: Lines
    until: Instant

    @classmethod
    def from_tables(cls, tables: ShopTables) -> OrderLog:
        """Number customers, orders and products and lay the lines out as arrays."""
        roles = line_roles(tables.orders)
        used = np.flatnonzero((roles == PURCHASE) | (roles == RETURN))
        orders = tables.orders.select(LINE_COLUMNS).take(pa.array(used))
        customer_ids = sorted_unique(orders["customer_id"], tables.customers["customer_id"])
        product_ids = sorted_unique(orders["product_id"], tables.products["product_id"])
        lines = lines_of(orders, used, customer_ids, product_ids)
        rows = sorting(lines)
        bought = roles[used][rows] == PURCHASE
        purchases, returns = lines.take(rows[bought]), lines.take(rows[~bought])
        returns = replace(returns, amount=np.abs(returns.amount))
        until = Instant(0, tables.timezone)
        if len(purchases):
            last_day = int(local_days(purchases.at.max(keepdims=True), tables.timezone)[0])
            until = first_instant_of_day(last_day + 1, tables.timezone)
        return cls(
            tables=tables,
            customer_ids=strings(customer_ids),
            customer_since=since(tables.customers, "customer_id", customer_ids),
            catalogue=catalogue_of(tables.products, product_ids),
            product_since=since(tables.products, "product_id", product_ids),
            currencies=strings(sorted_unique(orders["currency"])),
            purchases=purchases,
            returns=returns,
            until=until,
        )

    def __repr__(self) -> str:
        # Without the tables: a log file or a traceback is no place for people's addresses.
        return (
            f"OrderLog({len(self.customer_ids):,} customers, {len(self.purchases):,} purchase lines, "
            f"{self.start.iso} to {self.until.iso})"
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
        """`as_of` as an instant in the shop's zone, refused outside the data.

        A shop without an order on its last days is still a shop: up to 180 days past the last order
        are inside. So what was known before `as_of` is enough to ask at `as_of`.
        """
        instant = Instant.of(as_of, self.timezone)
        if not len(self.purchases):
            raise TimeError(
                "orders has no purchase line, so there is no date to ask about",
                table="orders",
                hint="a purchase line has a customer, a quantity above zero and no status but completed",
            )
        latest = self.until.plus_days(MAX_SILENT_DAYS)
        if not self.start.us < instant.us <= latest.us:
            raise TimeError(
                f"as_of {instant.iso} is outside the data, "
                f"which runs from {self.start.iso} to {self.until.iso}",
                table="orders",
                column="ordered_at",
                hint=f"choose a date after {self.start.datetime:%Y-%m-%d} "
                f"and at most {latest.datetime:%Y-%m-%d}, {MAX_SILENT_DAYS} days after the last order",
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

    def drawn(self, most: int) -> OrderLog:
        """The log of so many of its customers, by a hash of their ids; itself where it has no more.

        Whoever is drawn among few is drawn among more too, whatever else is in the log.
        """
        if len(self.customer_ids) <= most:
            return self
        marks = [blake2b(str(one).encode(), digest_size=8).digest() for one in self.customer_ids]
        kept = np.zeros(len(marks), np.bool_)
        kept[np.argsort(np.frombuffer(b"".join(marks), ">u8"), kind="stable")[:most]] = True
        products = np.ones(len(self.catalogue), np.bool_)
        purchases, returns = (
            _recode(lines.take(kept[lines.customer]), kept, products)
            for lines in (self.purchases, self.returns)
        )
        return replace(
            self,
            customer_ids=self.customer_ids[kept],
            customer_since=self.customer_since[kept],
            purchases=purchases,
            returns=returns,
        )

    def unsold(self, product_ids: Strings, before: AsOf | Instant) -> OrderLog:
        """The log as if some products had come into the catalogue and sold nothing before an instant.

        Their lines from then on are as they were. A product that has no row in the products table is known
        by its lines alone, and with them goes out of what was known.
        """
        instant = self.instant(before)
        new = np.append(np.isin(self.catalogue.product_ids, product_ids), False)  # a product of -1 stays
        purchases, returns = (
            lines.take(~new[lines.product] | (lines.at >= instant.us))
            for lines in (self.purchases, self.returns)
        )
        return replace(self, purchases=purchases, returns=returns)

    def as_of(self, as_of: AsOf | Instant) -> Snapshot:
        """Everything a predictor may know at `as_of`."""
        # Its start is not the whole log's: a line recorded late may be older than all that was known.
        return self.before(as_of).at_its_end()

    def at_its_end(self) -> Snapshot:
        """The snapshot at `until` of everything in a log that `before` has cut there."""
        currency = main_currency(self.purchases, self.returns)
        return snapshot_of(
            as_of=self.until,
            start=self.start,
            customer_ids=self.customer_ids,
            customer_since=self.customer_since,
            catalogue=self.catalogue,
            purchases=in_currency(self.purchases, currency),
            returns=in_currency(self.returns, currency),
            timezone=self.timezone,
        )

    def outcomes(self, snapshot: Snapshot, horizon_days: int) -> Outcomes:
        """What the snapshot's customers bought in `as_of <= t < as_of + horizon`.

        Raises:
            IncompleteOutcomeError: The window ends after the log does.
        """
        window = Window(snapshot.as_of, horizon_days)
        if window.end.us > self.until.us:
            raise IncompleteOutcomeError(
                f"the {horizon_days} days after {window.as_of.iso} end {window.end.iso}, "
                f"but the data ends {self.until.iso}",
                table="orders",
                column="ordered_at",
                hint=_way_out(window, self.until),
            )
        inside = (self.purchases.at >= window.as_of.us) & (self.purchases.at < window.end.us)
        lines = in_currency(self.purchases.take(inside), self._currency_at(snapshot.as_of))
        customer = rows_in(self.customer_ids, snapshot.customer_ids)[lines.customer]
        lines, customer = lines.take(customer >= 0), customer[customer >= 0]
        product_row = rows_in(self.catalogue.product_ids, snapshot.catalogue.product_ids)
        product = np.append(product_row, -1)[lines.product].astype(np.int32)
        days = (lines.at - snapshot.as_of.us) / DAY_US
        return Outcomes(
            window, len(snapshot.customer_ids), customer, lines.order, product, lines.amount, days
        )

    def currency(self, as_of: AsOf | Instant) -> str | None:
        """The currency that money is told in at `as_of`; None where no line known by then names one."""
        number = self._currency_at(self.instant(as_of))
        return str(self.currencies[number]) if number >= 0 else None

    def _currency_at(self, instant: Instant) -> int:
        """The main currency of the lines known by then."""
        return main_currency(
            self.purchases.take(self.purchases.known_at < instant.us),
            self.returns.take(_return_known_at(self.returns) < instant.us),
        )


def _way_out(window: Window, until: Instant) -> str:
    """What to ask instead of a window that ends after the data does."""
    latest = until.plus_days(-window.horizon_days)
    earlier = f"an as_of of {latest.datetime:%Y-%m-%d} or before"
    left = int(until.days_since(window.as_of))
    return f"choose {earlier}" + (
        f", or a horizon of at most {left} days" if left >= MIN_HORIZON_DAYS else ""
    )


def _return_known_at(returns: Lines) -> I64:
    """A return counts from `returned_at` where known, else from its own line's time."""
    return np.where(
        returns.returned_at == NEVER, returns.known_at, np.maximum(returns.returned_at, returns.known_at)
    )


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

    def blank(values: Strings) -> Strings:
        values = values.copy()
        values[rows] = None
        return values

    return Catalogue(
        catalogue.product_ids,
        blank(catalogue.names),
        blank(catalogue.categories),
        blank(catalogue.paths),
        blank(catalogue.brands),
    )


def rows_in(ids: Strings, wanted: Strings) -> I64:
    """For each id, its row in the sorted `wanted`, -1 where absent."""
    if not len(wanted):
        return np.full(len(ids), -1, np.int64)
    row = np.searchsorted(wanted, ids)
    row[row == len(wanted)] = 0
    return np.where(wanted[row] == ids, row, -1)
