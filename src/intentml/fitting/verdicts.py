"""What validation said: a verdict for each prior, and the choice among them.

What comes in: losses per prior and horizon. What goes out: `Verdict`s and a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from intentml.fitting.windows import Cutoffs

Losses = Mapping[Cutoffs, Mapping[str, float]]


@dataclass(frozen=True)
class Verdict:
    """What validation said of one prior.

    Attributes:
        head: no_order, orders, spend, or the kind of target.
        horizon_days: Horizon it was judged at.
        prior: Its name.
        loss: Mean log-loss (deviance for orders and spend): lower is better.
        chosen: Whether the recipe uses it.
        cutoff: Start of the validation window.
        split: `windows` where it learned from older windows, `customers` where from other customers.
    """

    head: str
    horizon_days: int
    prior: str
    loss: float
    chosen: bool
    cutoff: str
    split: str


def verdicts(head: str, losses: Losses, best: str, split: str = "windows") -> list[Verdict]:
    """The verdicts of one head."""
    return [
        Verdict(head, plan.horizon_days, name, loss, name == best, plan.validation.iso, split)
        for plan, by_name in losses.items()
        for name, loss in by_name.items()
    ]


def least(losses: Losses, default: str) -> str:
    """The name with the least loss, each horizon's losses divided by their best; ties keep the order."""
    if not losses:
        return default
    names = list(next(iter(losses.values())))
    shares = {
        name: np.mean([of[name] / max(min(of.values()), 1e-12) for of in losses.values()]) for name in names
    }
    return min(names, key=shares.__getitem__)
