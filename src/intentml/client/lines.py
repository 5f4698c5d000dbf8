"""Order lines as JSON carries them.

What comes in: a DataFrame in the columns of the table orders, or dictionaries. What goes out: one
dictionary a line, of texts, numbers and nothing else. What the columns mean, the service knows.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from intentml.errors import RequestError

if TYPE_CHECKING:
    import pandas as pd

    Orders = pd.DataFrame | Iterable[Mapping[str, Any]]

_IDS = frozenset({"customer_id", "order_id", "product_id"})
_SHOWN_ROWS = 5


def order_lines(orders: Orders) -> list[dict[str, Any]]:
    """One dictionary a line; what is missing (None, NaN, NaT, NA) is left out.

    Times become ISO 8601: with their zone where they have one; without, the shop's own zone is meant, as
    in its tables. A whole number in a column of ids becomes its digits, as pandas makes floats of ids
    where one is missing.

    Raises:
        RequestError: A number is infinite, or a value is nothing that JSON knows.
    """
    import pandas as pd

    rows: list[dict[Any, Any]]
    rows = orders.to_dict("records") if isinstance(orders, pd.DataFrame) else [dict(row) for row in orders]
    lines: list[dict[str, Any]] = []
    faults: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        line: dict[str, Any] = {}
        for key, value in row.items():
            name = str(key)
            try:
                told = json_value(value)
            except ValueError:
                faults.setdefault(name, []).append(number)
                continue
            if told is not None:
                line[name] = _digits(told) if name in _IDS else told
        lines.append(line)
    for column, at in faults.items():
        raise RequestError(
            f"orders.{column}: {len(at):,} of {len(lines):,} lines have a value that JSON cannot carry, "
            f"such as an infinite number; the first is line {at[0]:,}",
            table="orders",
            column=column,
            rows=at[:_SHOWN_ROWS],
            hint="leave the value out, or give a text, a number or a time",
        )
    return lines


def json_value(value: Any) -> str | int | float | bool | None:
    """A value as JSON knows it; None for what is missing.

    Raises:
        ValueError: There is no such value in JSON.

    >>> json_value(float("nan")), json_value(dt.datetime(2017, 11, 1, tzinfo=dt.UTC))
    (None, '2017-11-01T00:00:00+00:00')
    """
    import numpy as np
    import pandas as pd

    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, Decimal):
        value = float(value)
    elif isinstance(value, dt.date):  # datetime and Timestamp are dates too
        return value.isoformat()
    elif isinstance(value, np.datetime64):
        return json_value(pd.Timestamp(value))
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            raise ValueError(value)
        return value
    if isinstance(value, str | int):
        return value
    raise ValueError(type(value))


def _digits(value: str | int | float) -> str | int | float:
    """17850.0 and 17850 as "17850"."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return str(int(value)) if whole else value
