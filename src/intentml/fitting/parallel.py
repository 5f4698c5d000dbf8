"""Several processes that train one network, as `torchrun` starts them; one alone is the ordinary case.

What comes in: the environment that `torchrun` sets. What goes out: `Processes`. Every process reads the
same data and takes the same steps. Of each batch it learns from its share of the customers; the mean of
the gradients, weighted by customers, is that of the whole batch, however unevenly it was shared. So more
processes take less time, and the steps they take are, but for rounding and dropout, those of one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from intentml.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import nn

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """The processes of one training, seen from one of them.

    Attributes:
        rank: This one's number. The first, 0, alone writes and prints.
        count: How many there are.
        local: This one's number on its machine, and so its GPU's.
    """

    rank: int = 0
    count: int = 1
    local: int = 0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Processes:
        """As `torchrun` tells each of them; without it one.

        Raises:
            ModelError: The environment tells of several processes, and not how they meet.
        """
        count = int(environment.get("WORLD_SIZE", "1"))
        if count == 1:
            return cls()
        untold = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in environment]
        if untold:
            raise ModelError(
                f"WORLD_SIZE is {count}, and {', '.join(untold)} not set",
                hint="start several processes by torchrun, or unset WORLD_SIZE",
            )
        return cls(int(environment["RANK"]), count, int(environment.get("LOCAL_RANK", "0")))

    @property
    def is_first(self) -> bool:
        """Whether this one writes and prints."""
        return self.rank == 0

    @property
    def share(self) -> slice:
        """Which customers of a batch are this one's."""
        return slice(self.rank, None, self.count)

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[torch.device]:
        """Meet the others for a while, over nccl between GPUs and gloo between CPUs; this one's device.

        Raises:
            ModelError: A machine has more processes than GPUs.
        """
        if self.count == 1:
            yield device
            return
        import torch
        from torch import distributed

        if device.type == "cuda":
            here = torch.cuda.device_count()
            if self.local >= here:
                raise ModelError(
                    f"more processes than GPUs on a machine: it has {here}",
                    hint=f"torchrun --nproc-per-node {here}, or train with --device cpu",
                )
            device = torch.device("cuda", self.local)
            torch.cuda.set_device(device)
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, rank=self.rank, world_size=self.count)
        yield device
        distributed.destroy_process_group()

    def of_first(self, value: T) -> T:
        """What the first process has; to the others it comes in the memory of the CPU."""
        if self.count == 1:
            return value
        import torch
        from torch import distributed

        written = io.BytesIO()
        if self.is_first:
            torch.save(value, written)
        box = [written.getvalue()]
        distributed.broadcast_object_list(box)
        if self.is_first:
            return value
        # Written by the first process of this very training, a moment ago.
        heard: T = torch.load(io.BytesIO(box[0]), map_location="cpu", weights_only=False)
        return heard

    def mean_gradients(self, network: nn.Module, customers: int, loss: float) -> tuple[int, float]:
        """Give every process the gradients of the whole batch.

        Args:
            network: With the gradients of this one's share; none where the share is empty.
            customers: In the share.
            loss: Their mean loss.

        Returns:
            Customers of the whole batch, and their mean loss.
        """
        if self.count == 1:
            return customers, loss
        import torch
        from torch import distributed

        weights = list(network.parameters())
        about = [customers, customers * loss, *(weight.grad is not None for weight in weights)]
        parts = [torch.zeros_like(one) if one.grad is None else one.grad * customers for one in weights]
        whole = torch.cat(
            [torch.tensor(about, dtype=torch.float32, device=weights[0].device), *map(torch.ravel, parts)]
        )
        distributed.all_reduce(whole)
        total, losses, *reached = whole[: len(about)].tolist()
        sums = (whole[len(about) :] / total).split([weight.numel() for weight in weights])
        for weight, reaches, mean in zip(weights, reached, sums, strict=True):
            # What no customer of the batch reaches stays without a gradient, as in one process.
            weight.grad = mean.view_as(weight) if reaches else None
        return int(total), losses / total
