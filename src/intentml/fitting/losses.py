"""The losses of one batch: every head's, over the prior's logits.

What comes in: states, examples and which targets this epoch looks at. What goes out: one mean loss a
head, in the units of the prior's own log-loss. Categories and brands are summed over in full; of the
many products an epoch looks at the most bought and at some drawn ones that stand for all others, and
at every pair that a customer bought before or in the window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor

from intentml.fitting.examples import Examples, ListedPairs, TargetExamples, TimingExamples
from intentml.fitting.gates import pair_log_loss
from intentml.model.heads import TargetCodes, horizon_place
from intentml.model.intent_model import IntentModel
from intentml.model.losses import pair_losses, silence_losses
from intentml.prediction import F64, TargetScores
from intentml.sequences.csr import positions

I64 = npt.NDArray[np.int64]

TIMING = "no_order"
# Customers of a window that tell the prior's loss: it only brings the heads to one scale.
_WEIGHED_BY = 1_000


@dataclass(frozen=True)
class DrawnTargets:
    """The targets of one kind and horizon that an epoch looks at.

    Attributes:
        examples: All eligible ones. Their number: E.
        prior: The prior's logits of the drawn ones. Shape: (n, C).
        bought: Of the drawn ones. Shape: (n, C), sparse booleans.
        seen: Of the drawn ones. Shape: (n, C), sparse booleans.
        columns: Which of the eligible ones were drawn. Shape: (C,).
        weight: How many targets each stands for; None where all were taken. Shape: (C,).
    """

    examples: TargetExamples
    prior: TargetScores
    bought: sparse.csr_array
    seen: sparse.csr_array
    columns: I64
    weight: npt.NDArray[np.float32] | None


def draw(examples: TargetExamples, most: int, rng: np.random.Generator) -> DrawnTargets:
    """All targets of a kind; of more than `most` products the most bought half and a drawn half."""
    eligible = len(examples.buyers_before)
    if examples.kind != "product" or eligible <= most:
        return DrawnTargets(
            examples, examples.prior, examples.bought, examples.seen, np.arange(eligible), None
        )
    by_buyers = np.argsort(-examples.buyers_before, kind="stable")
    head, tail = by_buyers[: most // 2], by_buyers[most // 2 :]
    some = rng.choice(tail, most - len(head), replace=False)
    weight = np.r_[np.ones(len(head)), np.full(len(some), len(tail) / len(some))].astype(np.float32)
    columns = np.concatenate([head, some])
    order = np.argsort(columns)
    columns, weight = columns[order], weight[order]
    return DrawnTargets(
        examples,
        examples.prior.select(columns),
        examples.bought[:, columns].tocsr(),
        examples.seen[:, columns].tocsr(),
        columns,
        weight,
    )


def head_losses(
    network: IntentModel,
    states: Tensor,
    customers: I64,
    timing: TimingExamples,
    targets: Mapping[tuple[str, int], DrawnTargets],
) -> dict[str, Tensor]:
    """Mean loss of each head over some customers.

    Args:
        network: The network.
        states: Of those customers. Shape: (B, d).
        customers: Their rows in the examples. Shape: (B,).
        timing: Next orders.
        targets: Drawn targets by kind and horizon.
    """
    device = states.device

    def told(values: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)

    found = {
        TIMING: silence_losses(
            network.hazard(states),
            told(timing.hazard[customers]),
            told(timing.event_bin[customers]),
            told(timing.full_bins[customers]),
        ).mean()
    }
    for (kind, days), drawn in targets.items():
        found[head_name(kind, days)] = _target_loss(network, states, customers, drawn)
    return found


def prior_losses(parts: Sequence[Examples]) -> dict[str, float]:
    """Each head's mean loss under the prior alone, over some customers of every window."""
    losses: dict[str, list[F64]] = {}
    for part in parts:
        some = np.arange(0, len(part), max(1, -(-len(part) // _WEIGHED_BY)))
        timing = part.timing
        told = (timing.hazard[some], timing.event_bin[some], timing.full_bins[some])
        hazard, event_bin, full_bins = map(torch.from_numpy, told)
        of_timing = silence_losses(torch.zeros_like(hazard), hazard, event_bin, full_bins)
        losses.setdefault(TIMING, []).append(of_timing.numpy().astype(np.float64))
        for (kind, days), one in part.targets.items():
            of_pairs = pair_log_loss(one.prior.rows(some), one.bought[some].toarray())
            losses.setdefault(head_name(kind, days), []).append(of_pairs.mean(axis=1, dtype=np.float64))
    return {head: float(np.concatenate(each).mean()) for head, each in losses.items()}


def head_name(kind: str, days: int) -> str:
    """How the head of a kind and horizon is called in losses and logs."""
    return f"{kind}_{days}d"


def _target_loss(network: IntentModel, states: Tensor, customers: I64, drawn: DrawnTargets) -> Tensor:
    """Mean log-loss over all pairs of some customers and the eligible targets."""
    device, examples = states.device, drawn.examples
    place = horizon_place(examples.horizon_days)
    head = network.head(examples.kind)
    repeat, explore = head.repeat(states, place), head.explore(states, place)
    to_repeat, to_explore = head.targets(on_device(examples.codes, device))

    def dense(matrix: sparse.csr_array) -> Tensor:
        return torch.from_numpy(matrix[customers].toarray()).to(device)

    columns = torch.from_numpy(drawn.columns).to(device)
    prior = torch.from_numpy(drawn.prior.rows(customers)).to(device)
    seen, bought = dense(drawn.seen), dense(drawn.bought)
    logits = prior + torch.where(seen, repeat @ to_repeat[columns].T, explore @ to_explore[columns].T)
    losses = pair_losses(logits, bought.float())
    if drawn.weight is None:
        return losses.mean()
    weight = torch.from_numpy(drawn.weight).to(device)
    # Pairs with history or a purchase are summed below, each for itself.
    total = (losses * weight * ~(seen | bought)).sum()
    total = total + _listed_loss(examples.listed, customers, (repeat, explore), (to_repeat, to_explore))
    return total / (len(customers) * len(examples.buyers_before))


def _listed_loss(
    listed: ListedPairs,
    customers: I64,
    of_customers: tuple[Tensor, Tensor],
    of_targets: tuple[Tensor, Tensor],
) -> Tensor:
    """Sum of the log-loss of some customers' listed pairs."""
    device = of_customers[0].device
    at = positions(listed.indptr, customers)
    count = np.diff(listed.indptr)[customers]
    who = torch.from_numpy(np.repeat(np.arange(len(customers)), count)).to(device)
    what = torch.from_numpy(listed.target[at]).to(device)
    seen = torch.from_numpy(listed.seen[at]).to(device)
    repeat, explore = (
        (customer[who] * target[what]).sum(-1)
        for customer, target in zip(of_customers, of_targets, strict=True)
    )
    logits = torch.from_numpy(listed.prior[at]).to(device) + torch.where(seen, repeat, explore)
    return pair_losses(logits, torch.from_numpy(listed.bought[at]).to(device)).sum()


def on_device(codes: TargetCodes, device: torch.device) -> TargetCodes:
    """The codes where the network lives."""
    parts = {name: value.to(device) for name, value in vars(codes).items() if value is not None}
    return replace(codes, **parts)
