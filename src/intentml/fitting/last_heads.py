"""One head learned by itself, over a network that is finished.

What comes in: a head, batches of examples by number, their loss. What goes out: the head, fitted in place by
AdamW whose step falls to zero along a cosine.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from intentml.model.heads import ValueHead
from intentml.model.timing_network import TimingNetwork


def fit_members(
    head: TimingNetwork | ValueHead,
    numbers: Tensor,
    loss_of: Callable[[Tensor], Tensor],
    *,
    most: int,
    passes: int,
    batch: int,
    rate: float,
    pull: float,
) -> None:
    """Fit a fresh head of several members, which first learns the scale of its numbers.

    Args:
        head: Left as it is used: nothing is dropped any more.
        numbers: Of all examples. Shape: (n, numbers).
        loss_of: As of `fit_alone`.
        most: Examples of one pass; of more, others each time.
        passes: As of `fit_alone`, like batch, rate and pull.
        batch: Examples of one step.
        rate: The first step's size.
        pull: Toward zero.
    """
    head.several.numbers.know(numbers)
    a_pass = min(len(numbers), most)
    head.train()
    fit_alone(
        head,
        loss_of,
        lambda: torch.randperm(len(numbers))[:a_pass].to(numbers.device),
        examples=a_pass,
        passes=passes,
        batch=batch,
        rate=rate,
        pull=pull,
    )
    head.eval()


def fit_alone(
    head: nn.Module,
    loss_of: Callable[[Tensor], Tensor],
    draw: Callable[[], Tensor],
    *,
    examples: int,
    passes: int,
    batch: int,
    rate: float,
    pull: float,
    tell: Callable[[str], None] = lambda step: None,
) -> None:
    """Fit one head.

    Args:
        head: Its weights alone are touched.
        loss_of: The mean loss of some examples. Shape: (B,) -> ().
        draw: The examples of a pass, in random order. Shape: (examples,).
        examples: Of one pass.
        passes: Over them.
        batch: Examples of one step.
        rate: The first step's size.
        pull: Toward zero (weight decay).
        tell: Told which pass begins.
    """
    optimiser = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=pull)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, passes * -(-examples // batch))
    for number in range(1, passes + 1):
        tell(f"pass {number} of {passes}")
        for some in torch.split(draw(), batch):
            optimiser.zero_grad()
            loss_of(some).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimiser.step()
            falling.step()
