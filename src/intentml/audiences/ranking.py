"""What the model adds to rules: who is likely to buy, and who is like whom.

What comes in: a shop's scores. What goes out: one number a customer for each question, from nothing but what
the scores hold; and, with the model that made them at hand, the reasons of one customer's number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.audiences.leaves import Interest
from intentml.audiences.reasons import Explainer, InterestReasons
from intentml.audiences.view import I32
from intentml.prediction import F64
from intentml.scores.scores import Scores
from intentml.scores.selection import Selection, select
from intentml.scores.state import known_snapshot
from intentml.scores.union import likeliest_target, with_whole_groups
from intentml.timeline import Snapshot

# Enough of each to tell what sets them apart; all customers are ranked by what they teach.
_MEMBERS, _OTHERS, _SEED = 20_000, 60_000, 0
_OBSERVED = ("orders", "recency_days", "tenure_days", "monetary", "rhythm_days")


@dataclass(frozen=True, eq=False)
class ScoresRanking:
    """Rankings by a shop's scores.

    Attributes:
        scores: The scores; customers are numbered as there.
    """

    scores: Scores

    def interest(self, asked: Interest) -> F64:
        """P(buys at least one of the products within the horizon). Shape: (U,).

        Raises:
            UnknownTargetError: A name is unknown.
            HorizonError: The horizon was not scored.
        """
        return self.scores.probability(*self._selected(asked))

    def reasons(self, row: int, model: Explainer) -> Callable[[Interest], InterestReasons | None]:
        """What tells why one customer is expected to buy some products, or not to.

        It tells of the target that counts: of several the customer's likeliest, and it says which. Of
        somebody who never bought there is no history to explain: None.

        Args:
            row: The customer's.
            model: What made the scores.

        Raises:
            ModelError: It did not.
        """
        self.scores.manifest.model.check_made(model.fingerprint)
        customer = str(self.scores.customer_ids[row])

        @cache  # made once, and only where a rule asks for it
        def snapshot() -> Snapshot | None:
            return known_snapshot(self.scores, customer)

        def of(asked: Interest) -> InterestReasons | None:
            known = snapshot()
            if known is None:
                return None
            selection, days = self._selected(asked)
            kind, target = likeliest_target(self.scores, selection, days, row)
            return InterestReasons.of(model.explain(known, customer, kind, target, days))

        return of

    def likeness(self, members: I32) -> F64:
        """Log-odds to be one of the members, by what the model learned of each customer and what is plain.

        A logistic regression of members against others over the learned vectors, orders, recency, tenure,
        money and rhythm. Shape: (U,).
        """
        from sklearn.linear_model import LogisticRegression

        rng = np.random.default_rng(_SEED)
        inside = np.zeros(len(self.scores), bool)
        inside[members] = True
        some = np.sort(
            np.concatenate(
                [
                    rng.permutation(np.flatnonzero(inside))[:_MEMBERS],
                    rng.permutation(np.flatnonzero(~inside))[:_OTHERS],
                ]
            )
        )
        if inside[some].all():
            return np.zeros(len(inside))
        numbers = self.numbers
        taught = LogisticRegression(max_iter=500, class_weight="balanced").fit(numbers[some], inside[some])
        odds: F64 = numbers @ taught.coef_[0] + taught.intercept_[0]
        return odds

    def found(self, keyword: str) -> Sequence[str]:
        """Ids of products that match a keyword."""
        return [match.product_id for match in self.scores.search(keyword)]

    def _selected(self, asked: Interest) -> tuple[Selection, int]:
        """The targets that are asked about, and the horizon."""
        days = self.scores.horizon(asked.horizon_days)
        selection = select(
            self.scores,
            products=asked.product,
            categories=asked.category,
            brands=asked.brand,
            keyword=asked.keyword,
        )
        return with_whole_groups(self.scores, selection, days), days

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        """What customers are compared by, each number with mean 0 and spread 1. Shape: (U, D)."""
        table = self.scores.table
        columns = []
        for name in _OBSERVED:
            values = _plain(table[name]) if name in table.column_names else np.full(len(table), np.nan)
            unknown = np.isnan(values)
            columns += [np.where(unknown, 0.0, np.log1p(np.maximum(values, 0.0))), unknown.astype(np.float64)]
        days = self.scores.manifest.horizons[0]
        learned = [of.customer_vectors for (_, horizon), of in self.scores.targets.items() if horizon == days]
        numbers = np.hstack([np.stack(columns, axis=1), *learned]).astype(np.float64)
        spread = numbers.std(axis=0)
        varied = spread > 0
        scaled: npt.NDArray[np.float64] = (numbers[:, varied] - numbers[:, varied].mean(axis=0)) / spread[
            varied
        ]
        return scaled


def _plain(column: pa.ChunkedArray) -> F64:
    values: F64 = column.cast(pa.float64()).to_numpy()
    return values
