"""Batches of sequences of like length, padded to a rectangle.

What comes in: `OrderSequences`. What goes out, one at a time: `SequenceBatch`, numpy arrays.
Sequences are right-aligned: padding comes first, the newest order always stands in the last column
(so NOW follows it at once). Each customer's numbers are the same in any batch; no torch here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intentml.sequences.csr import indptr_of, positions
from intentml.sequences.encode import OrderSequences

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

BUCKETS = (8, 16, 32, 64)
MAX_TOKENS = 16_384
MAX_LINES = 262_144


@dataclass(frozen=True)
class SequenceBatch:
    """B customers in L columns; a cell is one order, or padding (all zeros).

    Attributes:
        customer: Rows in the sequences. Shape: (B,).
        mask: Which cells hold an order; False = padding. Shape: (B, L), like all down to `day_of_year`.
        nth: See `OrderSequences`, as the others.
        gap_days: Days.
        gap_ratio: Own gaps.
        age_days: Days.
        log_spend: log(1 + money).
        log_items: log(1 + pieces).
        log_lines: log(1 + lines).
        weekday: 0 ... 6.
        day_of_year: 1 ... 366.
        line_indptr: Where each cell's lines start, cells in row-major order (the `offsets` of an
            embedding bag, last offset included). Shape: (B * L + 1,).
        product: Codes. Shape: (n,), like the next three.
        category: Codes.
        brand: Codes.
        price: Codes.
        idle_days: NOW. Shape: (B,), like the next one.
        idle_ratio: NOW.
        now_weekday: NOW, one for all.
        now_day_of_year: NOW, one for all.
    """

    customer: I64
    mask: npt.NDArray[np.bool_]
    nth: I32
    gap_days: F32
    gap_ratio: F32
    age_days: F32
    log_spend: F32
    log_items: F32
    log_lines: F32
    weekday: I32
    day_of_year: I32
    line_indptr: I64
    product: I32
    category: I32
    brand: I32
    price: I32
    idle_days: F32
    idle_ratio: F32
    now_weekday: int
    now_day_of_year: int

    def __len__(self) -> int:
        return len(self.customer)


def buckets_of(sequences: OrderSequences) -> tuple[int, ...]:
    """`BUCKETS`, and one for longer sequences where there are some."""
    longest = int(sequences.length.max(initial=0))
    return BUCKETS if longest <= BUCKETS[-1] else (*BUCKETS, longest)


def batches(
    sequences: OrderSequences,
    *,
    customers: npt.ArrayLike | None = None,
    seed: int | None = None,
    buckets: tuple[int, ...] = BUCKETS,
    max_tokens: int = MAX_TOKENS,
    max_lines: int = MAX_LINES,
    share: slice = slice(None),
) -> Iterator[SequenceBatch]:
    """Every customer once, in batches of like length; one batch in memory at a time.

    A sequence goes to the shortest bucket it fits in (longer than the last: its newest orders). A batch
    has at most `max_tokens` cells and `max_lines` lines, but at least one customer.

    Args:
        sequences: Where from.
        customers: Rows wanted; all where None.
        seed: Shuffles customers within buckets, and the batches; the same seed, the same batches.
            None keeps buckets and customers in order.
        buckets: Column counts, ascending.
        max_tokens: Limit of B * L.
        max_lines: Limit of n.
        share: Which customers of each batch are wanted, where several processes share it; may be none.
    """
    rows = np.arange(len(sequences)) if customers is None else np.asarray(customers, dtype=np.int64)
    rng = None if seed is None else np.random.default_rng(seed)
    length = np.minimum(sequences.length, buckets[-1])
    last = sequences.indptr[1:]
    lines = sequences.line_indptr[last] - sequences.line_indptr[last - length]
    bucket = np.searchsorted(np.asarray(buckets), length[rows])
    plan: list[tuple[int, I64]] = []
    for number, columns in enumerate(buckets):
        inside = rows[bucket == number]
        if rng is not None:
            inside = rng.permutation(inside)
        plan += [
            (columns, part)
            for part in _parts(inside, lines[inside], max(1, max_tokens // columns), max_lines)
        ]
    for number in np.arange(len(plan)) if rng is None else rng.permutation(len(plan)):
        columns, part = plan[number]
        yield pad(sequences, part[share], columns)


def pad(sequences: OrderSequences, customers: I64, columns: int) -> SequenceBatch:
    """The newest `columns` orders of some customers, right-aligned in a rectangle."""
    length = np.minimum(sequences.length[customers], columns)
    first = sequences.indptr[customers + 1] - length
    mask = np.arange(columns) >= (columns - length)[:, None]
    orders = np.repeat(first - (np.cumsum(length) - length), length) + np.arange(int(length.sum()))
    lines = positions(sequences.line_indptr, orders)
    lines_in_cell = np.zeros(mask.shape, np.int64)
    lines_in_cell[mask] = np.diff(sequences.line_indptr)[orders]

    def reals(values: npt.NDArray[np.float64]) -> F32:
        cells = np.zeros(mask.shape, np.float32)
        cells[mask] = values[orders]
        return cells

    def whole(values: I32) -> I32:
        cells = np.zeros(mask.shape, np.int32)
        cells[mask] = values[orders]
        return cells

    return SequenceBatch(
        customer=customers,
        mask=mask,
        nth=whole(sequences.nth),
        gap_days=reals(sequences.gap_days),
        gap_ratio=reals(sequences.gap_ratio),
        age_days=reals(sequences.age_days),
        log_spend=reals(sequences.log_spend),
        log_items=reals(sequences.log_items),
        log_lines=reals(sequences.log_lines),
        weekday=whole(sequences.weekday),
        day_of_year=whole(sequences.day_of_year),
        line_indptr=indptr_of(lines_in_cell.ravel()),
        product=sequences.product[lines],
        category=sequences.category[lines],
        brand=sequences.brand[lines],
        price=sequences.price[lines],
        idle_days=sequences.idle_days[customers].astype(np.float32),
        idle_ratio=sequences.idle_ratio[customers].astype(np.float32),
        now_weekday=sequences.now_weekday,
        now_day_of_year=sequences.now_day_of_year,
    )


def _parts(customers: I64, lines: I64, max_customers: int, max_lines: int) -> list[I64]:
    """Cut a list of customers where the next would exceed either limit."""
    total = np.concatenate([[0], np.cumsum(lines)])
    parts, start = [], 0
    while start < len(customers):
        fits = int(np.searchsorted(total, total[start] + max_lines, side="right")) - 1
        stop = max(start + 1, min(start + max_customers, fits))
        parts.append(customers[start:stop])
        start = stop
    return parts
