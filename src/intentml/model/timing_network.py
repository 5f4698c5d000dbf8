"""Who orders sooner or later than the timing prior says, by what the priors know of a customer's rhythm.

What comes in: the priors' numbers of a customer's timing. What goes out: the log of the factor on each bin's
hazard, exactly zero at the start: the mean of several small networks.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from intentml.model.config import ModelConfig
from intentml.model.heads import limited, unread_numbers
from intentml.model.members import Members
from intentml.model.orders import Sizes

_MEMBERS = 8


class TimingNetwork(nn.Module):
    """log of the factor on each bin's hazard, within ± 3. Shape: (B, numbers) -> (B, bins)."""

    def __init__(self, config: ModelConfig, sizes: Sizes, bins: int) -> None:
        super().__init__()
        self.several = Members(_MEMBERS, sizes.timing, bins, unread_numbers(config, sizes))

    def forward(self, numbers: Tensor) -> Tensor:
        """The logarithms."""
        return self.members(numbers).mean(dim=0)

    def members(self, numbers: Tensor) -> Tensor:
        """What each member says. Shape: (B, numbers) -> (members, B, bins)."""
        return limited(self.several(numbers))


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
