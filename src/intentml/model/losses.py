"""What is minimised: log-loss of pairs over a prior's logits and of silence; misses of orders and spend.

What comes in: corrections, a prior's numbers and what happened. What goes out: sums and weights of
losses, so that parts of a batch add up.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SMALLEST_HAZARD = 1e-6
# Least orders expected, so that a purchase that nobody expected costs no infinity.
_FEWEST_ORDERS = 1e-6
# Of Tweedie's family between Poisson (1) and gamma (2): many customers spend nothing, a few very much.
_TWEEDIE_POWER = 1.2


def pair_losses(logits: Tensor, bought: Tensor) -> Tensor:
    """Log-loss of each pair. Shape: like `logits`; `bought` holds 0 and 1."""
    return functional.softplus(logits) - bought * logits


def silence_losses(log_ratio: Tensor, prior_hazard: Tensor, event_bin: Tensor, full_bins: Tensor) -> Tensor:
    """Log-loss of "no order by then" at the end of every bin seen whole, summed a customer.

    The cumulative hazard of each bin is the prior's times exp(log_ratio): a discrete-time proportional
    hazard (Prentice and Gloeckler 1978), whose survival never rises and which gives the prior back at 0.
    The likelihood of the bin of the next order would be all about the first weeks, when most customers
    come back; P(no order) is asked for at any horizon (experiments/0014-timing-loss).

    Args:
        log_ratio: The model's. Shape: (B, K).
        prior_hazard: -log of the prior's survival over each bin. Shape: (B, K).
        event_bin: Bin of the next order; K where none was seen. Shape: (B,).
        full_bins: Bins that the history shows whole. Shape: (B,).
    """
    hazard = (prior_hazard * log_ratio.exp()).clamp(min=_SMALLEST_HAZARD).cumsum(1)
    bins = torch.arange(hazard.shape[1], device=hazard.device)
    silent = bins < event_bin.unsqueeze(1)
    losses = torch.where(silent, hazard, -torch.log(-torch.expm1(-hazard)))
    return (losses * (bins < full_bins.unsqueeze(1))).sum(1)


def order_losses(expected: Tensor, came: Tensor, log_dispersion: Tensor) -> Tensor:
    """Negative log-likelihood of orders under the negative binomial. Shape: (B,).

    Args:
        expected: Mean. Shape: (B,).
        came: Orders. Shape: (B,).
        log_dispersion: Logarithm of a in variance = mean + a mean^2; of no shape.
    """
    mean, size = expected.clamp(min=_FEWEST_ORDERS), torch.exp(-log_dispersion)
    log_both = torch.log(size + mean)
    ways = torch.lgamma(came + size) - torch.lgamma(size) - torch.lgamma(came + 1)
    return -ways - size * (torch.log(size) - log_both) - came * (torch.log(mean) - log_both)


def spend_losses(expected: Tensor, came: Tensor) -> Tensor:
    """Tweedie deviance of money over 2: right for a mean, whatever lies at zero and in the tail.

    In money to the power of 0.8, so that a shop's unit scales all losses alike. Shape: (B,), (B,) -> (B,).
    Source: Jorgensen 1987.
    """
    p = _TWEEDIE_POWER
    least = (1 - p) * (2 - p)
    return came ** (2 - p) / least - came * expected ** (1 - p) / (1 - p) + expected ** (2 - p) / (2 - p)
