"""Which order lines a table has already, and which are news to it.

What comes in: orders after reading, and tellings of order lines after reading. What goes out: the lines
to add, and the rows that were returned since. It reads and writes nothing.

Two lines are the same when customer, order, product, time, quantity and role agree. Of lines alike, as many
are known as any one telling has: a shop may sell the same thing twice on two lines of one order, and a
telling may come twice. The service takes lines in by the same rule, so that a night changes no history.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intentml.tables.lines import UNUSED, line_quantities, line_roles

_SAME = ("customer_id", "order_id", "product_id", "ordered_at")
RETURNED_SINCE = ("status", "returned_at")
"""The columns that a return changes on a line that was there."""


@dataclass(frozen=True)
class News:
    """What a table does not have.

    Attributes:
        lines: Lines to add, as the table orders after reading, in the order they were told.
        returned: By row of the table, what it says now that it was returned.
        known: How many lines the table had, or had been told before.
    """

    lines: pa.Table
    returned: dict[int, dict[str, Any]]
    known: int


@dataclass
class _Place:
    """Where a line is, and whether it is known as returned."""

    row: int
    in_table: bool
    returned: bool


def news(orders: pa.Table, told: pa.Table, telling: Sequence[int]) -> News:
    """What some tellings say that a table does not.

    Args:
        orders: The table, after reading.
        told: The lines of all tellings, after reading, in order.
        telling: Of each line, which telling it came with; ascending.
    """
    there: defaultdict[tuple[object, ...], list[_Place]] = defaultdict(list)
    rows = np.flatnonzero(pc.is_in(orders["order_id"], value_set=pc.unique(told["order_id"])).to_numpy())
    few = orders.take(pa.array(rows))
    for row, mark, returned in zip(rows.tolist(), _marks(few), _returned(few), strict=True):
        there[mark].append(_Place(row, True, returned))
    new: list[int] = []
    changed: dict[int, dict[str, Any]] = {}
    used: defaultdict[tuple[object, ...], int] = defaultdict(int)
    now = None
    for row, mark, returned, number in zip(
        range(len(told)), _marks(told), _returned(told), telling, strict=True
    ):
        if number != now:
            used.clear()
            now = number
        used[mark] += 1
        if used[mark] > len(there[mark]):
            there[mark].append(_Place(len(new), False, returned))
            new.append(row)
            continue
        same = there[mark][used[mark] - 1]
        if returned and not same.returned:
            same.returned = True
            if same.in_table:
                changed[same.row] = {name: told[name][row].as_py() for name in RETURNED_SINCE}
            else:
                new[same.row] = row
    return News(told.take(pa.array(new, pa.int64())), changed, len(told) - len(new))


def with_news(orders: pa.Table, told: pa.Table) -> pa.Table:
    """The table once some lines were told together: what they add stands behind.

    A line that counts as nothing (cancelled, say) is left out.

    Args:
        orders: The table, after reading.
        told: The lines, after reading, in the same columns.
    """
    told = told.filter(pa.array(line_roles(told) != UNUSED))
    found = news(orders, told, [0] * len(told))
    for name in RETURNED_SINCE if found.returned else ():
        cells = orders[name].to_pylist()
        for row, now in found.returned.items():
            cells[row] = now[name]
        at = orders.schema.get_field_index(name)
        orders = orders.set_column(at, orders.schema.field(at), pa.array(cells, orders.schema.field(at).type))
    return pa.concat_tables([orders, found.lines])


def _marks(lines: pa.Table) -> Iterator[tuple[object, ...]]:
    """What tells each line from others."""
    columns = [lines[name].to_pylist() for name in _SAME]
    return zip(*columns, line_quantities(lines).tolist(), line_roles(lines).tolist(), strict=True)


def _returned(lines: pa.Table) -> list[bool]:
    """Whether each line says when it was returned."""
    found: list[bool] = lines["returned_at"].is_valid().to_pylist()
    return found
