"""A few rows written by hand -> tables, for tests about single lines."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from intentml.tables.read import shop_from_frames

DEFAULT_LINE = {"customer_id": "a", "ordered_at": "2024-01-01"}


def frame_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table; a key that a row lacks is null there."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})


def orders_of(lines: list[dict[str, Any]]) -> pa.Table:
    """Order lines after reading; each is an order of customer a on 2024-01-01 unless it says else."""
    numbered = [DEFAULT_LINE | {"order_id": str(number)} | line for number, line in enumerate(lines)]
    return shop_from_frames(frame_of(numbered)).orders
