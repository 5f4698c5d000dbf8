"""cornac's next-basket recommenders: GP-TopFreq, UP-CF@r, TIFU-KNN.

Settings by nDCG at 10 on validation, the papers' own first. cornac makes what a model knows of each customer;
neighbours are looked up for all customers at once, where cornac goes customer by customer. cornac 3.0.1's
TIFU-KNN takes the mean of its neighbours over targets too, one number for all of them; here it is the mean
over neighbours, as in the paper. A score ranks, and is no probability.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from cornac.models import TIFUKNN, UPCF, GPTop
from exchange import Columns, Exchange
from scipy import sparse

CANDIDATES: dict[str, list[dict[str, Any]]] = {
    "gp_topfreq": [{}],
    "up_cf": [
        {"recency": recency, "asymmetry": asymmetry, "locality": locality}
        for recency, asymmetry, locality in ((10, 0.75, 10), (25, 0.75, 10), (0, 0.75, 10), (25, 0.25, 1))
    ],
    # The authors' settings for Ta-Feng, Dunnhumby, Instacart; two of a wider search (experiments/0011).
    "tifu_knn": [
        {"n_neighbors": 300, "within_decay_rate": 0.9, "group_decay_rate": 0.7, "alpha": 0.7, "n_groups": 7},
        {"n_neighbors": 900, "within_decay_rate": 0.9, "group_decay_rate": 0.6, "alpha": 0.2, "n_groups": 3},
        {"n_neighbors": 900, "within_decay_rate": 0.9, "group_decay_rate": 0.7, "alpha": 0.9, "n_groups": 3},
        {"n_neighbors": 900, "within_decay_rate": 0.9, "group_decay_rate": 0.7, "alpha": 0.1, "n_groups": 7},
        {"n_neighbors": 100, "within_decay_rate": 0.9, "group_decay_rate": 0.7, "alpha": 0.7, "n_groups": 3},
    ],
}
CUSTOMERS_AT_ONCE = 1024
UPCF_NEIGHBOURS = 100  # what cornac's own look-up keeps


def main() -> None:
    exchange = Exchange.of_command_line()
    model = {"gp_topfreq": gp_topfreq, "up_cf": up_cf, "tifu_knn": tifu_knn}[exchange.name]
    for kind, width in exchange.kinds.items():
        validation = None

        def judged(settings: dict[str, Any], rows: np.ndarray) -> np.ndarray:
            nonlocal validation
            if validation is None:
                validation = Histories(exchange.baskets("validation", kind))  # noqa: B023 - used before the next
            return np.concatenate([part for _, part in model(validation, rows, settings)])

        chosen = exchange.choose(kind, CANDIDATES[exchange.name], judged)
        now = Histories(exchange.baskets("now", kind), exchange.customers(), width)
        scores = exchange.scores_to_fill(kind)
        for rows, part in model(now, np.arange(len(now.baskets)), chosen):
            scores[rows] = part
    exchange.finish()


class Histories:
    """Each customer's baskets, the oldest first, as lists of targets."""

    def __init__(self, table: Columns, customers: int | None = None, width: int | None = None) -> None:
        self.customers = int(table["customer"].max()) + 1 if customers is None else customers
        self.width = int(table["target"].max()) + 1 if width is None else width
        self.baskets: list[list[list[int]]] = [[] for _ in range(self.customers)]
        order = np.lexsort((table["order"], table["customer"]))
        customer, nth, target = (table[name][order] for name in ("customer", "order", "target"))
        starts = np.flatnonzero(np.r_[True, (np.diff(customer) != 0) | (np.diff(nth) != 0)])
        for who, basket in zip(customer[starts], np.split(target, starts[1:]), strict=True):
            self.baskets[who].append(basket.tolist())
        ones = np.ones(len(customer), np.float32)
        self.bought = sparse.csr_matrix((ones, (customer, target)), shape=(self.customers, self.width))

    def known_to(self, model: Any) -> Any:
        """The model, told how many targets there are, as its `fit` would tell it."""
        model.train_set = SimpleNamespace(total_items=self.width, num_items=self.width)
        model.num_items = self.width
        return model


Parts = Iterator[tuple[np.ndarray, np.ndarray]]


def parts_of(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + CUSTOMERS_AT_ONCE] for start in range(0, len(rows), CUSTOMERS_AT_ONCE))


def gp_topfreq(histories: Histories, rows: np.ndarray, settings: dict[str, Any]) -> Parts:
    """How often the customer bought a target; how popular it is where they never did."""
    model = histories.known_to(GPTop(**settings))
    model.item_freq = dict(enumerate(np.asarray(histories.bought.sum(axis=0)).ravel().tolist()))
    for part in parts_of(rows):
        yield part, np.stack([model.score(who, histories.baskets[who]) for who in part])


def up_cf(histories: Histories, rows: np.ndarray, settings: dict[str, Any]) -> Parts:
    """Recent popularity among customers alike, by asymmetric cosine of what they bought."""
    model = histories.known_to(UPCF(**settings))
    popular = sparse.vstack(
        [model._get_user_wise_popularity(baskets) for baskets in histories.baskets]
    ).tocsr()
    bought = histories.bought.sign()
    size = np.asarray(bought.sum(axis=1)).ravel().clip(1)
    weight = settings["asymmetry"]
    for part in parts_of(rows):
        alike = (bought[part] @ bought.T).toarray()
        alike /= size[part, np.newaxis] ** weight * size ** (1 - weight)
        keep = min(UPCF_NEIGHBOURS, alike.shape[1])
        least = -np.partition(-alike, keep - 1, axis=1)[:, keep - 1 : keep]
        alike[alike < least] = 0.0
        yield part, (sparse.csr_matrix(alike ** settings["locality"]) @ popular).toarray()


def tifu_knn(histories: Histories, rows: np.ndarray, settings: dict[str, Any]) -> Parts:
    """The customer's own decayed frequencies, mixed with the mean of the nearest customers'."""
    model = histories.known_to(TIFUKNN(**settings))
    vectors = sparse.vstack(
        [
            sparse.csr_matrix(model._compute_user_vector(baskets), dtype=np.float32)
            for baskets in histories.baskets
        ]
    ).tocsr()
    squares = np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()
    keep, alpha = min(settings["n_neighbors"], len(histories.baskets)), settings["alpha"]
    for part in parts_of(rows):
        distance = squares - 2.0 * (vectors[part] @ vectors.T).toarray()
        nearest = np.argpartition(distance, keep - 1, axis=1)[:, :keep]
        share = sparse.csr_matrix(
            (np.full(nearest.size, 1.0 / keep, np.float32), nearest.ravel(), np.arange(len(part) + 1) * keep),
            shape=distance.shape,
        )
        yield part, (alpha * vectors[part] + (1 - alpha) * (share @ vectors)).toarray()


main()
