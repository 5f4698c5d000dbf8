"""Each rule for dirt counts exactly its rows, and drops none."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.tables.contracts import CONTRACTS
from intentml.tables.dirt import DIRT
from intentml.tables.marks import codes, repeated_rows
from intentml.tables.read import shop_from_frames
from intentml.tables.shop import ShopTables
from shop_rows import DEFAULT_LINE, frame_of

CLEAN = {
    "customer_id": "a",
    "order_id": "1",
    "ordered_at": "2024-01-10",
    "product_id": "p",
    "quantity": 1.0,
    "unit_price": 2.0,
    "currency": "EUR",
    "status": "completed",
    "recorded_at": "2024-01-10",
    "returned_at": None,
}
EVENT = {
    "customer_id": "a",
    "event_type": "visit",
    "occurred_at": "2024-01-10",
    "recorded_at": "2024-01-10",
    "product_id": "p",
}
PRODUCT = {"product_id": "p", "category": "c"}
CUSTOMER = {"customer_id": "a", "latitude": 52.5, "longitude": 13.4}


def shop_with(
    lines: tuple[dict[str, Any], ...] = (),
    products: tuple[dict[str, Any], ...] = (),
    customers: tuple[dict[str, Any], ...] = (),
    events: tuple[dict[str, Any], ...] = (),
) -> ShopTables:
    """A clean shop of two lines, and some rows that differ from the clean ones."""
    clean_lines = [CLEAN, CLEAN | {"order_id": "2"}]
    return shop_from_frames(
        frame_of(clean_lines + [CLEAN | {"order_id": f"x{n}"} | line for n, line in enumerate(lines)]),
        frame_of([PRODUCT, *({"product_id": f"x{n}"} | row for n, row in enumerate(products))]),
        frame_of([CUSTOMER, *({"customer_id": f"x{n}"} | row for n, row in enumerate(customers))]),
        frame_of([EVENT, *(EVENT | {"event_type": "page_view"} | row for row in events)]),
    )


def found(shop: ShopTables) -> dict[str, int]:
    return {f"{count.table}.{count.rule}": count.count for count in shop.counts if count.count}


def test_a_clean_shop_has_no_dirt_and_every_rule_says_so() -> None:
    shop = shop_with()
    assert found(shop) == {}
    assert [(count.table, count.rule) for count in shop.counts] == [(rule.table, rule.name) for rule in DIRT]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"customer_id": None}, {"no_customer"}),
        ({"status": "cancelled"}, {"other_status"}),
        ({"status": "returned"}, {"returned"}),
        ({"status": "returned", "returned_at": "2024-02-01"}, {"returned_later"}),
        ({"quantity": -1.0}, {"negative_quantity", "returned"}),
        ({"quantity": 0.0}, {"zero_quantity"}),
        ({"quantity": None}, {"no_quantity"}),
        ({"unit_price": None}, {"no_price"}),
        ({"unit_price": 0.0}, {"zero_price"}),
        ({"unit_price": -1.0}, {"negative_price"}),
        ({"currency": "USD"}, {"other_currency"}),
        ({"currency": None}, {"no_currency"}),
        ({"product_id": None}, {"no_product"}),
        ({"product_id": "q"}, {"unknown_product"}),
        ({"customer_id": "b"}, {"unknown_customer"}),
        ({"recorded_at": "2024-01-11"}, {"recorded_late"}),
        ({"recorded_at": "2024-01-09"}, {"recorded_early"}),
        ({"returned_at": "2024-01-09"}, {"returned_early", "returned_later"}),
        ({"order_id": "1"}, {"repeated_line"}),
        ({"order_id": "1", "quantity": 2.0}, set()),
        ({"order_id": "1", "ordered_at": "2024-01-12", "recorded_at": "2024-01-12"}, {"far_from_order"}),
        ({"order_id": "1", "ordered_at": "2024-01-11", "recorded_at": "2024-01-11"}, set()),
    ],
)
def test_one_dirty_line_is_counted_by_its_rules_alone_and_stays(
    line: dict[str, Any], expected: set[str]
) -> None:
    shop = shop_with(lines=(line,))
    assert found(shop) == {f"orders.{rule}": 1 for rule in expected}
    assert shop.orders.num_rows == 3


def test_every_line_of_an_order_with_two_buyers_is_counted() -> None:
    shop = shop_with(lines=({"order_id": "1", "customer_id": "b"},), customers=({"customer_id": "b"},))
    assert found(shop) == {"orders.order_of_several_customers": 2}


def test_a_product_without_a_category_is_counted() -> None:
    assert found(shop_with(products=({"category": None},))) == {"products.no_category": 1}


def test_a_position_that_is_not_on_earth_is_counted_and_taken_as_unknown() -> None:
    shop = shop_with(
        customers=({"latitude": 139.7, "longitude": 35.7}, {"latitude": 90.0, "longitude": -180.0})
    )
    assert found(shop) == {"customers.impossible_position": 1}
    assert shop.customers["latitude"].to_pylist() == [52.5, None, 90.0]
    assert shop.customers["longitude"].to_pylist() == [13.4, None, -180.0]


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        ({"customer_id": None}, "no_customer"),
        ({"event_type": "drone_seen"}, "unknown_event_type"),
        ({"customer_id": "b"}, "unknown_customer"),
        ({"product_id": "q"}, "unknown_product"),
        ({"recorded_at": "2024-01-11"}, "recorded_late"),
        ({"recorded_at": "2024-01-09"}, "recorded_early"),
        ({"event_type": "visit"}, "repeated_event"),
    ],
)
def test_one_dirty_event_is_counted_by_its_rule_alone_and_stays(event: dict[str, Any], rule: str) -> None:
    shop = shop_with(events=(event,))
    assert found(shop) == {f"events.{rule}": 1}
    assert shop.events.num_rows == 2


def test_a_shop_of_orders_alone_is_asked_about_orders_alone() -> None:
    shop = shop_from_frames(frame_of([DEFAULT_LINE | {"order_id": "1"}]))
    assert [count.rule for count in shop.counts] == [
        "no_customer",
        "returned",
        "order_of_several_customers",
        "far_from_order",
        "repeated_line",
    ]


def test_every_rule_has_one_name_and_one_sentence_and_needs_columns_that_exist() -> None:
    assert len({(rule.table, rule.name) for rule in DIRT}) == len(DIRT)
    for rule in DIRT:
        assert rule.meaning.endswith(".")
        for need in rule.needs:
            table, column = need.split(".") if "." in need else (rule.table, need)
            assert column in CONTRACTS[table]


ROWS = st.lists(st.tuples(st.sampled_from(["1", "2", None]), st.sampled_from([1.0, 2.0, None])), max_size=12)


@given(ROWS)
def test_repeated_rows_are_those_seen_before(rows: list[tuple[str | None, float | None]]) -> None:
    table = pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.string()),
            "n": pa.array([row[1] for row in rows], pa.float64()),
        }
    )
    expected = [row in rows[:number] for number, row in enumerate(rows)]
    assert repeated_rows(table, [codes(table["id"])]).tolist() == expected
    assert repeated_rows(table, []).tolist() == expected
