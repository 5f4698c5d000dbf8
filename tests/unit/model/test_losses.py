"""Losses against a plain loop, and the law that the chances of all that can happen add up to one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from intentml.model.losses import hazard_losses, pair_losses
from intentml.prediction import SURVIVAL_DAYS

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
    """Minus the logarithm of the chance of what was seen, bin after bin."""
    losses = []
    for customer in range(len(event)):
        chance = 1.0
        for number in range(int(full[customer])):
            hazard = max(float(prior[customer, number]) * math.exp(float(log_ratio[customer, number])), 1e-6)
            if number == int(event[customer]):
                chance *= 1 - math.exp(-hazard)
                break
            chance *= math.exp(-hazard)
        losses.append(-math.log(chance))
    return losses


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_of_timing_is_that_of_a_plain_loop(seed):
    told = drawn(seed)
    assert (
        len({(int(event) < int(full), int(event) == BINS) for event, full in zip(*told[2:], strict=True)})
        == 3
    )
    np.testing.assert_allclose(hazard_losses(*told).numpy(), by_loop(*told), rtol=2e-4, atol=2e-5)


def test_the_chances_of_every_bin_and_of_none_add_up_to_one():
    log_ratio, prior, _, _ = drawn(0)
    total = torch.zeros(len(prior))
    for event in range(BINS + 1):
        told = torch.full((len(prior),), event), torch.full((len(prior),), BINS)
        total += torch.exp(-hazard_losses(log_ratio, prior, *told))
    torch.testing.assert_close(total, torch.ones(len(prior)), atol=1e-4, rtol=0)


def test_a_customer_of_whom_nothing_was_seen_costs_nothing_and_teaches_nothing():
    log_ratio, prior, event, _ = drawn(1)
    log_ratio.requires_grad_()
    losses = hazard_losses(log_ratio, prior, event, torch.zeros(len(event), dtype=torch.long))
    losses.sum().backward()
    assert not losses.any()
    assert not log_ratio.grad.any()


def test_what_comes_after_the_history_s_end_is_not_looked_at():
    log_ratio, prior, event, full = drawn(2)
    later = torch.arange(BINS) >= full.unsqueeze(1)
    told = hazard_losses(log_ratio, prior, event, full)
    assert torch.equal(hazard_losses(log_ratio + 5 * later, prior, event, full), told)
    hidden = torch.where(event >= full, BINS, event)
    assert torch.equal(hazard_losses(log_ratio, prior, hidden, full), told)


def test_a_prior_that_was_sure_of_no_order_still_has_a_finite_loss_and_slope():
    log_ratio = torch.zeros(1, BINS, requires_grad=True)
    loss = hazard_losses(log_ratio, torch.zeros(1, BINS), torch.tensor([2]), torch.tensor([BINS]))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(log_ratio.grad).all()


def test_the_loss_of_a_pair_is_minus_the_logarithm_of_its_chance():
    logits, bought = torch.tensor([-2.0, 0.0, 3.0, -40.0, 40.0]), torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0])
    chance = [1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-3))]
    losses = pair_losses(logits, bought)
    torch.testing.assert_close(losses[:3], torch.tensor([-math.log(one) for one in chance]))
    assert losses[3:].tolist() == pytest.approx([0.0, 40.0])
