"""Reasons of the service: of what is known of the customer, with what came in since."""

from __future__ import annotations

import time
from typing import Any

import pytest

from documented import ANSWERS
from intentml.audiences.opening import open_renewable
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


def test_an_interest_is_explained_by_what_is_known_of_the_customer_now():
    served = ServedAudiences(lambda scores: open_renewable(scores, log()))
    shop = ScoredShop.of(scores(), model())
    table = scores().customers
    customer = str(table.loc[table["orders"] > 0, "customer_id"].iloc[0])
    newer = shop.knowing([Batch(1, [{"customer_id": customer, **LINE}])])
    assert customer in newer.overlay.as_of
    before, now = (explained(served, one, customer) for one in (shop, newer))
    for told in (before, now):
        ANSWERS["/audiences/explain"].model_validate_json(as_json(told), strict=True)
        leaf = told["reason"]["parts"][1]
        reasons = leaf["reasons"]
        assert (reasons["kind"], reasons["target"]) == ("category", "TEA")
        assert reasons["probability"] == pytest.approx(leaf["seen"]["probability"], abs=1e-5)
        assert sum(part["logit"] for part in reasons["parts"]) == pytest.approx(reasons["logit"], abs=1e-5)
    orders = [told["reason"]["parts"][0]["seen"]["orders"] for told in (before, now)]
    assert orders[1] == orders[0] + 1
    assert (before["as_of"], now["as_of"]) == (scores().manifest.as_of, newer.overlay.as_of[customer])
    assert before["reason"]["parts"][1]["reasons"] != now["reason"]["parts"][1]["reasons"]
    assert explained(served, shop, customer) == before
