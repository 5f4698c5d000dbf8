"""A target's logit as a sum of a few parts: the columns that a prior weighs, gathered by what they say.

What comes in: a fitted prior, a design, one customer and target. What goes out: logit by part, whose sum
is the pair's score. A part is told against the average customer (of the prior's newest window) who has
bought neither the target nor anything like it, while it sells as it always did: what that customer has
is the part `base_rate`, and zero says "as that one".

Columns of one customer go together: who buys the target often also orders often. A customer with history
is therefore told in two steps: first as if without it, by the weights of explore, so that each part
means for everybody the same; then `own_history` and `own_rhythm` are the difference that it makes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from intentml.prediction import sigmoid
from intentml.priors.designs import FEW_BUYERS, POPULARITY_WINDOWS, UNSOLD, Design
from intentml.priors.linear import LinearPrior, Weights
from intentml.priors.sampling import LIKE_TEXT, pair_columns

BASE_RATE, OWN_HISTORY, OWN_RHYTHM = "base_rate", "own_history", "own_rhythm"
# Parts that no column of a design speaks in.
LEARNED, SEQUENCE, CALIBRATION = "learned", "sequence", "calibration"
# Every column of a design by the part that it speaks in; a new column must say here where it belongs.
GROUPS: Mapping[str, tuple[str, ...]] = {
    OWN_HISTORY: (
        "seen", "count", "share", "rate", "last", "since", "order_decay",
        "decay_14", "decay_30", "decay_90", "decay_365",
    ),
    OWN_RHYTHM: ("repeated", "overdue", "late"),
    "similar_baskets": ("near", "neighbours", "ease"),
    "similar_products": (LIKE_TEXT,),
    "category": ("category_decay", "category_seen", "root_decay", "root_seen"),
    "brand": ("brand_decay", "brand_seen"),
    "activity": ("order", "orders_28", "orders_90", "orders_ever", "breadth", "variety"),
    "popularity": (*POPULARITY_WINDOWS.values(), *FEW_BUYERS.values(), UNSOLD),
}  # fmt: skip
GROUP_OF: Mapping[str, str] = {name: group for group, names in GROUPS.items() for name in names}
_EVER = POPULARITY_WINDOWS[0]


def contributions(prior: LinearPrior, design: Design, row: int, column: int) -> tuple[dict[str, float], bool]:
    """The parts of one pair's logit, and whether the customer has bought the target."""
    names, values, has_history = pair_columns(design, np.array([row]), np.array([column]))
    columns = {name: float(value) for name, value in zip(names, values[0], strict=True)}
    usual, seen = usual_columns(prior, design, column), bool(has_history[0])
    everywhere = prior.new if prior.new is not None and design.new[column] else prior.explore
    parts = {BASE_RATE: _at(everywhere, usual)} | dict.fromkeys(GROUPS, 0.0)
    for name, value in columns.items():
        parts[GROUP_OF[name]] += everywhere.by_column.get(name, 0.0) * (value - usual.get(name, 0.0))
    if seen:
        rhythm = {name: columns[name] for name in GROUPS[OWN_RHYTHM]}
        parts[OWN_RHYTHM] = _at(prior.repeat, rhythm) - prior.repeat.intercept
        parts[OWN_HISTORY] = 0.0
        parts[OWN_HISTORY] = _at(prior.repeat, columns) - sum(parts.values())
    return parts, seen


def usual_columns(prior: LinearPrior, design: Design, column: int) -> dict[str, float]:
    """What an average customer and the target in its usual days have; columns left out are zero.

    Usual days: as popular as ever, while all targets together (each by its share of the customers) are
    as popular as they are.
    """
    usual = {name: prior.average.get(name, 0.0) for name in design.customer}
    ever = design.target[_EVER]
    share = sigmoid(ever)
    for name, values in design.target.items():
        start = ever if name in POPULARITY_WINDOWS.values() else np.zeros(len(ever))
        usual[name] = float(start[column] + share @ (values - start) / share.sum())
    return usual


def _at(weights: Weights, columns: Mapping[str, float]) -> float:
    """The logit of these columns."""
    return weights.intercept + sum(
        weights.by_column.get(name, 0.0) * value for name, value in columns.items()
    )
