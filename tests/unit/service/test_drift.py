"""Drift: histories that look like the shop's are told as such, and others too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry

from intentml.service.drift import NUMBERS, Drift, Reference
from intentml.workflows import score
from scored_shop import log as shop_log
from scored_shop import model, scores


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def drift(registry: CollectorRegistry) -> Drift:
    found = Drift(registry)
    found.serves(scores())
    return found


def own() -> list[dict[str, Any]]:
    """The shop's own customers, as /predict answers of them."""
    return [row for row in scores().table.to_pylist() if row["orders"]]


def columns(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows)


def test_the_shop_s_own_customers_do_not_stray_from_it(drift, registry):
    for _ in range(5):
        drift.watch(columns(own()))
    for name in NUMBERS:
        assert registry.get_sample_value("intentml_drift", {"number": name}) == pytest.approx(0.0, abs=1e-9)
    parts = ({"number": "orders", "part": str(part)} for part in range(10))
    total = sum(registry.get_sample_value("intentml_histories_total", part) or 0 for part in parts)
    assert total == 5 * len(own())


def test_histories_of_others_are_told_number_by_number(drift, registry):
    drift.watch(columns([row | {"recency_days": 400.0} for row in own()] * 5))
    assert registry.get_sample_value("intentml_drift", {"number": "recency_days"}) > 0.25
    assert registry.get_sample_value("intentml_drift", {"number": "orders"}) == pytest.approx(0.0, abs=1e-9)


def test_of_a_few_histories_nothing_is_said(drift, registry):
    drift.watch(columns(own()[:3]))
    assert registry.get_sample_value("intentml_drift", {"number": "orders"}) is None


def test_other_scores_begin_anew_and_say_who_is_served(drift, registry):
    drift.watch(columns([row | {"orders": 900} for row in own()] * 5))
    later = score(model(), shop_log(), as_of="2024-04-01", horizon_days=28)
    drift.serves(later)
    drift.serves(later)
    drift.watch(columns(own()[:3]))
    version = later.manifest.model.version
    told = {
        at: registry.get_sample_value("intentml_scores", {"as_of": at, "model_version": version})
        for at in (scores().manifest.as_of, later.manifest.as_of)
    }
    assert list(told.values()) == [0.0, 1.0]


def test_the_index_is_that_of_the_book():
    reference = Reference(np.arange(100.0))
    places = reference.place(np.r_[np.arange(50.0), np.arange(50.0)])  # the upper half of the shop is missing
    missing = np.maximum(np.r_[np.full(5, 0.2), np.zeros(5)], 1e-4)
    assert reference.stability(places) == pytest.approx(((missing - 0.1) * np.log(missing / 0.1)).sum())
