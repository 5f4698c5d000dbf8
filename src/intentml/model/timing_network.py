"""Who orders sooner or later than the timing prior says, by what the priors know of a customer's rhythm.

What comes in: the priors' numbers of a customer's timing. What goes out: the log of the factor on each bin's
hazard, exactly zero at the start. Several small networks, each begun elsewhere, answer with their mean: on
few customers one alone says too much (experiments/0022-timing-alone).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from intentml.model.config import ModelConfig
from intentml.model.heads import limited, unread_numbers
from intentml.model.orders import Sizes, Standardised

_MEMBERS, _WIDTH, _DROPOUT = 8, 64, 0.2


class TimingNetwork(nn.Module):
    """log of the factor on each bin's hazard, within ± 3. Shape: (B, numbers) -> (B, bins)."""

    def __init__(self, config: ModelConfig, sizes: Sizes, bins: int) -> None:
        super().__init__()
        self.unread = unread_numbers(config, sizes)
        self.numbers = Standardised(sizes.timing, _MEMBERS * _WIDTH)
        self.second = nn.Parameter(torch.empty(_MEMBERS, _WIDTH, _WIDTH))
        self.second_bias = nn.Parameter(torch.empty(_MEMBERS, 1, _WIDTH))
        self.last = nn.Parameter(torch.zeros(_MEMBERS, _WIDTH, bins))
        self.last_bias = nn.Parameter(torch.zeros(_MEMBERS, 1, bins))
        for weight in (self.second, self.second_bias):
            nn.init.uniform_(weight, -(_WIDTH**-0.5), _WIDTH**-0.5)
        self.drop = nn.Dropout(_DROPOUT)

    def forward(self, numbers: Tensor) -> Tensor:
        """The logarithms."""
        return self.members(numbers).mean(dim=0)

    def members(self, numbers: Tensor) -> Tensor:
        """What each member says. Shape: (B, numbers) -> (members, B, bins)."""
        numbers = numbers.clone()
        numbers[:, self.unread] = 0.0
        first = self.numbers(numbers).view(len(numbers), _MEMBERS, _WIDTH).transpose(0, 1)
        hidden = self.drop(functional.gelu(first))
        hidden = self.drop(functional.gelu(hidden @ self.second + self.second_bias))
        return limited(hidden @ self.last + self.last_bias)


@dataclass(frozen=True)
class TimingGates:
    """How far each correction of the timing is let in; a closed gate changes nothing at all.

    Attributes:
        numbers: Weight of what the priors' numbers tell; 0 = closed.
        sequence: Weight of what the orders tell besides; 0 = closed.
        level: Logarithm of the factor on each bin that would change how many orders the shop expects; it is
            taken away again. Shape: (K,), or none.
    """

    numbers: float = 0.0
    sequence: float = 0.0
    level: tuple[float, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether both change nothing."""
        return self.numbers == self.sequence == 0.0
