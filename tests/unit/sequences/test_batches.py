"""Batches: everybody once, newest order last, the same numbers in any batch, within their limits."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from intentml.sequences.batches import BUCKETS, SequenceBatch, batches, pad
from intentml.sequences.encode import LINE_FIELDS, ORDER_FIELDS, OrderSequences, encode_orders
from intentml.sequences.vocabulary import Vocabulary
from tiny import log_of

# Orders of customer 0, 1, ...; the last is longer than the longest bucket. Customer 0 only signed up.
ORDERS = [0, 1, 8, 9, 16, 20, 33, 64, 70, *[3] * 30]


@pytest.fixture(scope="module")
def sequences() -> OrderSequences:
    customer = np.repeat([f"c{number:02d}" for number in range(len(ORDERS))], ORDERS)
    nth = np.concatenate([np.arange(count) for count in ORDERS])
    orders = pd.DataFrame(
        {
            "customer_id": customer,
            "order_id": [f"{who}-{place}" for who, place in zip(customer, nth, strict=True)],
            "ordered_at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(nth * 2, unit="D"),
            "product_id": [f"p{place % 7}" for place in nth],
            "unit_price": 1.0 + nth,
        }
    )
    second_lines = orders[::3].assign(product_id="extra")
    customers = pd.DataFrame({"customer_id": ["c00"]})
    log = log_of({"orders": pd.concat([orders, second_lines]), "customers": customers})
    snapshot = log.as_of(log.until)
    return encode_orders(snapshot, Vocabulary.fit(snapshot), max_orders=100)


def assert_same(left: SequenceBatch, right: SequenceBatch) -> None:
    for field in fields(SequenceBatch):
        np.testing.assert_array_equal(getattr(left, field.name), getattr(right, field.name), field.name)


def test_everybody_comes_once_whatever_the_seed(sequences: OrderSequences) -> None:
    for seed in (None, 1, 2):
        seen = np.concatenate([batch.customer for batch in batches(sequences, seed=seed, max_tokens=80)])
        assert sorted(seen.tolist()) == list(range(len(ORDERS)))


def test_processes_that_share_batches_have_each_customer_in_one_of_them(sequences: OrderSequences) -> None:
    """Every share has as many batches as the whole; some are empty, and are batches still."""
    whole = list(batches(sequences, seed=1, max_tokens=80))
    shared = [
        list(batches(sequences, seed=1, max_tokens=80, share=slice(rank, None, 3))) for rank in range(3)
    ]
    for batch, *parts in zip(whole, *shared, strict=True):
        together = np.concatenate([part.customer for part in parts])
        assert sorted(together.tolist()) == sorted(batch.customer.tolist())
        assert {part.mask.shape[1] for part in parts} == {batch.mask.shape[1]}
    assert min(len(part) for parts in shared for part in parts) == 0


def test_a_sequence_goes_to_the_shortest_bucket_it_fits_in(sequences: OrderSequences) -> None:
    columns = {int(who): batch.mask.shape[1] for batch in batches(sequences) for who in batch.customer}
    assert [columns[who] for who in range(9)] == [8, 8, 8, 16, 16, 32, 64, 64, 64]


def test_the_newest_order_stands_in_the_last_column(sequences: OrderSequences) -> None:
    batch = pad(sequences, np.array([1, 2, 0]), 8)
    assert batch.mask.tolist() == [[False] * 7 + [True], [True] * 8, [False] * 8]
    assert batch.nth[1].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert (np.diff(batch.age_days[1]) < 0).all()


def test_a_sequence_longer_than_the_last_bucket_keeps_its_newest_orders(sequences: OrderSequences) -> None:
    batch = pad(sequences, np.array([8]), BUCKETS[-1])
    assert batch.nth[0].tolist() == list(range(6, 70))


def test_cells_hold_the_tokens_and_padding_holds_zeros(sequences: OrderSequences) -> None:
    for batch in batches(sequences, max_tokens=200):
        one_by_one = sequences.take(batch.customer)
        if one_by_one.length.max(initial=0) > batch.mask.shape[1]:
            continue
        for name in ORDER_FIELDS:
            cells = getattr(batch, name)
            np.testing.assert_array_equal(cells[batch.mask], getattr(one_by_one, name).astype(cells.dtype))
            assert not cells[~batch.mask].any()
        for name in LINE_FIELDS:
            np.testing.assert_array_equal(getattr(batch, name), getattr(one_by_one, name))
        lines = np.diff(batch.line_indptr).reshape(batch.mask.shape)
        np.testing.assert_array_equal(lines[batch.mask], np.diff(one_by_one.line_indptr))
        assert not lines[~batch.mask].any()


def test_the_same_seed_gives_the_same_batches_and_another_seed_others(sequences: OrderSequences) -> None:
    first, again, other = (list(batches(sequences, seed=seed, max_tokens=80)) for seed in (7, 7, 8))
    for left, right in zip(first, again, strict=True):
        assert_same(left, right)
    assert any(
        left.customer.tolist() != right.customer.tolist() for left, right in zip(first, other, strict=False)
    )


def test_some_customers_alone_have_the_numbers_of_the_crowd(sequences: OrderSequences) -> None:
    chosen = [2, 5, 7, 30]
    crowd = {
        int(who): (batch, place) for batch in batches(sequences) for place, who in enumerate(batch.customer)
    }
    for batch in batches(sequences, customers=chosen, max_tokens=1):
        (who,) = batch.customer
        other, place = crowd[int(who)]
        np.testing.assert_array_equal(batch.gap_ratio[0], other.gap_ratio[place])
        np.testing.assert_array_equal(batch.idle_days, other.idle_days[[place]])


def test_a_batch_stays_within_its_cells_and_lines(sequences: OrderSequences) -> None:
    for batch in batches(sequences, seed=3, max_tokens=64, max_lines=20):
        assert len(batch) == 1 or (batch.mask.size <= 64 and len(batch.product) <= 20)


def test_nobody_gives_no_batches(sequences: OrderSequences) -> None:
    assert list(batches(sequences, customers=[])) == []
