"""What the model adds to rules: who is likely to buy, and who is like whom.

What comes in: a shop's scores. What goes out: one number a customer for each question, from nothing but what
the scores hold; and, with the model that made them at hand, the reasons of one customer's number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pyarrow as pa

from intentml.audiences.leaves import Interest
from intentml.audiences.reasons import Explainer, InterestReasons
from intentml.audiences.view import I32, Because, Likeness, Ranking
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
        snapshot_of: What was known of a customer when these were made, None of who never bought; the
            scores' own histories if left out.
    """

    scores: Scores
    snapshot_of: Callable[[str], Snapshot | None] | None = None

    def interest(self, asked: Interest) -> F64:
        """P(buys at least one of the products within the horizon). Shape: (U,).

        Raises:
            UnknownTargetError: A name is unknown.
            HorizonError: The horizon was not scored.
        """
        return self.scores.probability(*self._selected(asked))

    def reasons(self, row: int, model: Explainer) -> Because:
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
            return (
                known_snapshot(self.scores, customer)
                if self.snapshot_of is None
                else self.snapshot_of(customer)
            )

        def of(asked: Interest) -> InterestReasons | None:
            known = snapshot()
            if known is None:
                return None
            selection, days = self._selected(asked)
            kind, target = likeliest_target(self.scores, selection, days, row)
            return InterestReasons.of(model.explain(known, customer, kind, target, days))

        return of

    def likeness(self, members: I32) -> Likeness:
        """Log-odds to be one of the members, by what the model learned of each customer and what is plain.

        A logistic regression of members against others over the learned vectors, orders, recency, tenure,
        money and rhythm. It tells of customers of the same model's scores.
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
            return lambda ranking: np.zeros(len(_scores_of(ranking)))
        taught = LogisticRegression(max_iter=500, class_weight="balanced")
        taught.fit(self.numbers[some], inside[some])

        def odds(ranking: Ranking) -> F64:
            numbers = self.numbers if ranking is self else self._scaled(_numbers(_scores_of(ranking)))
            found: F64 = numbers @ taught.coef_[0] + taught.intercept_[0]
            return found

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
    def numbers(self) -> F64:
        """What customers are compared by, each number with mean 0 and spread 1. Shape: (U, D)."""
        return self._scaled(_numbers(self.scores))

    def _scaled(self, numbers: F64) -> F64:
        """Numbers of customers on the scale of these. Shape: (n, D) -> (n, fewer that vary)."""
        mean, spread = self._scale
        varied = spread > 0
        scaled: F64 = (numbers[:, varied] - mean[varied]) / spread[varied]
        return scaled

    @cached_property
    def _scale(self) -> tuple[F64, F64]:
        """Mean and spread of each number. Shape: (D,) each."""
        numbers = _numbers(self.scores)
        return numbers.mean(axis=0), numbers.std(axis=0)


def _scores_of(ranking: Ranking) -> Scores:
    """The scores behind a ranking of the same kind."""
    assert isinstance(ranking, ScoresRanking)
    return ranking.scores


def _numbers(scores: Scores) -> F64:
    """What customers are compared by, as it is. Shape: (U, D)."""
    table = scores.table
    columns = []
    for name in _OBSERVED:
        values = _plain(table[name]) if name in table.column_names else np.full(len(table), np.nan)
        unknown = np.isnan(values)
        columns += [np.where(unknown, 0.0, np.log1p(np.maximum(values, 0.0))), unknown.astype(np.float64)]
    days = scores.manifest.horizons[0]
    learned = [of.customer_vectors for (_, horizon), of in scores.targets.items() if horizon == days]
    return np.hstack([np.stack(columns, axis=1), *learned]).astype(np.float64)


def _plain(column: pa.ChunkedArray) -> F64:
    values: F64 = column.cast(pa.float64()).to_numpy()
    return values
