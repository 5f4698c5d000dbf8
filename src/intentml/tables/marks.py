"""Which rows a kind of dirt touches: one small function each, a mask out.

What comes in: a shop after reading. What goes out: numpy masks over the rows of one table. What is
done with the rows, and its sentence, stands in `dirt`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.tables.contracts import EVENT_TYPES
from intentml.tables.lines import COMPLETED, PURCHASE, RETURN, RETURNED, line_roles, main_currency
from intentml.tables.parse import Mask, as_text, mask_of
from intentml.tables.shop import ShopTables

I64 = npt.NDArray[np.int64]
_DAY_US = 86_400_000_000


class Marked:
    """A shop, with what several marks need of it made once."""

    def __init__(self, shop: ShopTables) -> None:
        self.shop = shop
        self.orders = shop.orders
        self._codes: dict[tuple[str, str], I64] = {}

    def __getitem__(self, table: str) -> pa.Table:
        content: pa.Table = getattr(self.shop, table)
        return content

    @cached_property
    def roles(self) -> npt.NDArray[np.int8]:
        """Role of each order line."""
        return line_roles(self.orders)

    def codes(self, table: str, column: str) -> I64:
        """A number for each distinct value of a column, 0 for null."""
        if (table, column) not in self._codes:
            self._codes[table, column] = codes(self[table][column])
        return self._codes[table, column]

    @property
    def order_codes(self) -> I64:
        """A number for each line's order id."""
        return self.codes("orders", "order_id")

    def first_of_order(self, values: I64) -> I64:
        """For each line, the value of the first line of its order."""
        first = np.zeros(int(self.order_codes.max(initial=-1)) + 1, dtype=np.int64)
        first[self.order_codes[::-1]] = values[::-1]  # the last to write is the first line
        return first[self.order_codes]


Mark = Callable[[Marked], Mask]


def is_null(table: str, column: str) -> Mark:
    """Empty values."""
    return lambda shop: mask_of(pc.is_null(shop[table][column]))


def is_before(table: str, column: str, other: str) -> Mark:
    """Rows where the time in `column` is before the one in `other`."""
    return lambda shop: mask_of(pc.less(shop[table][column], shop[table][other]))


def is_zero(column: str) -> Mark:
    """Order lines with a zero."""
    return lambda shop: mask_of(pc.equal(shop.orders[column], 0.0))


def is_negative(column: str) -> Mark:
    """Order lines with a number below zero."""
    return lambda shop: mask_of(pc.less(shop.orders[column], 0.0))


def is_unknown(table: str, column: str, catalogue: str) -> Mark:
    """Rows whose id has no row in another table."""

    def mark(shop: Marked) -> Mask:
        ids = shop[table][column]
        known = pc.is_in(ids, value_set=shop[catalogue][column])
        return mask_of(pc.and_(pc.is_valid(ids), pc.invert(known)))

    return mark


def is_repeat(table: str, *keys: str) -> Mark:
    """Rows that equal an earlier row in every column that the source has.

    Args:
        table: Its table.
        keys: Columns that tell most rows apart; only rows that share them are compared whole.
    """

    def mark(shop: Marked) -> Mask:
        content = shop[table].select(list(shop.shop.present[table]))
        return repeated_rows(content, [shop.codes(table, key) for key in keys])

    return mark


def other_status(shop: Marked) -> Mask:
    """Lines with a status that is neither empty nor completed nor returned."""
    status = shop.orders["status"]
    usual = pc.is_in(status, value_set=pa.array([COMPLETED, RETURNED]))
    return mask_of(pc.and_(pc.is_valid(status), pc.invert(usual)))


def returned(shop: Marked) -> Mask:
    """Lines that are returns themselves."""
    rows: Mask = shop.roles == RETURN
    return rows


def returned_later(shop: Marked) -> Mask:
    """Purchases that tell when they were returned."""
    rows: Mask = (shop.roles == PURCHASE) & mask_of(pc.is_valid(shop.orders["returned_at"]))
    return rows


def other_currency(shop: Marked) -> Mask:
    """Lines in a currency that is not the main one."""
    currency = main_currency(shop.orders)
    if currency is None:
        return np.zeros(shop.orders.num_rows, dtype=bool)
    return mask_of(pc.not_equal(shop.orders["currency"], currency))


def order_of_several_customers(shop: Marked) -> Mask:
    """Lines of orders that several customers share (an unknown buyer is one of them)."""
    customers = shop.codes("orders", "customer_id")
    mixed = np.zeros(int(shop.order_codes.max(initial=-1)) + 1, dtype=bool)
    mixed[shop.order_codes[customers != shop.first_of_order(customers)]] = True
    return mixed[shop.order_codes]


def far_from_order(shop: Marked) -> Mask:
    """Lines more than a day from the first line of their order."""
    times = shop.orders["ordered_at"].cast(pa.int64()).to_numpy()
    far: Mask = np.abs(times - shop.first_of_order(times)) > _DAY_US
    return far


def unknown_event_type(shop: Marked) -> Mask:
    """Events of a type that the contract does not name."""
    named = pc.is_in(shop["events"]["event_type"], value_set=pa.array(EVENT_TYPES))
    return mask_of(pc.invert(named))


def impossible_position(shop: Marked) -> Mask:
    """Customers whose latitude or longitude is not on earth."""
    return off_earth(shop["customers"])


def off_earth(customers: pa.Table) -> Mask:
    """Rows with a latitude beyond 90 or a longitude beyond 180 degrees."""
    north = pc.greater(pc.abs(customers["latitude"]), 90.0)
    east = pc.greater(pc.abs(customers["longitude"]), 180.0)
    return mask_of(north) | mask_of(east)


def repeated_rows(table: pa.Table, keys: Sequence[I64]) -> Mask:
    """Rows that equal an earlier row in every column; null equals null.

    Args:
        table: Any table.
        keys: Codes of columns that tell most rows apart; only rows that share them all are compared
            whole. Shape of each: (rows,).
    """
    shared = np.zeros(table.num_rows, dtype=np.int64)
    for code in keys:
        shared = codes(pa.chunked_array([shared * (int(code.max(initial=0)) + 1) + code]))
    candidates = np.flatnonzero(np.bincount(shared, minlength=1)[shared] > 1)
    repeats = np.zeros(table.num_rows, dtype=bool)
    if len(candidates):
        some = table.take(pa.array(candidates))
        plain = [column if _groupable(column.type) else as_text(column) for column in some.columns]
        names = [f"c{number}" for number in range(len(plain))]
        numbered = pa.table([*plain, pa.array(candidates)], names=[*names, "row"])
        firsts = numbered.group_by(names, use_threads=False).aggregate([("row", "min")])
        repeats[candidates] = True
        repeats[firsts["row_min"].to_numpy()] = False
    return repeats


def codes(column: pa.ChunkedArray) -> I64:
    """A number for each distinct value, 0 for null."""
    indices = column.combine_chunks().dictionary_encode().indices
    numbers: I64 = pc.fill_null(indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False) + 1
    return numbers


def _groupable(kind: pa.DataType) -> bool:
    """Whether Arrow can group by a type."""
    return not pa.types.is_nested(kind)
