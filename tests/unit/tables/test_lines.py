"""What a line counts as, by the words of the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentml.tables.lines import PURCHASE, RETURN, UNUSED, line_amounts, line_roles, main_currency
from shop_rows import orders_of

LATER = "2024-02-01"


@pytest.mark.parametrize(
    ("customer", "quantity", "status", "returned_at", "role"),
    [
        ("a", 1, None, None, PURCHASE),
        ("a", None, None, None, PURCHASE),
        ("a", 2, "completed", None, PURCHASE),
        ("a", 2, "Completed ", None, PURCHASE),
        ("a", 2, "completed", LATER, PURCHASE),
        ("a", 2, "returned", LATER, PURCHASE),
        ("a", None, "returned", LATER, PURCHASE),
        ("a", 2, "returned", None, RETURN),
        ("a", None, "returned", None, RETURN),
        ("a", -1, None, None, RETURN),
        ("a", -1, "completed", None, RETURN),
        ("a", -1, "returned", LATER, RETURN),
        ("a", -1, "stock_adjustment", None, UNUSED),
        ("a", 1, "cancelled", None, UNUSED),
        ("a", 0, None, None, UNUSED),
        ("a", 0, "returned", LATER, UNUSED),
        (None, 1, "completed", None, UNUSED),
        (None, -1, "returned", None, UNUSED),
    ],
)
def test_the_role_of_a_line(
    customer: str | None, quantity: float | None, status: str | None, returned_at: str | None, role: int
) -> None:
    line = {"customer_id": customer, "quantity": quantity, "status": status, "returned_at": returned_at}
    assert line_roles(orders_of([line])).tolist() == [role]


def test_amounts_are_in_the_currency_of_most_lines_and_unknown_elsewhere() -> None:
    orders = orders_of(
        [
            {"quantity": 2, "unit_price": 3.0, "currency": "eur"},
            {"quantity": None, "unit_price": 5.0, "currency": "EUR"},
            {"quantity": 1, "unit_price": 9.0, "currency": "USD"},
            {"quantity": -1, "unit_price": 4.0, "currency": None},
            {"quantity": 1, "unit_price": None, "currency": "EUR"},
        ]
    )
    assert main_currency(orders) == "EUR"
    np.testing.assert_array_equal(line_amounts(orders), [6.0, 5.0, np.nan, -4.0, np.nan])
    np.testing.assert_array_equal(line_amounts(orders, "USD"), [np.nan, np.nan, 9.0, -4.0, np.nan])


def test_a_shop_that_names_no_currency_has_one_all_the_same() -> None:
    orders = orders_of([{"quantity": 2, "unit_price": 3.0}])
    assert main_currency(orders) is None
    assert line_amounts(orders).tolist() == [6.0]


def test_currencies_that_tie_are_settled_by_the_alphabet() -> None:
    assert main_currency(orders_of([{"currency": "USD"}, {"currency": "EUR"}])) == "EUR"


LINES = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": st.sampled_from(["a", None]),
            "quantity": st.sampled_from([None, -2.0, 0.0, 1.0]),
            "status": st.sampled_from([None, "completed", "returned", "cancelled"]),
            "returned_at": st.sampled_from([None, LATER]),
        }
    ),
    min_size=1,
)


@settings(max_examples=40)
@given(LINES)
def test_roles_equal_the_words_read_line_by_line(lines: list[dict[str, Any]]) -> None:
    assert line_roles(orders_of(lines)).tolist() == [_role(line) for line in lines]


def _role(line: dict[str, Any]) -> int:
    """The contract's words, for one line."""
    quantity = 1.0 if line["quantity"] is None else line["quantity"]
    if line["customer_id"] is None or quantity == 0 or line["status"] == "cancelled":
        return int(UNUSED)
    if quantity < 0:
        return int(RETURN)
    undated_return = line["status"] == "returned" and line["returned_at"] is None
    return int(RETURN if undated_return else PURCHASE)
