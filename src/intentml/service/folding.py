"""The night's work on the log of arrivals: its lines into the shop's table of orders, then out of the log.

What comes in: the log, the folder of the tables, the scores that are served. What goes out: what was added,
and up to which number of the log all is in the table. It scores nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.scores.folder import load_scores
from intentml.service.arrivals import Arrivals, Batch
from intentml.service.requests import lines_table
from intentml.tables.append import Appended, append_orders
from intentml.tables.read import orders_alone
from intentml.timeline import Instant
from intentml.timeline.histories import later_than

# Such ids are read by the company they keep (see `tables.parse`), so that each batch is read by itself.
_BY_COMPANY = re.compile(r"-?[0-9]+\.0")
_IDS = ("customer_id", "order_id", "product_id")


@dataclass(frozen=True)
class Folded:
    """What a fold did.

    Attributes:
        appended: What became of the lines.
        until: The number of the newest batch that is in the table now; 0 where none ever came.
    """

    appended: Appended
    until: int


@dataclass(frozen=True)
class Pruned:
    """What a log was emptied of.

    Attributes:
        batches: How many lost their lines.
        lines: How many lines.
        kept: Batches that were to be emptied, and have lines that the scores do not know.
    """

    batches: int
    lines: int
    kept: int


def fold(
    log: Arrivals,
    source: str | Path,
    *,
    columns: str | Path | None = None,
    timezone: str = "UTC",
    make: bool = False,
) -> Folded:
    """Put what the log holds below the table of orders, each line once however often this is done.

    Args:
        log: The log; it stays as it is.
        source: The folder of the tables.
        columns: The column mapping, as for reading.
        timezone: The shop's zone.
        make: Whether a folder without a table of orders gets one.

    Raises:
        DataError: As of `append_orders`.
        ArrivalsError: The log cannot be read.
    """
    batches = log.since(0)
    return Folded(
        append_orders(
            source, _parts(batches), _numbers(batches), columns=columns, timezone=timezone, make=make
        ),
        until=batches[-1].sequence if batches else 0,
    )


def prune(log: Arrivals, until: int, scores: Path | None = None) -> Pruned:
    """Empty the log of what was folded: the lines go, numbers and Idempotency-Keys stay.

    Args:
        log: The log.
        until: The last batch to empty; what a fold told.
        scores: The scores that are served; batches with a line that was not yet known at their as_of stay.

    Raises:
        ScoresError: The scores cannot be used.
        ArrivalsError: The log cannot be written.
    """
    batches = [batch for batch in log.since(0) if batch.sequence <= until and batch.lines]
    stay = set() if scores is None else _unknown(batches, scores)
    gone = [batch for batch in batches if batch.sequence not in stay]
    log.empty([batch.sequence for batch in gone])
    return Pruned(len(gone), sum(len(batch.lines) for batch in gone), len(stay))


def _unknown(batches: Sequence[Batch], folder: Path) -> set[int]:
    """Numbers of the batches with a line that scores cannot know."""
    manifest = load_scores(folder).manifest
    as_of = Instant.of(manifest.as_of, manifest.timezone)
    numbers = np.array(_numbers(batches), np.int64)
    late: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
    for part in _parts(batches):
        orders = orders_alone(part, timezone=manifest.timezone, source="the log of orders").orders
        late = np.concatenate([late, later_than(orders, as_of)])
    return set(numbers[late].tolist())


def _numbers(batches: Sequence[Batch]) -> list[int]:
    """Of each line, the number of its batch."""
    return [batch.sequence for batch in batches for _ in batch.lines]


def _parts(batches: Sequence[Batch]) -> list[pa.Table]:
    """The lines as tables that read as the service reads them, batch by batch."""
    alone = any(
        _BY_COMPANY.fullmatch(str(line.get(name, "")))
        for batch in batches
        for line in batch.lines
        for name in _IDS
    )
    groups = [batch.lines for batch in batches] if alone else [[x for batch in batches for x in batch.lines]]
    return [lines_table(lines) for lines in groups if lines]
