"""Several processes that train one run together, started by torchrun; one process is the same code alone.

Every step's images are split among the processes in order, so data and latents do not depend on their number. After a
backward pass each process sends one flat vector: its gradients, its logits at their place, and its share of the
batch-norm buffers. The sum gives all processes the same gradients, the same logits (so the same log, and the same
decision to stop), and the mean buffers. Batch norm itself uses each process's own images.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from ..errors import ConfigError, ElsewhereError, GanatomyError, RunError

TIMEOUT = datetime.timedelta(minutes=30)
"""How long a process waits for the others, for example while the first one saves."""
JOIN_TIMEOUT = datetime.timedelta(minutes=5)
"""How long it waits for the others to be there at all; torchrun starts them at the same time."""
Result = TypeVar("Result")


class Group:
    """The processes of one training; `Group()` is one process alone, for which nothing is sent."""

    def __init__(self, rank: int = 0, size: int = 1):
        self.rank, self.size = rank, size
        self.has_run = False
        """Whether there is a run folder already, with which the training can be taken up again."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run folder."""
        return self.rank == 0

    def part(self, num_images: int) -> tuple[int, int]:
        """Return (first, number) of this process's images in a step of `num_images`."""
        first = num_images * self.rank // self.size
        return first, num_images * (self.rank + 1) // self.size - first

    def reduce(
        self, gradients: Sequence[Tensor], logits: Sequence[Tensor], buffers: Sequence[Tensor], num_images: int
    ) -> tuple[Tensor, ...]:
        """Sum gradients and average buffers over the processes, in place; return every process's logits in order.

        `logits` are this process's [n]; returned are [num_images]. One message, whatever the number of tensors.
        """
        if self.size == 1:
            return tuple(logits)
        first, num = self.part(num_images)
        placed = [row.new_zeros(num_images) for row in logits]
        for whole, row in zip(placed, logits):
            whole[first : first + num] = row
        own = [*gradients, *placed, *(buffer / self.size for buffer in buffers)]
        flat = torch.cat([tensor.reshape(-1) for tensor in own])
        self._all_reduce(flat)
        parts = iter(flat.split([tensor.numel() for tensor in own]))
        for gradient in gradients:
            gradient.copy_(next(parts).view(gradient.shape))
        found = tuple(next(parts) for _ in logits)
        for buffer in buffers:
            buffer.copy_(next(parts).view(buffer.shape))
        return found

    def any(self, flag: bool) -> bool:
        """Return whether the flag is true in any process."""
        if self.size == 1:
            return flag
        found = torch.tensor([float(flag)], device=_device())
        self._all_reduce(found)
        return bool(found.item() > 0)

    def check_same(self, networks: dict[str, nn.Module]) -> None:
        """Raise a `RunError` unless all processes hold the same parameters, bit for bit."""
        if self.size == 1:
            return
        sums = [checksum(network) for network in networks.values()]
        own = torch.tensor(sums, dtype=torch.int64, device=_device())
        found = [torch.zeros_like(own) for _ in range(self.size)]
        try:
            dist.all_gather(found, own)
        except RuntimeError as error:
            raise self._lost(error) from error
        wrong = [name for number, name in enumerate(networks) if len({int(each[number]) for each in found}) > 1]
        if wrong:
            raise RunError(
                f"the processes hold different parameters of {', '.join(wrong)}; nothing was saved. "
                "Resume the run from its last checkpoint, and check that all machines run the same versions."
            )

    def wait(self) -> None:
        """Wait until all processes are here."""
        self.any(False)

    def in_turn(self, work: Callable[[], Result]) -> Result:
        """Do the same work in every process, first in the first one: it downloads and writes, the others find it.

        What is refused anywhere ends all of them: the process that refused it says why, and the others, who did nothing
        wrong, end with an `ElsewhereError`. Nobody waits for a process that is gone.
        """
        if self.size == 1:
            return work()
        if self.is_first:
            result = self._together(work)
            self._together(lambda: None)
            return result
        self._together(lambda: None)
        return self._together(work)

    def _together(self, work: Callable[[], Result]) -> Result:
        """Do a piece of work and learn whether it was done in all processes."""
        error, result = None, None
        try:
            result = work()
        except GanatomyError as found:
            error = found
        codes = torch.zeros(self.size, device=_device())
        codes[self.rank] = float(error.exit_code if error else 0)
        self._all_reduce(codes)
        failed = [rank for rank, code in enumerate(codes.tolist()) if code]
        if error is not None and failed[0] == self.rank:
            error.is_said_here = True
            raise error
        if failed:
            code = int(codes[failed[0]].item())
            raise ElsewhereError(f"process {failed[0]} of this training could not go on.", code) from error
        return cast(Result, result)

    def _all_reduce(self, tensor: Tensor) -> None:
        try:
            dist.all_reduce(tensor)
        except RuntimeError as error:
            raise self._lost(error) from error

    def _lost(self, error: RuntimeError) -> RunError:
        advice = (
            " torchrun with --max-restarts starts them again from the last checkpoint; so does the same command with "
            "--resume."
        )
        lost = RunError(
            f"lost contact with the other processes of this training ({str(error).splitlines()[0]})."
            f"{advice if self.has_run else ' Nothing was begun; what stopped them stands above.'}"
        )
        lost.is_said_here = self.has_run  # before, the first process has said what stopped it
        return lost


ALONE = Group()


def num_launched() -> int:
    """Return how many processes torchrun started together with this one, 1 without torchrun."""
    return launched("WORLD_SIZE", 1, least=1) if "WORLD_SIZE" in os.environ and "RANK" in os.environ else 1


def launched(name: str, default: int | None, least: int = 0) -> int:
    """Return a number that torchrun puts into the environment, `default` where it is unset.

    Anything but a number of at least `least`, or nothing where there is no default, is a `ConfigError`.
    """
    given = os.environ.get(name)
    if given is None and default is not None:
        return default
    if given is None or not given.isdecimal() or len(given) > 9 or int(given) < least:
        what = f"{name} is unset" if given is None else f"{name} is {given!r}"
        raise ConfigError(
            f"{what}, but torchrun, which starts several processes of one training, sets it to a number of {least} or "
            "more. Start the training with torchrun, or unset WORLD_SIZE and RANK to train with one process."
        )
    return int(given)


def is_launched() -> bool:
    """Return whether this process was started by torchrun as one of several."""
    return num_launched() > 1


def num_on_machine() -> int:
    """Return how many of the processes share this machine and its cores."""
    return launched("LOCAL_WORLD_SIZE", 1, least=1) if is_launched() else 1


def num_restarts() -> int:
    """Return how often torchrun started these processes again after one of them failed."""
    is_of_torchrun = "WORLD_SIZE" in os.environ and "RANK" in os.environ
    return launched("TORCHELASTIC_RESTART_COUNT", 0) if is_of_torchrun else 0


def is_restarted() -> bool:
    """Return whether torchrun started these processes again."""
    return num_restarts() > 0


def check_launched() -> None:
    """Raise a `ConfigError` where the variables that torchrun sets are odd, or lack one that others need."""
    num_restarts()
    if not is_launched():
        return
    size, rank = num_launched(), launched("RANK", None)
    if rank >= size:
        raise ConfigError(
            f"RANK is {rank}, but WORLD_SIZE is {size}: processes are numbered from 0 to {size - 1}. Start the "
            "training with torchrun, or unset WORLD_SIZE and RANK to train with one process."
        )
    num_on_machine()
    launched("MASTER_PORT", None, least=1)
    if not os.environ.get("MASTER_ADDR"):
        raise ConfigError(
            f"WORLD_SIZE is {size}, but MASTER_ADDR is unset, so the {size} processes cannot find each other. Start "
            "the training with torchrun, or unset WORLD_SIZE and RANK to train with one process."
        )


def join(device: torch.device) -> Group:
    """Join the processes that torchrun started (NCCL on CUDA, gloo elsewhere); alone, there is nothing to join."""
    if not is_launched():
        return ALONE
    check_launched()
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"several processes train on cpu or cuda, not on {device}; give --device cpu.")
    if device.type == "cuda":
        local, found = launched("LOCAL_RANK", None), torch.cuda.device_count()
        if local >= found:
            raise ConfigError(
                f"process {local} of this machine has no GPU: there are {found} here. Start at most {found} processes "
                "on it (--nproc-per-node), or give --device cpu."
            )
        torch.cuda.set_device(local)
    if not dist.is_initialized():
        try:
            store, rank, size = next(rendezvous("env://", timeout=JOIN_TIMEOUT))
            # torchrun keeps its store over a restart: under the old names stand addresses of processes that are gone.
            store = PrefixStore(f"ganatomy-{num_restarts()}", store)
            backend = "nccl" if device.type == "cuda" else "gloo"
            dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
        except (RuntimeError, ValueError, OSError) as error:
            raise ConfigError(
                f"the {num_launched()} processes of this training did not find each other at "
                f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']} ({str(error).splitlines()[0]}). Start all of "
                "them with torchrun, or unset WORLD_SIZE and RANK to train with one process."
            ) from error
    return Group(dist.get_rank(), dist.get_world_size())


def leave() -> None:
    """Leave the group, if there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def check_split(batch_size: int, total_nimg: int, group: Group) -> None:
    """Raise a `ConfigError` where a step would leave a process without images."""
    last = total_nimg % batch_size or batch_size
    if min(last, batch_size) < group.size:
        raise ConfigError(
            f"a step of {min(last, batch_size)} images cannot be split among {group.size} processes "
            f"(batch_size {batch_size}, total_nimg {total_nimg:,}); choose multiples of the batch, or fewer processes."
        )


def checksum(network: nn.Module) -> int:
    """Return a number that changes with any bit of any parameter: the sum of their bits at weights of 1, 2, 3 ..."""
    total = 0
    for number, parameter in enumerate(network.parameters(), start=1):
        bits = parameter.detach().contiguous().view(-1).view(torch.int32).to(torch.int64)
        places = torch.arange(1, len(bits) + 1, device=bits.device)
        total += number * int((bits * places).sum())
    return (total + 2**63) % 2**64 - 2**63


def _device() -> torch.device:
    return torch.device("cuda") if dist.get_backend() == "nccl" else torch.device("cpu")

