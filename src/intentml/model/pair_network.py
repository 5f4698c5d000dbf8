"""What a prior cannot weigh: how the numbers of a pair work together, and differently for each target.

What comes in: the priors' own numbers of pairs with history or neighbours, and codes of their targets. What
goes out: a correction of each pair's logit, exactly zero at the start.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intentml.model.config import ModelConfig
from intentml.model.heads import TargetCodes
from intentml.model.orders import Sizes, Standardised

_WIDTH, _SECOND_WIDTH = 48, 24


class PairNetwork(nn.Module):
    """Correction of the pairs of one kind."""

    def __init__(self, config: ModelConfig, kind: str, sizes: Sizes) -> None:
        super().__init__()
        self.reads = "pairs" in config.reads
        self.own = nn.Embedding(sizes.rows if kind == "product" else sizes.kinds[kind], config.pair_dim)
        tables = [self.own]
        if kind == "product":
            self.category = nn.Embedding(sizes.category, config.pair_dim)
            self.brand = nn.Embedding(sizes.brand, config.pair_dim)
            tables += [self.category, self.brand]
        for table in tables:
            nn.init.zeros_(table.weight)
        self.numbers = Standardised(len(sizes.pairs[kind]), _WIDTH)
        self.horizon = nn.Linear(1, _WIDTH, bias=False)
        self.target = nn.Linear(config.pair_dim, _WIDTH, bias=False)
        self.second = nn.Linear(_WIDTH, _SECOND_WIDTH)
        self.last = nn.Linear(_SECOND_WIDTH, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, numbers: Tensor, codes: TargetCodes, target: Tensor, place: float | Tensor) -> Tensor:
        """Corrections of some pairs.

        Args:
            numbers: The priors' numbers, in the order of `Sizes.pairs`. Shape: (n, F).
            codes: Of the targets. Length J.
            target: Which of them. Shape: (n,).
            place: `horizon_place` of the horizon; or of each target, where they are of several. Shape: (J,).

        Returns:
            Shape: (n,).
        """
        if not self.reads:
            return numbers.new_zeros(len(target))
        told = torch.as_tensor(place, dtype=numbers.dtype, device=numbers.device).reshape(-1, 1)
        spread = len(target) > len(codes.own)
        if not spread:
            codes = codes.take(target)
            told = told if len(told) == 1 else told[target]
        if codes.row is None or codes.trust is None or codes.category is None or codes.brand is None:
            vectors = self.own(codes.own)
        else:
            trusted = codes.trust.unsqueeze(-1) * self.own(codes.row)
            vectors = trusted + self.category(codes.category) + self.brand(codes.brand)
        of_target = self.target(vectors) + self.horizon(told)
        # By target first, then spread over the pairs, where there are fewer targets.
        hidden = functional.gelu(self.numbers(numbers) + (of_target[target] if spread else of_target))
        return self.last(functional.gelu(self.second(hidden))).squeeze(-1)  # type: ignore[no-any-return]
