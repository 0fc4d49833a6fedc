# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's end of the worker: starts it, queues messages both ways, and never waits.

Two threads move bytes; neither touches Blender's data. The caller polls from its own thread.
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

from ..errors import AigcError, WorkerError, threads_told
from ..runtime.environment import NO_WINDOW, child_environment
from .protocol import LAST, Message, decode, encode

_KILLED = -9  # by a user or, as far as one can tell, by a system without memory

Inbox: TypeAlias = "queue.SimpleQueue[Message]"


class WorkerClient:
    """One worker process.

    Args:
        command: What to run, as ``runtime.code.worker_command`` gives it.
        log: File for all that the worker prints; begun anew at each start.
        env: Its environment (default: the allow-list of ``runtime.environment``).
    """

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        self._command = list(command)
        self._env = dict(child_environment() if env is None else env)
        self._process: subprocess.Popen[bytes] | None = None
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._inbox: Inbox = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: dict[int, Inbox] = {}  # requests without their last answer, and where their answers go
        self._reason: Message | None = None  # what the worker said before it ended
        self._last_id = 0
        self._running = False
        self._stopping = False

    @property
    def alive(self) -> bool:
        """Whether the worker runs."""
        return self._running

    @property
    def pid(self) -> int | None:
        """The worker's process id, once it was started."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; it says hello once torch is there.

        Raises:
            AigcError: it cannot be started, or was before.
        """
        if self._process:
            raise WorkerError("The worker was started before; make a new one.")
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=self._env,
                    creationflags=NO_WINDOW,
                )
        except OSError as error:
            raise WorkerError(
                f"The worker cannot be started ({error.strerror or error}); run Check in the preferences."
            ) from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._running = True
        try:
            for work, pipe in ((self._write, self._process.stdin), (self._read, self._process.stdout)):
                thread = threading.Thread(target=work, args=(pipe,), name=f"aigc{work.__name__}", daemon=True)
                with threads_told():
                    thread.start()
                self._threads.append(thread)
        except AigcError:
            self._running = False
            self.stop(0.0)
            raise

    def send(self, kind: str, inbox: Inbox | None = None, **fields: Any) -> int:
        """Queue a request and give its id; its answers come from ``poll``, or go to an inbox of the caller's.

        Raises:
            WorkerError: the worker does not run.
        """
        with self._lock:
            if not self._running:
                raise WorkerError("The worker does not run; start it again.")
            self._last_id += 1
            message = {"type": kind, "id": self._last_id, **fields}
            if kind not in ("cancel", "quit"):
                self._open[self._last_id] = inbox or self._inbox
            self._outbox.put(encode(message))
            return self._last_id

    def cancel(self, request_id: int) -> None:
        """Ask for the end of a request; its ``done`` still comes. One that has ended is left alone."""
        with contextlib.suppress(WorkerError):
            self.send("cancel", target=request_id)

    def poll(self) -> list[Message]:
        """All messages that came since the last call; never waits.

        Where the worker died, each open request gets an ``error`` with code ``worker``.
        """
        messages = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self._inbox.get_nowait())
        return messages

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the worker: ask, and after ``timeout_s`` kill. Frames on disk stay whole. Safe to call twice."""
        process = self._process
        if process is None:
            return
        self._stopping = True
        with contextlib.suppress(WorkerError):
            self.send("quit")
        self._outbox.put(None)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for thread in self._threads:
            thread.join(timeout_s)

    def _write(self, pipe: IO[bytes]) -> None:
        # A worker that died is noticed by the reader. Closing the pipe is what ends a living one.
        with contextlib.suppress(OSError), pipe:
            for data in iter(self._outbox.get, None):
                pipe.write(data)
                pipe.flush()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                try:
                    message = decode(line)
                except (ValueError, RecursionError):
                    continue  # not ours; the worker's own prints go to its log
                with self._lock:
                    inbox = self._open.get(message["id"], self._inbox)
                    if message["type"] in LAST:
                        self._open.pop(message["id"], None)
                    if message["type"] == "error" and message["id"] == 0:
                        self._reason = message
                inbox.put(message)
        self._ended()

    def _ended(self) -> None:
        assert self._process
        code = self._process.wait()
        reason = f"exit code {code}" + (", as when memory runs out" if code == _KILLED else "")
        text = (
            "The worker was stopped; frames that were finished are kept."
            if self._stopping
            else f"The worker ended unexpectedly ({reason}); generate again to continue, or see {self.log}."
        )
        with self._lock:
            self._running = False
            last = self._reason or {"type": "error", "code": WorkerError.code, "text": text}
            for request, inbox in sorted(self._open.items()):
                inbox.put({**last, "id": request})
            self._open.clear()
        self._outbox.put(None)
