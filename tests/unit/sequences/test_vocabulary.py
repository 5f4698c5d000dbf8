"""The vocabulary: codes by name, prices within category, and a text that brings it back whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intentml.errors import ModelError
from intentml.sequences.vocabulary import MIN_PRICED_LINES, Vocabulary, unit_prices
from tiny import log_of, tiny_log, tiny_snapshot

NO_NAMES = '{"category": [], "category_node": [], "brand": [], "product": []}'


def priced_shop() -> Vocabulary:
    """Tea at 1, 2 ... 800, a few cups at 1000, and bread without a price."""
    n = 800
    tea = pd.DataFrame({"product_id": "tea", "unit_price": np.arange(1.0, n + 1)})
    cups = pd.DataFrame({"product_id": "cup", "unit_price": np.full(MIN_PRICED_LINES - 1, 1000.0)})
    bread = pd.DataFrame({"product_id": ["bread"], "unit_price": [np.nan]})
    lines = pd.concat([tea, cups, bread], ignore_index=True)
    orders = lines.assign(
        customer_id="ana",
        order_id=[f"o{number}" for number in range(len(lines))],
        ordered_at=pd.date_range("2024-01-01", periods=len(lines), freq="min", tz="UTC"),
        quantity=1.0,
    )
    products = pd.DataFrame({"product_id": ["tea", "cup", "bread"], "category": ["TEA", "CUPS", "BREAD"]})
    return Vocabulary.fit(log_of({"orders": orders, "products": products}).as_of("2024-01-02"))


def test_codes_count_the_sorted_names_from_one() -> None:
    vocabulary = Vocabulary.fit(tiny_snapshot())
    assert vocabulary.names["category"] == ("BAKERY", "BATH", "DAIRY", "DECOR")
    assert vocabulary.codes("category", ["DAIRY", "BAKERY"]).tolist() == [3, 1]
    assert vocabulary.size("category") == 5


def test_a_name_never_seen_and_no_name_are_unknown() -> None:
    vocabulary = Vocabulary.fit(tiny_snapshot())
    assert vocabulary.codes("brand", ["Nobody", None]).tolist() == [0, 0]


def test_a_later_product_keeps_its_known_category() -> None:
    vocabulary = Vocabulary.fit(tiny_snapshot())
    later = tiny_log().as_of("2024-03-20").catalogue
    lamp = np.flatnonzero(later.product_ids == "lamp")
    codes = vocabulary.encode(later, lamp)
    assert codes.product.tolist() == [0]
    assert codes.category.tolist() == vocabulary.codes("category", ["DECOR"]).tolist()


def test_price_buckets_hold_equal_shares_of_a_categorys_lines() -> None:
    vocabulary = priced_shop()
    tea = vocabulary.codes("category", ["TEA"])[0]
    prices = np.arange(1.0, 801)
    codes = vocabulary.price_codes(prices, np.full(800, tea))
    assert np.bincount(codes).tolist() == [0] + [100] * 8
    assert codes[0] == 1
    assert codes[-1] == 8
    assert vocabulary.price_buckets == 9


def test_a_category_with_few_prices_takes_the_shops_buckets() -> None:
    vocabulary = priced_shop()
    cups, bread = vocabulary.codes("category", ["CUPS", "BREAD"])
    assert vocabulary.price_edges[cups] == vocabulary.price_edges[0] == vocabulary.price_edges[bread]
    assert vocabulary.price_edges[vocabulary.codes("category", ["TEA"])[0]] != vocabulary.price_edges[0]


def test_an_unknown_price_has_code_zero() -> None:
    assert priced_shop().price_codes(np.array([np.nan]), np.array([1])).tolist() == [0]


def test_a_shop_without_prices_has_one_price_code() -> None:
    orders = pd.DataFrame(
        {"customer_id": ["ana"], "order_id": ["o1"], "ordered_at": ["2024-01-01"], "product_id": ["tea"]}
    )
    vocabulary = Vocabulary.fit(log_of({"orders": orders}).as_of("2024-01-02"))
    assert vocabulary.price_buckets == 1
    assert vocabulary.price_codes(np.array([5.0]), np.array([0])).tolist() == [0]


def test_prices_paid_after_as_of_move_no_bucket() -> None:
    log = tiny_log()
    assert Vocabulary.fit(log.before("2024-03-20").as_of("2024-03-01")) == Vocabulary.fit(
        log.as_of("2024-03-01")
    )


def test_a_unit_price_is_money_a_piece_and_never_zero() -> None:
    prices = unit_prices(np.array([6.0, 0.0, np.nan, 5.0]), np.array([3.0, 1.0, 1.0, 0.0]))
    np.testing.assert_array_equal(prices, [2.0, np.nan, np.nan, np.nan])


def test_its_text_brings_it_back_whole() -> None:
    vocabulary = priced_shop()
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"names": {}}',
        f'{{"names": {NO_NAMES}, "price_edges": [[1.0], [1.0]]}}',
    ],
    ids=["nothing", "a list", "no kinds", "edges of too many categories"],
)
def test_a_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="vocabulary"):
        Vocabulary.from_json(text)
