"""Histories of single customers: taken out of a log, and laid out in a shop whose state is known.

What comes in: some customers' own order lines, and the `ShopState` that a scores folder keeps. What
goes out: the `Snapshot` that the shop's own log would give of these customers. A line that was not yet
known at that instant is refused, not dropped: whoever sends it expects it to count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.errors import TimeError
from intentml.tables.contracts import ORDERS
from intentml.tables.shop import ShopTables
from intentml.timeline.catalogue import Catalogue
from intentml.timeline.columns import LINE_COLUMNS, micros
from intentml.timeline.context import ShopContext
from intentml.timeline.instants import NEVER, Instant
from intentml.timeline.lines import Lines, in_currency
from intentml.timeline.log import OrderLog, rows_in
from intentml.timeline.snapshot import Snapshot, snapshot_of

# What a line says that is read again: whose it is stands as a number, so that rows of one lie together.
HISTORY_COLUMNS = [name for name in LINE_COLUMNS if name != "customer_id"] + ["status"]
# Told again and again: their texts are kept once.
_FEW_TEXTS = frozenset({"product_id", "currency", "status", "promo_code", "channel"})
_TIMES = ("ordered_at", "recorded_at", "returned_at")
_HOUR_US = 3_600_000_000
_SHOWN_ROWS = 5
# Of a currency that no line names; -1 stands for lines that name none.
_NO_NUMBER = -2


@dataclass(frozen=True)
class ShopState:
    """The whole shop at an instant: what the snapshots of all its customers share.

    Attributes:
        as_of: The instant.
        start: How far back the shop's history goes.
        catalogue: Products known by then.
        currency: The currency that money is told in; None where the shop's lines name none.
        context: Shop-wide numbers.
    """

    as_of: Instant
    start: Instant
    catalogue: Catalogue
    currency: str | None
    context: ShopContext


def lines_by_customer(log: OrderLog, columns: Sequence[str] = HISTORY_COLUMNS) -> pa.Table:
    """The order lines of a log that `before` has cut, as they came, customer by customer.

    With the customer's id they are the history that `snapshot_of_histories` takes. A return that was not
    yet known is left out of its line.

    Args:
        log: The log.
        columns: Of the table orders; the `HISTORY_COLUMNS`, and perhaps more.

    Returns:
        `customer` (row in `log.customer_ids`, ascending), then those of the columns that have a value.
    """
    parts = log.purchases, log.returns
    customer, row = (np.concatenate([getattr(of, name) for of in parts]) for name in ("customer", "row"))
    order = np.lexsort((row, customer))
    lines = log.tables.orders.select(columns).take(pa.array(row[order]))
    # A purchase that nobody has returned yet is as good as any other.
    returned = np.concatenate([log.purchases.returned_at != NEVER, np.ones(len(log.returns), np.bool_)])
    for name in ("returned_at", "status"):
        known = pc.if_else(pa.array(returned[order]), lines[name], None)
        lines = lines.set_column(lines.schema.get_field_index(name), name, known)
    for name in _FEW_TEXTS.intersection(columns):
        lines = lines.set_column(lines.schema.get_field_index(name), name, lines[name].dictionary_encode())
    lines = lines.drop_columns([name for name in columns if lines[name].null_count == len(lines)])
    return lines.add_column(0, "customer", pa.array(customer[order].astype(np.int32))).combine_chunks()


def as_orders(lines: pa.Table, customer_ids: pa.Array, columns: Sequence[str] = HISTORY_COLUMNS) -> pa.Table:
    """Some of those lines, as the table orders after reading; nulls where no line of the shop has a value.

    Args:
        lines: As `lines_by_customer` gives them.
        customer_ids: Whose each is. Shape: (n,).
        columns: As of `lines_by_customer`.
    """

    def told(field: pa.Field) -> pa.Array | pa.ChunkedArray:
        if field.name not in lines.column_names:
            return pa.nulls(len(lines), field.type)
        return lines[field.name].cast(field.type)

    return pa.table(
        {"customer_id": customer_ids, **{name: told(ORDERS.schema.field(name)) for name in columns}}
    )


def first_full_hour_after(orders: pa.Table, as_of: Instant) -> int:
    """The first full hour at which all of some lines were known; `as_of` where that is later. Microseconds.

    Args:
        orders: Order lines after reading.
        as_of: The earliest that is answered.
    """
    known = int(_latest(orders).max(initial=0))
    return max(as_of.us, (known // _HOUR_US + 1) * _HOUR_US)


def later_than(orders: pa.Table, as_of: Instant) -> npt.NDArray[np.bool_]:
    """Which lines hold what nobody knew before `as_of`. Shape: (n,)."""
    return _latest(orders) >= as_of.us


def _latest(orders: pa.Table) -> npt.NDArray[np.int64]:
    """The last instant that each line tells of, microseconds. Shape: (n,)."""
    latest: npt.NDArray[np.int64] = np.maximum.reduce([micros(orders[name], missing=0) for name in _TIMES])
    return latest


def snapshot_of_histories(state: ShopState, tables: ShopTables) -> Snapshot:
    """The snapshot of `history_of`."""
    snapshot, _, _ = history_of(state, tables)
    return snapshot


def history_of(state: ShopState, tables: ShopTables) -> tuple[Snapshot, Lines, Lines]:
    """The snapshot of the customers of some order lines, as the shop's own log would have it, and the lines.

    A product that the catalogue does not have is one that nobody knows: its line counts, without a
    product. Money in another currency than the shop's is unknown.

    Args:
        state: The shop.
        tables: Order lines alone; times without a zone were read in the shop's.

    Returns:
        The snapshot, its purchases, and the returns.

    Raises:
        TimeError: A line was ordered, recorded or returned at `as_of` or later.
    """
    refuse_later(
        tables.orders,
        state.as_of,
        why="which these scores cannot know about",
        hint="send what was known before the as_of of the scores, or score the shop again",
    )
    log = OrderLog.from_tables(tables)
    row = np.append(rows_in(log.catalogue.product_ids, state.catalogue.product_ids), -1)
    number = {name: number for number, name in enumerate(log.currencies)}

    def in_shop(lines: Lines) -> Lines:
        if state.currency is not None:
            lines = in_currency(lines, number.get(state.currency, _NO_NUMBER))
        return replace(lines, product=row[lines.product].astype(np.int32))

    purchases, returns = in_shop(log.purchases), in_shop(log.returns)
    snapshot = snapshot_of(
        as_of=state.as_of,
        start=state.start,
        customer_ids=log.customer_ids,
        customer_since=log.customer_since,
        catalogue=state.catalogue,
        purchases=purchases,
        returns=returns,
        timezone=state.as_of.timezone,
        shop=state.context,
    )
    return snapshot, purchases, returns


def refuse_later(orders: pa.Table, end: Instant, why: str, hint: str) -> None:
    """Raise where a line holds what nobody knew before an instant.

    Args:
        orders: Order lines after reading.
        end: The instant.
        why: It must not be, as the end of the sentence.
        hint: What to do about it.

    Raises:
        TimeError: A line was ordered, recorded or returned then, or later.
    """
    for column in _TIMES:
        late = np.flatnonzero(micros(orders[column], missing=end.us - 1) >= end.us)
        if len(late):
            lines = "1 line was" if len(late) == 1 else f"{len(late):,} lines were"
            raise TimeError(
                f"{lines} {column.removesuffix('_at')} at {end.iso} or later, {why}",
                table="orders",
                column=column,
                rows=late[:_SHOWN_ROWS].tolist(),
                hint=hint,
            )
