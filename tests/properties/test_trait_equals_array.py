"""Traits against loops: on any shop, SQL and arrays tell the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentml.sequences.timing import timing_statistics
from intentml.timeline import Known, Snapshot, known_by
from intentml.traits import TRAITS, compute_traits, missing_traits
from random_shop import AS_OF_TEXT, random_shop
from tiny import log_of

seeds = st.integers(0, 2**32 - 1)


def known_of_seed(seed: int) -> Known:
    return known_by(log_of(random_shop(seed)), AS_OF_TEXT)


def orders_by_hand(snapshot: Snapshot, row: int) -> dict[str, Any]:
    """What orders tell of one customer, by the plainest arithmetic on the snapshot's arrays."""
    mine = np.flatnonzero(snapshot.orders.customer == row)
    lines = [np.flatnonzero(snapshot.line_order == order) for order in mine]
    ages = [float(age) for age in snapshot.orders.age_days[mine]]
    paid = [[amount for amount in snapshot.line_amount[of] if not np.isnan(amount)] for of in lines]
    spends = [sum(amounts) if amounts else None for amounts in paid]
    known = [spend for spend in spends if spend is not None]
    pieces = [float(snapshot.line_quantity[of].sum()) for of in lines]
    days = sorted(set(snapshot.orders.day[mine].tolist()))
    gaps = np.diff(days).astype(float)
    products = [int(product) for of in lines for product in snapshot.line_product[of] if product >= 0]
    categories = {snapshot.catalogue.categories[product] for product in products} - {None}
    unpriced = bool(spends) and not known
    returned = float(snapshot.returned_amount[row])
    listed = float(snapshot.listed_days[row])
    return {
        "recency_days": min(ages, default=None),
        "tenure_days": max(ages, default=None),
        "listed_days": listed if np.isfinite(listed) else None,
        "frequency": len(mine),
        "active_days": len(days),
        "monetary": None if unpriced else sum(known),
        "returned_amount": returned,
        "monetary_net": None if unpriced else sum(known) - returned,
        **{f"orders_{n}d": sum(age <= n for age in ages) for n in (28, 90, 365)},
        **{
            f"spend_{n}d": None
            if unpriced
            else sum(spend or 0.0 for age, spend in zip(ages, spends, strict=True) if age <= n)
            for n in (28, 90, 365)
        },
        "orders_change_90d": sum(age <= 90 for age in ages) - sum(90 < age <= 180 for age in ages),
        "items": sum(pieces),
        "average_order_value": sum(known) / len(known) if known else None,
        "average_order_items": sum(pieces) / len(mine) if len(mine) else None,
        "average_order_lines": sum(map(len, lines)) / len(mine) if len(mine) else None,
        "distinct_products": None if len(mine) and not products else len(set(products)),
        "distinct_categories": None if len(mine) and not categories else len(categories),
        "gap_median_days": float(np.median(gaps)) if len(gaps) else None,
        "gap_mean_days": float(np.mean(gaps)) if len(gaps) else None,
        "gap_last_days": float(gaps[-1]) if len(gaps) else None,
        "recency_in_gaps": min(ages) / float(np.median(gaps)) if len(gaps) else None,
        "first_order_items": pieces[0] if pieces else None,
        "first_order_lines": len(lines[0]) if lines else None,
        "first_order_spend": spends[0] if spends else None,
        "days_to_second_order": ages[0] - ages[1] if len(ages) > 1 else None,
        "last_order_spend": spends[-1] if spends else None,
        "last_order_items": pieces[-1] if pieces else None,
    }


def details_by_hand(known: Known, row: int) -> dict[str, Any]:
    """What line details, returns and events tell of one customer."""
    snapshot = known.snapshot
    bought = np.flatnonzero(snapshot.line_customer == row)
    details = [known.lines.slice(line, 1).to_pylist()[0] for line in bought]
    order, amount = snapshot.line_order[bought].tolist(), snapshot.line_amount[bought].tolist()
    age = snapshot.orders.age_days[snapshot.line_order[bought]].tolist()
    promo = [at for at, line in enumerate(details) if line["promo_code"] is not None]
    off = [line["discount"] for line in details if line["discount"] is not None]
    both = [
        (line["discount"], paid)
        for line, paid in zip(details, amount, strict=True)
        if line["discount"] is not None and not np.isnan(paid)
    ]
    asked = sum(map(sum, both))
    last = [at for at, of in enumerate(order) if of == max(order)]
    paid = [amount[at] for at in last if not np.isnan(amount[at])]
    tax = [details[at]["tax"] for at in last if details[at]["tax"] is not None]
    returned = [line for line in known.returns.to_pylist() if line["customer"] == row]
    pieces, back = float(snapshot.line_quantity[bought].sum()), sum(line["quantity"] for line in returned)
    return {
        "promo_orders": len({order[at] for at in promo}),
        "promo_share": len({order[at] for at in promo}) / len(set(order)) if order else None,
        "last_promo_days": min((age[at] for at in promo), default=None),
        "discount": sum(off) if off or not details else None,
        "discount_share": sum(took for took, _ in both) / asked if asked else None,
        "last_order_spend_without_tax": sum(paid) - sum(tax) if paid and tax else None,
        "last_channel": min(filter(None, (details[at]["channel"] for at in last)), default=None),
        "returned_items": back,
        "last_return_days": min((line["age_days"] for line in returned), default=None),
        "return_rate": back / pieces if pieces else None,
        **events_by_hand([event for event in known.events.to_pylist() if event["customer"] == row], age),
    }


def events_by_hand(events: list[dict[str, Any]], orders: list[float]) -> dict[str, Any]:
    """What events tell of one customer whose lines have these ages."""

    def newest(*types: str) -> float | None:
        return min((event["age_days"] for event in events if event["event_type"] in types), default=None)

    view, cart, ordered = newest("product_view"), newest("cart_add"), min(orders, default=np.inf)
    visits: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        if event["event_type"] in ("visit", "product_view", "cart_add"):
            visits.setdefault(event["session_id"], []).append(event)
    start = {name: max(event["age_days"] for event in visit) for name, visit in visits.items()}
    seconds = {
        name: max((event["duration_s"] for event in visit if event["event_type"] == "visit"), default=None)
        or sum(event["duration_s"] for event in visit)
        for name, visit in visits.items()
    }
    answers = [event for event in events if event["event_type"] == "nps_answer"]
    return {
        "last_view_days": view,
        "last_cart_days": cart,
        "last_interaction_days": newest(*{event["event_type"] for event in events}),
        "abandoned_cart": cart is not None and cart < ordered,
        "funnel_step": "carted"
        if cart is not None and cart < ordered
        else "viewed"
        if view is not None and view < ordered
        else "ordered"
        if orders
        else "prospect",
        "visits": len(visits),
        "visits_28d": sum(age <= 28 for age in start.values()),
        "time_on_site_28d": sum(seconds[name] for name, age in start.items() if age <= 28),
        "visitor": None if not visits else "recurring" if len(visits) > 1 else "new",
        "nps_days": newest("nps_answer"),
        "nps": max(answers, key=lambda event: event["nth"])["value"] if answers else None,
    }


# A person, a score of this shop, or what other traits make: the tiny shops of tests/unit/traits tell these.
ELSEWHERE = {"customers", "events", "visits"}


@settings(max_examples=6)
@given(seed=seeds)
def test_every_trait_is_what_a_loop_over_the_arrays_finds(seed: int) -> None:
    known = known_of_seed(seed)
    for row, traits in enumerate(compute_traits(known).to_pylist()):
        wanted = {**orders_by_hand(known.snapshot, row), **details_by_hand(known, row)}
        untold = set(TRAITS) - set(wanted) - set(missing_traits(known))
        assert {TRAITS[name].relation for name in untold} <= ELSEWHERE
        assert {name: traits[name] for name in wanted} == {
            name: pytest.approx(value, rel=1e-12, abs=1e-12) if isinstance(value, float) else value
            for name, value in wanted.items()
        }


@settings(max_examples=12)
@given(seed=seeds)
def test_recency_and_gaps_are_those_of_the_timing_statistics_bit_for_bit(seed: int) -> None:
    known = known_of_seed(seed)
    timing = timing_statistics(known.snapshot)
    table = compute_traits(
        known, ["recency_days", "tenure_days", "frequency", "active_days", "gap_median_days"]
    )
    traits = {name: table[name].to_pandas().to_numpy(float) for name in table.column_names[1:]}
    np.testing.assert_array_equal(traits["recency_days"], timing.recency_days)
    np.testing.assert_array_equal(traits["tenure_days"], timing.tenure_days)
    np.testing.assert_array_equal(traits["frequency"], timing.n_orders)
    np.testing.assert_array_equal(traits["active_days"], timing.active_days)
    for row, median in enumerate(traits["gap_median_days"]):
        days = timing.active_day[timing.active_indptr[row] : timing.active_indptr[row + 1]]
        np.testing.assert_array_equal(median, np.median(np.diff(days)) if len(days) > 1 else np.nan)


@settings(max_examples=8)
@given(seed=seeds)
def test_one_customer_alone_has_the_traits_of_the_crowd(seed: int) -> None:
    known = known_of_seed(seed)
    crowd = compute_traits(known)
    for row in np.random.default_rng(seed).permutation(len(known.snapshot))[:3]:
        assert compute_traits(known.take([row])).equals(crowd.slice(row, 1))
