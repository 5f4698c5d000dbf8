from __future__ import annotations

import numpy as np
import pytest

from intentml.tasks import Labels, labels_of
from intentml.timeline import Snapshot
from plain_reading import known_customers, orders_of, targets_of
from random_shop import AS_OF, AS_OF_TEXT, LAST_DAY, random_shop
from tiny import AS_OF as TINY_AS_OF
from tiny import HORIZON_DAYS, log_of, tiny_frames, tiny_log, tiny_snapshot


def labels(snapshot: Snapshot) -> Labels:
    """The labels of the tiny shop."""
    return labels_of(snapshot, tiny_log().outcomes(snapshot, HORIZON_DAYS))


def bought(snapshot: Snapshot, of: Labels, kind: str) -> set[tuple[str, str]]:
    """Who bought what, by name."""
    rows, columns = of.bought[kind].nonzero()
    targets = snapshot.catalogue.targets(kind).targets
    return set(zip(snapshot.customer_ids[rows], targets[columns], strict=True))


def test_everybody_but_the_prospect_bought_once():
    of = labels(tiny_snapshot())
    assert of.horizon_days == HORIZON_DAYS
    assert of.no_order.tolist() == [False, False, False, True]
    assert of.orders.tolist() == [1.0, 1.0, 1.0, 0.0]
    np.testing.assert_allclose(of.spend, [1.6, 4.2, 30.0, 0.0])


def test_what_was_bought_is_told_by_kind():
    snapshot = tiny_snapshot()
    of = labels(snapshot)
    assert bought(snapshot, of, "product") == {("ana", "milk"), ("ben", "brie")}
    assert bought(snapshot, of, "category") == {("ana", "DAIRY"), ("ben", "DAIRY")}
    assert bought(snapshot, of, "brand") == {("ana", "Alma"), ("ben", "Alma")}
    assert bought(snapshot, of, "category_node") == {
        ("ana", "FOOD"),
        ("ana", "FOOD > DAIRY > MILK"),
        ("ben", "FOOD"),
        ("ben", "FOOD > DAIRY > CHEESE"),
    }


def test_a_product_unknown_at_as_of_makes_an_order_and_no_target():
    snapshot = tiny_snapshot()
    of = labels(snapshot)
    cho = snapshot.find("cho")
    assert (of.orders[cho], of.bought["product"][[cho]].nnz) == (1.0, 0)


def test_two_lines_of_an_order_are_one_order_and_one_purchase_of_their_category():
    frames = tiny_frames()
    orders = frames["orders"]
    orders.loc[orders["order_id"] == "o13", ["customer_id", "order_id", "product_id"]] = [
        "ben",
        "o14",
        "milk",
    ]
    log = log_of(frames)
    snapshot = log.as_of(TINY_AS_OF)
    of = labels_of(snapshot, log.outcomes(snapshot, HORIZON_DAYS))
    ben = snapshot.find("ben")
    assert of.orders[ben] == 1.0
    assert of.bought["category"][[ben]].nnz == 1
    assert of.bought["product"][[ben]].nnz == 2


def test_labels_have_a_row_a_customer_and_a_column_a_target():
    snapshot = tiny_snapshot()
    for kind, matrix in labels(snapshot).bought.items():
        assert matrix.shape == (4, len(snapshot.catalogue.targets(kind)))
        assert matrix.dtype == bool


def test_a_window_in_which_nobody_bought_is_all_zero():
    snapshot = tiny_snapshot().take([3])
    of = labels(snapshot)
    assert of.no_order.tolist() == [True]
    assert (of.orders.sum(), of.spend.sum(), of.bought["product"].nnz) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(4))
def test_random_shops_agree_with_loops_over_the_orders_of_the_window(seed):
    frames = random_shop(seed, lines=250)
    frames["orders"]["recorded_at"] = frames["orders"][
        "ordered_at"
    ]  # every line of the window is known at its end
    frames["orders"]["currency"] = "EUR"
    log = log_of(frames)
    snapshot = log.as_of(AS_OF_TEXT)
    horizon = LAST_DAY - 90
    of = labels_of(snapshot, log.outcomes(snapshot, horizon))
    end = AS_OF + np.timedelta64(horizon, "D")
    members = targets_of(frames, AS_OF, "category")
    expected = {}
    for customer, orders in orders_of(frames, end).items():
        lines = [(o.order_id, line) for o in orders for line in o.lines if line["ordered_at"] >= AS_OF]
        expected[customer] = (
            len({order_id for order_id, _ in lines}),
            sum(line["amount"] or 0.0 for _, line in lines),
            {target for _, line in lines for target in members.get(line["product_id"], [])},
        )
    met = bought(snapshot, of, "category")
    for row, customer in enumerate(known_customers(frames, AS_OF)):
        count, spend, targets = expected.get(customer, (0, 0.0, set()))
        assert (of.orders[row], bool(of.no_order[row])) == (count, count == 0)
        assert of.spend[row] == pytest.approx(spend)
        assert {target for name, target in met if name == customer} == targets
