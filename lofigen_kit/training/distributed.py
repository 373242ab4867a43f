"""Several processes that train one network: PyTorch's DistributedDataParallel under `torchrun`.

Each draws the whole batch and takes its own rows of it. So the training is the same, except for
rounding, with any number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

from lofigen_kit.corpus.crops import Batch
from lofigen_kit.errors import InputError

TIMEOUT = timedelta(hours=2)
"""How long one process waits for another, which may be validating the network."""


@dataclass(frozen=True)
class DistributedContext:
    """Which process this is, and of how many. Only the first writes files and prints."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def check(self, batch: int) -> None:
        """Refuse a batch that the processes cannot share evenly.

        Raises:
            InputError: naming both numbers.
        """
        if batch % self.count:
            raise InputError(
                f"{batch} crops cannot be shared evenly by {self.count} processes",
                where="batch",
                remedy=f"choose a multiple of {self.count}",
            )

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return the network with its gradients averaged over the processes."""
        if self.count == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def shard_batch(self, batch: Batch, device: str) -> Batch:
        """Return this process's rows of a batch, on its device."""
        rows = len(batch.x) // self.count
        mine = slice(self.rank * rows, (self.rank + 1) * rows)

        def take(tensor: Tensor) -> Tensor:
            return tensor[mine].to(device)

        guide = None if batch.guide is None else take(batch.guide)
        return Batch(take(batch.x), take(batch.target), guide)

    def reduce_loss(self, loss: Tensor, stop: int) -> tuple[float, int]:
        """Return the loss over all processes, and the signal that any of them got, or 0."""
        if self.count == 1:
            return float(loss.detach()), stop
        sums = torch.tensor([float(loss.detach()), float(stop)], dtype=torch.float64)
        sums = sums.to(loss.device)
        distributed.all_reduce(sums)
        # Ctrl-C reaches all processes or one: the mean over those is the signal's number.
        receivers = torch.tensor([float(stop > 0)], dtype=torch.float64, device=loss.device)
        distributed.all_reduce(receivers)
        signal = round(float(sums[1]) / max(1.0, float(receivers)))
        return float(sums[0]) / self.count, signal

    def broadcast_numbers(self, numbers: list[int], device: str) -> list[int]:
        """Return the numbers that the first process has."""
        if self.count == 1:
            return numbers
        shared = torch.tensor(numbers, device=device)
        distributed.broadcast(shared, src=0)
        return [int(n) for n in shared.tolist()]

    def wait(self) -> None:
        """Wait for all other processes."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def join_processes(device: str) -> Iterator[DistributedContext]:
    """Join the processes that `torchrun` started; without it, be the only one.

    Args:
        device: `cpu` joins over gloo, `cuda` over NCCL, a device for each process of a machine.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield DistributedContext()
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield DistributedContext(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
