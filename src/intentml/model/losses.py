"""What is minimised: log-loss of pairs over a prior's logits, and of the time to the next order.

What comes in: corrections, a prior's numbers and what happened. What goes out: sums and weights of
losses, so that parts of a batch add up.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SMALLEST_HAZARD = 1e-6


def pair_losses(logits: Tensor, bought: Tensor) -> Tensor:
    """Log-loss of each pair. Shape: like `logits`; `bought` holds 0 and 1."""
    return functional.softplus(logits) - bought * logits


def hazard_losses(log_ratio: Tensor, prior_hazard: Tensor, event_bin: Tensor, full_bins: Tensor) -> Tensor:
    """Negative log-likelihood of the bin of the next order, or of none in the bins seen in full.

    The cumulative hazard of each bin is the prior's times exp(log_ratio): a discrete-time proportional
    hazard, whose survival never rises and which gives the prior back at 0.
    Source: Prentice and Gloeckler 1978.

    Args:
        log_ratio: The model's. Shape: (B, K).
        prior_hazard: -log of the prior's survival over each bin. Shape: (B, K).
        event_bin: Bin of the next order; K where none was seen. Shape: (B,).
        full_bins: Bins that the history shows whole. Shape: (B,).
    """
    hazard = (prior_hazard * log_ratio.exp()).clamp(min=_SMALLEST_HAZARD)
    bins = torch.arange(hazard.shape[1], device=hazard.device)
    before = bins < torch.minimum(event_bin, full_bins).unsqueeze(1)
    at = (bins == event_bin.unsqueeze(1)) & (event_bin < full_bins).unsqueeze(1)
    return (hazard * before - torch.log(-torch.expm1(-hazard)) * at).sum(1)
