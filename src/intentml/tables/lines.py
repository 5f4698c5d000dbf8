"""What one order line counts as: purchase, return or neither; and what was paid for it.

What comes in: the orders table after reading. What goes out: arrays, one value a line, in source
order. It compares no time with any as_of (`timeline` does) and drops no line.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

UNUSED = np.int8(0)
PURCHASE = np.int8(1)
RETURN = np.int8(2)

COMPLETED = "completed"
RETURNED = "returned"


def line_roles(orders: pa.Table) -> npt.NDArray[np.int8]:
    """PURCHASE, RETURN or UNUSED for each line, by the words of contracts.md.

    - PURCHASE: a customer, quantity > 0 (null counts as 1), status null or `completed`. A line with
      status `returned` and a known `returned_at` was such a purchase until then, so it is one too:
      at `ordered_at` a purchase, from `returned_at` on a return. Reading it as a return alone would
      let the future undo an order that was known at the time.
    - RETURN: a customer and either a negative quantity with status null, `completed` or `returned`,
      or status `returned` without `returned_at`. It counts from `returned_at` where known, else
      from its own line's time.
    - UNUSED: no customer, quantity 0, or any other status (cancelled, adjustment ...).

    Args:
        orders: Orders after reading: every contract column, `status` in lower case.

    Returns:
        Array of shape (lines,).
    """
    has_customer = _mask(pc.is_valid(orders["customer_id"]))
    quantity = line_quantities(orders)
    status = orders["status"]
    returned = _mask(pc.fill_null(pc.equal(status, RETURNED), False))
    bought = _mask(pc.fill_null(pc.equal(status, COMPLETED), True))
    returned_later = returned & _mask(pc.is_valid(orders["returned_at"]))

    roles = np.full(orders.num_rows, UNUSED, dtype=np.int8)
    roles[has_customer & (quantity > 0) & (bought | returned_later)] = PURCHASE
    roles[has_customer & (quantity > 0) & returned & ~returned_later] = RETURN
    roles[has_customer & (quantity < 0) & (bought | returned)] = RETURN
    return roles


def line_quantities(orders: pa.Table) -> npt.NDArray[np.float64]:
    """Pieces on each line; null counts as 1. Shape (lines,)."""
    filled: npt.NDArray[np.float64] = pc.fill_null(orders["quantity"], 1.0).to_numpy()
    return filled


def main_currency(orders: pa.Table) -> str | None:
    """The currency of most lines (ties: first in the alphabet); None where no line names one."""
    counts = pc.value_counts(orders["currency"].drop_null())
    ranked = sorted(counts.to_pylist(), key=lambda row: (-row["counts"], row["values"]))
    return ranked[0]["values"] if ranked else None


def line_amounts(orders: pa.Table, currency: str | None = None) -> npt.NDArray[np.float64]:
    """Quantity times unit price of each line, NaN where it is unknown.

    Money of several currencies is never added up: lines of another currency keep their purchase and
    lose their amount. A line without a currency is in the main one.

    Args:
        orders: Orders after reading.
        currency: The currency to tell amounts in; by default `main_currency(orders)`. Who judges at
            an as_of hands over the one that was the main one by then.

    Returns:
        Array of shape (lines,), in `currency`; negative for negative quantities.
    """
    wanted = main_currency(orders) if currency is None else currency
    price = pc.fill_null(orders["unit_price"], float("nan")).to_numpy()
    amounts: npt.NDArray[np.float64] = line_quantities(orders) * price
    if wanted is not None:
        amounts[_mask(pc.fill_null(pc.not_equal(orders["currency"], wanted), False))] = np.nan
    return amounts


def _mask(values: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """A null-free Arrow boolean column as a numpy mask."""
    mask: npt.NDArray[np.bool_] = values.to_numpy().astype(bool, copy=False)
    return mask
