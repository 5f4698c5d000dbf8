"""The whole network: tokens, encoder, heads.

What comes in: `OrderTensors`. What goes out: states, from which each head reads its correction.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intentml.model.config import ModelConfig
from intentml.model.encoder import ENCODERS
from intentml.model.heads import HazardHead, TargetCodes, TargetHead, ValueHead
from intentml.model.orders import OrderTokens, Sizes
from intentml.model.pair_network import PairNetwork
from intentml.model.tensors import OrderTensors
from intentml.model.timing_network import TimingNetwork

__all__ = ["IntentModel", "Sizes", "TargetCodes"]


class IntentModel(nn.Module):
    """Sequence model over a prior: every output is a correction that starts at exactly zero.

    Shape: OrderTensors of B customers -> states (B, d_model).
    """

    def __init__(self, config: ModelConfig, sizes: Sizes, hazard_bins: int) -> None:
        super().__init__()
        self.config, self.sizes, self.bins = config, sizes, hazard_bins
        self.tokens = OrderTokens(config, sizes)
        self.encoder = ENCODERS[config.encoder](config)
        self.drop = nn.Dropout(config.dropout)
        self.targets = nn.ModuleDict({kind: TargetHead(config, kind, sizes) for kind in sizes.kinds})
        self.pairs = nn.ModuleDict({kind: PairNetwork(config, kind, sizes) for kind in sizes.kinds})
        self.hazard = HazardHead(config, hazard_bins)
        self.timing = TimingNetwork(config, sizes, hazard_bins)
        self.value = ValueHead(config, sizes)

    def forward(self, batch: OrderTensors) -> Tensor:
        """States at NOW; all 0 where orders are not read."""
        if "orders" not in self.config.reads:
            return batch.now.new_zeros(len(batch), self.config.d_model)
        return self.drop(self.encoder(self.tokens(batch), batch.mask))  # type: ignore[no-any-return]

    def head(self, kind: str) -> TargetHead:
        """The head of a kind of target."""
        head = self.targets[kind]
        assert isinstance(head, TargetHead)
        return head

    def of_pairs(self, kind: str) -> PairNetwork:
        """The pair network of a kind of target."""
        network = self.pairs[kind]
        assert isinstance(network, PairNetwork)
        return network

    def product_codes(self, product: Tensor, category: Tensor, brand: Tensor) -> TargetCodes:
        """Codes of products with the rows and trust that the history tables have."""
        items = self.tokens.items
        return TargetCodes(product, category, brand, items.product_row[product], items.product_trust[product])

    @property
    def parameters_count(self) -> int:
        """Learned numbers."""
        return sum(weight.numel() for weight in self.parameters())

    @property
    def device(self) -> torch.device:
        """Where it lives."""
        return next(self.parameters()).device
