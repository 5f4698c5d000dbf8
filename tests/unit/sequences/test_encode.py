"""Orders as tokens: values to check with a finger, and the laws that training and serving rest on."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentml.sequences.encode import LINE_FIELDS, ORDER_FIELDS, OrderSequences, calendar, encode_orders
from intentml.sequences.vocabulary import Vocabulary
from random_shop import AS_OF_TEXT, random_shop
from tiny import log_of, tiny_snapshot

ANA, BEN, CHO, DEE = range(4)


@pytest.fixture(scope="module")
def tokens() -> OrderSequences:
    snapshot = tiny_snapshot()
    return encode_orders(snapshot, Vocabulary.fit(snapshot))


def assert_same(left: OrderSequences, right: OrderSequences) -> None:
    for field in fields(OrderSequences):
        np.testing.assert_array_equal(getattr(left, field.name), getattr(right, field.name), field.name)


def test_every_customer_has_a_row_and_a_prospect_has_no_tokens(tokens: OrderSequences) -> None:
    assert tokens.length.tolist() == [3, 2, 1, 0]


def test_the_first_order_has_no_gap_and_later_ones_count_days(tokens: OrderSequences) -> None:
    ana = tokens.take([ANA])
    assert ana.gap_days.tolist() == [0.0, 30.0, 0.375]
    assert ana.age_days.tolist() == [59.625, 29.625, 29.25]


def test_the_gap_ratio_needs_an_earlier_gap(tokens: OrderSequences) -> None:
    assert tokens.take([ANA]).gap_ratio.tolist() == [1.0, 1.0, 0.375 / 30.0]


def test_spend_and_basket_size_are_logs_of_the_whole_order(tokens: OrderSequences) -> None:
    ana = tokens.take([ANA])
    np.testing.assert_allclose(np.expm1(ana.log_spend), [7.0, 1.5, 2.0])
    np.testing.assert_allclose(np.expm1(ana.log_items), [3.0, 1.0, 1.0])
    np.testing.assert_allclose(np.expm1(ana.log_lines), [2.0, 1.0, 1.0])


def test_the_calendar_counts_from_monday_and_new_year(tokens: OrderSequences) -> None:
    ana = tokens.take([ANA])
    assert ana.weekday.tolist() == [0, 2, 2]
    assert ana.day_of_year.tolist() == [1, 31, 31]
    assert (tokens.now_weekday, tokens.now_day_of_year) == (4, 61)


def test_a_leap_years_last_day_is_number_366() -> None:
    days = np.array(["2023-12-31", "2024-12-31", "1969-12-31"], "datetime64[D]").astype(np.int64)
    weekday, day_of_year = calendar(days)
    assert weekday.tolist() == [6, 1, 2]
    assert day_of_year.tolist() == [365, 366, 365]


def test_an_orders_lines_carry_the_codes_of_their_products(tokens: OrderSequences) -> None:
    vocabulary = Vocabulary.fit(tiny_snapshot())
    ana = tokens.take([ANA])
    assert ana.line_indptr.tolist() == [0, 2, 3, 4]
    bought = ["brie", "milk", "milk", "bread"]
    assert ana.product.tolist() == vocabulary.codes("product", bought).tolist()
    assert (
        ana.category.tolist() == vocabulary.codes("category", ["DAIRY", "DAIRY", "DAIRY", "BAKERY"]).tolist()
    )
    assert ana.brand.tolist() == vocabulary.codes("brand", ["Alma", "Alma", "Alma", "Horno"]).tolist()
    assert ana.price[0] > ana.price[1] == ana.price[2]


def test_now_tells_the_idle_days_and_their_share_of_the_own_gap(tokens: OrderSequences) -> None:
    assert tokens.idle_days.tolist() == [29.25, 9.5, 4.5, 0.0]
    own_gap = (30.0 + 0.375) / 2
    assert tokens.idle_ratio.tolist() == [29.25 / own_gap, 9.5 / 10.0, 1.0, 1.0]


def test_a_rhythm_under_a_day_counts_as_a_day() -> None:
    frame = orders_frame([("ana", 0, "tea", 1.0), ("ana", 1, "tea", 1.0), ("ana", 49, "tea", 1.0)])
    snapshot = log_of({"orders": frame}).as_of("2024-01-04")
    assert encode_orders(snapshot, Vocabulary.fit(snapshot)).gap_ratio.tolist() == [1.0, 1.0, 2.0]


def test_only_the_newest_orders_are_kept_and_know_their_place() -> None:
    snapshot = tiny_snapshot()
    vocabulary = Vocabulary.fit(snapshot)
    kept = encode_orders(snapshot, vocabulary, max_orders=1)
    assert kept.length.tolist() == [1, 1, 1, 0]
    assert kept.nth.tolist() == [2, 1, 0]
    assert kept.gap_ratio[0] == 0.375 / 30.0
    assert kept.idle_ratio.tolist() == encode_orders(snapshot, vocabulary).idle_ratio.tolist()


def test_a_line_without_a_product_counts_in_the_basket_but_has_no_codes() -> None:
    frame = orders_frame([("ana", 0, None, 2.0), ("ana", 0, "tea", 1.0)])
    snapshot = log_of({"orders": frame}).as_of("2024-01-02")
    tokens = encode_orders(snapshot, Vocabulary.fit(snapshot))
    assert np.expm1(tokens.log_lines).round(9).tolist() == [2.0]
    assert np.expm1(tokens.log_spend).round(9).tolist() == [3.0]
    assert tokens.product.tolist() == [1]


def test_a_shop_of_dates_alone_has_tokens() -> None:
    frame = pd.DataFrame(
        {"customer_id": ["ana", "ana"], "order_id": ["a", "b"], "ordered_at": ["2024-01-01", "2024-01-05"]}
    )
    snapshot = log_of({"orders": frame}).as_of("2024-01-06")
    tokens = encode_orders(snapshot, Vocabulary.fit(snapshot))
    assert tokens.gap_days.tolist() == [0.0, 4.0]
    assert len(tokens.product) == 0


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), max_orders=st.sampled_from([2, 5, 64]))
def test_one_customer_alone_is_the_same_as_in_the_crowd(seed: int, max_orders: int) -> None:
    snapshot = log_of(random_shop(seed)).as_of(AS_OF_TEXT)
    vocabulary = Vocabulary.fit(snapshot)
    crowd = encode_orders(snapshot, vocabulary, max_orders)
    for row in range(len(snapshot)):
        assert_same(encode_orders(snapshot.take([row]), vocabulary, max_orders), crowd.take([row]))


histories = st.lists(
    st.tuples(
        st.sampled_from(["ana", "ben", "cho"]),
        # Odd moments: a gap told from two ages must not depend on how those round.
        st.integers(0, 60 * 86_400_000).map(lambda ms: ms / 3_600_000),
        st.sampled_from(["tea", "cup", None]),
        st.sampled_from([1.0, 2.5, 7.0, float("nan")]),
    ),
    min_size=1,
    max_size=40,
)


def orders_frame(history: list[tuple[str, float, str | None, float]]) -> pd.DataFrame:
    """One line a tuple: customer, hours after New Year 2024 (the order of that moment), product, price."""
    customer, hour, product, price = zip(*history, strict=True)
    return pd.DataFrame(
        {
            "customer_id": customer,
            "order_id": [f"{who}-{when}" for who, when in zip(customer, hour, strict=True)],
            "ordered_at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(list(hour), unit="h"),
            "product_id": product,
            "unit_price": price,
        }
    )


@settings(max_examples=25)
@given(history=histories, cut=st.integers(1, 60))
def test_later_orders_change_no_earlier_token_but_its_age(
    history: list[tuple[str, float, str | None, float]], cut: int
) -> None:
    frame = orders_frame([("ana", 0, "tea", 1.0), *history, ("ana", 24 * 60 + 1, "cup", 9.0)])
    log = log_of({"orders": frame.drop_duplicates(["order_id", "product_id"])})
    early = log.as_of(log.start.plus_days(cut + 0.1234567))
    late = log.as_of(log.until)
    vocabulary = Vocabulary.fit(early)
    before, after = encode_orders(early, vocabulary), encode_orders(late, vocabulary)
    rows = [late.find(customer) for customer in early.customer_ids]
    for row, number in enumerate(rows):
        one, whole = before.take([row]), after.take([number])
        n, lines = int(one.length[0]), len(one.product)
        for name in ORDER_FIELDS:
            if name != "age_days":
                np.testing.assert_array_equal(getattr(one, name), getattr(whole, name)[:n], name)
        for name in LINE_FIELDS:
            np.testing.assert_array_equal(getattr(one, name), getattr(whole, name)[:lines], name)
        later_by = late.as_of.days_since(early.as_of)
        np.testing.assert_allclose(one.age_days + later_by, whole.age_days[:n], rtol=0, atol=1e-9)
