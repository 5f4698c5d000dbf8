"""The three scenarios of the source, number by number, on people made by hand.

People are called after what they did; ages are in days before as_of, `+` and `-` a second more or less.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pytest

from intentml.audiences.audience import presets as audience_presets
from intentml.audiences.audiences import Audiences
from intentml.audiences.scored import view_of
from intentml.scenarios.actions import actions_due
from intentml.scenarios.scenario import presets
from intentml.timeline import known_by
from tiny import log_of

PRESETS = presets()
AS_OF = "2024-06-01"


def ago(age: str) -> str:
    """So many days before as_of, or a date as it is."""
    if age.count("-") > 1:
        return age
    seconds = {"+": 1, "-": -1}.get(age[-1], 0)
    return (
        pd.Timestamp(AS_OF, tz="UTC")
        - pd.Timedelta(float(age.rstrip("+-")), "D")
        - pd.Timedelta(seconds, "s")
    ).isoformat()


def shop(people: dict[str, dict[str, object]]) -> Audiences:
    """Each with `orders` and `carts` (ages in words), and columns of the customers table."""
    lines = [
        {
            "customer_id": name,
            "order_id": f"{name}-{number}",
            "ordered_at": ago(age),
            "quantity": 1,
            "unit_price": told.get("price", 10.0),
            "tax": told.get("tax", 0.0),
        }
        for name, told in {"somebody": {"orders": "1000"}, **people}.items()
        for number, age in enumerate(str(told.get("orders", "")).split())
    ]
    events = [
        (name, "cart_add", ago(age))
        for name, told in people.items()
        for age in str(told.get("carts", "")).split()
    ]
    columns = ("birth_date", "area_type")
    customers = [
        {
            "customer_id": name,
            "created_at": ago(str(told.get("listed", "900"))),
            **{column: told.get(column) for column in columns},
        }
        for name, told in people.items()
    ]
    frames = {
        "orders": pd.DataFrame(lines),
        "customers": pd.DataFrame(customers),
        "events": pd.DataFrame(events, columns=["customer_id", "event_type", "occurred_at"]),
    }
    view = view_of(known_by(log_of(frames), AS_OF))
    stage = ["prospect" if orders == 0 else "active" for orders in view.customers["frequency"].to_pylist()]
    table = view.customers.append_column("lifecycle", pa.array(stage))
    return Audiences(replace(view, customers=table), audience_presets(), shop="s-1")


def told(audiences: Audiences, scenario: str) -> dict[str, tuple[object, ...]]:
    """What each is due; nobody has two actions."""
    rows = actions_due(audiences, PRESETS[scenario]).to_pylist()
    assert len({row["customer_id"] for row in rows}) == len(rows)
    return {row["customer_id"]: (row["step"], row["percent"]) for row in rows}


HOUR = 1 / 24


def test_an_abandoned_cart_is_remembered_after_4_hours_or_24_and_gets_5_percent_once():
    people = {
        "regular-24h": {"orders": "15", "carts": "1"},
        "regular-before-24h": {"orders": "15", "carts": "1-"},
        "regular-183": {"orders": "183", "carts": "1"},
        "not-regular-183+": {"orders": "183+", "carts": f"{4 * HOUR}"},
        "bought-14": {"orders": "15-", "carts": "1"},
        "never-4h": {"carts": f"{4 * HOUR}"},
        "never-before-4h": {"carts": f"{4 * HOUR}-"},
        "never-24h": {"carts": "1"},
        "never-before-24h": {"carts": "1-"},
        "never-3d": {"carts": "3"},
        "never-before-3d": {"carts": "3-"},
        "again": {"carts": f"2 {HOUR}"},
        "no-cart": {"orders": "20"},
    }
    assert told(shop(people), "abandoned-cart") == {
        "regular-24h": ("first-mail", None),
        "regular-183": ("first-mail", None),
        "not-regular-183+": ("first-mail", None),
        "never-4h": ("first-mail", None),
        "never-before-24h": ("first-mail", None),
        "never-24h": ("second-mail", 5.0),
        "never-before-3d": ("second-mail", 5.0),
    }
