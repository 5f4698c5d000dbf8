"""The words of contracts.md read in plain Python loops: slow, obvious, and written apart from the package.

What comes in: the frames of a shop and an as_of. What goes out: lists and dictionaries of who was
known, which orders and which returns, for tests that hold the array code against them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

Frames = dict[str, pd.DataFrame]
DAY = pd.Timedelta(days=1)


@dataclass
class Order:
    """One order of one customer."""

    order_id: str
    at: pd.Timestamp
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def spend(self) -> float:
        """Money paid on lines with a known price."""
        return sum(line["amount"] for line in self.lines if line["amount"] is not None)


def known_customers(frames: Frames, as_of: pd.Timestamp) -> list[str]:
    """Everybody known by a purchase line or by a row of the customers table."""
    rows = frames["customers"].to_dict("records")
    signed_up = {row["customer_id"] for row in rows if not is_later(row["created_at"], as_of)}
    return sorted(signed_up | set(orders_of(frames, as_of)))


def orders_of(frames: Frames, as_of: pd.Timestamp) -> dict[str, list[Order]]:
    """The known orders of every customer, by time and then by order_id."""
    orders: dict[str, dict[str, Order]] = {}
    currency = _main_currency(frames, as_of)
    for line in frames["orders"].to_dict("records"):
        if not _is_purchase(line) or _known_at(line) >= as_of:
            continue
        of_customer = orders.setdefault(line["customer_id"], {})
        order = of_customer.setdefault(line["order_id"], Order(line["order_id"], line["ordered_at"]))
        order.at = min(order.at, line["ordered_at"])
        order.lines.append({**line, "amount": _amount(line, currency)})
    return {
        customer: sorted(found.values(), key=lambda order: (order.at, order.order_id))
        for customer, found in orders.items()
    }


def returned_money(frames: Frames, as_of: pd.Timestamp) -> dict[str, float]:
    """What was paid back to each customer by then."""
    money: dict[str, float] = {}
    currency = _main_currency(frames, as_of)
    for line in frames["orders"].to_dict("records"):
        came_back = line["returned_at"]
        if _is_return(line):
            since = _known_at(line) if pd.isna(came_back) else max(came_back, _known_at(line))
        elif _is_purchase(line) and not pd.isna(came_back):
            since = max(came_back, _known_at(line))
        else:
            continue
        if since < as_of:
            amount = _amount(line, currency) or 0.0
            money[line["customer_id"]] = money.get(line["customer_id"], 0.0) + abs(amount)
    return money


def targets_of(frames: Frames, as_of: pd.Timestamp, kind: str) -> dict[str, list[str]]:
    """The targets of each described product."""
    members: dict[str, list[str]] = {}
    for row in frames["products"].to_dict("records"):
        if is_later(row["created_at"], as_of):
            continue
        if kind in ("category", "brand"):
            members[row["product_id"]] = [] if pd.isna(row[kind]) else [row[kind]]
        elif pd.isna(row["category_path"]):
            members[row["product_id"]] = []
        else:
            parts = row["category_path"].split(" > ")
            members[row["product_id"]] = [
                " > ".join(parts[: depth + 1]) for depth, part in enumerate(parts) if part != row["category"]
            ]
    return members


def is_later(at: pd.Timestamp, as_of: pd.Timestamp) -> bool:
    """Whether a dated row was still to come; an undated one never is."""
    return not pd.isna(at) and at >= as_of


def _known_at(line: dict[str, Any]) -> pd.Timestamp:
    return (
        line["ordered_at"] if pd.isna(line["recorded_at"]) else max(line["recorded_at"], line["ordered_at"])
    )


def _pieces(line: dict[str, Any]) -> float:
    return 1.0 if pd.isna(line["quantity"]) else line["quantity"]


def _status(line: dict[str, Any]) -> str:
    return "completed" if pd.isna(line["status"]) else line["status"]


def _is_purchase(line: dict[str, Any]) -> bool:
    if pd.isna(line["customer_id"]) or _pieces(line) <= 0:
        return False
    return _status(line) == "completed" or (_status(line) == "returned" and not pd.isna(line["returned_at"]))


def _is_return(line: dict[str, Any]) -> bool:
    if pd.isna(line["customer_id"]) or _status(line) not in ("completed", "returned") or _pieces(line) == 0:
        return False
    return _pieces(line) < 0 or (_status(line) == "returned" and pd.isna(line["returned_at"]))


def _main_currency(frames: Frames, as_of: pd.Timestamp) -> str:
    """The currency of most known purchase and return lines."""
    counts: dict[str, int] = {}
    for line in frames["orders"].to_dict("records"):
        if (_is_purchase(line) or _is_return(line)) and _known_at(line) < as_of:
            counts[line["currency"]] = counts.get(line["currency"], 0) + 1
    return min(counts, key=lambda name: (-counts[name], name))


def _amount(line: dict[str, Any], currency: str) -> float | None:
    if pd.isna(line["unit_price"]) or line["currency"] != currency:
        return None
    return _pieces(line) * line["unit_price"]
