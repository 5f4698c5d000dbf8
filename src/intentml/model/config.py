"""Settings of the network.

What comes in: keys of a recipe. What goes out: a frozen value.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ModelConfig(BaseModel):
    """How large the network is, and of which kind.

    Attributes:
        reads: What it reads: each customer's `orders`; the priors' numbers of customer and target (`pairs`);
            `time`: gaps, idle time, days of the week, facts of the rhythm. A backtest without one of them
            says what it is worth.
        encoder: `transformer` looks back at every order; `gru` reads them in turn, about three times as
            fast on a CPU.
        d_model: Width of an order's token: wider learns finer differences and takes more data and time.
        layers: Layers of the encoder.
        heads: Attention heads of a layer; they divide `d_model`.
        dropout: Share of activations dropped while learning: more for small shops.
        item_dim: Width of what is learned about a product, a category and a brand as history.
        rank: Rank of the customer x target correction.
        pair_dim: Width of what the pair network learns about a target.
        max_orders: Newest orders of a customer that are read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reads: tuple[Literal["orders", "pairs", "time"], ...] = ("orders", "pairs", "time")
    encoder: Literal["transformer", "gru"] = "transformer"
    d_model: int = Field(64, ge=8, le=1024)
    layers: int = Field(2, ge=1, le=12)
    heads: int = Field(4, ge=1, le=32)
    dropout: float = Field(0.1, ge=0, lt=1)
    item_dim: int = Field(32, ge=4, le=512)
    rank: int = Field(32, ge=1, le=512)
    pair_dim: int = Field(8, ge=1, le=128)
    max_orders: int = Field(64, ge=1, le=512)

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.encoder == "transformer" and self.d_model % self.heads:
            raise ValueError(f"d_model {self.d_model} is no multiple of heads {self.heads}")
        return self
