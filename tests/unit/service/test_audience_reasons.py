"""Reasons of the service: those of the scores, whatever came in since."""

from __future__ import annotations

import time
from typing import Any

import pytest

from documented import ANSWERS
from intentml.audiences.opening import open_audiences
from intentml.errors import UnavailableError
from intentml.service.arrivals import Batch
from intentml.service.audiences import ServedAudiences
from intentml.service.formats import as_json
from intentml.service.requests import ReasonRequest
from intentml.service.shop import ScoredShop
from scored_shop import log, model, scores

LINE = {"order_id": "n1", "ordered_at": "2024-03-31T09:20:00Z", "product_id": "p1", "quantity": 3.0}
RULE = "orders >= 1 AND interested_in(category = 'TEA', top 10)"


def explained(served: ServedAudiences, shop: ScoredShop, customer: str) -> dict[str, Any]:
    request = ReasonRequest.model_validate({"audience": RULE, "customer_id": customer})
    for _ in range(600):
        try:
            return served.explain(shop, request)
        except UnavailableError:
            time.sleep(0.05)
    raise AssertionError("the audiences were never opened")


def test_an_interest_is_explained_as_of_the_scores_whatever_came_in_since():
    served = ServedAudiences(lambda scores: open_audiences(scores, log()))
    shop = ScoredShop.of(scores(), model())
    table = scores().customers
    customer = str(table.loc[table["orders"] > 0, "customer_id"].iloc[0])
    told = explained(served, shop, customer)
    ANSWERS["/audiences/explain"].model_validate_json(as_json(told), strict=True)
    leaf = told["reason"]["parts"][1]
    reasons = leaf["reasons"]
    assert (reasons["kind"], reasons["target"]) == ("category", "TEA")
    assert reasons["probability"] == pytest.approx(leaf["seen"]["probability"], abs=1e-5)
    assert sum(part["logit"] for part in reasons["parts"]) == pytest.approx(reasons["logit"], abs=1e-5)
    newer = shop.knowing([Batch(1, [{"customer_id": customer, **LINE}])])
    assert customer in newer.overlay.as_of
    assert explained(served, newer, customer) == told
