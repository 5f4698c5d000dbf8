"""Predict a large shop part by part, so that features of all customers never stand in memory at once.

What comes in: a predictor and a snapshot. What goes out: the predictions of the whole, number for
number: a customer's do not depend on who else is asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse

from intentml.prediction import F64, ParentTerm, Predictions, Predictor, TargetScores
from intentml.timeline import Snapshot

# Some 300 MB of features at 100 pairs a customer; larger parts are no faster.
CUSTOMERS_PER_PART = 10_000


def predict_in_parts(
    predictor: Predictor,
    snapshot: Snapshot,
    horizon_days: int,
    kinds: Sequence[str],
    customers_per_part: int = CUSTOMERS_PER_PART,
) -> Predictions:
    """Predictions of every customer of the snapshot, made for some customers at a time."""
    starts = range(0, len(snapshot), customers_per_part)
    if len(starts) <= 1:
        return predictor.predict(snapshot, horizon_days, kinds=kinds)
    parts = []
    for start in starts:
        rows = np.arange(start, min(start + customers_per_part, len(snapshot)))
        parts.append(predictor.predict(snapshot.take(rows), horizon_days, kinds=kinds))
    return join(parts)


def join(parts: Sequence[Predictions]) -> Predictions:
    """The predictions of several parts, in order, as those of the whole."""
    first = parts[0]
    return replace(
        first,
        customer_ids=np.concatenate([part.customer_ids for part in parts]),
        targets={kind: join_targets([part.targets[kind] for part in parts]) for kind in first.targets},
        no_order=_join_heads([part.no_order for part in parts]),
        orders=_join_heads([part.orders for part in parts]),
        spend=_join_heads([part.spend for part in parts]),
        survival=_join_heads([part.survival for part in parts]),
        calibrated=all(part.calibrated for part in parts),
    )


def _join_heads(heads: Sequence[F64 | None]) -> F64 | None:
    """One head of all parts; None where the predictor does not have it."""
    known = [head for head in heads if head is not None]
    return np.concatenate(known) if known else None


def join_targets(parts: Sequence[TargetScores]) -> TargetScores:
    """The scores of one kind, of some customers after others; targets and their vectors are the shop's."""
    first = parts[0]
    return replace(
        first,
        customer_vectors=np.concatenate([part.customer_vectors for part in parts]),
        pairs=_stacked([part.pairs for part in parts]),
        parents=tuple(
            ParentTerm(terms[0].kind, _stacked([term.values for term in terms]), terms[0].parent_of)
            for terms in zip(*(part.parents for part in parts), strict=True)
        ),
        alike=first.alike
        and replace(first.alike, taste=_stacked([part.alike.taste for part in parts if part.alike])),
        _columns={},
    )


def _stacked(matrices: Sequence[sparse.csr_array]) -> sparse.csr_array:
    return sparse.csr_array(sparse.vstack(matrices, format="csr"))
