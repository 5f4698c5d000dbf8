"""Each customer's best targets: the rows of interests.parquet, block by block.

What comes in: `TargetScores`. What goes out: Arrow tables of customer, target, probability and rank,
ties by target; memory stays bounded whatever the number of customers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.prediction import F32, TargetScores, sigmoid
from intentml.timeline.catalogue import Strings

I64 = npt.NDArray[np.int64]

# Rows of one record batch, and logits of one kind laid out for it: so memory stays bounded.
_ROWS_PER_BATCH = 1_000_000
_CELLS_AT_ONCE = 8_000_000

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
    parts: Sequence[tuple[TargetScores, int]], customer_ids: Strings, keep: int | None
) -> Iterator[pa.RecordBatch]:
    """Rows of interests.parquet, in order of customer; of one customer, part by part, best first.

    Args:
        parts: The scores of each kind and horizon, and the horizon's days.
        customer_ids: Sorted ids, the rows of every part. Shape: (U,).
        keep: Targets a customer, kind and horizon; None for all.
    """
    parts = [part for part in parts if len(part[0])]
    if not parts:
        return
    sizes = [len(scores) for scores, _ in parts]
    rows = sum(size if keep is None else min(keep, size) for size in sizes)
    step = max(1, min(_ROWS_PER_BATCH // rows, _CELLS_AT_ONCE // max(sizes)))
    ids = pa.array(customer_ids, pa.string())
    # Of many customers every target is told again and again, of one hardly any.
    named = [pa.array(of.targets, pa.string()) if len(of) < rows * len(ids) else None for of, _ in parts]
    for start in range(0, len(ids), step):
        customers = slice(start, start + step)
        found = [_best(*part, names, customers, keep) for part, names in zip(parts, named, strict=True)]
        by_customer = np.argsort(np.concatenate([row for row, _ in found]), kind="stable")
        table = pa.Table.from_batches([batch for _, batch in found]).take(pa.array(by_customer))
        owner = ids[customers].take(table["customer"].combine_chunks())
        yield from table.set_column(0, "customer_id", owner).cast(SCHEMA).combine_chunks().to_batches()


def _best(
    scores: TargetScores, days: int, names: pa.Array | None, customers: slice, keep: int | None
) -> tuple[I64, pa.RecordBatch]:
    """The best targets of one kind and horizon of some customers, and whose each is, from 0."""
    logits = scores.rows(customers)
    row, target, rank = best_targets(logits, keep)
    told = pa.array(scores.targets[target], pa.string()) if names is None else names.take(pa.array(target))
    columns = {
        "customer": pa.array(row),
        "kind": pa.repeat(scores.kind, len(row)).cast(pa.string()),
        "target": told,
        "horizon_days": pa.repeat(days, len(row)).cast(pa.int32()),
        "probability": pa.array(sigmoid(logits[row, target].astype(np.float64))),
        "rank": pa.array(rank.astype(np.int32)),
    }
    return row, pa.RecordBatch.from_pydict(columns)
