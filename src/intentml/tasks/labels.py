"""Labels of one window: what the customers of a snapshot bought in it.

What comes in: a snapshot and its outcomes. What goes out: arrays in the snapshot's numbering. A
target that was unknown at `as_of` cannot be a label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.timeline import Outcomes, Snapshot
from intentml.timeline.keys import distinct

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """What happened in the window. Shapes: (U,) unless told.

    Attributes:
        horizon_days: Length of the window.
        no_order: Whether there was no order.
        orders: Orders.
        spend: Money paid, gross of returns; unknown prices count as 0.
        bought: Per kind, whether each target was bought. Shape: (U, J), sparse booleans.
    """

    horizon_days: int
    no_order: npt.NDArray[np.bool_]
    orders: F64
    spend: F64
    bought: dict[str, sparse.csr_array]


def labels_of(snapshot: Snapshot, outcomes: Outcomes) -> Labels:
    """Turn outcomes into labels."""
    users = outcomes.customers
    orders, spend = amounts_of(outcomes)
    bought = {}
    for kind in snapshot.catalogue.kinds:
        index = snapshot.catalogue.targets(kind)
        rows, targets = index.expand(outcomes.product)
        bought[kind] = _pairs(outcomes.customer[rows], targets, (users, len(index)))
    return Labels(outcomes.window.horizon_days, orders == 0, orders, spend, bought)


def amounts_of(outcomes: Outcomes) -> tuple[F64, F64]:
    """Orders, and money paid, gross of returns; unknown prices count as 0. Shape: (U,) each."""
    users = outcomes.customers
    per_order = np.unique(np.stack([outcomes.customer, outcomes.order]), axis=1)
    orders = np.bincount(per_order[0], minlength=users).astype(np.float64)
    money = np.nan_to_num(outcomes.amount)
    spend: F64 = np.bincount(outcomes.customer, weights=money, minlength=users).astype(np.float64)
    return orders, spend


def _pairs(
    customer: npt.NDArray[np.int64], target: npt.NDArray[np.int32], shape: tuple[int, int]
) -> sparse.csr_array:
    """A sparse boolean matrix with a True at every pair."""
    pair = distinct(customer * shape[1] + target)
    matrix = sparse.csr_array((np.ones(len(pair), bool), (pair // shape[1], pair % shape[1])), shape=shape)
    matrix.sort_indices()
    return matrix
