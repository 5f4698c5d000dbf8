"""Losses against a plain loop, and the law that the chances of all that can happen add up to one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from intentml.model.losses import pair_losses, silence_losses
from intentml.survival import SURVIVAL_DAYS

BINS = len(SURVIVAL_DAYS)


def drawn(seed: int, customers: int = 40) -> tuple[torch.Tensor, ...]:
    """Random factors, hazards, bins of the next order (some never) and bins seen whole."""
    rng = np.random.default_rng(seed)
    return (
        torch.from_numpy(rng.normal(size=(customers, BINS)).astype(np.float32)),
        torch.from_numpy(rng.gamma(0.5, 0.5, (customers, BINS)).astype(np.float32)),
        torch.from_numpy(rng.integers(0, BINS + 1, customers)),
        torch.from_numpy(rng.integers(0, BINS + 1, customers)),
    )


def by_loop(
    log_ratio: torch.Tensor, prior: torch.Tensor, event: torch.Tensor, full: torch.Tensor
) -> list[float]:
    """Minus the logarithms of the chances of what was seen by the end of each bin, added up."""
    losses = []
    for customer in range(len(event)):
        silence, loss = 1.0, 0.0
        for number in range(int(full[customer])):
            hazard = max(float(prior[customer, number]) * math.exp(float(log_ratio[customer, number])), 1e-6)
            silence *= math.exp(-hazard)
            loss -= math.log(silence if number < int(event[customer]) else 1 - silence)
        losses.append(loss)
    return losses


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_of_timing_is_that_of_a_plain_loop(seed):
    told = drawn(seed)
    assert (
        len({(int(event) < int(full), int(event) == BINS) for event, full in zip(*told[2:], strict=True)})
        == 3
    )
    np.testing.assert_allclose(silence_losses(*told).numpy(), by_loop(*told), rtol=2e-4, atol=2e-5)


def test_on_average_nothing_beats_the_truth():
    """A proper score: whatever is told instead of the hazards that drew the next orders costs more."""
    log_ratio, prior, _, _ = drawn(0)
    survival = torch.exp(-torch.cumsum(prior, 1))
    chances = torch.cat([torch.ones(len(prior), 1), survival], 1)
    chances = torch.cat([chances[:, :-1] - chances[:, 1:], survival[:, -1:]], 1)

    def expected(ratio: torch.Tensor) -> torch.Tensor:
        each = [
            silence_losses(ratio, prior, torch.full((len(prior),), event), torch.full((len(prior),), BINS))
            for event in range(BINS + 1)
        ]
        return (chances * torch.stack(each, 1)).sum(1)

    truth = expected(torch.zeros_like(log_ratio))
    for size in (-0.3, 0.1, 1.0):
        assert (expected(size * log_ratio) > truth).all()


def test_a_customer_of_whom_nothing_was_seen_costs_nothing_and_teaches_nothing():
    log_ratio, prior, event, _ = drawn(1)
    log_ratio.requires_grad_()
    losses = silence_losses(log_ratio, prior, event, torch.zeros(len(event), dtype=torch.long))
    losses.sum().backward()
    assert not losses.any()
    assert not log_ratio.grad.any()


def test_what_comes_after_the_history_s_end_is_not_looked_at():
    log_ratio, prior, event, full = drawn(2)
    later = torch.arange(BINS) >= full.unsqueeze(1)
    told = silence_losses(log_ratio, prior, event, full)
    assert torch.equal(silence_losses(log_ratio + 5 * later, prior, event, full), told)
    hidden = torch.where(event >= full, BINS, event)
    assert torch.equal(silence_losses(log_ratio, prior, hidden, full), told)


def test_a_prior_that_was_sure_of_no_order_still_has_a_finite_loss_and_slope():
    log_ratio = torch.zeros(1, BINS, requires_grad=True)
    loss = silence_losses(log_ratio, torch.zeros(1, BINS), torch.tensor([2]), torch.tensor([BINS]))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(log_ratio.grad).all()


def test_the_loss_of_a_pair_is_minus_the_logarithm_of_its_chance():
    logits, bought = torch.tensor([-2.0, 0.0, 3.0, -40.0, 40.0]), torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0])
    chance = [1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-3))]
    losses = pair_losses(logits, bought)
    torch.testing.assert_close(losses[:3], torch.tensor([-math.log(one) for one in chance]))
    assert losses[3:].tolist() == pytest.approx([0.0, 40.0])
