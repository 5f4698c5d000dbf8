"""Everything known at an instant, beside what a predictor reads: people, line details, returns, events.

What comes in: an order log and an instant. What goes out: `Known`, a snapshot with Arrow tables around it
in the snapshot's own numbering. Times leave as ages in days, so nobody after this room compares one
with `as_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.errors import TimeError
from intentml.tables.shop import RuleCount, ShopTables
from intentml.timeline.catalogue import Strings
from intentml.timeline.columns import codes, micros
from intentml.timeline.histories import ShopState, history_of
from intentml.timeline.instants import DAY_US, NEVER, AsOf, Instant
from intentml.timeline.lines import Lines, in_currency, main_currency
from intentml.timeline.log import OrderLog, rows_in
from intentml.timeline.people import further_columns, people, rows_of
from intentml.timeline.snapshot import F64, I64, Orders, Snapshot, ranges

_EVENT_TEXTS = ("event_type", "product_id", "session_id", "page_type", "source", "campaign_id")
_EVENT_NUMBERS = ("duration_s", "value")
_NO_HISTORY = (
    "Of a customer whom neither a purchase line nor the customers table knows at as_of: in nobody's traits."
)
_OF_LINES = ("line_customer", "line_order", "line_product", "line_quantity", "line_amount")
_FIFTHS = (0.2, 0.4, 0.6, 0.8)
LINE_DETAILS = ("discount", "tax", "promo_code", "channel")
"""What else a line says of a purchase, beside what a predictor reads."""


@dataclass(frozen=True, repr=False)
class Known:
    """What was known at `snapshot.as_of`, of all customers of the snapshot or of some.

    Attributes:
        snapshot: Orders and lines as arrays.
        customers: One row a customer, as `people.people` tells them.
        further: One row a customer: the columns of the customers table that no contract names.
        lines: One row a line of the snapshot: discount and tax (money), promo_code, channel, and
            returned_days since it came back (null: kept).
        returns: What came back, sorted by customer: customer (row), age_days, product_id, quantity, amount.
        events: Sorted by customer and time: customer (row), nth (1 = the customer's first), age_days and
            the event's columns.
        quintiles: The whole shop's limits between fifths of its buyers, of recency_days, frequency and
            monetary. Shape: (4,) each.
        present: For each table, the columns that the shop has.
        counts: What the documented rules touched, over the whole shop.
    """

    snapshot: Snapshot
    customers: pa.Table
    further: pa.Table
    lines: pa.Table
    returns: pa.Table
    events: pa.Table
    quintiles: dict[str, F64]
    present: dict[str, tuple[str, ...]]
    counts: tuple[RuleCount, ...]

    def __repr__(self) -> str:
        # Without the tables: a log file is no place for what is known of people.
        return f"Known({len(self.snapshot):,} customers at {self.snapshot.as_of.iso})"

    def take(self, customers: npt.ArrayLike) -> Known:
        """The same of some customers (rows, ascending), with the whole shop's quintiles."""
        rows = np.asarray(customers, dtype=np.int64)
        return replace(
            self,
            snapshot=self.snapshot.take(rows),
            customers=self.customers.take(pa.array(rows)),
            further=self.further.take(pa.array(rows)),
            lines=self.lines.take(pa.array(ranges(self.snapshot.line_indptr, rows))),
            returns=_of(self.returns, rows, len(self.snapshot)),
            events=_of(self.events, rows, len(self.snapshot)),
        )

    def without_lines(self) -> Known:
        """The same without orders, lines and returns, which are most of it: enough for `known_later`."""
        shop = self.snapshot
        empty = {name: getattr(shop.orders, name)[:0].copy() for name in shop.orders.__dataclass_fields__}
        lines = {name: getattr(shop, name)[:0].copy() for name in _OF_LINES}
        snapshot = replace(shop, orders=Orders(**empty), returned_amount=np.zeros(len(shop)), **lines)
        return replace(
            self,
            snapshot=snapshot,
            lines=self.lines.schema.empty_table(),
            returns=self.returns.schema.empty_table(),
        )


def known_by(log: OrderLog, as_of: AsOf | Instant) -> Known:
    """Everything known just before `as_of`.

    Raises:
        TimeError: `as_of` is outside the data.
    """
    past = log.before(as_of)
    snapshot = past.at_its_end()
    ids = pa.array(snapshot.customer_ids, pa.string())
    tables = log.tables
    rows = rows_of(tables.customers, ids, past.until)
    told, ages = people(rows, past.until)
    events, strangers = _events(tables.events, ids, past.until)
    number = main_currency(past.purchases, past.returns)
    currency = str(past.currencies[number]) if number >= 0 else None
    purchases, returns = (in_currency(lines, number) for lines in (past.purchases, past.returns))
    return Known(
        snapshot=snapshot,
        customers=told,
        further=pa.table(further_columns(rows)),
        lines=_line_details(tables.orders, purchases, currency, past.until),
        returns=_returns(purchases, returns, past.catalogue.product_ids, past.until),
        events=events,
        quintiles=_quintiles(snapshot),
        present=tables.present,
        counts=(*ages, RuleCount("events", "customer_not_known", strangers, _NO_HISTORY)),
    )


def known_later(known: Known, state: ShopState, orders: ShopTables) -> Known:
    """What is known of some customers at a later instant, once more of their order lines were told.

    The shop around them stays as it was: products, currency, context and quintiles. So do the columns of
    the customers table, which have no date, an age in years with them; events are those known before.

    Args:
        known: Of the whole shop; its lines are not read.
        state: The shop, at the later instant.
        orders: These customers' whole histories, order lines alone; who is among them and not in `known` is
            somebody new.

    Raises:
        TimeError: A line was not known at the later instant.
    """
    snapshot, purchases, returns = history_of(state, orders)
    before, ids = known.snapshot, snapshot.customer_ids
    row = rows_in(ids, before.customer_ids)
    told = pa.array(row, mask=row < 0)
    passed = state.as_of.us - before.as_of.us
    events = _of(known.events, row, len(before))
    return Known(
        snapshot=replace(snapshot, listed_days=_older(np.append(before.listed_days, np.nan)[row], passed)),
        customers=known.customers.take(told),
        further=known.further.take(told),
        lines=_line_details(orders.orders, purchases, state.currency, state.as_of),
        returns=_returns(purchases, returns, state.catalogue.product_ids, state.as_of),
        events=_with_ages(events, "age_days", passed),
        quintiles=known.quintiles,
        present=known.present,
        counts=(),
    )


def known_at_each(known: Known, instants: I64) -> Known:
    """The same told as of an instant of each customer's own, not later than the snapshot's.

    Args:
        known: All of a customer of it was known before that customer's instant.
        instants: Microseconds. Shape: (U,).

    Raises:
        TimeError: Something was not.
    """
    snapshot = known.snapshot
    passed = instants - snapshot.as_of.us
    orders = snapshot.orders
    told = replace(
        known,
        snapshot=replace(
            snapshot,
            listed_days=_older(snapshot.listed_days, passed),
            orders=replace(orders, age_days=_older(orders.age_days, passed[orders.customer])),
        ),
        lines=_with_ages(known.lines, "returned_days", passed[snapshot.line_customer]),
        returns=_with_ages(known.returns, "age_days", passed[known.returns["customer"].to_numpy()]),
        events=_with_ages(known.events, "age_days", passed[known.events["customer"].to_numpy()]),
    )
    youngest = min(told.snapshot.orders.age_days.min(initial=1), *map(_youngest, (told.returns, told.events)))
    if youngest <= 0:
        raise TimeError(
            "a customer is told as of an instant at which not all of this was known",
            hint="tell each as of an instant after the newest line and event",
        )
    return told


def _youngest(rows: pa.Table) -> float:
    ages: F64 = rows["age_days"].to_numpy()
    return float(ages.min(initial=1))


def _line_details(orders: pa.Table, purchases: Lines, currency: str | None, as_of: Instant) -> pa.Table:
    """The columns of the purchase lines that no array holds; money in the shop's currency, else null."""
    rows = orders.select([*LINE_DETAILS, "currency"]).take(pa.array(purchases.row))
    told = pc.fill_null(pc.equal(rows["currency"], pa.scalar(currency, pa.string())), True)
    table = pa.table(
        {
            **{name: pc.if_else(told, rows[name], None) for name in ("discount", "tax")},
            **{name: rows[name] for name in ("promo_code", "channel")},
            "returned_days": _ages(purchases.returned_at, as_of),
        }
    )
    return _settled(table, _alike(purchases))


def _alike(lines: Lines) -> npt.NDArray[np.bool_]:
    """Whether each line but the first says what the one before says, in every array."""
    alike = np.ones(max(len(lines) - 1, 0), bool)
    for name in lines.__dataclass_fields__:
        values = getattr(lines, name)
        if name == "amount":
            alike &= np.isclose(values[1:], values[:-1], rtol=0, atol=0, equal_nan=True)
        elif name != "row":
            alike &= values[1:] == values[:-1]
    return alike


def _returns(purchases: Lines, returns: Lines, product_ids: Strings, as_of: Instant) -> pa.Table:
    """Purchases that came back, and lines that are returns themselves; all of them known by then."""
    undone = purchases.take(purchases.returned_at != NEVER)
    at = np.where(returns.returned_at == NEVER, returns.at, returns.returned_at)

    def rows(lines: Lines, at: I64) -> pa.Table:
        product = pa.array(lines.product, mask=lines.product < 0)
        return pa.table(
            {
                "customer": lines.customer,
                "age_days": _ages(at, as_of),
                "product_id": pa.array(product_ids, pa.string()).take(product),
                "quantity": lines.quantity,
                "amount": pa.array(lines.amount, mask=np.isnan(lines.amount)),
            }
        )

    table = pa.concat_tables([rows(undone, undone.returned_at), rows(returns, at)])
    return table.take(pa.array(np.argsort(table["customer"].to_numpy(), kind="stable")))


def _events(events: pa.Table, customer_ids: pa.Array, as_of: Instant) -> tuple[pa.Table, int]:
    """The events known by then of these customers, and how many were of nobody known."""
    at = micros(events["occurred_at"])
    # Nothing is known before it happens, whatever the clock that recorded it says.
    known = np.maximum(micros(events["recorded_at"], missing=at), at) < as_of.us
    named = pc.is_valid(events["customer_id"]).to_numpy()
    customer = codes(events["customer_id"], customer_ids).astype(np.int64)
    strangers = int(np.count_nonzero(known & named & (customer < 0)))
    rows = np.flatnonzero(known & (customer >= 0))
    rows = rows[np.lexsort((at[rows], customer[rows]))]
    customer, at = customer[rows], at[rows]
    table = pa.table(
        {
            "customer": customer,
            "age_days": _ages(at, as_of),
            **{name: events[name].take(pa.array(rows)) for name in (*_EVENT_TEXTS, *_EVENT_NUMBERS)},
        }
    )
    table = _settled(table, (np.diff(customer) == 0) & (np.diff(at) == 0))
    nth = np.arange(len(customer)) - np.searchsorted(customer, customer) + 1
    return table.add_column(1, "nth", pa.array(nth)), strangers


def _settled(table: pa.Table, alike: npt.NDArray[np.bool_]) -> pa.Table:
    """The rows with runs of alike ones sorted by every column, so that the source's order does not matter.

    Args:
        table: Rows in order.
        alike: Whether each row but the first is like the one before, so far. Shape: (rows - 1,).
    """
    if not alike.any():
        return table
    # Few rows are alike: these alone are sorted.
    tied = np.flatnonzero(np.r_[alike, False] | np.r_[False, alike])
    run = pa.array(np.cumsum(np.r_[True, ~alike])[tied])
    rest = table.take(pa.array(tied)).append_column("run", run)
    keys = [("run", "ascending"), *((name, "ascending") for name in table.column_names)]
    rows = np.arange(len(table))
    rows[tied] = tied[pc.sort_indices(rest, sort_keys=keys).to_numpy()]
    return table.take(pa.array(rows))


def rank_values(snapshot: Snapshot) -> dict[str, F64]:
    """What buyers are ranked by within their shop; NaN for prospects and, of money, without a known price.

    Shape: (U,) each.
    """
    buyer = snapshot.n_orders > 0
    newest = np.full(len(snapshot), np.nan)
    newest[buyer] = snapshot.orders.age_days[snapshot.order_indptr[1:][buyer] - 1]
    priced = np.isfinite(snapshot.line_amount)
    of = snapshot.line_customer[priced]
    spent = np.bincount(of, weights=snapshot.line_amount[priced], minlength=len(snapshot))
    has_price = np.bincount(of, minlength=len(snapshot)) > 0
    return {
        "recency_days": newest,
        "frequency": np.where(buyer, snapshot.n_orders, np.nan),
        "monetary": np.where(has_price, spent, np.nan),
    }


def _quintiles(snapshot: Snapshot) -> dict[str, F64]:
    """Limits between fifths of the buyers; zeros where nobody is ranked."""
    ranked = {name: values[~np.isnan(values)] for name, values in rank_values(snapshot).items()}
    return {
        name: np.quantile(values, _FIFTHS) if len(values) else np.zeros(len(_FIFTHS))
        for name, values in ranked.items()
    }


def _ages(at: I64, as_of: Instant) -> pa.Array:
    """Days from each instant to `as_of`, null for NEVER."""
    return pa.array((as_of.us - at) / DAY_US, mask=at == NEVER)


def _of(table: pa.Table, rows: I64, customers: int) -> pa.Table:
    """The rows of some customers of a table sorted by `customer`, numbered as these are; of -1, none."""
    indptr = np.searchsorted(table["customer"].to_numpy(), np.arange(customers + 1))
    indptr, rows = np.append(indptr, indptr[-1]), np.where(rows < 0, customers, rows)
    numbered = pa.array(np.repeat(np.arange(len(rows)), np.diff(indptr)[rows]))
    return table.take(pa.array(ranges(indptr, rows))).set_column(0, "customer", numbered)


def _older(age_days: F64, passed_us: int | I64) -> F64:
    """Ages once some time has passed, to the last digit; NaN and inf stay. Shape: (n,)."""
    ages: F64 = (np.rint(age_days * DAY_US) + passed_us) / DAY_US
    return ages


def _with_ages(rows: pa.Table, name: str, passed_us: int | I64) -> pa.Table:
    """Rows with a column of ages as they are once some time has passed; null stays."""
    ages = pa.array(_older(rows[name].to_numpy(), passed_us), from_pandas=True)
    return rows.set_column(rows.schema.get_field_index(name), name, ages)
