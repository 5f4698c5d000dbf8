"""implicit's ALS over how often each customer bought each target.

Factors, alpha and regularisation by nDCG at 10 on validation. A score is the dot product of a customer and
a target: it ranks, and is no probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from exchange import Columns, Exchange, blocks
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

CANDIDATES = [
    {"factors": factors, "alpha": alpha, "regularization": 0.05, "iterations": 15}
    for factors in (32, 64)
    for alpha in (1.0, 10.0)
]


def main() -> None:
    exchange = Exchange.of_command_line()
    for kind, width in exchange.kinds.items():
        chosen = exchange.choose(kind, CANDIDATES, judged(exchange, kind))
        now = exchange.baskets("now", kind)
        scores = exchange.scores_to_fill(kind)
        customers, targets = fitted(now, (exchange.customers(), width), chosen, exchange.seed)
        for block in blocks(*scores.shape):
            scores[block] = customers[block] @ targets.T
    exchange.finish()


def judged(exchange: Exchange, kind: str):  # noqa: ANN201
    """From settings and customer rows to scores at validation."""

    def score(settings: dict[str, Any], rows: np.ndarray) -> np.ndarray:
        before = exchange.baskets("validation", kind)
        shape = (max(int(before["customer"].max()), int(rows.max())) + 1, int(before["target"].max()) + 1)
        customers, targets = fitted(before, shape, settings, exchange.seed)
        return customers[rows] @ targets.T

    return score


def fitted(
    baskets: Columns, shape: tuple[int, int], settings: dict[str, Any], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of customers (n, D) and targets (J, D)."""
    count = sparse.csr_matrix(
        (np.ones(len(baskets["customer"]), np.float32), (baskets["customer"], baskets["target"])), shape=shape
    )
    count.data = np.log1p(count.data)
    model = AlternatingLeastSquares(**settings, random_state=seed, num_threads=1)
    model.fit(count, show_progress=False)
    return np.asarray(model.user_factors), np.asarray(model.item_factors)


main()
