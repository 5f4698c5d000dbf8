"""The pair networks, learned over a sequence that is finished.

What comes in: a trained network and its training windows. What goes out: the same network with its pair
networks fitted. Beside the sequence they had too few steps, each of customers of one window; here they learn
over pairs of all windows mixed, and gain twice as much (experiments/0017-pair-passes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from intentml.fitting.examples import Examples, TargetExamples, logits_at
from intentml.fitting.last_heads import fit_alone
from intentml.fitting.losses import on_device
from intentml.fitting.settings import TrainingConfig
from intentml.model.correction import low_rank, target_vectors
from intentml.model.heads import TargetCodes, horizon_place
from intentml.model.intent_model import IntentModel
from intentml.model.losses import pair_losses
from intentml.prediction import F32
from intentml.timeline.entries import at_pairs

_PASSES, _BATCH, _RATE, _PULL = 4, 8192, 5e-3, 0.01
# A pass over a large shop takes some of its pairs, others each time.
_MOST_A_PASS = 2_500_000


def fit_pair_networks(
    network: IntentModel,
    parts: Sequence[Examples],
    states: Sequence[F32],
    config: TrainingConfig,
    tell: Callable[[str], None] = lambda step: None,
) -> None:
    """Fit the pair network of every kind in place; all else stays as it is.

    Args:
        network: Its sequence is finished.
        parts: Training windows.
        states: Of each window's customers. Shape: (n, d) each.
        config: The seed is read.
        tell: Told which kind and pass begins.
    """
    if "pairs" not in network.config.reads:
        return
    for kind in network.sizes.pairs:
        windows = [
            _Window.of(network, state, one)
            for state, part in zip(states, parts, strict=True)
            for one in part.targets.values()
            if one.kind == kind
        ]
        if windows:
            torch.manual_seed(config.seed)
            _fit(network, kind, windows, tell)


@dataclass(frozen=True)
class _Window:
    """The candidates of one window at one horizon.

    Attributes:
        examples: The window.
        base: Logits of prior and sequence together. Shape: (pairs,).
        bought: 1 where it was bought. Shape: (pairs,).
    """

    examples: TargetExamples
    base: F32
    bought: F32

    @classmethod
    def of(cls, network: IntentModel, states: F32, examples: TargetExamples) -> _Window:
        """What all but the pair network says of a window. Shape: states (n, d)."""
        pairs = examples.candidates
        who, what = np.repeat(np.arange(len(states)), np.diff(pairs.indptr)), pairs.target
        column = what.astype(np.int32)
        place = horizon_place(examples.horizon_days)
        codes = on_device(examples.codes, network.device)
        repeat, explore = low_rank(
            network, states, examples.kind, target_vectors(network, examples.kind, codes), place
        )
        seen = at_pairs(examples.seen, who, column) > 0
        said = np.where(seen, repeat.at(who, what), explore.at(who, what))
        bought = at_pairs(examples.bought, who, column)
        return cls(
            examples,
            (logits_at(examples.prior, who, what) + said).astype(np.float32),
            bought.astype(np.float32),
        )


def _fit(network: IntentModel, kind: str, windows: Sequence[_Window], tell: Callable[[str], None]) -> None:
    """Fit one kind."""
    head, device = network.of_pairs(kind), network.device
    codes = on_device(_joined([one.examples.codes for one in windows]), device)
    targets = [len(one.examples.buyers_before) for one in windows]
    places = np.repeat([horizon_place(one.examples.horizon_days) for one in windows], targets)
    place = torch.from_numpy(places.astype(np.float32)).to(device)
    first_target = np.cumsum([0, *targets])
    first_pair = np.cumsum([0, *(len(one.base) for one in windows)])
    base, bought = (
        torch.from_numpy(np.concatenate([getattr(one, name) for one in windows]))
        for name in ("base", "bought")
    )
    a_pass = min(len(base), _MOST_A_PASS)

    def loss_of(batch: Tensor) -> Tensor:
        rows = batch.sort().values
        ends = np.searchsorted(rows.numpy(), first_pair)
        numbers, target = [], []
        for at, one in enumerate(windows):
            here = rows.numpy()[ends[at] : ends[at + 1]] - first_pair[at]
            numbers.append(one.examples.candidates.numbers(here))
            target.append(one.examples.candidates.target[here] + first_target[at])
        of_pairs, of = (torch.from_numpy(np.concatenate(each)).to(device) for each in (numbers, target))
        said = head(of_pairs, codes, of, place)
        return pair_losses(base[rows].to(device) + said, bought[rows].to(device)).mean()

    fit_alone(
        head,
        loss_of,
        lambda: _drawn(len(base), a_pass),
        examples=a_pass,
        passes=_PASSES,
        batch=_BATCH,
        rate=_RATE,
        pull=_PULL,
        tell=lambda step: tell(f"pair network of {kind}, {step}"),
    )


def _drawn(pairs: int, count: int) -> Tensor:
    """Numbers of so many pairs in random order; all of them once where that is all there are."""
    return torch.randperm(pairs) if count == pairs else torch.randint(pairs, (count,))


def _joined(codes: Sequence[TargetCodes]) -> TargetCodes:
    """The codes of the targets of all windows, one after the other."""
    names = [name for name, value in vars(codes[0]).items() if value is not None]
    return TargetCodes(**{name: torch.cat([getattr(one, name) for one in codes]) for name in names})
