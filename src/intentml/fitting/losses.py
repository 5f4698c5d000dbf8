"""The losses of one batch: every head's, over the prior's logits.

What comes in: states, examples and which targets this epoch looks at. What goes out: one mean loss a
head, in the units of the prior's own log-loss. Categories and brands are summed over in full; of the
many products an epoch looks at the most bought and at some drawn ones that stand for all others, and
at every pair that a customer bought before or in the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True)
class Timing:
    """What a batch is told of next orders, where the network lives.

    Attributes:
        hazard: The prior's, of each bin. Shape: (B, bins).
        event_bin: Shape: (B,).
        full_bins: Shape: (B,).
    """

    hazard: Tensor
    event_bin: Tensor
    full_bins: Tensor


@dataclass(frozen=True)
class Pairs:
    """Pairs that are summed one by one: n of them.

    Attributes:
        who: Which customer of the batch. Shape: (n,), like all others.
        what: Which of the eligible targets.
        seen: Whether bought before.
        prior: The prior's logits.
        bought: 0 or 1.
    """

    who: Tensor
    what: Tensor
    seen: Tensor
    prior: Tensor
    bought: Tensor


@dataclass(frozen=True)
class Targets:
    """What a batch is told of the drawn targets of one kind and horizon, where the network lives.

    Attributes:
        kind: Of target.
        place: `horizon_place`; a tensor, so that a horizon is a number and no other function. Of no shape.
        codes: Of all eligible ones. Their number: E.
        columns: Which of them were drawn. Shape: (C,).
        prior: The prior's logits. Shape: (B, C), like the next two.
        seen: Bought before.
        bought: Bought in the window.
        weight: How many targets each stands for; None where all were taken. Shape: (C,).
        listed: Pairs with history or a purchase, over all eligible ones; None where all were taken.
    """

    kind: str
    place: Tensor
    codes: TargetCodes
    columns: Tensor
    prior: Tensor
    seen: Tensor
    bought: Tensor
    weight: Tensor | None
    listed: Pairs | None


Told = tuple[Timing, tuple[Targets, ...]]


def told_of(
    customers: I64,
    timing: TimingExamples,
    targets: Mapping[tuple[str, int], DrawnTargets],
    device: torch.device,
) -> Told:
    """What `head_losses` is told of some customers, as tensors.

    Args:
        customers: Their rows in the examples. Shape: (B,).
        timing: Next orders.
        targets: Drawn targets by kind and horizon.
        device: Where the network lives.
    """
    of_timing = (timing.hazard, timing.event_bin, timing.full_bins)
    told = Timing(*(_there(values[customers], device) for values in of_timing))
    return told, tuple(_told_of_targets(customers, drawn, device) for drawn in targets.values())


def head_names(targets: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """What each of `head_losses` is called in losses and logs."""
    return TIMING, *(head_name(kind, days) for kind, days in targets)


def head_losses(network: IntentModel, states: Tensor, told: Told) -> list[Tensor]:
    """Mean loss of each head over some customers: of timing, then of the targets in their order.

    Tensors alone go in and out, so that it can be compiled.

    Args:
        network: The network.
        states: Of those customers. Shape: (B, d).
        told: What happened to them, and what the prior says of it.
    """
    timing, targets = told
    hazard = network.hazard(states)
    of_timing = silence_losses(hazard, timing.hazard, timing.event_bin, timing.full_bins).mean()
    return [of_timing, *(_target_loss(network, states, one) for one in targets)]


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


def _told_of_targets(customers: I64, drawn: DrawnTargets, device: torch.device) -> Targets:
    """The drawn targets of one kind and horizon, as some customers' tensors."""
    examples = drawn.examples
    sampled = drawn.weight is not None
    return Targets(
        kind=examples.kind,
        place=torch.tensor(horizon_place(examples.horizon_days), dtype=torch.float32, device=device),
        codes=on_device(examples.codes, device),
        columns=_there(drawn.columns, device),
        prior=_there(drawn.prior.rows(customers), device),
        seen=_there(drawn.seen[customers].toarray(), device),
        bought=_there(drawn.bought[customers].toarray(), device),
        weight=_there(drawn.weight, device) if drawn.weight is not None else None,
        listed=_listed(examples.listed, customers, device) if sampled else None,
    )


def _listed(listed: ListedPairs, customers: I64, device: torch.device) -> Pairs:
    """Some customers' listed pairs."""
    at = positions(listed.indptr, customers)
    count = np.diff(listed.indptr)[customers]
    who = np.repeat(np.arange(len(customers)), count)
    of_pairs = (who, listed.target[at], listed.seen[at], listed.prior[at], listed.bought[at])
    return Pairs(*(_there(values, device) for values in of_pairs))


def _target_loss(network: IntentModel, states: Tensor, told: Targets) -> Tensor:
    """Mean log-loss over all pairs of some customers and the eligible targets."""
    head = network.head(told.kind)
    repeat, explore = head.repeat(states, told.place), head.explore(states, told.place)
    to_repeat, to_explore = head.targets(told.codes)
    added = torch.where(told.seen, repeat @ to_repeat[told.columns].T, explore @ to_explore[told.columns].T)
    losses = pair_losses(told.prior + added, told.bought.float())
    if told.weight is None or told.listed is None:
        return losses.mean()
    # Pairs with history or a purchase are summed below, each for itself.
    total = (losses * told.weight * ~(told.seen | told.bought)).sum()
    total = total + _listed_loss(told.listed, (repeat, explore), (to_repeat, to_explore))
    return total / (len(states) * len(told.codes.own))


def _listed_loss(
    listed: Pairs, of_customers: tuple[Tensor, Tensor], of_targets: tuple[Tensor, Tensor]
) -> Tensor:
    """Sum of the log-loss of listed pairs."""
    repeat, explore = (
        (customer[listed.who] * target[listed.what]).sum(-1)
        for customer, target in zip(of_customers, of_targets, strict=True)
    )
    logits = listed.prior + torch.where(listed.seen, repeat, explore)
    return pair_losses(logits, listed.bought).sum()


def _there(values: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    """An array where the network lives."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def on_device(codes: TargetCodes, device: torch.device) -> TargetCodes:
    """The codes where the network lives."""
    parts = {name: value.to(device) for name, value in vars(codes).items() if value is not None}
    return replace(codes, **parts)
