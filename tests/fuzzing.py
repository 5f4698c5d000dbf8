"""Requests by the thousand, made from the service's own OpenAPI document.

What comes in: where the service listens. What goes out: how often it answered with which status; an answer
that its document does not have fails the test, with the request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import checks

# A rule that is none, a category that nobody has: what fits the schema may be refused all the same.
_CHECKS = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
)
Mapped = Callable[[Any, Random], Any]
_KNOWN: dict[str, tuple[Any, ...]] = {
    "customer_id": ("anchor", "c1", "c7", "new-1", "nobody"),
    "customer_ids": (["anchor"], ["c1", "c2", "nobody"]),
    "order_id": ("o1", "o2"),
    "ordered_at": ("2024-03-01", "2024-02-11T10:00:00Z", "2023-12-31T23:59:59+02:00", "2024-04-02"),
    "recorded_at": (None, "2024-03-02"),
    "returned_at": (None, "2024-03-05", "2025-01-01"),
    "product_id": ("p1", "p5", None, "caviar"),
    "currency": ("EUR", "USD", None),
    "status": ("completed", "returned", "cancelled", None),
    "product": ("p1", ["p5", "p7"], "caviar"),
    "category": ("TEA", ["TEA", "CUPS"]),
    "brand": ("Oro", None),
    "keyword": ("thing", "thing 5", None),
    "horizon_days": (28, 14, None, 30),
    "limit": (1, 5, 1_000),
    "share": (None, 0.1),
    "min_probability": (None, 0.2),
    "no_order": (True, False),
    "cursor": (None,),
    "fields": ([], ["orders", "lifecycle"], ["lead_score", "last_order_at"]),
    "audiences": ([], ["active", "lost"]),
    "audience": (
        "active",
        "orders >= 2 and not country = 'ES'",
        "purchased(category = 'TEA', last 30 days)",
        {"any": [{"event": {"type": ["visit"]}}, {"bucket": {"salt": "a", "end": 0.5}}]},
        {"interested_in": {"category": ["TEA"], "top_share": 0.2}},
        {"similar_to": {"audience": "active", "top": 3}},
        {"field": "lifecycle", "op": "in", "value": ["active", "lost"]},
    ),
}


def replaced_by_known(value: Any, random: Random) -> Any:
    """The value, most of its fields being what the shop of `served_shop` knows."""
    if isinstance(value, list):
        return [replaced_by_known(one, random) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: random.choice(_KNOWN[name])
        if name in _KNOWN and random.random() < 0.8
        else replaced_by_known(inside, random)
        for name, inside in value.items()
    }


def fuzzed(url: str, each: int, seed_: int, mapped: Mapped | None = None) -> Counter[int]:
    """Ask every operation so many times; how many answers had which status.

    Args:
        url: Of the service.
        each: Cases of an operation; those without a body are asked once.
        seed_: The same cases for the same seed.
        mapped: What a body is turned into before it is sent.
    """
    schema = schemathesis.openapi.from_url(f"{url}/docs.json")
    schema.validate()
    count: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()

        @seed(seed_)
        @settings(
            max_examples=each,
            deadline=None,
            database=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        @given(case=operation.as_strategy(), random=st.randoms(use_true_random=False))
        def asks(case: Any, random: Random) -> None:
            if mapped is not None:
                case.body = mapped(case.body, random)
            response = case.call()
            count[response.status_code] += 1
            case.validate_response(response, checks=list(_CHECKS))

        asks()
    return count
