"""Processes that meet as those of `torchrun` do, in a test.

What comes in: how many, and a function of a module. What goes out: what it came to in each, by rank.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from torch import nn

from intentml.fitting.parallel import Processes


def meet(count: int, work: Callable[[Processes], Any]) -> list[Any]:
    """What `work` comes to in each of `count` processes that have met."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        told = [pool.submit(_meet, rank, count, port, work) for rank in range(count)]
        return [one.result(timeout=120) for one in told]


def _meet(rank: int, count: int, port: str, work: Callable[[Processes], Any]) -> Any:
    told = {"RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in told.items()}
    torch.set_num_threads(1)
    together = Processes.of(os.environ)
    with together.joined(torch.device("cpu")):
        return work(together)


class Shop(nn.Module):
    """A network with a weight that this batch does not reach."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.used, self.unused = nn.Linear(3, 2), nn.Linear(3, 2)


def learn(together: Processes, customers: int) -> tuple[dict[str, Any], int, float]:
    """Gradients, customers and loss of a batch of which each process takes its share."""
    network = Shop()
    numbers = torch.from_numpy(np.random.default_rng(1).normal(size=(customers, 3)).astype(np.float32))
    mine = numbers[together.share]
    loss = 0.0
    if len(mine):
        mean = network.used(mine).square().sum(1).mean()
        mean.backward()
        loss = float(mean.detach())
    whole, loss = together.mean_gradients(network, len(mine), loss)
    gradients = {
        name: None if one.grad is None else one.grad.numpy() for name, one in network.named_parameters()
    }
    return gradients, whole, loss


def shares(together: Processes) -> Any:
    """Batches that are shared evenly, unevenly, and of which all but one process have nobody."""
    return {customers: learn(together, customers) for customers in (6, 4, 1)}


def in_turn(together: Processes) -> Any:
    """What each process learns, and what it hears when each one tells something else."""
    heard = together.of_first({"rank": together.rank, "weights": torch.full((2,), float(together.rank))})
    return {"shares": shares(together), "first": (heard["rank"], heard["weights"].tolist())}
