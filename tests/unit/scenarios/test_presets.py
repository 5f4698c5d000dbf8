"""The three scenarios of the source, number by number, on people made by hand.

People are called after what they did. Ages are days before as_of, `+` and `-` one second more or less; what
has dashes is a date.
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
from intentml.scenarios.handing_out import due as handed_out
from intentml.scenarios.scenario import presets
from intentml.timeline import known_by
from tiny import log_of

PRESETS = presets()
AS_OF = pd.Timestamp("2024-06-01", tz="UTC")
HOURS_4 = "0.16666666666666666"
FOUR_ORDERS = "900 901 902"

CARTS = {
    "cart-regular-24h": {"orders": "15", "carts": "1"},
    "cart-regular-before-24h": {"orders": "15", "carts": "1-"},
    "cart-regular-183": {"orders": "183", "carts": "1"},
    "cart-not-regular-183+": {"orders": "183+", "carts": HOURS_4},
    "cart-bought-before-15": {"orders": "15-", "carts": "1"},
    "cart-4h": {"carts": HOURS_4},
    "cart-before-4h": {"carts": f"{HOURS_4}-"},
    "cart-24h": {"carts": "1"},
    "cart-before-24h": {"carts": "1-"},
    "cart-3d": {"carts": "3"},
    "cart-before-3d": {"carts": "3-"},
    "cart-and-again": {"carts": "2 0.1"},
    "cart-none": {"orders": "20"},
}
INACTIVE = {
    "late-3m": {"orders": "2024-03-01", "price": 200.0, "tax": 50.0},
    "late-3m-more": {"orders": "2024-03-01", "price": 200.01, "tax": 50.0},
    "late-3m-untaxed": {"orders": "2024-03-01", "price": 900.0, "tax": None},
    "late-before-3m": {"orders": "2024-03-02", "price": 900.0},
    "late-29-february": {"orders": "2024-02-29"},
    "late-6m-1-order": {"orders": "2023-12-01"},
    "late-6m-3-orders": {"orders": "2023-12-01 900 901"},
    "late-6m-4-orders": {"orders": f"2023-12-01 {FOUR_ORDERS}"},
    "late-before-6m": {"orders": f"2023-12-02 {FOUR_ORDERS}"},
    "late-12m-4-orders": {"orders": f"2023-06-01 {FOUR_ORDERS}"},
    "late-12m-3-orders": {"orders": "2023-06-01 900 901"},
    "late-before-12m": {"orders": f"2023-06-02 {FOUR_ORDERS}"},
    "late-13m": {"orders": "2023-05-01"},
}
YOUNG = {"birth_date": "1999-06-01", "area_type": "city"}
MIDDLE = {"birth_date": "1984-06-01", "area_type": "residential"}
OLDER = {"birth_date": "1964-06-01", "area_type": "rural"}
PROSPECTS = {
    **{
        f"{band}-{day}": {**who, "listed": f"{day}"}
        for band, who in (("young", YOUNG), ("middle", MIDDLE), ("older", OLDER), ("any", {}))
        for day in range(18)
    },
    "young-bought": {**YOUNG, "listed": "1", "orders": "0.5"},
    "young-before-1": {**YOUNG, "listed": "1-"},
    "aged-17": {"birth_date": "2006-06-02", "area_type": "city", "listed": "1"},
    "aged-18": {"birth_date": "2006-06-01", "area_type": "city", "listed": "1"},
    "aged-34": {"birth_date": "1989-06-02", "area_type": "city", "listed": "1"},
    "aged-35-city": {"birth_date": "1989-06-01", "area_type": "city", "listed": "1"},
    "aged-35": {"birth_date": "1989-06-01", "area_type": "residential", "listed": "1"},
    "aged-49": {"birth_date": "1974-06-02", "area_type": "residential", "listed": "1"},
    "aged-50": {"birth_date": "1974-06-01", "area_type": "residential", "listed": "1"},
}
PEOPLE = {**CARTS, **INACTIVE, **PROSPECTS, "first": {"orders": "1000"}}


def at(age: str) -> str:
    """When it was."""
    if "-" in age[:-1]:
        return age
    seconds = {"+": 1, "-": -1}.get(age[-1], 0)
    return (AS_OF - pd.Timedelta(days=float(age.rstrip("+-")), seconds=seconds)).isoformat()


@pytest.fixture(scope="module")
def shop() -> Audiences:
    orders, customers, carts = [], [], []
    for name, told in PEOPLE.items():
        for age in told.get("orders", "").split():
            line = {"customer_id": name, "order_id": f"{name} {age}", "ordered_at": at(age)}
            orders.append({**line, "unit_price": told.get("price", 10.0), "tax": told.get("tax", 0.0)})
        carts += [(name, "cart_add", at(age)) for age in told.get("carts", "").split()]
        row = {"customer_id": name, "created_at": at(told.get("listed", "2000"))}
        customers.append({**row, **{column: told.get(column) for column in ("birth_date", "area_type")}})
    log = log_of(
        {
            "orders": pd.DataFrame(orders),
            "customers": pd.DataFrame(customers),
            "events": pd.DataFrame(carts, columns=["customer_id", "event_type", "occurred_at"]),
        }
    )
    view = view_of(known_by(log, AS_OF.isoformat()))
    stage = ["prospect" if orders == 0 else "active" for orders in view.customers["frequency"].to_pylist()]
    table = view.customers.append_column("lifecycle", pa.array(stage))
    return Audiences(replace(view, customers=table), audience_presets(), shop="s-1")


def due(shop: Audiences, scenario: str, group: str) -> dict[str, tuple[object, ...]]:
    """What each of a group is due: step, percent and how long the offer is valid."""
    rows = actions_due(shop, PRESETS[scenario]).to_pylist()
    assert len({row["customer_id"] for row in rows}) == len(rows)  # nobody has two actions at once
    told = {row["customer_id"]: (row["action"], row["percent"], row["valid_for"]) for row in rows}
    return {name: what for name, what in told.items() if name.startswith(group)}


def test_an_abandoned_cart_is_told_of_after_4_hours_or_24_and_gets_5_percent_at_last(shop):
    reminded, offered = ("cart-reminder", None, None), ("cart-offer", 5.0, None)
    assert due(shop, "abandoned-cart", "") == {
        "cart-regular-24h": reminded,
        "cart-regular-183": reminded,
        "cart-not-regular-183+": reminded,
        "cart-4h": reminded,
        "cart-before-24h": reminded,
        "cart-24h": offered,
        "cart-before-3d": offered,
    }


def test_the_inactive_are_written_to_after_3_6_and_12_months(shop):
    assert due(shop, "inactive", "late") == {
        "late-3m": ("inactive-reminder", None, None),
        "late-3m-more": ("inactive-code", 5.0, None),
        "late-3m-untaxed": ("inactive-reminder", None, None),
        "late-29-february": ("inactive-reminder", None, None),
        "late-6m-1-order": ("inactive-code", 5.0, None),
        "late-6m-3-orders": ("inactive-code", 5.0, None),
        "late-6m-4-orders": ("inactive-code", 10.0, None),
        "late-12m-4-orders": ("inactive-last-call", 15.0, None),
        "late-12m-3-orders": ("inactive-last-call", 10.0, None),
    }


@pytest.mark.parametrize(
    ("band", "steps"),
    [
        ("young", {1: "push welcome", 3: "mail viewed-pages", 7: "sms first-order-offer"}),
        ("middle", {1: "mail welcome", 4: "mail video", 10: "mail first-order-offer"}),
        ("older", {1: "mail guide-pdf", 5: "mail webinar", 14: "mail first-order-offer"}),
        ("any", {}),
    ],
)
def test_prospects_are_written_to_on_their_days_by_age_and_place(shop, band, steps):
    for_all = {2: "mail introduction", 6: "chat live-chat", 12: "mail survey"}
    told = {
        int(row["customer_id"].split("-")[1]): (f"{row['channel']} {row['action']}", row)
        for row in actions_due(shop, PRESETS["prospects"]).to_pylist()
        if row["customer_id"] in {f"{band}-{day}" for day in range(18)}
    }
    expected = {}
    for day, what in sorted({**for_all, **steps}.items()):
        expected |= {day: what, day + 1: what}  # due for two days, or until the next
    assert {day: what for day, (what, _) in told.items()} == expected
    for what, row in told.values():
        offer = (10.0, "24 hours") if what.endswith("first-order-offer") else (None, None)
        assert (row["percent"], row["valid_for"]) == offer


def test_each_age_is_in_one_band_and_an_order_ends_it(shop):
    assert due(shop, "prospects", "young-b") == {}
    rows = actions_due(shop, PRESETS["prospects"]).to_pylist()
    assert {row["customer_id"]: row["step"] for row in rows if row["customer_id"].startswith("aged")} == {
        "aged-18": "young-1",
        "aged-34": "young-1",
        "aged-35": "middle-1",
        "aged-49": "middle-1",
        "aged-50": "older-1",
    }


def test_what_a_shop_lacks_is_told_and_nobody_is_due_by_it():
    orders = pd.DataFrame({"customer_id": ["a"], "order_id": ["1"], "ordered_at": ["2024-03-01"]})
    bare = Audiences(view_of(known_by(log_of({"orders": orders}), AS_OF.isoformat())), audience_presets())
    found = handed_out(bare)
    assert [row["action"] for row in found["inactive"].actions.to_pylist()] == ["inactive-reminder"]
    lacks = "last_order_spend_without_tax is unknown of everybody: the shop's tables have no orders."
    assert [note.startswith(lacks) for note in found["inactive"].notes] == [True]
    assert found["abandoned-cart"].actions.num_rows == 0
    assert "'lifecycle', which is no field" in str(found["prospects"])  # there are no scores


def test_every_preset_says_what_it_is_and_whence():
    assert list(PRESETS) == ["abandoned-cart", "inactive", "prospects"]
    assert [one.source[:3] for one in PRESETS.values()] == ["S07", "S08", "S09"]
    assert all(one.about for one in PRESETS.values())
