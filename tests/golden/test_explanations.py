"""Explanations of the tiny shop, word for word, by priors with round weights: numbers checked by hand."""

from __future__ import annotations

from functools import cache
from math import log

import pytest

from intentml.pairs.history import pair_history
from intentml.priors.activity import ActivityPrior
from intentml.priors.btyd import BtydModel
from intentml.priors.designs import fit_kind
from intentml.priors.explaining import Explanation
from intentml.priors.linear import LinearPrior, Weights
from intentml.priors.predictor import PriorPredictor
from intentml.survival import SURVIVAL_DAYS
from tiny import HORIZON_DAYS, tiny_snapshot

# An average customer has one order in 90 days: log1p(1) = log 2.
PRIOR = LinearPrior(
    "by hand",
    repeat=Weights(-1.5, {"seen": 1.0, "repeated": 0.25, "orders_90": 0.5}),
    explore=Weights(-2.0, {"orders_90": 0.5, "category_seen": 0.4, "brand_seen": 0.1, "root_seen": 0.3}),
    average={"orders_90": log(2)},
)
# Everybody orders within 28 days with one half, and the shop's customers once in 20 days.
EVEN = ActivityPrior("base_rate", None, 1 / 20, 1.0, 0.01, silence=(0.5,) * len(SURVIVAL_DAYS))
TIMED = ActivityPrior(
    "bg_nbd",
    BtydModel("bg_nbd", (1.0, 4.0, 1.0, 3.0), 0.0, True, 3),
    1 / 20,
    1.0,
    0.01,
    calibration={28: (0.1, 1)},
)


@cache
def predictor() -> PriorPredictor:
    now = tiny_snapshot()
    return PriorPredictor(
        name="by hand",
        trained_until=now.as_of,
        activity=EVEN,
        timings={},
        no_order=EVEN,
        orders=None,
        spend=None,
        kinds={kind: fit_kind(now, pair_history(now, kind)) for kind in ("product", "category")},
        targets={kind: {HORIZON_DAYS: PRIOR} for kind in ("product", "category")},
        longest_days=HORIZON_DAYS,
    )


def asked(customer: str, kind: str, target: str | None) -> Explanation:
    return predictor().explain(tiny_snapshot(), customer, kind, target, HORIZON_DAYS)


def told(found: Explanation) -> list[tuple[str, str, float]]:
    return [(part.name, part.words, round(part.logit, 3)) for part in found.parts]


# -2 + 0.5 log 2: an average customer who bought neither the target nor anything like it.
BASE = -1.653


def test_milk_that_ana_buys_every_thirty_days():
    assert told(asked("ana", "product", "milk")) == [
        ("base_rate", "where everybody starts: 1 of 3 customers have bought it", BASE),
        # With history: -1.5 + 1 + 0.25 + 0.5 log 4 = 0.443. Without: -2 + 0.4 + 0.1 + 0.5 log 4. The
        # difference is 1.25, of which 0.25 is the rhythm's.
        ("own_history", "bought twice in 3 orders, last 29 days ago", 1.0),
        ("own_rhythm", "every 30 days, due now", 0.25),
        ("category", "DAIRY: bought twice in 3 orders, last 29 days ago", 0.4),
        ("brand", "Alma: bought twice in 3 orders, last 29 days ago", 0.1),
        (
            "activity",
            "3 orders in 90 days (on average 1.0), 50% to order within 28 days; 3 products so far",
            0.347,  # 0.5 (log 4 - log 2)
        ),
    ]
    assert asked("ana", "product", "milk").logit == pytest.approx(0.443, abs=1e-3)


def test_a_cake_that_nobody_bought_yet():
    assert told(asked("ana", "product", "cake")) == [
        (
            "base_rate",
            "where everybody starts: nobody has bought it so far, expected from what is like it",
            BASE,
        ),
        ("category", "BAKERY: bought once in 3 orders, last 29 days ago", 0.4),
        ("brand", "Horno: bought once in 3 orders, last 29 days ago", 0.1),
        (
            "activity",
            "3 orders in 90 days (on average 1.0), 50% to order within 28 days; 3 products so far",
            0.347,
        ),
    ]


def test_dairy_for_ben_who_bought_it_once():
    assert told(asked("ben", "category", "DAIRY")) == [
        ("base_rate", "where everybody starts: 2 of 3 customers have bought it", BASE),
        ("own_history", "bought once in 2 orders, last 9 days ago", 1.2),  # (-1.5 + 1) - (-2 + 0.3)
        ("category", "FOOD: bought once in 2 orders, last 9 days ago", 0.3),
        (
            "activity",
            "2 orders in 90 days (on average 1.0), 50% to order within 28 days; 2 categories so far",
            0.203,  # 0.5 (log 3 - log 2)
        ),
    ]


def test_milk_for_dee_who_never_ordered():
    found = asked("dee", "product", "milk")
    assert told(found) == [
        ("base_rate", "where everybody starts: 1 of 3 customers have bought it", BASE),
        ("activity", "no order yet, 24% to order within 28 days", -0.347),  # 0.5 (log 1 - log 2)
    ]
    assert (found.customer_id, found.kind, found.target, found.horizon_days) == ("dee", "product", "milk", 28)
    assert found.logit == pytest.approx(-2.0)
    assert found.probability == pytest.approx(0.1192, abs=1e-4)


def test_why_ana_may_not_order():
    timed = predictor().renamed("by hand", no_order=TIMED)
    found = timed.explain(tiny_snapshot(), "ana", "no_order", None, HORIZON_DAYS)
    assert [(part.name, part.words) for part in found.parts] == [
        ("base_rate", "where everybody starts: somebody who has just ordered for the first time"),
        ("orders_so_far", "3 orders so far, on 2 days"),
        ("own_rhythm", "every 30 days (the shop: every 20 days)"),
        ("idle", "last order 29 days ago"),
        ("calibration", "put right by what came in past windows"),
    ]
    by_name = {part.name: part.logit for part in found.parts}
    # BG/NBD, nobody gone yet: (alpha / (alpha + t))^r with alpha = t = 4 weeks and r = 1 is one half.
    assert by_name["base_rate"] == pytest.approx(0.0, abs=1e-9)
    assert by_name["calibration"] == pytest.approx(0.1)
    assert by_name["idle"] > 0


def test_why_dee_may_not_order():
    (part,) = asked("dee", "no_order", None).parts
    assert part.words == "no order yet"
    assert part.logit == pytest.approx(1.129, abs=1e-3)  # exp(-0.28) = 0.756
