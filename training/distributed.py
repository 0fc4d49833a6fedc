# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes that train one model: ``torchrun --nproc-per-node N -m training fit ...``.

Each process holds both networks, takes its share of every batch, and averages gradients with the others
after each backward pass. (DistributedDataParallel hooks the first backward pass; the penalty needs two.)
The process of rank 0 leads: it alone writes, and reads what the run had saved.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor

from .errors import RunFailedError, TrainingError

PATIENCE = timedelta(minutes=10)  # with a process that neither sends gradients nor ends
LEADER_MAY_TAKE = timedelta(days=1)  # to render or read footage
MEASURED_STEPS = 8  # twice, for the efficiency


@dataclass(frozen=True)
class Team:
    """The processes of a run, as the one of ``rank`` sees them; one alone unless ``join_team`` gave it."""

    rank: int = 0
    size: int = 1
    talk: dist.ProcessGroup | None = None  # for all but gradients, on the CPU; None: nothing is exchanged

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def check_batch(self, batch: int) -> None:
        """Make sure that a batch splits evenly.

        Raises:
            TrainingError: it does not; names the nearest that do.
        """
        less = batch - batch % self.size
        if less != batch:
            near = f"{less} or {less + self.size}" if less else str(self.size)
            raise TrainingError(f"--batch {batch} does not split evenly among {self.size} processes; give {near}.")

    def share(self, batch: int) -> slice:
        """This process's part of a batch."""
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    @torch.no_grad()
    def average(self, gradients: Sequence[Tensor], values: Tensor) -> Tensor:
        """Replace gradients by their means over the processes and return those of ``values`` (n,), in one exchange."""
        if self.talk is None:
            return values
        parts = [*gradients, values]
        buffer = torch.cat([part.flatten() for part in parts])
        with self._or_end():
            dist.all_reduce(buffer)
        means = (buffer / self.size).split([part.numel() for part in parts])
        for gradient, mean in zip(gradients, means[:-1], strict=True):
            gradient.copy_(mean.view_as(gradient))
        return means[-1]

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Each flag, set where it is set in any process: what all must do at once or not at all."""
        return tuple(bool(most) for most in self._most(torch.tensor(flags, dtype=torch.int64)))

    def told(self, value: Any) -> Any:
        """What the leader gives as ``value``: plain data and tensors on the CPU."""
        values = [value if self.leads else None]
        if self.talk is not None:
            with self._or_end():
                dist.broadcast_object_list(values, group=self.talk)
        return values[0]

    def check_alike(self, tensors: Iterable[Tensor]) -> None:
        """Make sure that all processes hold the same weights, to the bit.

        Raises:
            RunFailedError: in every process, if they do not.
        """
        if self.talk is None:
            return
        digest = hashlib.sha256()
        for tensor in tensors:
            digest.update(tensor.detach().cpu().numpy().tobytes())
        number = int.from_bytes(digest.digest()[:7], "big")
        most, minus_least = self._most(torch.tensor([number, -number]))
        if most != -minus_least:
            raise RunFailedError(
                "The processes' weights have parted; give all of them the same kind of machine and the same torch, and run the same command again."
            )

    @contextlib.contextmanager
    def leader_first(self) -> Iterator[None]:
        """The leader goes first; when it is through, the others find on disk what it made."""
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()

    def wait(self) -> None:
        """Until all processes are here."""
        self.any(False)  # an exchange of nothing would not wait

    def _most(self, numbers: Tensor) -> list[int]:
        if self.talk is not None:
            with self._or_end():
                dist.all_reduce(numbers, dist.ReduceOp.MAX, self.talk)
        return [int(n) for n in numbers]

    @contextlib.contextmanager
    def _or_end(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # all that torch says of lost connections
            raise RunFailedError(
                f"Process {self.rank} of {self.size} ends because another one has ended or does not answer ({str(error).splitlines()[0]}); see what that one says, and run the same command again."
            ) from None


ALONE = Team()


@contextlib.contextmanager
def join_team(device: torch.device) -> Iterator[tuple[Team, torch.device]]:
    """The processes that torchrun started with this one, and the device for this one: a GPU each, or the CPU.

    Only the leader's standard output is shown. Without torchrun: alone, on the device given.

    Raises:
        TrainingError: there are more processes than GPUs, or the device is of a kind that cannot be shared.
        RunFailedError: the others cannot be reached.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or "RANK" not in os.environ:
        yield ALONE, device
        return
    team = Team(int(os.environ["RANK"]), size)
    device = _own_device(device)
    backend = "nccl" if device.type == "cuda" and dist.is_nccl_available() else "gloo"
    with team._or_end():
        dist.init_process_group(backend, timeout=PATIENCE)
        team = replace(team, talk=dist.new_group(timeout=LEADER_MAY_TAKE, backend="gloo"))
    try:
        with contextlib.ExitStack() as stack:
            if not team.leads:
                silence = stack.enter_context(Path(os.devnull).open("w"))
                stack.enter_context(contextlib.redirect_stdout(silence))
            yield team, device
    finally:
        dist.destroy_process_group()


def _own_device(device: torch.device) -> torch.device:
    """This process's part of a device that all were given."""
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise TrainingError(
            f"Several processes cannot share device {device.type}; give --device cpu, or run one process."
        )
    mine, present = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if mine >= present:
        raise TrainingError(f"There are {present} GPUs for more processes; give torchrun --nproc-per-node {present}.")
    torch.cuda.set_device(mine)
    return torch.device("cuda", mine)


class Stepper(Protocol):
    """What the efficiency is measured on: a trainer."""

    team: Team
    steps: int

    def step(self) -> object:
        """Do one step of the training."""


def measure_efficiency(trainer: Stepper, steps: int = MEASURED_STEPS) -> float:
    """Clips a second of all processes, over their number times those of the leader alone.

    The same steps are done twice, at the point where the run is: by all together, then by the leader on its
    share with nothing exchanged while the others wait (so that they leave it all of the memory's and the
    processor's speed that they take otherwise). Afterwards the trainer's weights are of no more use.
    """
    team, first = trainer.team, trainer.steps
    seconds = []
    for mine, takes_part in ((team, True), (replace(team, talk=None), team.leads)):
        trainer.team, trainer.steps = mine, first
        team.wait()
        began = time.perf_counter()
        if takes_part:
            for _ in range(steps):
                trainer.step()
        seconds.append(time.perf_counter() - began)
    team.wait()
    trainer.team = team
    together, alone = seconds
    return float(team.told(alone / together))
