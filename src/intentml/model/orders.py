"""An order as one vector: what was in it, and its numbers.

What comes in: `OrderTensors`. What goes out: a token for each order, one for NOW, and what the whole
history holds, decayed over days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from intentml.model.config import ModelConfig
from intentml.model.tensors import NOW_NUMBERS, ORDER_NUMBERS, SEASON_NUMBERS, OrderTensors

# Kinds of targets that are also read as history.
ITEM_KINDS = ("product", "category", "brand")
# A product bought by n customers is trusted n / (n + this); the rest of it is its category and brand.
_BUYERS_OF_BELIEF = 10.0
# What an order and NOW tell of besides time.
_TIMELESS = ("spend", "items", "lines", "nth", "repeat", "orders")
# What the history holds, forgotten at these half-lives; the last one hardly forgets.
HISTORY_HALF_LIVES_DAYS = (30.0, 120.0, 1e5)


@dataclass(frozen=True)
class Sizes:
    """How many codes there are, 0 = unknown included.

    Attributes:
        product: Products of the vocabulary.
        category: Categories.
        brand: Brands.
        price: Price buckets.
        rows: Rows of the product table: products with too few buyers for one share row 0.
        season: Whether the day of the year is told.
        kinds: Codes of each kind of target that has a head.
        timing: The priors' numbers of a customer's timing.
        opinions: The first of these, which are what timing priors say; the others are facts of the rhythm.
        value: Numbers of a customer's baskets.
        pairs: The priors' numbers of a pair that each of these kinds' pair network reads.
    """

    product: int
    category: int
    brand: int
    price: int
    rows: int
    season: bool
    timing: int
    opinions: int
    value: int
    kinds: dict[str, int]
    pairs: dict[str, list[str]]


class Items(nn.Module):
    """What is learned of products, categories, brands and price buckets as history.

    Shape: codes (n,) each -> (n, item_dim), or summed over the lines of a cell.
    """

    product_row: Tensor
    product_trust: Tensor

    def __init__(self, config: ModelConfig, sizes: Sizes) -> None:
        super().__init__()
        self.product = nn.Embedding(sizes.rows, config.item_dim)
        self.category = nn.Embedding(sizes.category, config.item_dim)
        self.brand = nn.Embedding(sizes.brand, config.item_dim)
        self.price = nn.Embedding(sizes.price, config.item_dim)
        for table in (self.product, self.category, self.brand, self.price):
            nn.init.normal_(table.weight, std=config.item_dim**-0.5)
        self.register_buffer("product_row", torch.zeros(sizes.product, dtype=torch.long))
        self.register_buffer("product_trust", torch.zeros(sizes.product))

    def know(self, row: Tensor, buyers: Tensor) -> None:
        """Tell which row of the table each product code has, and how many customers bought it."""
        self.product_row.copy_(row)
        self.product_trust.copy_(torch.where(row > 0, buyers / (buyers + _BUYERS_OF_BELIEF), 0.0))

    def start(self, kind: str, rows: Tensor, vectors: Tensor) -> None:
        """Put vectors of product, category or brand where learning starts. Shape: (n,), (n, item_dim)."""
        table: nn.Embedding = getattr(self, kind)
        with torch.no_grad():
            table.weight[rows] = vectors

    def baskets(self, batch: OrderTensors) -> Tensor:
        """Sum of each cell's lines over the square root of their number. Shape: (B, L, item_dim)."""
        total = functional.embedding_bag(
            self.product_row[batch.product],
            self.product.weight,
            batch.offsets,
            mode="sum",
            per_sample_weights=self.product_trust[batch.product],
        )
        for table, codes in (
            (self.category, batch.category),
            (self.brand, batch.brand),
            (self.price, batch.price),
        ):
            total = total + functional.embedding_bag(codes, table.weight, batch.offsets, mode="sum")
        shaped = total.view(*batch.mask.shape, -1)
        return shaped / batch.lines.clamp(min=1.0).sqrt().unsqueeze(-1)


class Standardised(nn.Module):
    """A linear layer over numbers brought to mean 0 and spread 1. Shape: (..., F) -> (..., d_model)."""

    mean: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, numbers: int, d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(numbers, d_model)
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))
        self.register_buffer("low", torch.full((numbers,), -torch.inf))
        self.register_buffer("high", torch.full((numbers,), torch.inf))

    def know(self, numbers: Tensor) -> None:
        """Take mean, spread and range from examples. Shape: (n, F)."""
        self.mean.copy_(numbers.mean(0))
        self.scale.copy_(numbers.std(0, correction=0).clamp(min=0.05))
        self.low.copy_(numbers.amin(0))
        self.high.copy_(numbers.amax(0))

    def forward(self, numbers: Tensor) -> Tensor:
        """The layer's output."""
        # In a young shop everybody's numbers grow from window to window. A number outside those learned from
        # counts as the nearest of them: a straight line drawn beyond would carry the model away.
        known = numbers.clamp(self.low, self.high)
        return self.linear((known - self.mean) / self.scale)  # type: ignore[no-any-return]


class OrderTokens(nn.Module):
    """Tokens of orders and of NOW. Shape: OrderTensors -> (B, L + 1, d_model), NOW last."""

    def __init__(self, config: ModelConfig, sizes: Sizes) -> None:
        super().__init__()
        self.reads_time = "time" in config.reads
        season = len(SEASON_NUMBERS) * sizes.season
        self.items = Items(config, sizes)
        self.basket = nn.Linear(config.item_dim, config.d_model)
        self.order_numbers = Standardised(len(ORDER_NUMBERS) + season, config.d_model)
        self.now_numbers = Standardised(len(NOW_NUMBERS) + season, config.d_model)
        self.history = nn.Linear(config.item_dim * len(HISTORY_HALF_LIVES_DAYS), config.d_model)
        self.place = nn.Embedding(config.max_orders, config.d_model)
        nn.init.normal_(self.place.weight, std=0.02)

    def forward(self, batch: OrderTensors) -> Tensor:
        """The tokens; those of padding are zero."""
        if not self.reads_time:
            batch = _timeless(batch)
        baskets = self.items.baskets(batch)
        length = batch.mask.shape[1]
        # Counted from the newest, so that a customer's tokens do not depend on the padding.
        place = torch.arange(length - 1, -1, -1, device=baskets.device).clamp(
            max=self.place.num_embeddings - 1
        )
        orders = self.basket(baskets) + self.order_numbers(batch.orders) + self.place(place)
        orders = orders * batch.mask.unsqueeze(-1)
        now = self.now_numbers(batch.now) + self.history(_decayed(baskets, batch))
        return torch.cat([orders, now.unsqueeze(1)], dim=1)


def _timeless(batch: OrderTensors) -> OrderTensors:
    """The batch as if nobody knew when its orders were: their order and what was in them is left."""

    def kept(numbers: Tensor, names: tuple[str, ...]) -> Tensor:
        told = [name in _TIMELESS for name in (*names, *SEASON_NUMBERS)][: numbers.shape[-1]]
        return numbers * torch.tensor(told, device=numbers.device)

    return replace(
        batch,
        orders=kept(batch.orders, ORDER_NUMBERS),
        now=kept(batch.now, NOW_NUMBERS),
        age_days=torch.zeros_like(batch.age_days),
    )


def _decayed(baskets: Tensor, batch: OrderTensors) -> Tensor:
    """Means of the baskets, weighted by age. Shape: (B, half-lives * item_dim)."""
    half_lives = torch.tensor(HISTORY_HALF_LIVES_DAYS, device=baskets.device, dtype=batch.age_days.dtype)
    weight = torch.exp2(-batch.age_days.unsqueeze(-1) / half_lives) * batch.mask.unsqueeze(-1)
    weight = weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-6)
    return torch.einsum("blh,bld->bhd", weight.to(baskets.dtype), baskets).flatten(1)
