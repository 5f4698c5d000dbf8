"""Pair tables by hand: customers and what they bought, without a shop around them."""

from __future__ import annotations

import numpy as np

from intentml.pairs.history import HALF_LIVES_DAYS, PairTable

NAMES = np.array(["flour", "nails", "paint", "yeast"], dtype=object)


def history(*baskets: dict[int, float], n_targets: int = 4) -> PairTable:
    """A pair table where each customer bought some targets with a decayed count each."""
    target = [code for basket in baskets for code in sorted(basket)]
    decay = np.array([basket[code] for basket in baskets for code in sorted(basket)], dtype=float)
    ones = np.ones(len(target))
    return PairTable(
        kind="product",
        n_targets=n_targets,
        indptr=np.concatenate([[0], np.cumsum([len(basket) for basket in baskets])]).astype(np.int64),
        target=np.array(target, dtype=np.int32),
        count=ones,
        last_days=ones,
        first_days=ones,
        orders_since=ones,
        decays=np.repeat(decay[:, None], len(HALF_LIVES_DAYS), axis=1),
        order_decay=ones,
    )
