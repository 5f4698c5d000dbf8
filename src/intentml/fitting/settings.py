"""Settings of the training.

What comes in: keys of a recipe. What goes out: a frozen value. No torch here: a recipe is read without it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Compile = Literal["auto", "always", "never"]


class TrainingConfig(BaseModel):
    """How the network is trained.

    Attributes:
        epochs: Most passes over all windows.
        patience: Epochs without a gain on validation before it stops.
        learning_rate: Highest step of AdamW; it warms up and falls along a cosine.
        weight_decay: Pull of all weights toward zero.
        batch_tokens: Orders (padding counted) a step: more are steadier, fewer learn in less data.
        cutoffs: Past windows to learn from, half a horizon apart.
        anchors: Instants besides, from which the timing of the next order is learned.
        customers_per_cutoff: Most customers of a window.
        product_columns: Products a pass looks at besides those a customer bought; half are the most
            bought, half are drawn and stand for the rest.
        newest: Whether timing, pair networks and value head learn once more from the newest days, when their
            gates are set; without it what is judged on validation is what is used.
        compile: Whether each step is compiled (`torch.compile`), which costs a minute at first and makes the
            steps after it faster: `auto` = on a GPU, `always`, `never`.
        seed: Of everything drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(6, ge=1, le=500)
    patience: int = Field(3, ge=1)
    learning_rate: float = Field(2e-3, gt=0, le=1)
    weight_decay: float = Field(0.02, ge=0, le=10)
    batch_tokens: int = Field(8192, ge=64)
    cutoffs: int = Field(8, ge=1, le=100)
    anchors: int = Field(8, ge=0, le=500)
    customers_per_cutoff: int = Field(10_000, ge=1)
    product_columns: int = Field(512, ge=2)
    newest: bool = True
    compile: Compile = "auto"
    seed: int = Field(0, ge=0)
