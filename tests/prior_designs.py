"""Designs of random shops, and their logits the long way: every pair laid out, one feature after another.

What comes in: a snapshot, a kind, a prior. What goes out: a `Design`, dense features by name, and the
logits that a linear prior must give.
"""

from __future__ import annotations

import numpy as np

from intentml.pairs.history import pair_history
from intentml.priors.activity import fit_activity
from intentml.priors.designs import Design, KindParameters, design_of, fit_kind
from intentml.priors.linear import LinearPrior, Weights
from intentml.timeline import Snapshot
from random_shop import AS_OF_TEXT, random_shop
from tiny import log_of

HORIZON_DAYS = 28


def random_snapshot(seed: int, customers: int = 40, lines: int = 400, products: int = 9) -> Snapshot:
    """A random shop as known at its AS_OF, prospects and all."""
    return log_of(random_shop(seed, customers, products, lines)).as_of(AS_OF_TEXT)


def ordering(snapshot: Snapshot, horizon_days: int = HORIZON_DAYS) -> np.ndarray:
    """P(at least one order) by the base rate."""
    prior = fit_activity("base_rate", snapshot, first_order_rate=0.001)
    return 1.0 - prior.no_order(snapshot, horizon_days)[:, 0]


def fitted_kind(snapshot: Snapshot, kind: str) -> KindParameters:
    """Neighbours and rates of a whole snapshot."""
    return fit_kind(snapshot, pair_history(snapshot, kind))


def whole_design(snapshot: Snapshot, kind: str) -> Design:
    """The design of everybody, with what was fitted on them."""
    return design_of(
        snapshot, pair_history(snapshot, kind), fitted_kind(snapshot, kind), ordering(snapshot), HORIZON_DAYS
    )


def dense_features(design: Design) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Every feature of every pair, and whether the customer had bought the target. Shapes: (U, J)."""
    users, targets = design.shape
    dense = {name: np.tile(values[:, np.newaxis], (1, targets)) for name, values in design.customer.items()}
    dense |= {name: np.tile(values, (users, 1)) for name, values in design.target.items()}
    seen = np.zeros(design.shape, bool)
    for name in design.pair:
        dense[name] = np.zeros(design.shape)
    for row in range(users):
        for at in range(design.indptr[row], design.indptr[row + 1]):
            target = design.pair_target[at]
            seen[row, target] = design.seen[at]
            for name, values in design.pair.items():
                dense[name][row, target] = values[at]
    for parent in design.parents:
        for name, values in parent.features.items():
            table = parent.matrix(values).toarray()
            dense[name] = np.zeros(design.shape)
            for target, of in enumerate(parent.parent_of):
                if of >= 0:
                    dense[name][:, target] = table[:, of]
    return dense, seen


def dense_logits(prior: LinearPrior, design: Design) -> np.ndarray:
    """What the prior says of every pair, by its definition. Shape: (U, J)."""
    dense, seen = dense_features(design)

    def weighed(weights: Weights) -> np.ndarray:
        total = np.full(design.shape, weights.intercept)
        for name, weight in weights.by_column.items():
            total += weight * dense.get(name, 0.0)
        return total

    return np.where(seen, weighed(prior.repeat), weighed(prior.explore))


def random_prior(design: Design, rng: np.random.Generator, share: float = 1.0) -> LinearPrior:
    """Weights drawn for a share of the columns, other ones for pairs with history than without."""
    names = sorted(dense_features(design)[0])

    def weights() -> Weights:
        chosen = [name for name in names if rng.random() < share]
        return Weights(float(rng.normal()), {name: float(rng.normal()) for name in chosen})

    return LinearPrior("drawn", weights(), weights())
