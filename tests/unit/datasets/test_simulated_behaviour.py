"""Events of the simulated shop: all kinds, in order, leaning on the hidden state and telling no more."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intentml.datasets.simulated import SimulatedShop, SimulatedTables, simulate_shop
from intentml.tables.contracts import EVENT_TYPES


@lru_cache(maxsize=1)
def shop() -> SimulatedTables:
    return simulate_shop(SimulatedShop(customers=4_000, seed=2))


def test_all_kinds_of_events_but_mailed_campaigns_happen_and_only_known_ones() -> None:
    assert set(shop().events["event_type"].to_pylist()) == set(EVENT_TYPES) - {"campaign_received"}


def test_events_lie_within_the_shops_days() -> None:
    settings = shop().truth.settings
    at = shop().events["occurred_at"]
    assert pc.min(at).as_py().date() >= settings.start
    assert pc.max(at).as_py().date() < settings.end


def test_what_is_ordered_online_was_viewed_and_carted_before_on_the_same_day() -> None:
    """Earlier days hold no hint of a coming order beyond the hidden state; so the truth is complete."""
    done = shop().orders.filter(pc.equal(shop().orders["status"], "completed"))
    online = done.filter(
        pc.and_(pc.is_in(done["channel"], pa.array(["web", "app"])), pc.is_valid(done["customer_id"]))
    )
    cart = shop().events.filter(pc.equal(shop().events["event_type"], "cart_add"))
    carted: dict[tuple[str, str], list[dt.datetime]] = {}
    for customer, product, at in zip(
        *(cart[c].to_pylist() for c in ("customer_id", "product_id", "occurred_at")), strict=True
    ):
        carted.setdefault((customer, product), []).append(at)
    for line in online.slice(0, 1_000).to_pylist():
        at = line["ordered_at"]
        times = carted[line["customer_id"], line["product_id"]]
        assert any(time < at and time.date() == at.date() for time in times)


def test_some_carts_are_abandoned() -> None:
    events = shop().events
    sessions = {
        kind: set(events.filter(pc.equal(events["event_type"], kind))["session_id"].to_pylist())
        for kind in ("cart_add", "cart_remove", "checkout_started")
    }
    assert sessions["cart_add"] - sessions["checkout_started"] - sessions["cart_remove"]


def test_happier_customers_answer_the_survey_better() -> None:
    events = shop().events
    answers = events.filter(pc.equal(events["event_type"], "nps_answer"))
    number = pc.index_in(answers["customer_id"], shop().customers["customer_id"].combine_chunks()).to_numpy()
    value = answers["value"].to_numpy()
    assert value.min() >= 0
    assert value.max() <= 10
    assert np.corrcoef(value, shop().truth.hidden.satisfaction[number])[0, 1] > 0.6


def test_openers_are_engaged_moderate_and_inactive() -> None:
    events = shop().events

    def count(kind: str) -> np.ndarray:
        owners = events.filter(pc.equal(events["event_type"], kind))["customer_id"]
        rows = pc.index_in(owners, shop().customers["customer_id"].combine_chunks()).to_numpy()
        return np.bincount(rows, minlength=4_000)

    sent, opened = count("email_sent"), count("email_opened")
    habit = shop().truth.hidden.opener
    rates = [opened[habit == level].sum() / sent[habit == level].sum() for level in (0.75, 0.25, 0.02)]
    assert rates[0] > 2 * rates[1] > 6 * rates[2] > 0
