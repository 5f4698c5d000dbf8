"""Is there enough data to learn from? The data gate of `check`, and the report it prints.

What comes in: plain numbers that `timeline` measured, and what reading found. What goes out: gate
results, each with its measured value, and the JSON of `check`. It reads and counts nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from intentml.tables.contracts import CONTRACTS
from intentml.tables.shop import ShopTables
from intentml.tables.validate import Failure

Level = Literal["refuse", "warn", "ok"]

MIN_BUYERS = 100
MIN_REPEAT_BUYERS = 100
COMFORTABLE_BUYERS = 500
COMFORTABLE_DAYS = 180
FRESH_DAYS = 30
HORIZONS_OF_HISTORY = 3


@dataclass(frozen=True)
class GateResult:
    """One question of the data gate.

    Attributes:
        name: What is measured.
        level: refuse (nothing can be learned), warn (results will be weak) or ok.
        measured: The value found.
        limit: The limit that decided: the one broken, else the nearest one kept.
        message: One sentence for a person.
    """

    name: str
    level: Level
    measured: float
    limit: float
    message: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON of contracts.md: name, level, measured, limit."""
        return {"name": self.name, "level": self.level, "measured": self.measured, "limit": self.limit}


def data_gate(
    *,
    buyers: int,
    repeat_buyers: int,
    history_days: float,
    days_since_newest: float | None = None,
    horizon_days: float | None = None,
) -> list[GateResult]:
    """Judges whether a shop's history can carry a model.

    Args:
        buyers: Customers with at least one order before as_of.
        repeat_buyers: Customers with at least two.
        history_days: Days from the first order to as_of (or to the last order without one).
        days_since_newest: Days from the newest order to as_of; None without an as_of.
        horizon_days: Length of the window to predict; None where nobody asked.

    Returns:
        buyers, repeat_buyers, history_days and, where asked, newest_order_age_days and
        history_in_horizons.
    """
    results = [
        _at_least("buyers", buyers, "customers with an order", COMFORTABLE_BUYERS, MIN_BUYERS),
        _at_least(
            "repeat_buyers",
            repeat_buyers,
            "customers with two orders or more",
            MIN_REPEAT_BUYERS,
            MIN_REPEAT_BUYERS,
        ),
        _at_least("history_days", history_days, "days of history", COMFORTABLE_DAYS),
    ]
    if days_since_newest is not None:
        results.append(_newest_order(days_since_newest))
    if horizon_days is not None:
        spans = history_days / horizon_days
        noun = f"horizons of {horizon_days:g} days in the history"
        results.append(_at_least("history_in_horizons", spans, noun, HORIZONS_OF_HISTORY))
    return results


def refused(gates: Sequence[GateResult]) -> bool:
    """Whether any gate refuses the data."""
    return any(gate.level == "refuse" for gate in gates)


def check_report(
    shop: ShopTables | None,
    failures: Sequence[Failure] = (),
    gates: Sequence[GateResult] = (),
) -> dict[str, Any]:
    """The JSON of `check`: `{ok, failures, gates, tables}`.

    Args:
        shop: The tables, or None where failures kept them from being read.
        failures: What broke the contract (`ContractError.failures`).
        gates: What `data_gate` said.

    Returns:
        `ok` is true without failures and refusals. `tables` holds for each table of the source its
        `rows`, the contract `columns` it has, the columns `ignored`, and `dirt`: rule -> rows.
    """
    return {
        "ok": not failures and not refused(gates),
        "failures": [failure.to_dict() for failure in failures],
        "gates": [gate.to_dict() for gate in gates],
        "tables": {} if shop is None else _table_reports(shop),
    }


def _table_reports(shop: ShopTables) -> dict[str, Any]:
    """Rows, columns and dirt of each table that the source has."""
    return {
        name: {
            "rows": getattr(shop, name).num_rows,
            "columns": list(shop.present[name]),
            "ignored": list(shop.ignored.get(name, ())),
            "dirt": {count.rule: count.count for count in shop.counts if count.table == name},
        }
        for name in CONTRACTS
        if shop.present.get(name)
    }


def _at_least(name: str, measured: float, noun: str, enough: float, refuse_under: float = 0) -> GateResult:
    """More is better: refuse under one limit, warn under what is enough."""
    told = f"{_short(measured)} {noun}"
    if measured < refuse_under:
        message = f"{told}: under {refuse_under:g}, too few to learn from"
        return GateResult(name, "refuse", measured, refuse_under, message)
    if measured < enough:
        message = f"{told}: under {enough:g}, so expect wide errors"
        return GateResult(name, "warn", measured, enough, message)
    return GateResult(name, "ok", measured, enough, told)


def _newest_order(days: float) -> GateResult:
    """Less is better: the newest order should be close to as_of."""
    told = f"the newest order is {_short(days)} days before as_of"
    if days > FRESH_DAYS:
        message = f"{told}: over {FRESH_DAYS}; is the end of the data missing, or as_of too late?"
        return GateResult("newest_order_age_days", "warn", days, FRESH_DAYS, message)
    return GateResult("newest_order_age_days", "ok", days, FRESH_DAYS, told)


def _short(value: float) -> str:
    """A count or a number of days as a person writes it."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
