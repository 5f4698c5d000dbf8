"""The head of orders and money per order, learned over states that are finished.

What comes in: a trained network and its training windows. What goes out: the same network with a fresh head,
fitted. It learns after all others, from customers of all windows mixed: beside the targets, in batches of
one window and one length of history, it ended worse (experiments/0012-orders-and-spend). Several members that
learn for long are ahead of one that learns shortly (experiments/0023-value-members).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intentml.fitting.examples import Examples
from intentml.fitting.last_heads import fit_members
from intentml.fitting.settings import TrainingConfig
from intentml.fitting.values import Amounts
from intentml.model.heads import ValueHead, horizon_place
from intentml.model.intent_model import IntentModel
from intentml.model.losses import order_losses, spend_losses
from intentml.prediction import F32

_PASSES, _BATCH, _RATE, _PULL = 16, 256, 2e-3, 0.02
# A pass over a large shop takes some of its examples, others each time.
_MOST_A_PASS = 60_000


@dataclass(frozen=True)
class _Taught:
    """One window at one horizon. Shapes: (n, ...).

    Attributes:
        inputs: States and numbers.
        place: `horizon_place`.
        amounts: What the priors expect and what came.
    """

    inputs: tuple[F32, F32]
    place: float
    amounts: Amounts


def fit_value_head(
    network: IntentModel, parts: Sequence[Examples], states: Sequence[F32], config: TrainingConfig
) -> None:
    """Give the network a head fitted on these windows; all else stays as it is.

    Args:
        network: Its sequence is finished.
        parts: Training windows.
        states: Of each window's customers. Shape: (n, d) each.
        config: The seed is read.
    """
    taught = []
    for part, state in zip(parts, states, strict=True):
        if part.values.amounts:
            inputs = state, np.hstack([part.timing.numbers, part.values.numbers])
            taught += [_Taught(inputs, horizon_place(days), one) for days, one in part.values.amounts.items()]
    if not taught:
        return
    torch.manual_seed(config.seed)
    head, device = ValueHead(network.config, network.sizes).to(network.device), network.device
    seen = _told([one.inputs[0] for one in taught], device)
    numbers = _told([one.inputs[1] for one in taught], device)
    place = _told([np.full(len(one.amounts.orders), one.place) for one in taught], device).unsqueeze(1)
    outcomes = _Outcomes.of([one.amounts for one in taught], place.squeeze(1))

    def loss_of(batch: Tensor) -> Tensor:
        said = head.members(seen[batch], numbers[batch], place[batch])
        return torch.stack([outcomes.losses(each, head.dispersion, batch).mean() for each in said]).sum()

    fit_members(
        head, numbers, loss_of, most=_MOST_A_PASS, passes=_PASSES, batch=_BATCH, rate=_RATE, pull=_PULL
    )
    network.value = head


@dataclass(frozen=True)
class _Outcomes:
    """What the priors expect and what came, customer by customer. Shapes: (n,).

    Attributes:
        orders: Orders expected.
        money: Money per order expected; None where a window has no prices.
        came_orders: Orders that came.
        came_spend: Money that came.
        scale: What a loss of orders and of spend counts: as much at every horizon. Shape: (n, 2).
    """

    orders: Tensor
    money: Tensor | None
    came_orders: Tensor
    came_spend: Tensor
    scale: Tensor

    @classmethod
    def of(cls, amounts: Sequence[Amounts], place: Tensor) -> _Outcomes:
        """Of all windows, their priors' losses brought to one."""

        def told(columns: Sequence[npt.NDArray[np.floating] | None]) -> Tensor | None:
            known = [each for each in columns if each is not None]
            return _told(known, place.device) if len(known) == len(columns) else None

        columns = [told([getattr(one, name) for one in amounts]) for name in vars(amounts[0])]
        orders, money, came_orders, came_spend = columns
        assert orders is not None
        assert came_orders is not None
        assert came_spend is not None
        found = cls(orders, money, came_orders, came_spend, torch.ones(len(orders), 2, device=place.device))
        nothing, everybody = torch.zeros_like(found.scale), torch.arange(len(orders), device=place.device)
        prior = found._each(nothing, torch.zeros((), device=place.device), everybody)
        for horizon in torch.unique(place):
            same = place == horizon
            found.scale[same] = 1.0 / prior[same].mean(0).clamp(min=1e-9)
        return found

    def losses(self, log_ratio: Tensor, log_dispersion: Tensor, rows: Tensor) -> Tensor:
        """Of some customers, over the prior's. Shape: log_ratio (B, 2), rows (B,) -> (B,)."""
        return (self._each(log_ratio, log_dispersion, rows) * self.scale[rows]).sum(1)

    def _each(self, log_ratio: Tensor, log_dispersion: Tensor, rows: Tensor) -> Tensor:
        """Of orders and of spend; what is learned of money leaves the orders alone. Shape: (B, 2)."""
        expected = self.orders[rows] * log_ratio[:, 0].exp()
        of_orders = order_losses(expected, self.came_orders[rows], log_dispersion)
        if self.money is None:
            return torch.stack([of_orders, torch.zeros_like(of_orders)], 1)
        spend = expected.detach() * self.money[rows] * log_ratio[:, 1].exp()
        return torch.stack([of_orders, spend_losses(spend, self.came_spend[rows])], 1)


def _told(columns: Sequence[npt.NDArray[np.floating]], device: torch.device) -> Tensor:
    """Arrays of all windows as one tensor."""
    return torch.from_numpy(np.concatenate(columns).astype(np.float32)).to(device)
