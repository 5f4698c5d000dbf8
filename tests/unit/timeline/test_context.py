from __future__ import annotations

import numpy as np
import pytest

from intentml.timeline.context import WINDOWS_DAYS
from random_shop import AS_OF_TEXT, random_shop
from tiny import AS_OF, log_of, tiny_frames, tiny_snapshot


def popularity(kind: str, window: int, as_of: str = AS_OF) -> dict[str, int]:
    """Buyers of each target inside a window."""
    snapshot = tiny_snapshot(as_of)
    targets = snapshot.catalogue.targets(kind).targets.tolist()
    return dict(zip(targets, snapshot.shop.popularity[kind][window].tolist(), strict=True))


def test_customers_buyers_and_active_customers_are_counted():
    shop = tiny_snapshot().shop
    assert (shop.customers, shop.buyers) == (4, 3)
    assert shop.active == {28: 2, 90: 3, 365: 3, 0: 3}  # ana's newest order is 29.25 days old


def test_popularity_counts_customers_not_lines():
    assert popularity("product", 0) == {
        "bag": 1,
        "bread": 1,  # ana's; cho's is recorded late
        "brie": 2,
        "cake": 0,
        "candle": 0,
        "milk": 1,  # twice by ana; the line of nobody does not count
        "soap": 1,
    }


def test_popularity_of_28_days_leaves_out_older_purchases():
    assert popularity("product", 28)["brie"] == 1
    assert popularity("product", 28)["milk"] == 0
    assert popularity("category", 28) == {"BAKERY": 0, "BATH": 1, "DAIRY": 1, "DECOR": 0}


def test_popularity_of_brands_and_nodes_counts_a_customer_once():
    assert popularity("brand", 0) == {"Alma": 2, "Horno": 1, "Luz": 0}
    assert popularity("category_node", 0) == {
        "FOOD": 2,
        "FOOD > DAIRY > CHEESE": 2,
        "FOOD > DAIRY > MILK": 1,
        "HOME": 1,
    }


def test_a_window_takes_in_the_purchase_at_its_first_instant():
    frames = tiny_frames()
    frames["orders"].loc[frames["orders"]["order_id"] == "o04", "ordered_at"] = "2024-02-02T00:00:00Z"
    snapshot = log_of(frames).as_of(AS_OF)  # soap 28 days ago to the second
    soap = snapshot.catalogue.product_ids.tolist().index("soap")
    assert snapshot.shop.popularity["product"][28][soap] == 1


def test_prices_are_medians_of_what_was_paid_before_as_of():
    snapshot = tiny_snapshot()
    price = dict(zip(snapshot.catalogue.product_ids, snapshot.shop.price, strict=True))
    assert price["milk"] == 1.5  # not the list price, 1.60
    assert price["brie"] == pytest.approx(4.1)  # between 4.00 and 4.20
    assert price["soap"] == 1.0  # a piece, of three
    assert np.isnan(price["cake"])
    assert np.isnan(price["candle"])


def test_a_shop_without_prices_has_no_prices():
    frames = tiny_frames()
    frames["orders"] = frames["orders"].drop(columns="unit_price")
    assert np.isnan(log_of(frames).as_of(AS_OF).shop.price).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["category", "category_node", "brand", "product"])
def test_popularity_is_that_of_a_set_of_customers(seed, kind):
    snapshot = log_of(random_shop(seed)).as_of(AS_OF_TEXT)
    index, rows, targets = snapshot.line_targets(kind)
    for window in WINDOWS_DAYS:
        buyers: dict[int, set[int]] = {target: set() for target in range(len(index))}
        for row, target in zip(rows, targets, strict=True):
            if not window or snapshot.orders.age_days[snapshot.line_order[row]] <= window:
                buyers[target].add(int(snapshot.line_customer[row]))
        assert snapshot.shop.popularity[kind][window].tolist() == [len(buyers[j]) for j in range(len(index))]


@pytest.mark.parametrize("seed", range(3))
def test_prices_are_those_of_numpy_s_median(seed):
    snapshot = log_of(random_shop(seed)).as_of(AS_OF_TEXT)
    unit = snapshot.line_amount / snapshot.line_quantity
    for product in range(len(snapshot.catalogue)):
        paid = unit[(snapshot.line_product == product) & np.isfinite(unit)]
        expected = np.median(paid) if len(paid) else np.nan
        np.testing.assert_allclose(snapshot.shop.price[product], expected)
