"""Processes that `torchrun` starts train one network together: each on its share of every batch, gradients averaged."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from port.errors import LostProcessError

Told = TypeVar("Told")


@dataclass(frozen=True)
class Processes:
    """One of `count` processes, the one of this `rank`, computing on a GPU or a processor; by default the only one."""

    rank: int = 0
    count: int = 1
    gpu: int | None = None

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return torch.device("cpu") if self.gpu is None else torch.device("cuda", self.gpu)

    def joined(self, network: nn.Module) -> nn.Module:
        """The network, whose gradients are the mean of all processes' after each backward pass."""
        return network if self.count == 1 else DistributedDataParallel(network)

    def mean(self, value: float) -> float:
        """The mean of all processes' values."""
        if self.count == 1:
            return value
        total = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return float(total.item()) / self.count

    def told(self, value: Told) -> Told:
        """What the first process says, in every process."""
        if self.count == 1:
            return value
        said = [value]
        distributed.broadcast_object_list(said, src=0)
        return said[0]


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """The processes that `torchrun` started, for as long as the context stands; without it, this one alone.

    They talk by nccl where each has a GPU of its own, by gloo where they compute on processors.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    gpu = int(os.environ["LOCAL_RANK"]) if torch.cuda.device_count() >= processes_here() else None
    if gpu is not None:
        torch.cuda.set_device(gpu)
    distributed.init_process_group("gloo" if gpu is None else "nccl")
    try:
        yield Processes(distributed.get_rank(), count, gpu)
    finally:
        distributed.destroy_process_group()


@contextmanager
def others_needed(processes: Processes) -> Iterator[None]:
    """A context in which it is no mistake of the program when another process is gone.

    Raises:
        LostProcessError: one is.
    """
    try:
        yield
    except RuntimeError as problem:
        if "onnection" not in str(problem):  # as gloo says it
            raise
        raise LostProcessError(
            f"process {processes.rank} of {processes.count} has lost another; the error of that one tells why"
        ) from problem


def end_helping() -> NoReturn:
    """End a process that has helped, well and at once, after the context of `joined_processes`.

    Taking the interpreter down would abort it now and then: a thread of the backend that still asks for the interpreter
    is ended by force, which C++ does not allow.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def processes_here() -> int:
    """How many of the processes run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
