"""Pairs to learn from: all purchases of a window, and a weighted share of what was not bought.

What comes in: a design and what was bought. What goes out: `PairSample`, pairs with their features
that stand for all customers with an order times all eligible targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.prediction import F64, at_places
from intentml.priors.designs import Design
from intentml.timeline.keys import among, distinct

# Pairs without history or neighbours are the most and the dullest: this many stand for all of them.
SAMPLE_PER_WINDOW = 60_000
# The column of what was bought of products like a new one by their text.
LIKE_TEXT = "like_text"


@dataclass(frozen=True)
class PairSample:
    """Customer x target pairs of one window that stand for all of them. Shapes: (n,).

    Attributes:
        columns: Feature names. Length F.
        values: Features. Shape: (n, F).
        bought: Whether the target was bought in the window.
        weight: How many pairs each stands for.
        seen: Whether the customer had bought it before.
        customer: Row of the customer.
    """

    columns: tuple[str, ...]
    values: F64
    bought: npt.NDArray[np.bool_]
    weight: F64
    seen: npt.NDArray[np.bool_]
    customer: npt.NDArray[np.int64]

    def select(self, rows: npt.NDArray[np.bool_]) -> PairSample:
        """Some of the pairs."""
        return PairSample(
            self.columns,
            self.values[rows],
            self.bought[rows],
            self.weight[rows],
            self.seen[rows],
            self.customer[rows],
        )

    def average(self) -> dict[str, float]:
        """Mean of each column over all the pairs that these stand for."""
        means = self.weight @ self.values / max(float(self.weight.sum()), 1e-12)
        return {name: float(mean) for name, mean in zip(self.columns, means, strict=True)}


def joined(samples: Sequence[PairSample]) -> PairSample:
    """All pairs of some samples of the same columns."""
    return PairSample(
        samples[0].columns,
        *(
            np.concatenate([getattr(part, name) for part in samples])
            for name in ("values", "bought", "weight", "seen", "customer")
        ),
    )


def sample_pairs(
    design: Design,
    bought: sparse.csr_array,
    eligible: npt.NDArray[np.int64],
    generator: np.random.Generator,
    per_window: int = SAMPLE_PER_WINDOW,
) -> PairSample:
    """Pairs of customers with an order and eligible targets: all purchases, a weighted share of the rest.

    Args:
        design: Features at the window's start.
        bought: What was bought in the window. Shape: (U, J), sparse booleans.
        eligible: Targets to learn from. Shape: (e,), sorted.
        generator: Source of randomness.
        per_window: About how many unbought pairs to keep of each sort (with features of their own, without).
    """
    users, targets = design.shape
    is_buyer = design.customer["orders_ever"] > 0
    is_eligible = np.zeros(targets, bool)
    is_eligible[eligible] = True
    buyers = np.flatnonzero(is_buyer)
    keys_pair = design.pair_customer * targets + design.pair_target
    chosen = is_eligible[design.pair_target]
    positives = np.repeat(np.arange(users), np.diff(bought.indptr)) * targets + bought.indices
    positives = positives[is_eligible[positives % targets] & is_buyer[positives // targets]]

    supported = keys_pair[chosen]
    supported = supported[~among(supported, positives)]
    supported, supported_weight = _thin(supported, per_window, generator)
    drawn = generator.choice(buyers, per_window) * targets + generator.choice(eligible, per_window)
    drawn = distinct(drawn)
    explained = among(drawn, keys_pair) | among(drawn, positives)
    others = drawn[~explained]
    n_supported = int(chosen.sum())
    n_positive_alone = int((~among(positives, keys_pair)).sum())
    n_others = max(0, len(buyers) * len(eligible) - n_supported - n_positive_alone)
    others_weight = n_others / max(1, len(others))

    keys = np.concatenate([positives, supported, others])
    weight = np.concatenate(
        [
            np.ones(len(positives)),
            np.full(len(supported), supported_weight),
            np.full(len(others), others_weight),
        ]
    )
    columns, values, seen = pair_columns(design, keys // targets, keys % targets)
    was_bought = np.arange(len(keys)) < len(positives)
    return PairSample(columns, values, was_bought, weight, seen, keys // targets)


def _thin(
    keys: npt.NDArray[np.int64], keep: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.int64], float]:
    """At most `keep` of the keys, and how many each stands for."""
    if len(keys) <= keep:
        return keys, 1.0
    return np.sort(generator.choice(keys, keep, replace=False)), len(keys) / keep


def pair_columns(
    design: Design, customer: npt.NDArray[np.int64], target: npt.NDArray[np.int64]
) -> tuple[tuple[str, ...], F64, npt.NDArray[np.bool_]]:
    """All features of some pairs: names, values (n, F), and whether each pair has history."""
    targets = design.shape[1]
    keys_pair = design.pair_customer * targets + design.pair_target
    keys = customer * targets + target
    at = np.minimum(np.searchsorted(keys_pair, keys), max(0, len(keys_pair) - 1))
    supported = keys_pair[at] == keys if len(keys_pair) else np.zeros(len(keys), bool)
    named: dict[str, F64] = {name: values[customer] for name, values in design.customer.items()}
    named |= {name: values[target] for name, values in design.target.items()}
    for name, values in design.pair.items():
        named[name] = np.where(supported, values[at], 0.0) if len(values) else np.zeros(len(keys))
    for parent in design.parents:
        place = parent.places(customer, target)
        named |= {name: at_places(values, place) for name, values in parent.features.items()}
    if design.alike is not None:
        named[LIKE_TEXT] = design.alike.at(customer, target).astype(np.float64)
    seen = supported & design.seen[at] if len(keys_pair) else supported
    return tuple(named), np.stack(list(named.values()), axis=1), seen
