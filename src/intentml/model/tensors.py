"""A batch of sequences as tensors, its numbers on scales that a network can use.

What comes in: a `SequenceBatch` of numpy arrays. What goes out: `OrderTensors` on a device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intentml.sequences.batches import SequenceBatch

F32 = npt.NDArray[np.float32]

_LONGEST_LOG_RATIO = 3.0
ORDER_NUMBERS = ("gap", "ratio", "age", "spend", "items", "lines", "nth", "repeat", "weekday", "weekday'")
NOW_NUMBERS = ("idle", "ratio", "orders", "tenure", "weekday", "weekday'")
SEASON_NUMBERS = ("day of year", "day of year'")


@dataclass(frozen=True)
class OrderTensors:
    """B customers with L orders each, padding first, and NOW.

    Attributes:
        mask: Which cells hold an order. Shape: (B, L).
        age_days: Days before NOW. Shape: (B, L).
        orders: Numbers of each order, not yet standardised. Shape: (B, L, F).
        now: Numbers of NOW. Shape: (B, G).
        offsets: Where each cell's lines start, cells row by row. Shape: (B * L,).
        lines: Lines in each cell. Shape: (B, L).
        product: Vocabulary codes of the lines. Shape: (n,), like the next three.
        category: As product.
        brand: As product.
        price: Price buckets.
    """

    mask: Tensor
    age_days: Tensor
    orders: Tensor
    now: Tensor
    offsets: Tensor
    lines: Tensor
    product: Tensor
    category: Tensor
    brand: Tensor
    price: Tensor

    def __len__(self) -> int:
        return len(self.mask)


def order_tensors(batch: SequenceBatch, *, season: bool, device: torch.device | str = "cpu") -> OrderTensors:
    """The batch as tensors.

    Args:
        batch: Padded sequences.
        season: Whether the day of the year is told; where the history is shorter than two years it would
            only number the training windows.
        device: Where to put them.
    """

    def told(values: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device, non_blocking=True)

    return OrderTensors(
        mask=told(batch.mask),
        age_days=told(batch.age_days),
        orders=told(order_numbers(batch, season)),
        now=told(now_numbers(batch, season)),
        offsets=told(batch.line_indptr[:-1]),
        lines=told(np.diff(batch.line_indptr).reshape(batch.mask.shape).astype(np.float32)),
        product=told(batch.product.astype(np.int64)),
        category=told(batch.category.astype(np.int64)),
        brand=told(batch.brand.astype(np.int64)),
        price=told(batch.price.astype(np.int64)),
    )


def order_numbers(batch: SequenceBatch, season: bool) -> F32:
    """Numbers of each order. Shape: (B, L, F)."""
    columns = [
        np.log1p(batch.gap_days),
        _log_ratio(batch.gap_ratio),
        np.log1p(batch.age_days),
        batch.log_spend,
        batch.log_items,
        batch.log_lines,
        np.log1p(batch.nth),
        batch.nth > 0,
        *_circle(batch.weekday, 7),
    ]
    if season:
        columns += _circle(batch.day_of_year, 365.25)
    return np.stack(columns, axis=-1).astype(np.float32)


def now_numbers(batch: SequenceBatch, season: bool) -> F32:
    """Numbers of NOW. Shape: (B, G)."""
    here = batch.mask.any(axis=1)
    orders = np.where(here, batch.nth[:, -1] + 1, 0)
    oldest = np.where(batch.mask, batch.age_days, 0).max(axis=1)
    columns = [
        np.log1p(batch.idle_days),
        _log_ratio(batch.idle_ratio),
        np.log1p(orders),
        np.log1p(oldest),
        *_circle(np.full(len(batch), batch.now_weekday), 7),
    ]
    if season:
        columns += _circle(np.full(len(batch), batch.now_day_of_year), 365.25)
    return np.stack(columns, axis=-1).astype(np.float32)


def _log_ratio(ratio: F32) -> F32:
    """Log of a ratio of gaps, kept from the tails; padding (0) becomes the lower end."""
    return np.clip(np.log(np.maximum(ratio, 1e-3)), -_LONGEST_LOG_RATIO, _LONGEST_LOG_RATIO)


def _circle(number: npt.NDArray[np.generic], period: float) -> list[npt.NDArray[np.float64]]:
    """A place in a cycle, so that its end lies beside its start."""
    angle = 2 * np.pi * number / period  # type: ignore[operator]
    return [np.sin(angle), np.cos(angle)]
