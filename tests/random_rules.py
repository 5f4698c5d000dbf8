"""Random shops and random rules: small, full of nulls and ties, and every leaf and operator among them.

What comes in: a seeded generator. What goes out: a `ShopView` of a dozen customers, rules about it.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa

from intentml.audiences.fields import OPERATORS_OF
from intentml.audiences.rule import rule_of
from intentml.audiences.view import EVENTS, LINES, ShopView
from intentml.timeline import Instant
from intentml.timeline.catalogue import Catalogue

KINDS = {
    "orders": "number", "spend": "number", "city": "text", "subscribed": "flag", "groups": "list",
    "next_order_at": "instant",
}  # fmt: skip
CITIES = ["Lyon", "Paris", "L'Hay", "Pau"]
GROUPS = ["staff", "club", "press"]
DATES = ["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02"]
AUDIENCES = {
    "buyers": {"field": "orders", "op": ">", "value": 0},
    "friends": {"any": [{"audience": "buyers"}, {"field": "groups", "op": "contains", "value": "club"}]},
}
EVENT_TYPES, PAGES = ["product_view", "cart_add", "visit"], ["pricing", "jobs"]


class Luck:
    """A ranking that knows nothing, with ties."""

    def __init__(self, customers):
        self.customers = customers

    def interest(self, asked):
        seed = sum(map(ord, repr(asked.product + asked.category + asked.brand) + (asked.keyword or "")))
        return np.random.default_rng(seed).integers(1, 8, self.customers) / 10

    def likeness(self, members):
        return lambda ranking: np.random.default_rng(len(members)).integers(0, 5, ranking.customers) / 4

    def reasons(self, row, model):
        return lambda asked: None

    def found(self, keyword):
        return ["p1", "p4"] if keyword == "nike" else ["p0"]


def random_view(rng: np.random.Generator, customers: int = 12) -> ShopView:
    """A shop."""

    def some(values, type_, size=customers, missing=0.25):
        drawn = [None if rng.random() < missing else values[rng.integers(len(values))] for _ in range(size)]
        return pa.array(drawn, type_)

    stamps = [
        dt.datetime.fromisoformat(f"{day}T{time}+00:00") for day in DATES for time in ("00:00", "23:59:59")
    ]
    table = pa.table(
        {
            "customer_id": pa.array([f"c{number:02d}" for number in range(customers)]),
            "orders": some([0, 1, 2, 3], pa.int64()),
            "spend": some([0.0, 9.5, 10.0, 120.25], pa.float64()),
            "city": some(CITIES, pa.string()),
            "subscribed": some([True, False], pa.bool_()),
            "groups": some([[], GROUPS[:1], GROUPS[:2], GROUPS[1:]], pa.list_(pa.string())),
            "next_order_at": some(stamps, pa.timestamp("us", tz="UTC")),
            "latitude": some([48.85, 45.76, -33.9], pa.float64(), missing=0.1),
            "longitude": some([2.35, 4.84, 151.2], pa.float64(), missing=0.1),
        }
    )
    catalogue = Catalogue(
        np.array([f"p{number}" for number in range(6)], object),
        np.array([f"thing {number}" for number in range(6)], object),
        np.array(["SHOES", "SHOES", "BAGS", "BAGS", None, "HATS"], object),
        np.array([None] * 6, object),
        np.array(["Nike", "O'Neill", "Nike", None, "Hummel", None], object),
    )
    lines, events = 40, 40
    ages = [0.5, 6.0, 7.0, 7.5, 30.0, 90.0, 400.0]
    rows = lambda size: pa.array(np.sort(rng.integers(0, customers, size)), pa.int32())  # noqa: E731
    return ShopView(
        as_of=Instant.of("2024-03-01"),
        customers=table,
        lines=pa.table(
            [
                rows(lines),
                some([1, 2, 3], pa.int64(), lines, 0),
                some(ages, pa.float64(), lines, 0),
                some(list(range(6)), pa.int32(), lines, 0.1),
                some([1.0, 2.0, 2.5], pa.float64(), lines, 0),
                some([1.0, 4.0, 25.0], pa.float64(), lines, 0.2),
            ],
            schema=LINES,
        ),
        events=pa.table(
            [
                rows(events),
                some(EVENT_TYPES, pa.string(), events, 0),
                some(ages, pa.float64(), events, 0),
                some(list(range(6)), pa.int32(), events, 0.3),
                some([0.0, 6.0, 9.0, 10.0], pa.float64(), events, 0.3),
                some(PAGES, pa.string(), events, 0.3),
                some(["ads", "mail"], pa.string(), events, 0.3),
                some(["k1", "k2"], pa.string(), events, 0.3),
            ],
            schema=EVENTS,
        ),
        catalogue=catalogue,
        ranking=Luck(customers),
    )


def random_rule(rng: np.random.Generator, depth: int = 3):
    """A rule, as a value."""
    return rule_of(_node(rng, depth))


def _node(rng, depth):
    if depth and rng.random() < 0.6:
        key = _one(rng, ["all", "any", "none"])
        return {key: [_node(rng, depth - 1) for _ in range(rng.integers(1, 4))]}
    return _one(rng, _LEAVES)(rng)


def _comparison(rng):
    field = _one(rng, list(KINDS))
    op = _one(rng, OPERATORS_OF[KINDS[field]])
    values = {
        "number": [0, 1, 2, 9.5, 10.0, -1],
        "text": [*CITIES, "P", "L'", "$%_", "on"],
        "flag": [True, False],
        "list": GROUPS,
        "instant": DATES,
    }[KINDS[field]]
    told = {"field": field, "op": op}
    if op.endswith("null"):
        return told
    if op.endswith("matches"):
        return told | {"value": _one(rng, ["^P", "n$", "a.", "[A-L]"])}
    if op in ("in", "not in"):
        return told | {"value": [_one(rng, values) for _ in range(rng.integers(1, 4))]}
    if op.endswith("between"):
        return told | {"value": [_one(rng, values), _one(rng, values)]}
    return told | {"value": _one(rng, values)}


def _products(rng):
    names = {"product": ["p0", "p5"], "category": ["SHOES", "HATS"], "brand": ["Nike", "O'Neill"]}
    told = {kind: [_one(rng, known)] for kind, known in names.items() if rng.random() < 0.3}
    return told | ({"keyword": "nike"} if rng.random() < 0.2 else {})


def _window(rng):
    told = {"last_days": _one(rng, [7, 30, 90.0])} if rng.random() < 0.5 else {}
    return told | ({"before_last_days": _one(rng, [0.5, 6])} if rng.random() < 0.3 else {})


def _bounds(rng, numbers):
    low, high = sorted(_one(rng, numbers) for _ in range(2))
    return _one(rng, [{"at_least": low}, {"at_most": high}, {"at_least": low, "at_most": high}])


def _purchased(rng):
    told = {**_products(rng), **_window(rng)}
    for name, numbers in (("orders", [1, 2, 3]), ("quantity", [1, 2.5, 4]), ("spend", [1, 8, 25.0])):
        if rng.random() < 0.3:
            told[name] = _bounds(rng, numbers)
    return {"purchased": told}


def _event(rng):
    told = {"type": [_one(rng, EVENT_TYPES)], **_products(rng), **_window(rng)}
    for name, numbers in (("count", [1, 2, 3]), ("value", [0, 6, 9])):
        if rng.random() < 0.3:
            told[name] = _bounds(rng, numbers)
    named = {"page_type": PAGES, "source": ["ads"], "campaign_id": ["k1"]}
    return {"event": told | {name: words for name, words in named.items() if rng.random() < 0.15}}


def _interested(rng):
    asked = _products(rng) or {"keyword": "nike"}
    return {
        "interested_in": asked
        | _one(rng, [{"top_share": 0.2}, {"top": 3}, {"min_probability": 0.5}, {"top": 99}])
    }


def _similar(rng):
    return {"similar_to": {"audience": "friends"} | _one(rng, [{"top_share": 0.3}, {"top": 2}])}


def _circle(rng):
    return {
        "within_km": {
            "latitude": _one(rng, [48.85, 45.0]),
            "longitude": _one(rng, [2.35, 4.84]),
            "km": _one(rng, [1, 100, 500, 17_000]),
        }
    }


def _bucket(rng):
    return {
        "bucket": {"salt": _one(rng, ["spring", "a'b"]), "start": 0.25 * int(rng.integers(0, 3)), "end": 0.8}
    }


def _audience(rng):
    return {"audience": _one(rng, list(AUDIENCES))}


_LEAVES = [
    _comparison, _comparison, _comparison, _purchased, _event, _interested, _similar, _circle, _bucket,
    _audience,
]  # fmt: skip


def _one(rng, values):
    return values[int(rng.integers(len(values)))]
