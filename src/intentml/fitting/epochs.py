"""What is told of each epoch of training, while it runs.

What comes in: losses. What goes out: `Epoch`, to whoever watches; a watcher that raises stops the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One pass over all training windows.

    Attributes:
        number: 1, 2, ...; 0 before the first, when the model is its prior.
        of: Epochs planned.
        train_loss: Mean over heads of the loss over the prior's.
        validation: `loss`, the same on validation (1 = the priors, lower is better), and for each head
            its log-loss as `<head>/log_loss`.
    """

    number: int
    of: int
    train_loss: float
    validation: Mapping[str, float]


OnEpoch = Callable[[Epoch], None]


def unwatched(epoch: Epoch) -> None:
    """An epoch that nobody looks at."""
