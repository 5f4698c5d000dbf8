"""Several small networks over the same numbers, each begun elsewhere: one alone says too much.

What comes in: numbers of customers. What goes out: what each member says, exactly zero at the start
(experiments/0022-timing-alone, 0023-value-members).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intentml.model.orders import Standardised

_WIDTH, _DROPOUT = 64, 0.2


class Members(nn.Module):
    """Two hidden layers a member, learned side by side. Shape: (B, numbers) -> (members, B, outputs)."""

    def __init__(self, members: int, numbers: int, outputs: int, unread: slice) -> None:
        super().__init__()
        self.count, self.unread = members, unread
        self.numbers = Standardised(numbers, members * _WIDTH)
        self.second = nn.Parameter(torch.empty(members, _WIDTH, _WIDTH))
        self.second_bias = nn.Parameter(torch.empty(members, 1, _WIDTH))
        self.last = nn.Parameter(torch.zeros(members, _WIDTH, outputs))
        self.last_bias = nn.Parameter(torch.zeros(members, 1, outputs))
        for weight in (self.second, self.second_bias):
            nn.init.uniform_(weight, -(_WIDTH**-0.5), _WIDTH**-0.5)
        self.drop = nn.Dropout(_DROPOUT)

    def forward(self, numbers: Tensor) -> Tensor:
        """What each member says; the numbers that are not read count as 0."""
        numbers = numbers.clone()
        numbers[:, self.unread] = 0.0
        first = self.numbers(numbers).view(len(numbers), self.count, _WIDTH).transpose(0, 1)
        hidden = self.drop(functional.gelu(first))
        hidden = self.drop(functional.gelu(hidden @ self.second + self.second_bias))
        said: Tensor = hidden @ self.last + self.last_bias
        return said
