"""The truth of a simulated shop as one more predictor: nobody who sees orders alone beats it, but by luck.

What comes in: the truth, and snapshots of that shop. What goes out: P(no order) and P(buys a category), given
each customer's hidden state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intentml.datasets.simulated import Truth, true_probabilities
from intentml.evaluation.peers.scores import DenseScores
from intentml.prediction import Predictions, TargetScores, logit
from intentml.timeline import Snapshot


@dataclass(frozen=True)
class TruthItself:
    """Answers what really holds."""

    truth: Truth
    name: str = "truth"

    def predict(
        self, snapshot: Snapshot, horizon_days: int, *, kinds: Sequence[str] | None = None
    ) -> Predictions:
        """True probabilities for every customer of the snapshot, the only kind `category`."""
        true = true_probabilities(self.truth, snapshot.as_of.datetime.date(), horizon_days)
        rows = np.searchsorted(true.customer_ids, snapshot.customer_ids)
        targets: dict[str, TargetScores] = {}
        if kinds is None or "category" in kinds:
            names = snapshot.catalogue.targets("category").targets
            columns = [true.categories.index(name) for name in names]
            odds = logit(true.p_bought[rows][:, columns]).astype(np.float32)
            targets["category"] = DenseScores.of("category", names, odds, probabilities=True)
        return Predictions(
            snapshot.customer_ids,
            snapshot.as_of,
            horizon_days,
            targets=targets,
            no_order=true.p_no_order[rows],
        )
