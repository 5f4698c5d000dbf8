"""From the state at NOW to corrections of a prior's logits; all of them start at exactly zero.

What comes in: states (B, d). What goes out: for targets two low-rank terms, one for pairs with
history and one for the others, as vectors whose dot product is the correction; for timing the log of
what each bin's hazard is multiplied by; the logs of what expected orders and money per order are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from intentml.model.config import ModelConfig
from intentml.model.members import Members
from intentml.model.orders import Sizes

# A horizon is told as its logarithm against four weeks: weights learned at two of them hold between.
_MONTH_DAYS = 28.0
# Nothing of a customer is multiplied by more than e to this.
_LARGEST_LOG_RATIO = 3.0
_VALUE_MEMBERS = 4


def horizon_place(days: float) -> float:
    """A horizon as a number near 0: its logarithm against 28 days, one for a factor of 4."""
    return math.log(days / _MONTH_DAYS) / math.log(4.0)


@dataclass(frozen=True)
class TargetCodes:
    """Codes of some targets of one kind: their own, and for products those they lean on.

    Attributes:
        own: Shape: (J,).
        category: For products; else None.
        brand: For products; else None.
        row: For products, row of the product table; else None.
        trust: For products, how far their own row is believed; else None.
    """

    own: Tensor
    category: Tensor | None = None
    brand: Tensor | None = None
    row: Tensor | None = None
    trust: Tensor | None = None

    def take(self, which: Tensor) -> TargetCodes:
        """The codes of some of them, each as often as it is named. Shape: (n,)."""
        rest = (self.category, self.brand, self.row, self.trust)
        return TargetCodes(self.own[which], *(None if codes is None else codes[which] for codes in rest))


class Stratum(nn.Module):
    """Low-rank correction of one stratum, repeat or explore.

    logit(u, j, H) = <(W + t W') h_u, e_j> + (q + t q') . h_u + b_j + t b'_j, with t = `horizon_place`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        # A state has numbers of about 1: unscaled, one step of the optimiser moves a logit by a tenth.
        self.scale = config.d_model**-0.5
        # The last output is q; twice, for the part that grows with the horizon.
        self.customer = nn.Linear(config.d_model, 2 * (config.rank + 1))
        nn.init.zeros_(self.customer.weight)
        nn.init.zeros_(self.customer.bias)

    def forward(self, states: Tensor, place: Tensor | float) -> Tensor:
        """Customer vectors [.., q, 1, t]. Shape: (B, d) -> (B, rank + 3)."""
        fixed, growing = (self.customer(states) * self.scale).chunk(2, dim=-1)
        one = fixed.new_ones(len(states), 1)
        return torch.cat([fixed + place * growing, one, one * place], dim=-1)


class TargetHead(nn.Module):
    """Corrections for the targets of one kind."""

    def __init__(self, config: ModelConfig, kind: str, sizes: Sizes) -> None:
        super().__init__()
        self.of_products = kind == "product"
        self.repeat, self.explore = Stratum(config), Stratum(config)
        self.own = nn.Embedding(sizes.rows if self.of_products else sizes.kinds[kind], config.rank)
        tables = [self.own]
        if self.of_products:
            self.category = nn.Embedding(sizes.category, config.rank)
            self.brand = nn.Embedding(sizes.brand, config.rank)
            tables += [self.category, self.brand]
        for table in tables:
            nn.init.zeros_(table.weight)
        # b and b' of each stratum.
        self.bias = nn.Embedding(self.own.num_embeddings, 4)
        nn.init.zeros_(self.bias.weight)

    def start(self, rows: Tensor, vectors: Tensor) -> None:
        """Put target vectors where learning starts. Shape: (n,), (n, rank)."""
        with torch.no_grad():
            self.own.weight[rows] = vectors

    def targets(self, codes: TargetCodes) -> tuple[Tensor, Tensor]:
        """Target vectors [e, 1, b, b'] of repeat and of explore. Shape: (J, rank + 3) each."""
        if codes.row is None or codes.trust is None or codes.category is None or codes.brand is None:
            vector, bias = self.own(codes.own), self.bias(codes.own)
        else:
            trust = codes.trust.unsqueeze(-1)
            vector = trust * self.own(codes.row) + self.category(codes.category) + self.brand(codes.brand)
            bias = trust * self.bias(codes.row)
        one = torch.ones(len(codes.own), 1, dtype=vector.dtype, device=vector.device)
        return torch.cat([vector, one, bias[:, :2]], -1), torch.cat([vector, one, bias[:, 2:]], -1)


class HazardHead(nn.Module):
    """log of the factor on each bin's hazard, within ± 3; 0 at the start. Shape: (B, d) -> (B, bins)."""

    def __init__(self, config: ModelConfig, bins: int) -> None:
        super().__init__()
        self.scale = config.d_model**-0.5  # as in `Stratum`
        self.linear = nn.Linear(config.d_model, bins)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, states: Tensor) -> Tensor:
        """The logarithms."""
        return limited(self.linear(states * self.scale))


class ValueHead(nn.Module):
    """logs of the factors on expected orders and on money per order, each within ± 3; exactly 0 at the start.

    log factor(u, H) = r + t r', with t = `horizon_place`, one for all or one each; the mean of members.
    Shape: (B, d), (B, numbers), (B, 1) -> (B, 2).
    """

    def __init__(self, config: ModelConfig, sizes: Sizes) -> None:
        super().__init__()
        self.scale = config.d_model**-0.5  # as in `Stratum`
        self.linear = nn.Linear(config.d_model, 4)
        self.several = Members(_VALUE_MEMBERS, sizes.timing + sizes.value, 4, unread_numbers(config, sizes))
        for weight in (self.linear.weight, self.linear.bias):
            nn.init.zeros_(weight)
        # Logarithm: how much wider than Poisson's the spread of orders is.
        self.dispersion = nn.Parameter(torch.zeros(()))

    def forward(self, states: Tensor, numbers: Tensor, place: Tensor | float = 0.0) -> Tensor:
        """The logarithms, of orders and of money."""
        return self.members(states, numbers, place).mean(dim=0)

    def members(self, states: Tensor, numbers: Tensor, place: Tensor | float = 0.0) -> Tensor:
        """What each member says. Shape: (B, d), (B, numbers), (B, 1) -> (members, B, 2)."""
        told = self.linear(states * self.scale) + self.several(numbers)
        fixed, growing = told.chunk(2, dim=-1)
        return limited(fixed + place * growing)


def unread_numbers(config: ModelConfig, sizes: Sizes) -> slice:
    """The facts of the rhythm among the numbers of the timing, where time is not read; else none of them."""
    return slice(sizes.opinions, sizes.opinions if "time" in config.reads else sizes.timing)


def limited(log_ratio: Tensor) -> Tensor:
    """The same near 0, and nowhere beyond the limits."""
    return _LARGEST_LOG_RATIO * torch.tanh(log_ratio / _LARGEST_LOG_RATIO)
