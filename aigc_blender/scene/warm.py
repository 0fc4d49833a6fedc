# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker that is kept between generations. Starting it never waits; ending it does."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..errors import AigcError, threads_told
from ..library import PATH_VARIABLE, model_folders
from ..runtime.code import install_code, worker_command
from ..runtime.environment import child_environment
from ..runtime.find import find_runtime
from ..runtime.managed import tidy
from ..worker.client import WorkerClient

IDLE_SECONDS = 300.0


@dataclass(frozen=True)
class Machine:
    """What generates: an interpreter (None: look for one), folders of models beside the usual ones, and a device."""

    python: Path | None = None
    folders: tuple[Path, ...] = ()
    device: str = "auto"

    def environment(self) -> dict[str, str]:
        """The variables of a child process that is to see the same models."""
        _bundled, *named = model_folders(self.folders)
        return {**child_environment(), PATH_VARIABLE: os.pathsep.join(map(str, named))}


class WarmWorker:
    """At most one worker process; ``machine`` is what it was started for."""

    def __init__(self) -> None:
        self.machine: Machine | None = None
        self._starting: Future[WorkerClient] | None = None
        self._used = 0.0

    @property
    def present(self) -> bool:
        """Whether there is a worker, or one on its way."""
        return self._starting is not None

    def want(self, machine: Machine) -> None:
        """See that there is a worker for this machine; one for another is ended."""
        self._used = time.monotonic()
        if self._starting is not None:
            dead = self._starting.done() and (self._starting.exception() or not self._starting.result().alive)
            if machine == self.machine and not dead:
                return
            self.stop()
        self.machine = machine
        pool = ThreadPoolExecutor(1, thread_name_prefix="aigc-start")
        try:
            with threads_told():
                self._starting = pool.submit(_start, machine, Path(bpy.app.tempdir) / "aigc-worker.log")
        except AigcError as error:  # which `client` tells, as all that goes wrong here
            self._starting = Future()
            self._starting.set_exception(error)
        pool.shutdown(wait=False)

    def client(self) -> WorkerClient | None:
        """The worker, or None while it is not there yet.

        Raises:
            AigcError: no interpreter can run it, or it cannot be started.
        """
        return self._starting.result() if self._starting is not None and self._starting.done() else None

    def rest(self, *, working: bool) -> None:
        """End a worker that has had nothing to do for a while."""
        if working:
            self._used = time.monotonic()
        elif self.present and time.monotonic() - self._used > IDLE_SECONDS:
            self.stop()

    def stop(self) -> None:
        """End the worker and wait for its end."""
        starting, self._starting, self.machine = self._starting, None, None
        if starting is None:
            return
        try:
            client = starting.result()
        except AigcError:
            return
        client.stop()


def error_of(message: dict[str, Any]) -> AigcError:
    """The error that a worker's message tells of, as the class that its code names."""
    kinds = {kind.code: kind for kind in AigcError.__subclasses__()}
    return kinds.get(message["code"], AigcError)(message["text"])


def _start(machine: Machine, log: Path) -> WorkerClient:
    runtime = find_runtime(machine.python)
    client = WorkerClient(worker_command(runtime, install_code()), log, machine.environment())
    client.start()
    tidy()  # what this worker needs was touched just now
    return client
