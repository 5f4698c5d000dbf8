"""Failures: all of them at once, with rows and remedy, and nobody's address."""

from __future__ import annotations

import pyarrow as pa
import pytest

from intentml.errors import ContractError
from intentml.tables.contracts import CONTRACTS
from intentml.tables.read import shop_from_frames
from intentml.tables.validate import RULES, Failure, renumbered, validate
from shop_rows import frame_of

ORDERS = pa.table({"customer_id": ["a"], "order_id": ["1"], "ordered_at": ["2024-01-01"]})


def failures_of(*tables: pa.Table | None) -> list[Failure]:
    with pytest.raises(ContractError) as told:
        shop_from_frames(*tables)
    return list(told.value.failures)


def where(failures: list[Failure]) -> list[tuple[str, str | None, str, tuple[int, ...]]]:
    return [(failure.table, failure.column, failure.rule, failure.rows) for failure in failures]


def test_every_failure_of_every_table_is_told_at_once() -> None:
    orders = frame_of(
        [
            {"customer_id": "a", "order_id": "1", "ordered_at": "2024-01-01", "quantity": "1"},
            {"customer_id": None, "order_id": None, "ordered_at": "14/03/2026", "quantity": "two"},
            {"customer_id": "b", "order_id": "3", "ordered_at": None, "quantity": "inf"},
            {"customer_id": "b", "order_id": "4", "ordered_at": "1066-10-14", "quantity": None},
        ]
    )
    products = pa.table(
        {
            "product_id": ["p", "p", None],
            "category_path": ["a > b", "a > > b", "> a"],
            "price": [1.0, 2.0, 3.0],
        }
    )
    assert where(failures_of(orders, products)) == [
        ("orders", "order_id", "null", (1,)),
        ("orders", "ordered_at", "not_a_time", (1,)),
        ("orders", "ordered_at", "year_out_of_range", (3,)),
        ("orders", "ordered_at", "null", (2,)),
        ("orders", "quantity", "not_a_number", (1,)),
        ("orders", "quantity", "not_finite", (2,)),
        ("products", "product_id", "null", (2,)),
        ("products", "product_id", "duplicate_key", (1,)),
        ("products", "category_path", "malformed_path", (1, 2)),
    ]


def test_the_message_names_table_column_rule_count_rows_example_and_remedy() -> None:
    orders = frame_of([{"customer_id": "a", "order_id": "1", "ordered_at": "14/03/2026"}] * 7)
    with pytest.raises(ContractError) as told:
        shop_from_frames(orders)
    message = str(told.value)
    for part in ("orders.ordered_at", "[not_a_time]", "7 rows", "0, 1, 2, 3, 4", "'14/03/2026'", "ISO 8601"):
        assert part in message
    assert told.value.to_dict()["rows"] == [0, 1, 2, 3, 4]
    assert "rows count from 0" in told.value.to_dict()["hint"]
    assert told.value.to_dict()["column"] == "ordered_at"


def test_a_missing_column_offers_the_nearest_names_and_the_mapping_to_write() -> None:
    (failure,) = failures_of(ORDERS.rename_columns(["CustomerID", "order_id", "ordered_at"]))
    assert (failure.column, failure.rule) == ("customer_id", "missing_column")
    assert '[orders] customer_id = "CustomerID"' in failure.hint


def test_without_a_near_name_no_name_is_guessed() -> None:
    (failure,) = failures_of(ORDERS.rename_columns(["customer_id", "order_id", "Datum"]))
    assert 'ordered_at = "its name there"' in failure.hint
    assert "Datum" in failure.hint


def test_orders_without_rows_are_a_failure_and_other_tables_may_be_empty() -> None:
    with pytest.raises(ContractError) as told:
        shop_from_frames(ORDERS.slice(0, 0))
    assert where(told.value.failures) == [("orders", None, "empty_table", ())]
    assert told.value.hint is None  # no row is named, so nothing is said of how they count
    shop = shop_from_frames(ORDERS, pa.table({"product_id": pa.array([], pa.string())}))
    assert shop.products.num_rows == 0


def test_a_column_that_is_there_twice_is_a_failure() -> None:
    twice = pa.table(
        [["a"], ["b"], ["1"], ["2024-01-01"]], ["customer_id", "customer_id", "order_id", "ordered_at"]
    )
    assert where(failures_of(twice)) == [("orders", "customer_id", "repeated_column", ())]


def test_an_unknown_buyer_or_visitor_is_no_failure_and_a_customer_without_id_is() -> None:
    orders = frame_of([{"customer_id": None, "order_id": "1", "ordered_at": "2024-01-01"}])
    events = frame_of([{"customer_id": None, "event_type": "visit", "occurred_at": "2024-01-01"}])
    assert shop_from_frames(orders, events=events).events.num_rows == 1
    customers = pa.table({"customer_id": ["a", None], "city": ["X", "Y"]})
    assert where(failures_of(orders, None, customers)) == [("customers", "customer_id", "null", (1,))]


def test_nobodys_address_or_birthday_enters_a_message() -> None:
    customers = frame_of(
        [
            {"customer_id": "ann@example.org", "birth_date": "1 May 1946", "created_at": "ann@example.org"},
            {"customer_id": "ann@example.org", "email": "ann@example.org", "phone": "+49 30 1234"},
        ]
    )
    with pytest.raises(ContractError) as told:
        shop_from_frames(ORDERS, customers=customers)
    assert len(told.value.failures) == 3
    for secret in ("ann", "1946", "1234"):
        assert secret not in str(told.value)
        assert secret not in str([failure.to_dict() for failure in told.value.failures])


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        ("a > b", True),
        ("a>b", True),
        ("a", True),
        ("a > ", False),
        ("> a", False),
        ("a >> b", False),
        (">", False),
    ],
)
def test_a_category_path_has_no_empty_segment(path: str, fine: bool) -> None:
    products = pa.table({"product_id": ["p"], "category_path": [path]})
    assert ([failure.rule for failure in validate({"products": products})] == []) is fine


def test_rows_are_counted_in_the_source_where_lines_were_unreadable() -> None:
    failure = Failure("orders", "quantity", "not_a_number", 3, (0, 1, 2), "")
    assert renumbered(failure, (0, 2)).rows == (1, 3, 4)
    assert renumbered(failure, ()).rows == (0, 1, 2)


def test_every_rule_has_a_sentence_and_a_failure_prints_it() -> None:
    for rule, sentence in RULES.items():
        assert sentence in str(Failure("orders", None, rule, 1, (0,), "mend it"))


def test_keys_are_those_of_the_contracts() -> None:
    assert {name: contract.key for name, contract in CONTRACTS.items()} == {
        "orders": None,
        "products": "product_id",
        "customers": "customer_id",
        "events": None,
    }
