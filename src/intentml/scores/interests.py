"""Each customer's best targets: the rows of interests.parquet, block by block.

What comes in: `TargetScores`. What goes out: Arrow tables of customer, target, probability and rank,
ties by target; memory stays bounded whatever the number of customers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.prediction import F32, TargetScores, sigmoid
from intentml.timeline.catalogue import Strings

I64 = npt.NDArray[np.int64]

# Rows of one record batch: where every target is kept, a block of logits is many.
_ROWS_PER_BATCH = 1_000_000

SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("kind", pa.string()),
        ("target", pa.string()),
        ("horizon_days", pa.int32()),
        ("probability", pa.float64()),
        ("rank", pa.int32()),
    ]
)


def best_targets(logits: F32, keep: int | None) -> tuple[I64, I64, I64]:
    """The `keep` targets of each row with the highest logits, ties by target.

    Args:
        logits: Shape: (n, J).
        keep: How many; None for all.

    Returns:
        Row, target and 1-based rank, sorted by row and rank.
    """
    rows, targets = logits.shape
    keep = targets if keep is None else min(keep, targets)
    if not keep or not rows:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    if 2 * keep >= targets:
        order = np.argsort(-logits, axis=1, kind="stable")[:, :keep]
        return np.repeat(np.arange(rows), keep), order.ravel(), np.tile(np.arange(1, keep + 1), rows)
    cut = -np.partition(-logits, keep - 1, axis=1)[:, keep - 1 : keep]
    row, target = np.divmod(np.flatnonzero(logits >= cut), targets)
    by_rank = np.lexsort((target, -logits[row, target], row))
    row, target = row[by_rank], target[by_rank]
    first = np.searchsorted(row, np.arange(rows))
    rank = np.arange(len(row)) - first[row] + 1
    kept = rank <= keep
    return row[kept], target[kept], rank[kept]


def interest_batches(
    scores: TargetScores, customer_ids: Strings, horizon_days: int, keep: int | None
) -> Iterator[pa.RecordBatch]:
    """Rows of interests.parquet for one kind and horizon, in order of customer and rank."""
    if not len(scores):
        return
    targets = pa.array(scores.targets, pa.string())
    ids = pa.array(customer_ids, pa.string())
    kept = len(scores) if keep is None else min(keep, len(scores))
    step = max(1, _ROWS_PER_BATCH // kept)
    for block, logits in scores.blocks():
        for start in range(0, len(logits), step):
            part = logits[start : start + step]
            row, target, rank = best_targets(part, keep)
            probability = sigmoid(part[row, target].astype(np.float64))
            yield pa.record_batch(
                [
                    ids.take(pa.array(block.start + start + row)),
                    pa.repeat(scores.kind, len(row)).cast(pa.string()),
                    targets.take(pa.array(target)),
                    pa.repeat(horizon_days, len(row)).cast(pa.int32()),
                    pa.array(probability),
                    pa.array(rank.astype(np.int32)),
                ],
                schema=SCHEMA,
            )
