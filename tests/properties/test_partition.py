"""One customer alone, any partition and the whole shop give the same bytes for each customer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from intentml.pairs.history import PairTable, pair_history
from intentml.pairs.neighbours import fit_neighbours, neighbour_scores
from intentml.prediction import Predictions, sigmoid
from intentml.priors.predictor import PriorPredictor
from intentml.sequences import Vocabulary, encode_orders
from intentml.timeline import Snapshot
from intentml.workflows import train
from random_shop import AS_OF_TEXT, random_shop
from tiny import log_of

Rows = list[tuple[bytes, ...]]
PAIR_FEATURES = (
    "target",
    "count",
    "last_days",
    "first_days",
    "gap_days",
    "orders_since",
    "decays",
    "order_decay",
)


@cache
def whole(seed: int) -> Snapshot:
    """Everybody of a random shop."""
    return log_of(random_shop(seed, customers=14, lines=200)).as_of(AS_OF_TEXT)


@cache
def similarity(seed: int) -> sparse.csr_array:
    """Neighbours, fitted on everybody once."""
    history = pair_history(whole(seed), "product")
    return fit_neighbours(history, whole(seed).catalogue.targets("product").targets).similarity


def snapshot_rows(part: Snapshot, seed: int) -> Rows:
    """What the snapshot itself holds of each customer."""
    of_order, of_line = ("age_days", "day", "spend", "items", "lines"), ("product", "quantity", "amount")
    rows = []
    for row in range(len(part)):
        order = slice(*part.order_indptr[row : row + 2])
        line = slice(*part.line_indptr[row : row + 2])
        rows.append(
            (
                *(getattr(part.orders, name)[order].tobytes() for name in of_order),
                *(getattr(part, f"line_{name}")[line].tobytes() for name in of_line),
                (part.line_order[line] - part.order_indptr[row]).tobytes(),
                part.returned_amount[row].tobytes(),
                part.listed_days[row].tobytes(),
            )
        )
    return rows


def pair_rows(kind: str) -> Callable[[Snapshot, int], Rows]:
    """The repeat features of each customer."""

    def rows(part: Snapshot, seed: int) -> Rows:
        pairs: PairTable = pair_history(part, kind)
        return [
            tuple(getattr(pairs, name)[start:end].tobytes() for name in PAIR_FEATURES)
            for start, end in zip(pairs.indptr[:-1], pairs.indptr[1:], strict=True)
        ]

    return rows


def neighbour_rows(part: Snapshot, seed: int) -> Rows:
    """The neighbour scores of each customer, few enough that some are left out."""
    scores = neighbour_scores(pair_history(part, "product"), similarity(seed), per_customer=4)
    return [
        (scores.indices[start:end].astype(np.int64).tobytes(), scores.data[start:end].tobytes())
        for start, end in zip(scores.indptr[:-1], scores.indptr[1:], strict=True)
    ]


def sequence_rows(part: Snapshot, seed: int) -> Rows:
    """The tokens of each customer, of at most three orders."""
    tokens = encode_orders(part, Vocabulary.fit(whole(seed)), max_orders=3)
    names = ("nth", "gap_days", "gap_ratio", "age_days", "log_spend", "log_items", "log_lines", "weekday")
    return [
        (
            *(getattr(tokens, name)[start:end].tobytes() for name in names),
            *(
                getattr(tokens, name)[tokens.line_indptr[start] : tokens.line_indptr[end]].tobytes()
                for name in ("product", "category", "brand", "price")
            ),
            tokens.idle_days[row].tobytes(),
            tokens.idle_ratio[row].tobytes(),
        )
        for row, (start, end) in enumerate(zip(tokens.indptr[:-1], tokens.indptr[1:], strict=True))
    ]


BY_CUSTOMER: dict[str, Callable[[Snapshot, int], Rows]] = {
    "snapshot": snapshot_rows,
    **{f"pairs of {kind}": pair_rows(kind) for kind in ("product", "category", "category_node", "brand")},
    "neighbours": neighbour_rows,
    "sequences": sequence_rows,
}


def check(rows_of: Callable[[Snapshot, int], Rows], seed: int, part_of: np.ndarray) -> None:
    """Fail unless the parts, put together, are the whole."""
    expected = rows_of(whole(seed), seed)
    for part in np.unique(part_of):
        customers = np.flatnonzero(part_of == part)
        assert rows_of(whole(seed).take(customers), seed) == [expected[row] for row in customers]


@pytest.mark.parametrize("rows_of", BY_CUSTOMER.values(), ids=BY_CUSTOMER)
@settings(max_examples=25)
@given(seed=st.integers(0, 2), data=st.data())
def test_any_partition_of_the_customers_is_the_whole(rows_of, seed, data):
    count = len(whole(seed))
    part_of = data.draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    check(rows_of, seed, np.array(part_of))


@pytest.mark.parametrize("rows_of", BY_CUSTOMER.values(), ids=BY_CUSTOMER)
@pytest.mark.parametrize("seed", range(3))
def test_a_customer_alone_is_the_customer_in_the_crowd(rows_of, seed):
    check(rows_of, seed, np.arange(len(whole(seed))))


def test_a_number_that_leans_on_the_crowd_is_caught():
    def share_of_all_orders(part: Snapshot, seed: int) -> Rows:
        return [(share.tobytes(),) for share in part.n_orders / max(1, len(part.orders))]

    with pytest.raises(AssertionError):
        check(share_of_all_orders, 0, np.arange(len(whole(0))))


@cache
def model() -> tuple[PriorPredictor, Snapshot, Predictions]:
    """A trained model, its crowd, and what it says of the crowd."""
    log = log_of(random_shop(0, customers=60, lines=1200))
    predictor = train(log, as_of=AS_OF_TEXT, recipe="priors").predictor
    crowd = log.as_of(AS_OF_TEXT)
    return predictor, crowd, predictor.predict(crowd, 28)


def check_model(rows: np.ndarray) -> None:
    """Fail unless the model says of some customers what it says of them in the crowd."""
    predictor, crowd, together = model()
    part = predictor.predict(crowd.take(rows), 28)
    assert part.customer_ids.tolist() == crowd.customer_ids[rows].tolist()
    for head in ("no_order", "orders", "spend", "survival"):
        expected = getattr(together, head)[rows]
        np.testing.assert_allclose(getattr(part, head), expected, rtol=1e-6, atol=1e-6, err_msg=head)
    assert list(part.targets) == list(together.targets) == list(crowd.catalogue.kinds)
    for kind, scores in part.targets.items():
        expected = sigmoid(together.targets[kind].rows(rows))
        np.testing.assert_allclose(sigmoid(scores.rows(slice(None))), expected, atol=1e-6, err_msg=kind)


def test_a_model_says_of_a_customer_alone_what_it_says_in_the_crowd():
    for row in range(0, len(model()[1]), 3):
        check_model(np.array([row]))


@settings(max_examples=15)
@given(data=st.data())
def test_a_model_says_of_any_part_what_it_says_of_the_crowd(data):
    count = len(model()[1])
    chosen = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    check_model(np.flatnonzero(chosen))
