from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intentml.pairs.history import HALF_LIVES_DAYS, PairTable, pair_history
from intentml.timeline import Snapshot
from plain_reading import DAY, known_customers, orders_of, targets_of
from random_shop import AS_OF, AS_OF_TEXT, random_shop
from tiny import log_of, tiny_frames, tiny_snapshot


def by_name(pairs: PairTable, snapshot: Snapshot) -> dict[tuple[str, str], int]:
    """The row of each customer and target."""
    targets = snapshot.catalogue.targets(pairs.kind).targets
    customers = snapshot.customer_ids[pairs.customer]
    return {
        (customer, target): row
        for row, (customer, target) in enumerate(zip(customers, targets[pairs.target], strict=True))
    }


def test_there_is_one_row_a_customer_and_target_bought():
    snapshot = tiny_snapshot()
    assert list(by_name(pair_history(snapshot, "product"), snapshot)) == [
        ("ana", "bread"),
        ("ana", "brie"),
        ("ana", "milk"),
        ("ben", "brie"),
        ("ben", "soap"),
        ("cho", "bag"),
    ]


def test_ana_bought_milk_twice_thirty_days_apart_and_one_order_ago():
    snapshot = tiny_snapshot()
    pairs = pair_history(snapshot, "product")
    row = by_name(pairs, snapshot)["ana", "milk"]
    assert pairs.count[row] == 2
    assert (pairs.last_days[row], pairs.first_days[row], pairs.gap_days[row]) == (29.625, 59.625, 30.0)
    assert pairs.orders_since[row] == 1  # o03, the bread
    assert pairs.order_decay[row] == pytest.approx(0.9 + 0.81)
    expected = [2 ** (-29.625 / half_life) + 2 ** (-59.625 / half_life) for half_life in HALF_LIVES_DAYS]
    np.testing.assert_allclose(pairs.decays[row], expected)


def test_the_gap_of_a_target_bought_once_is_unknown():
    snapshot = tiny_snapshot()
    pairs = pair_history(snapshot, "product")
    row = by_name(pairs, snapshot)["cho", "bag"]
    assert (pairs.count[row], pairs.last_days[row], pairs.first_days[row]) == (1, 4.5, 4.5)
    assert np.isnan(pairs.gap_days[row])
    assert pairs.orders_since[row] == 0


def test_two_products_of_a_category_in_one_order_are_one_purchase_of_the_category():
    snapshot = tiny_snapshot()
    pairs = pair_history(snapshot, "category")
    assert pairs.count[by_name(pairs, snapshot)["ana", "DAIRY"]] == 2  # o01 (milk and brie) and o02


def test_one_product_on_two_lines_of_an_order_is_one_purchase():
    frames = tiny_frames()
    frames["orders"] = pd.concat([frames["orders"], frames["orders"].iloc[:1].assign(quantity="5")])
    snapshot = log_of(frames).as_of("2024-03-01")
    pairs = pair_history(snapshot, "product")
    assert pairs.count[by_name(pairs, snapshot)["ana", "milk"]] == 2


def test_a_prospect_has_no_row():
    pairs = pair_history(tiny_snapshot(), "product")
    assert pairs.n_customers == 4
    assert np.diff(pairs.indptr).tolist() == [3, 2, 1, 0]


def test_a_shop_of_prospects_has_an_empty_table_of_the_right_shape():
    pairs = pair_history(tiny_snapshot().take([3]), "product")
    assert len(pairs) == 0
    assert pairs.indptr.tolist() == [0, 0]
    assert pairs.decays.shape == (0, len(HALF_LIVES_DAYS))
    assert pairs.gap_days.shape == (0,)


def test_a_kind_without_targets_has_an_empty_table():
    frames = tiny_frames()
    frames["products"] = frames["products"].drop(columns="brand")
    pairs = pair_history(log_of(frames).as_of("2024-03-01"), "brand")
    assert (len(pairs), pairs.n_targets, pairs.n_customers) == (0, 0, 4)


def slow_history(frames, kind: str) -> dict[tuple[str, str], dict[str, object]]:
    """The same features by loops over the orders as contracts.md reads them."""
    members = None if kind == "product" else targets_of(frames, AS_OF, kind)
    features = {}
    for customer, orders in orders_of(frames, AS_OF).items():
        of_target: dict[str, list[int]] = {}
        for nth, order in enumerate(orders):
            products = {line["product_id"] for line in order.lines if not pd.isna(line["product_id"])}
            for target in {t for p in products for t in ([p] if members is None else members.get(p, []))}:
                of_target.setdefault(target, []).append(nth)
        for target, nths in of_target.items():
            ages = [(AS_OF - orders[nth].at) / DAY for nth in nths]
            after = [len(orders) - 1 - nth for nth in nths]
            features[customer, target] = {
                "count": len(nths),
                "last_days": min(ages),
                "first_days": max(ages),
                "gap_days": (max(ages) - min(ages)) / (len(nths) - 1) if len(nths) > 1 else np.nan,
                "orders_since": min(after),
                "decays": [sum(2 ** (-age / half_life) for age in ages) for half_life in HALF_LIVES_DAYS],
                "order_decay": sum(0.9**n for n in after),
            }
    return features


@pytest.mark.parametrize("kind", ["product", "category", "category_node", "brand"])
@pytest.mark.parametrize("seed", range(4))
def test_random_shops_agree_with_loops_over_their_orders(seed, kind):
    frames = random_shop(seed, lines=250)
    snapshot = log_of(frames).as_of(AS_OF_TEXT)
    assert snapshot.customer_ids.tolist() == known_customers(frames, AS_OF)
    pairs = pair_history(snapshot, kind)
    expected = slow_history(frames, kind)
    rows = by_name(pairs, snapshot)
    assert list(rows) == sorted(expected)
    for pair, row in rows.items():
        for name, value in expected[pair].items():
            np.testing.assert_allclose(getattr(pairs, name)[row], value, rtol=1e-12, err_msg=f"{pair} {name}")
