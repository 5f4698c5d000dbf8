"""What a customer's orders come to at NOW: a causal transformer or a GRU over the tokens.

What comes in: tokens (B, L + 1, d), padding first, NOW last, and which hold an order. What goes out:
the state at NOW (B, d). A customer's state is the same in any batch and with any padding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intentml.model.config import ModelConfig


class Layer(nn.Module):
    """One pre-norm transformer layer. Shape: (B, n, d) -> (B, n, d), or the last token alone."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.d_model
        self.heads, self.dropout = config.heads, config.dropout
        self.before_attention, self.before_change = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.change = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(4 * width, width)
        )
        self.drop = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor, allowed: Tensor, *, last_only: bool = False) -> Tensor:
        """The changed tokens.

        Args:
            tokens: Shape: (B, n, d).
            allowed: Which token may look at which. Shape: (B, 1, n, n).
            last_only: Whether the last token alone is wanted: of the top layer nobody reads the others.
        """
        batch, _, width = tokens.shape
        normal = self.before_attention(tokens)
        asking = normal[:, -1:] if last_only else normal
        key, value = self.key_value(normal).chunk(2, dim=-1)
        query, key, value = (
            part.view(batch, -1, self.heads, width // self.heads).transpose(1, 2)
            for part in (self.query(asking), key, value)
        )
        mask = allowed[:, :, -1:] if last_only else allowed
        seen = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0
        )
        kept = tokens[:, -1:] if last_only else tokens
        kept = kept + self.drop(self.out(seen.transpose(1, 2).reshape(batch, -1, width)))
        return kept + self.drop(self.change(self.before_change(kept)))  # type: ignore[no-any-return]


class CausalTransformer(nn.Module):
    """Every order looks at the orders before it, NOW at all of them. Shape: (B, L + 1, d) -> (B, d)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The state at NOW; `mask` tells which orders are no padding. Shape: (B, L)."""
        count = tokens.shape[1]
        real = functional.pad(mask, (0, 1), value=True)
        causal = torch.ones(count, count, dtype=torch.bool, device=tokens.device).tril()
        itself = torch.eye(count, dtype=torch.bool, device=tokens.device)  # padding sees itself: no empty row
        allowed = ((causal & real.unsqueeze(1)) | itself).unsqueeze(1)
        for number, layer in enumerate(self.layers, 1):
            tokens = layer(tokens, allowed, last_only=number == len(self.layers))
        return self.norm(tokens[:, -1])  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    """A GRU reads the orders in turn, then NOW. Shape: (B, L + 1, d) -> (B, d)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dropout = config.dropout if config.layers > 1 else 0.0
        self.gru = nn.GRU(config.d_model, config.d_model, config.layers, batch_first=True, dropout=dropout)
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The state at NOW; `mask` tells which orders are no padding. Shape: (B, L)."""
        count = tokens.shape[1]
        length = mask.sum(dim=1) + 1
        # Padding goes to the end, where a packed sequence leaves it out.
        place = torch.arange(count, device=tokens.device)
        source = (place + (count - length).unsqueeze(1)).clamp(max=count - 1)
        moved = tokens.gather(1, source.unsqueeze(-1).expand_as(tokens))
        packed = nn.utils.rnn.pack_padded_sequence(
            moved, length.cpu(), batch_first=True, enforce_sorted=False
        )
        _, state = self.gru(packed)
        # NOW as it came in stays in sight, as in a transformer's residual stream.
        return self.norm(state[-1] + tokens[:, -1])  # type: ignore[no-any-return]


ENCODERS: dict[str, type[CausalTransformer] | type[Recurrent]] = {
    "transformer": CausalTransformer,
    "gru": Recurrent,
}
