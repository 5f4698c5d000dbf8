"""The data gate: every limit from both sides, always with what was measured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from intentml.errors import ContractError
from intentml.tables.gate import GateResult, check_report, data_gate, refused
from intentml.tables.read import shop_from_frames
from shop_rows import frame_of

PLENTY: dict[str, Any] = {
    "buyers": 500,
    "repeat_buyers": 100,
    "history_days": 180.0,
    "days_since_newest": 30.0,
    "horizon_days": 60.0,
}


def gate(name: str, **measured: Any) -> GateResult:
    return next(result for result in data_gate(**PLENTY | measured) if result.name == name)


def test_a_shop_that_just_meets_every_limit_is_ok() -> None:
    assert [(result.name, result.level) for result in data_gate(**PLENTY)] == [
        ("buyers", "ok"),
        ("repeat_buyers", "ok"),
        ("history_days", "ok"),
        ("newest_order_age_days", "ok"),
        ("history_in_horizons", "ok"),
    ]


@pytest.mark.parametrize(
    ("name", "measured", "level", "value", "limit"),
    [
        ("buyers", {"buyers": 99}, "refuse", 99, 100),
        ("buyers", {"buyers": 100}, "warn", 100, 500),
        ("buyers", {"buyers": 499}, "warn", 499, 500),
        ("repeat_buyers", {"repeat_buyers": 99}, "refuse", 99, 100),
        ("history_days", {"history_days": 179.5}, "warn", 179.5, 180),
        ("newest_order_age_days", {"days_since_newest": 30.1}, "warn", 30.1, 30),
        ("history_in_horizons", {"horizon_days": 61.0}, "warn", 180 / 61, 3),
    ],
)
def test_a_limit_broken_is_told_with_the_measured_value(
    name: str, measured: dict[str, Any], level: str, value: float, limit: float
) -> None:
    result = gate(name, **measured)
    assert (result.level, result.measured, result.limit) == (level, value, limit)
    assert f"{limit:g}" in result.message


def test_only_a_refusal_refuses() -> None:
    assert refused(data_gate(**PLENTY | {"buyers": 99}))
    assert not refused(data_gate(**PLENTY | {"buyers": 100, "history_days": 1.0}))


def test_without_as_of_and_horizon_their_gates_are_not_asked() -> None:
    results = data_gate(buyers=600, repeat_buyers=200, history_days=365)
    assert [result.name for result in results] == ["buyers", "repeat_buyers", "history_days"]


def test_the_report_of_a_good_shop_is_the_json_of_the_contract() -> None:
    line = {"customer_id": None, "order_id": "1", "ordered_at": "2024-01-01", "colour": "red"}
    report = check_report(shop_from_frames(frame_of([line])), gates=data_gate(**PLENTY)[:1])
    assert json.loads(json.dumps(report)) == {
        "ok": True,
        "failures": [],
        "gates": [{"name": "buyers", "level": "ok", "measured": 500, "limit": 500}],
        "tables": {
            "orders": {
                "rows": 1,
                "columns": ["customer_id", "order_id", "ordered_at"],
                "ignored": ["colour"],
                "dirt": {
                    "no_customer": 1,
                    "returned": 0,
                    "order_of_several_customers": 0,
                    "far_from_order": 0,
                    "repeated_line": 0,
                },
            }
        },
    }


def test_the_report_of_a_broken_shop_tells_its_failures_and_is_not_ok() -> None:
    with pytest.raises(ContractError) as broken:
        shop_from_frames(frame_of([{"customer_id": "a", "order_id": "1", "ordered_at": "soon"}]))
    report = check_report(None, failures=broken.value.failures)
    assert report["ok"] is False
    assert report["tables"] == {}
    (failure,) = report["failures"]
    assert failure.keys() == {"table", "column", "rule", "count", "rows", "hint"}
    assert (failure["table"], failure["column"], failure["rule"]) == ("orders", "ordered_at", "not_a_time")
    assert (failure["count"], failure["rows"]) == (1, [0])


def test_a_refusal_makes_the_report_not_ok() -> None:
    shop = shop_from_frames(frame_of([{"customer_id": "a", "order_id": "1", "ordered_at": "2024-01-01"}]))
    assert check_report(shop, gates=data_gate(**PLENTY | {"buyers": 1}))["ok"] is False
