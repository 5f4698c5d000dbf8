"""Where target vectors start: what the same customers buy lies close."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intentml.fitting.vectors import co_purchase_vectors
from intentml.pairs.history import pair_history
from intentml.timeline import Snapshot
from tiny import log_of

START = pd.Timestamp("2024-01-01", tz="UTC")


def shop(baskets: dict[str, str], products: str = "") -> Snapshot:
    """Customers by the products they buy, a letter each; products that nobody buys besides."""
    rows = [(who, f"{who}{n}", what) for who, bought in baskets.items() for n, what in enumerate(bought)]
    frame = pd.DataFrame(rows, columns=["customer_id", "order_id", "product_id"])
    frame["ordered_at"] = START
    known = sorted({*products, *frame["product_id"]})
    log = log_of({"orders": frame, "products": pd.DataFrame({"product_id": known})})
    return log.as_of("2024-01-10")


# Tea and a kettle (t, k) go together, and so do hats and rings (h, r); nobody buys z.
SHOP = shop({f"t{n}": "tk" for n in range(8)} | {f"h{n}": "hr" for n in range(6)} | {"b": "th"}, "z")
TWO_WORLDS = pair_history(SHOP, "product")
HATS, KETTLE, RINGS, TEA, NOTHING = range(5)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def test_what_is_bought_by_the_same_customers_lies_close_and_the_rest_does_not():
    vectors = co_purchase_vectors(TWO_WORLDS, 2, seed=0)
    assert cosine(vectors[TEA], vectors[KETTLE]) > 0.95
    assert cosine(vectors[HATS], vectors[RINGS]) > 0.95
    assert abs(cosine(vectors[KETTLE], vectors[RINGS])) < 0.3


def test_a_target_without_history_stands_at_the_origin_and_the_others_have_length_one_on_average():
    vectors = co_purchase_vectors(TWO_WORLDS, 2, seed=0)
    length = np.linalg.norm(vectors, axis=1)
    assert length[NOTHING] < 1e-6
    assert length[:NOTHING].mean() == pytest.approx(1.0, abs=1e-5)


def test_the_same_seed_gives_the_same_vectors():
    one, other = (co_purchase_vectors(TWO_WORLDS, 3, seed=5) for _ in range(2))
    assert one.tobytes() == other.tobytes()


def test_a_width_beyond_what_the_history_holds_is_filled_with_zeros():
    vectors = co_purchase_vectors(TWO_WORLDS, 16, seed=0)
    assert vectors.shape == (5, 16)
    assert vectors.dtype == np.float32
    assert not vectors[:, 5:].any()
    assert np.isfinite(vectors).all()


def test_without_any_history_all_is_zero():
    nobody = pair_history(SHOP.take([]), "product")
    assert co_purchase_vectors(nobody, 4, seed=0).tolist() == [[0.0] * 4] * 5
