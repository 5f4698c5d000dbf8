"""One sequence a customer: the last orders as tokens, oldest first, and a NOW token.

What comes in: a snapshot (all customers, a partition or one) and a vocabulary. What goes out:
`OrderSequences` in CSR layout. An order's numbers depend on that order and on earlier ones of the
same customer (its age apart), on nothing else; nothing is fitted here, and nothing is padded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from intentml.sequences.csr import indptr_of, positions
from intentml.sequences.expanding_median import expanding_median
from intentml.sequences.vocabulary import Vocabulary, unit_prices
from intentml.timeline import Snapshot
from intentml.timeline.instants import DAY_US

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

MAX_ORDERS = 64
# Several orders a day would make the own median gap vanish, and every later gap look endless.
SHORTEST_RHYTHM_DAYS = 1.0


@dataclass(frozen=True)
class OrderSequences:
    """Tokens of U customers, m orders and n lines.

    Attributes:
        indptr: Where each customer's tokens start. Shape: (U + 1,).
        nth: Place in the customer's whole history, 0 = first order ever. Shape: (m,), like all down
            to `day_of_year`.
        gap_days: Days since the order before; 0 for the first order.
        gap_ratio: That gap over the median of the customer's gaps before it (a median under a day
            counts as a day); 1 where there is no earlier gap.
        age_days: Days from the order to `as_of`.
        log_spend: log(1 + money paid); unknown prices count as 0.
        log_items: log(1 + pieces).
        log_lines: log(1 + order lines).
        weekday: 0 = Monday ... 6 = Sunday, on the shop's calendar.
        day_of_year: 1 ... 366.
        line_indptr: Where each order's lines start. Shape: (m + 1,).
        product: Vocabulary codes, 0 = unknown; lines without a product are left out, lines of a
            product that the vocabulary lacks are kept. Shape: (n,), like the next three.
        category: Vocabulary codes.
        brand: Vocabulary codes.
        price: Price bucket of what was paid a piece, within its category.
        idle_days: NOW: days since the last order; 0 for a prospect. Shape: (U,).
        idle_ratio: NOW: idle days over the median of all the customer's gaps, as `gap_ratio`. Shape: (U,).
        now_weekday: Weekday of `as_of`, the first day of the window.
        now_day_of_year: Day of the year of `as_of`.
    """

    indptr: I64
    nth: I32
    gap_days: F64
    gap_ratio: F64
    age_days: F64
    log_spend: F64
    log_items: F64
    log_lines: F64
    weekday: I32
    day_of_year: I32
    line_indptr: I64
    product: I32
    category: I32
    brand: I32
    price: I32
    idle_days: F64
    idle_ratio: F64
    now_weekday: int
    now_day_of_year: int

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def length(self) -> I64:
        """Tokens per customer, NOW not counted. Shape: (U,)."""
        return np.diff(self.indptr)

    def take(self, customers: npt.ArrayLike) -> OrderSequences:
        """The sequences of some customers (rows), in the order given."""
        rows = np.asarray(customers, dtype=np.int64)
        orders = positions(self.indptr, rows)
        lines = positions(self.line_indptr, orders)
        return replace(
            self,
            indptr=indptr_of(self.length[rows]),
            line_indptr=indptr_of(np.diff(self.line_indptr)[orders]),
            **{name: getattr(self, name)[orders] for name in ORDER_FIELDS},
            **{name: getattr(self, name)[lines] for name in LINE_FIELDS},
            **{name: getattr(self, name)[rows] for name in NOW_FIELDS},
        )


ORDER_FIELDS = (
    "nth",
    "gap_days",
    "gap_ratio",
    "age_days",
    "log_spend",
    "log_items",
    "log_lines",
    "weekday",
    "day_of_year",
)
LINE_FIELDS = ("product", "category", "brand", "price")
NOW_FIELDS = ("idle_days", "idle_ratio")


def encode_orders(snapshot: Snapshot, vocabulary: Vocabulary, max_orders: int = MAX_ORDERS) -> OrderSequences:
    """The last `max_orders` orders of every customer of the snapshot, as tokens."""
    orders, indptr = snapshot.orders, snapshot.order_indptr
    nth = np.arange(len(orders)) - indptr[orders.customer]
    kept = np.flatnonzero(snapshot.n_orders[orders.customer] - nth <= max_orders)
    gap_days, gap_ratio, idle_days, idle_ratio = _gaps(snapshot, nth, max_orders)
    weekday, day_of_year = calendar(orders.day[kept])
    today = snapshot.as_of.datetime
    line_indptr, lines = _lines_of(snapshot, kept)
    # Few products in one customer's lines, all of them in a crowd's: code each once.
    products, which = np.unique(snapshot.line_product[lines], return_inverse=True)
    codes = vocabulary.encode(snapshot.catalogue, products)
    category = codes.category[which]
    paid = unit_prices(snapshot.line_amount[lines], snapshot.line_quantity[lines])
    return OrderSequences(
        indptr=indptr_of(np.minimum(snapshot.n_orders, max_orders)),
        nth=nth[kept].astype(np.int32),
        gap_days=gap_days[kept],
        gap_ratio=gap_ratio[kept],
        age_days=orders.age_days[kept],
        log_spend=np.log1p(np.maximum(orders.spend[kept], 0)),
        log_items=np.log1p(orders.items[kept]),
        log_lines=np.log1p(orders.lines[kept]),
        weekday=weekday,
        day_of_year=day_of_year,
        line_indptr=line_indptr,
        product=codes.product[which],
        category=category,
        brand=codes.brand[which],
        price=vocabulary.price_codes(paid, category),
        idle_days=idle_days,
        idle_ratio=idle_ratio,
        now_weekday=today.weekday(),
        now_day_of_year=today.timetuple().tm_yday,
    )


def calendar(day: I64) -> tuple[I32, I32]:
    """Weekday (0 = Monday) and day of the year (1 ...) of days since 1970-01-01, a Thursday."""
    date = day.astype("datetime64[D]")
    new_year = date.astype("datetime64[Y]").astype("datetime64[D]")
    return ((day + 3) % 7).astype(np.int32), ((date - new_year).astype(np.int64) + 1).astype(np.int32)


def _gaps(snapshot: Snapshot, nth: I64, max_orders: int) -> tuple[F64, F64, F64, F64]:
    """Gap and gap ratio per order; idle days and idle ratio per customer."""
    indptr = snapshot.order_indptr
    # Ages are whole microseconds told as days: back to those, so that a gap is the same from any as_of.
    age_us = np.rint(snapshot.orders.age_days * DAY_US)
    later = np.flatnonzero(nth > 0)
    gaps = (age_us[later - 1] - age_us[later]) / DAY_US
    gap_days = np.zeros(len(nth))
    gap_days[later] = gaps

    # The median before each kept order, and the one after all of them.
    gap_indptr = indptr_of(np.maximum(snapshot.n_orders - 1, 0))
    medians = np.full(len(nth), np.nan)
    medians[later] = expanding_median(gaps, gap_indptr, max_orders + 1)
    gap_ratio = np.ones(len(nth))
    third = np.flatnonzero(nth > 1)
    gap_ratio[third] = gap_days[third] / np.maximum(medians[third - 1], SHORTEST_RHYTHM_DAYS)

    idle_days, idle_ratio = np.zeros(len(snapshot)), np.ones(len(snapshot))
    buyer = np.flatnonzero(snapshot.n_orders > 0)
    idle_days[buyer] = snapshot.orders.age_days[indptr[buyer + 1] - 1]
    rhythm = np.flatnonzero(snapshot.n_orders > 1)
    own = np.maximum(medians[indptr[rhythm + 1] - 1], SHORTEST_RHYTHM_DAYS)
    idle_ratio[rhythm] = idle_days[rhythm] / own
    return gap_days, gap_ratio, idle_days, idle_ratio


def _lines_of(snapshot: Snapshot, kept: I64) -> tuple[I64, I64]:
    """Row pointers over the kept orders, and their lines that have a product, order after order."""
    place = np.full(len(snapshot.orders), -1, np.int64)
    place[kept] = np.arange(len(kept))
    of_order = place[snapshot.line_order]
    lines = np.flatnonzero((of_order >= 0) & (snapshot.line_product >= 0))
    # Lines lie by order id, orders by time; a stable sort keeps the lines of one order as they are.
    lines = lines[np.argsort(of_order[lines], kind="stable")]
    return indptr_of(np.bincount(of_order[lines], minlength=len(kept))), lines
