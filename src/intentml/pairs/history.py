"""Repeat features: how often, how lately and how regularly a customer bought a target.

What comes in: a snapshot and a kind. What goes out: `PairTable` in CSR layout. No horizon, no
parameters, nothing fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.timeline import Snapshot
from intentml.timeline.keys import distinct

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

HALF_LIVES_DAYS = (14, 30, 90, 365)
# Weight of a purchase falls by this factor with each later order (van Maasakkers et al. 2023 use 0.9).
ORDER_DECAY = 0.9
_TASTE_HALF_LIFE = HALF_LIVES_DAYS.index(90)


@dataclass(frozen=True)
class PairTable:
    """One row a customer and target with history, sorted by customer then target.

    Attributes:
        kind: Kind of target.
        n_targets: J.
        indptr: Row pointers over customers. Shape: (U + 1,).
        target: Target codes. Shape: (n,), like the features below.
        count: Orders with the target.
        last_days: Days since the newest of them.
        first_days: Days since the oldest of them.
        orders_since: The customer's orders after the newest of them.
        decays: Sum of 2^(-age / half-life) over them. Shape: (n, 4), by `HALF_LIVES_DAYS`.
        order_decay: Sum of 0.9^(orders after) over them.
    """

    kind: str
    n_targets: int
    indptr: I64
    target: npt.NDArray[np.int32]
    count: F64
    last_days: F64
    first_days: F64
    orders_since: F64
    decays: F64
    order_decay: F64

    def __len__(self) -> int:
        return len(self.target)

    @property
    def n_customers(self) -> int:
        """U."""
        return len(self.indptr) - 1

    @property
    def customer(self) -> I64:
        """Customer row of each pair. Shape: (n,)."""
        return np.repeat(np.arange(self.n_customers), np.diff(self.indptr))

    @cached_property
    def taste(self) -> sparse.csr_array:
        """Each customer's taste: log of decayed purchases. Shape: (U, J), sparse.

        Not of unit length: scores are compared between customers, and who buys more is likelier to buy.
        """
        value = np.log1p(self.decays[:, _TASTE_HALF_LIFE]).astype(np.float32)
        shape = (self.n_customers, self.n_targets)
        return sparse.csr_array((value, self.target, self.indptr), shape=shape)

    @property
    def gap_days(self) -> F64:
        """The customer's own mean gap between orders with the target; NaN with one. Shape: (n,)."""
        gaps = np.full(len(self), np.nan)
        repeated = self.count > 1
        gaps[repeated] = (self.first_days - self.last_days)[repeated] / (self.count[repeated] - 1)
        return gaps


def pair_history(snapshot: Snapshot, kind: str) -> PairTable:
    """The repeat features of one kind of target for the snapshot's customers."""
    index, rows, targets = snapshot.line_targets(kind)
    n_targets = max(1, len(index))
    # One occurrence a customer, target and order, whatever the number of lines.
    order_row = snapshot.line_order[rows]
    longest = int(snapshot.n_orders.max(initial=0)) + 1
    nth = order_row - snapshot.order_indptr[snapshot.line_customer[rows]]
    occurrence = distinct((snapshot.line_customer[rows] * n_targets + targets) * longest + nth)
    pair, nth = occurrence // longest, occurrence % longest
    starts = np.flatnonzero(np.r_[True, np.diff(pair) != 0]) if len(pair) else np.zeros(0, np.int64)
    ends = np.r_[starts[1:], len(pair)] - 1 if len(pair) else starts
    customer = pair // n_targets
    age = snapshot.orders.age_days[snapshot.order_indptr[customer] + nth]
    after = (snapshot.n_orders[customer] - 1 - nth).astype(np.float64)

    def total(values: F64) -> F64:
        return np.add.reduceat(values, starts) if len(starts) else np.zeros(0)

    decays = [total(np.exp2(-age / half_life)) for half_life in HALF_LIVES_DAYS]
    return PairTable(
        kind=kind,
        n_targets=len(index),
        indptr=np.searchsorted(customer[starts], np.arange(len(snapshot) + 1)),
        target=(pair[starts] % n_targets).astype(np.int32),
        count=total(np.ones(len(pair))),
        last_days=age[ends],
        first_days=age[starts],
        orders_since=after[ends],
        decays=np.stack(decays, axis=1),
        order_decay=total(ORDER_DECAY**after),
    )
