"""Histories from outside: the snapshot that the shop's own log gives of the same customers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from histories import known_lines
from intentml.errors import TimeError
from intentml.tables.read import shop_from_frames
from intentml.timeline import OrderLog, Snapshot
from intentml.timeline.histories import ShopState, lines_by_customer, snapshot_of_histories
from random_shop import AS_OF as AS_OF_INSTANT
from random_shop import AS_OF_TEXT, random_shop
from same import assert_same, snapshot_arrays
from tiny import AS_OF, log_of, tiny_frames, tiny_log


def state_of(log: OrderLog, as_of: str) -> ShopState:
    """A shop's state, from its own log."""
    shop = log.as_of(as_of)
    return ShopState(shop.as_of, shop.start, shop.catalogue, log.currency(as_of), shop.shop)


def unlisted(snapshot: Snapshot) -> Snapshot:
    """Without what only a customers table tells."""
    return replace(snapshot, listed_days=np.full(len(snapshot), np.nan))


@pytest.mark.parametrize("seed", range(3))
def test_histories_become_the_snapshot_of_the_shop_s_own_log(seed):
    frames = random_shop(seed, customers=30, lines=600)
    log = log_of(frames)
    whole, state = log.as_of(AS_OF_TEXT), state_of(log, AS_OF_TEXT)
    lines = known_lines(frames["orders"], AS_OF_INSTANT)
    buyers = np.flatnonzero(whole.n_orders > 0)
    assert len(buyers) > 10
    for rows in (buyers, buyers[3:4], buyers[::2]):
        mine = lines[lines["customer_id"].isin(whole.customer_ids[rows])]
        told = snapshot_of_histories(state, shop_from_frames(mine))
        assert_same(snapshot_arrays(told), snapshot_arrays(unlisted(whole.take(rows))))


@pytest.mark.parametrize("seed", range(3))
def test_lines_taken_out_of_a_log_are_the_history_of_their_customer(seed):
    log = log_of(random_shop(seed, customers=30, lines=600))
    known, state = log.before(AS_OF_TEXT), state_of(log, AS_OF_TEXT)
    whole, lines = known.at_its_end(), lines_by_customer(known)
    for row in np.flatnonzero(whole.n_orders > 0):
        mine = lines.filter(pc.equal(lines["customer"], row))
        named = mine.set_column(0, "customer_id", pa.repeat(whole.customer_ids[row], len(mine)))
        told = snapshot_of_histories(state, shop_from_frames(named))
        assert_same(snapshot_arrays(told), snapshot_arrays(unlisted(whole.take([row]))))


def test_lines_taken_out_of_a_log_know_nothing_of_what_came_after():
    frames = random_shop(0, customers=30, lines=600)
    lines = lines_by_customer(log_of(frames).before(AS_OF_TEXT))
    for column in ("ordered_at", "recorded_at", "returned_at"):
        assert pc.max(lines[column]).as_py() < AS_OF_INSTANT
    assert lines["returned_at"].null_count < len(lines)


def line(**cells: object) -> pd.DataFrame:
    """One order line, a purchase of milk in February."""
    plain = {"customer_id": "new", "order_id": "n1", "ordered_at": "2024-02-20", "product_id": "milk"}
    return pd.DataFrame([plain | {"quantity": 2.0, "unit_price": 1.5} | cells])


def snapshot(lines: pd.DataFrame, state: ShopState | None = None) -> Snapshot:
    """The snapshot of these lines in the tiny shop."""
    return snapshot_of_histories(state or state_of(tiny_log(), AS_OF), shop_from_frames(lines))


def test_a_customer_whom_nobody_knows_is_laid_out_in_the_shop():
    told = snapshot(line())
    assert told.customer_ids.tolist() == ["new"]
    assert told.orders.age_days.tolist() == [10.0]
    assert told.orders.spend.tolist() == [3.0]
    assert told.catalogue.product_ids[told.line_product].tolist() == ["milk"]
    assert told.shop is not None
    assert told.shop.buyers == tiny_log().as_of(AS_OF).shop.buyers


def test_a_product_that_the_catalogue_lacks_is_a_line_without_a_product():
    told = snapshot(pd.concat([line(), line(product_id="caviar")], ignore_index=True))
    milk = told.catalogue.product_ids.tolist().index("milk")
    assert sorted(told.line_product.tolist()) == [-1, milk]
    assert told.orders.spend.tolist() == [6.0]


def test_money_of_another_currency_is_unknown_and_of_none_is_the_shop_s():
    lines = pd.concat([line(currency=name) for name in ("USD", "EUR", None)], ignore_index=True)
    in_euros = replace(state_of(tiny_log(), AS_OF), currency="EUR")
    assert sorted(snapshot(lines, in_euros).line_amount.tolist(), key=str) == [
        3.0,
        3.0,
        pytest.approx(np.nan, nan_ok=True),
    ]
    nameless = replace(in_euros, currency=None)
    assert snapshot(lines, nameless).line_amount.tolist() == [3.0, 3.0, 3.0]


@pytest.mark.parametrize("column", ["ordered_at", "recorded_at", "returned_at"])
def test_what_was_not_known_at_as_of_is_refused_with_its_rows(column):
    late = pd.concat([line(**{column: "2024-02-29T23:59:59Z"}), line(**{column: AS_OF})], ignore_index=True)
    with pytest.raises(TimeError) as caught:
        snapshot(late)
    assert (caught.value.table, caught.value.column, caught.value.rows) == ("orders", column, (1,))
    assert "1 line was" in str(caught.value)
    assert snapshot(late.head(1)).n_orders.tolist() == [1]


def test_the_currency_of_a_log_is_the_one_of_most_lines_known_by_then():
    frames = tiny_frames()
    orders = frames["orders"].assign(currency="EUR")
    orders.loc[orders["ordered_at"] >= "2024-02", "currency"] = "USD"
    log = log_of(frames | {"orders": orders})
    assert (log.currency("2024-02-01"), log.currency("2024-03-28")) == ("EUR", "USD")
    assert log_of(frames | {"orders": orders.assign(currency=None)}).currency(AS_OF) is None
