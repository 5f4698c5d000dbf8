"""Customers' histories as a client of the service sends them.

What comes in: a shop's table of orders and the as_of of its scores. What goes out: the lines that were
known by then, as they were known, and the same as JSON.
"""

from __future__ import annotations

from typing import Any

import pandas as pd


def known_lines(orders: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """What a shop had on record of its customers just before `as_of`: later rows and returns undone."""
    columns = [name for name in ("ordered_at", "recorded_at") if name in orders]
    lines = orders[orders["customer_id"].notna() & (orders[columns].max(axis=1) < as_of)].copy()
    if "returned_at" not in lines:
        return lines
    later = lines["returned_at"] >= as_of
    lines = lines[~(later & (lines["quantity"] < 0))].copy()
    later = lines["returned_at"] >= as_of
    lines.loc[later & (lines["status"] == "returned"), "status"] = None
    lines["returned_at"] = lines["returned_at"].where(~later)
    return lines


def as_json(lines: pd.DataFrame) -> list[dict[str, Any]]:
    """Lines as JSON: instants in ISO 8601, every digit of a number, what is missing as null."""
    told = lines.astype(object).where(lines.notna(), None)
    for name in lines.select_dtypes("datetimetz"):
        told[name] = [None if at is None else at.isoformat() for at in told[name]]
    rows: list[dict[str, Any]] = told.to_dict("records")
    return rows
