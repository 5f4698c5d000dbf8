from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.timeline.instants import NEVER
from intentml.timeline.lines import Lines, in_currency, main_currency, sorting

EUR, USD = 0, 1


def lines(*rows: dict[str, float]) -> Lines:
    """Lines of which only what matters is told."""
    plain = {
        "customer": 0,
        "order": 0,
        "at": 0,
        "known_at": 0,
        "product": 0,
        "quantity": 1.0,
        "amount": 1.0,
        "currency": -1,
        "returned_at": NEVER,
        "row": 0,
    }
    types = {
        "product": np.int32,
        "currency": np.int32,
        "row": np.int32,
        "quantity": np.float64,
        "amount": np.float64,
    }
    return Lines(
        **{
            name: np.array([row.get(name, value) for row in rows], dtype=types.get(name, np.int64))
            for name, value in plain.items()
        }
    )


def test_lines_lie_by_customer_then_order_then_product():
    unsorted = lines(
        {"customer": 1, "order": 0, "product": 0},
        {"customer": 0, "order": 2, "product": 0},
        {"customer": 0, "order": 1, "product": 5},
        {"customer": 0, "order": 1, "product": -1},
    )
    assert sorting(unsorted).tolist() == [3, 2, 1, 0]


def test_lines_alike_lie_by_time_pieces_and_money():
    alike = lines({"amount": np.nan}, {"amount": 3.0}, {"quantity": 0.5}, {"at": 7}, {"amount": 2.0})
    assert sorting(alike).tolist() == [2, 4, 1, 0, 3]


few = st.integers(0, 1)


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            dict.fromkeys(("customer", "order", "product", "at", "quantity", "amount", "returned_at"), few)
        ),
        max_size=12,
    ),
    random=st.randoms(),
)
def test_any_order_of_the_rows_sorts_to_the_same_lines(rows, random):
    shuffled = random.sample(rows, len(rows))
    one, other = lines(*rows), lines(*shuffled)
    one, other = one.take(sorting(one)), other.take(sorting(other))
    for name in one.__dataclass_fields__:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


@pytest.mark.parametrize(
    ("currencies", "main"),
    [([USD, USD, EUR], USD), ([USD, EUR], EUR), ([-1, -1, USD], USD), ([-1, -1], -1), ([], -1)],
)
def test_the_main_currency_is_that_of_most_lines_and_a_tie_goes_to_the_first(currencies, main):
    assert main_currency(lines(*({"currency": code} for code in currencies))) == main


def test_purchases_and_returns_count_together():
    assert main_currency(lines({"currency": EUR}), lines({"currency": USD}, {"currency": USD})) == USD


def test_money_of_another_currency_is_unknown_and_money_without_one_is_the_main():
    told = in_currency(lines({"currency": EUR}, {"currency": USD}, {"currency": -1}), EUR)
    np.testing.assert_array_equal(told.amount, [1.0, np.nan, 1.0])
    assert told.quantity.tolist() == [1.0, 1.0, 1.0]
