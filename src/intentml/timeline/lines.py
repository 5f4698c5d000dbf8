"""Order lines as arrays: what one line says, the one order they lie in, and the money they are told in.

What comes in: the orders table after reading. What goes out: `Lines`, columnar and sorted. Which of
them were known when is `log`'s matter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64] | npt.NDArray[np.bool_]


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
        amount: Money paid (of a return: paid back, positive), in `currency`; NaN where unknown.
        currency: Rank of its currency among all currencies, -1 where the line names none.
        returned_at: From when the line was known to be returned; NEVER where not.
        row: Row in the orders table, for the columns that no array holds.
    """

    customer: I64
    order: I64
    at: I64
    known_at: I64
    product: npt.NDArray[np.int32]
    quantity: F64
    amount: F64
    currency: npt.NDArray[np.int32]
    returned_at: I64
    row: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, rows: Rows) -> Lines:
        """Some of the lines, in order."""
        return Lines(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


def sorting(lines: Lines) -> I64:
    """The rows in order of customer, order and product; lines alike in these, by everything else.

    So the arrays do not depend on the order of the rows in the source.
    """
    orders = int(lines.order.max(initial=0)) + 1
    of_order = lines.customer * orders + lines.order
    rows: I64 = np.lexsort((lines.product, of_order))
    of_order, product = of_order[rows], lines.product[rows]
    alike = (of_order[1:] == of_order[:-1]) & (product[1:] == product[:-1])
    if alike.any():
        # Few lines are alike: these alone are sorted by the other columns too.
        group = np.cumsum(np.r_[True, ~alike])
        tied = np.flatnonzero(np.r_[alike, False] | np.r_[False, alike])
        rest = lines.take(rows[tied])
        keys = (rest.returned_at, rest.known_at, rest.currency, rest.amount, rest.quantity, rest.at)
        rows[tied] = rows[tied][np.lexsort((*keys, group[tied]))]
    return rows


def main_currency(*parts: Lines) -> int:
    """The currency of most lines (ties: first in the alphabet); -1 where no line names one."""
    counts = np.bincount(np.concatenate([lines.currency for lines in parts]) + 1)
    return int(np.argmax(counts[1:])) if len(counts) > 1 else -1


def in_currency(lines: Lines, currency: int) -> Lines:
    """The lines with amounts in that currency alone: amounts in another one are unknown.

    A line that names no currency is in the main one.
    """
    other = (lines.currency >= 0) & (lines.currency != currency)
    return replace(lines, amount=np.where(other, np.nan, lines.amount)) if other.any() else lines
