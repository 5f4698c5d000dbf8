"""The training loop: batches, losses, steps, epochs, until validation no longer gains.

What comes in: a network, examples, settings. What goes out: the network with the weights of its best
epoch. The same seed, data and machine give the same weights, and so does a run that was killed and
resumed: each epoch draws from a seed of its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from intentml.fitting.checkpoint import Checkpoint, TrainingState
from intentml.fitting.epochs import Epoch, OnEpoch
from intentml.fitting.examples import Examples
from intentml.fitting.losses import DrawnTargets, draw
from intentml.fitting.parallel import Processes
from intentml.fitting.settings import TrainingConfig
from intentml.fitting.step import Step
from intentml.model.intent_model import IntentModel
from intentml.sequences.batches import SequenceBatch, batches, buckets_of

_WARM_UP = 0.1


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        epochs: Each epoch that ran.
        best_epoch: The one whose weights are kept; 0 = the prior.
        seconds: How long it took, of this process alone.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int
    seconds: float


Progress = Callable[[str, int, int], None]


def train_network(
    network: IntentModel,
    parts: Sequence[Examples],
    validate: Callable[[IntentModel], Mapping[str, float]],
    baselines: Mapping[str, float],
    config: TrainingConfig,
    checkpoint: Checkpoint,
    *,
    progress: Progress,
    on_epoch: OnEpoch,
    together: Processes,
    clock: Callable[[], float] = time.perf_counter,
) -> Trained:
    """Train in place; at the end the weights are those of the best epoch.

    Args:
        network: To train, on its device.
        parts: Training windows.
        validate: Losses on validation, `loss` among them.
        baselines: The prior's loss by head, to bring all heads to one scale.
        config: Settings.
        checkpoint: Where to go on from, and to leave each epoch.
        progress: Told customers done.
        on_epoch: Told each epoch; it may raise to stop.
        together: This process among those that train this network.
        clock: A stop watch, in seconds.
    """
    started = clock()
    optimiser, step = _optimiser(network, config), Step(network, config.compile)
    per_epoch = sum(len(part) for part in parts)
    state = _resumed(network, optimiser, checkpoint, together)
    if not state.epochs:
        network.eval()
        state = state.after(Epoch(0, config.epochs, 1.0, dict(validate(network))), network)
    while len(state.epochs) <= config.epochs and not state.stalled(config.patience):
        number = len(state.epochs)
        # Each process drops out for its own customers.
        torch.manual_seed((config.seed * 100_003 + number) * together.count + together.rank)
        network.train()
        total, done, seen = 0.0, 0, 0
        drawn = [_drawn(part, config, number, at) for at, part in enumerate(parts)]
        for at, batch in _mixed_batches(parts, config, number, together.share):
            _set_rate(optimiser, config, (number - 1 + seen / per_epoch) / config.epochs)
            optimiser.zero_grad(set_to_none=True)
            loss = 0.0
            if len(batch):
                loss = step.learn(batch, parts[at].timing, drawn[at], baselines)
            customers, loss = together.mean_gradients(network, len(batch), loss)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            total, done, seen = total + loss, done + 1, seen + customers
            progress(
                f"epoch {number}/{config.epochs}, loss {total / done:.4f}, "
                f"validation {state.epochs[-1].validation['loss']:.4f}",
                (number - 1) * per_epoch + seen,
                config.epochs * per_epoch,
            )
        network.eval()
        # The first one's numbers for all, so that all stop together.
        validation = together.of_first(dict(validate(network)))
        epoch = Epoch(number, config.epochs, total / max(done, 1), validation)
        state = state.after(epoch, network)
        if together.is_first:
            checkpoint.save(state, network, optimiser)
        on_epoch(epoch)
    network.load_state_dict(state.best)
    network.eval()
    return Trained(state.epochs, state.best_epoch, clock() - started)


def _resumed(
    network: IntentModel, optimiser: torch.optim.Optimizer, checkpoint: Checkpoint, together: Processes
) -> TrainingState:
    """Where to go on from; every process starts with the weights of the first."""
    state = checkpoint.resume(network, optimiser) if together.is_first else TrainingState()
    here = (state, network.state_dict(), optimiser.state_dict())
    state, weights, moments = together.of_first(here)
    if not together.is_first:
        network.load_state_dict(weights)
        optimiser.load_state_dict(moments)
    return state


def _optimiser(network: IntentModel, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; numbers that are no matrix (biases, norms) are not pulled toward zero."""
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]
    others = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    fused = network.device.type == "cuda"
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=fused)


def _set_rate(optimiser: torch.optim.Optimizer, config: TrainingConfig, done: float) -> None:
    """The step size after a share of the training: up for a tenth of it, then down along a cosine."""
    warm = min(1.0, (done + 1e-3) / _WARM_UP)
    fall = 0.5 + 0.5 * math.cos(math.pi * max(0.0, done - _WARM_UP) / (1 - _WARM_UP))
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * warm * fall


def _mixed_batches(
    parts: Sequence[Examples], config: TrainingConfig, number: int, share: slice
) -> Iterator[tuple[int, SequenceBatch]]:
    """A share of the batches of all windows, mixed; in all shares every customer of every window once."""
    rng = np.random.default_rng((config.seed, number))
    streams = {
        at: batches(
            part.sequences,
            seed=int(rng.integers(2**31)),
            buckets=buckets_of(part.sequences),
            max_tokens=config.batch_tokens,
            share=share,
        )
        for at, part in enumerate(parts)
    }
    while streams:
        at = int(rng.choice(list(streams)))
        batch = next(streams[at], None)
        if batch is None:
            del streams[at]
        else:
            yield at, batch


def _drawn(
    part: Examples, config: TrainingConfig, number: int, at: int
) -> dict[tuple[str, int], DrawnTargets]:
    """The targets of this epoch: all, but for products a weighted share."""
    rng = np.random.default_rng((config.seed, number, at))
    return {key: draw(one, config.product_columns, rng) for key, one in part.targets.items()}
