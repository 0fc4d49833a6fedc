# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker: reads requests on stdin, generates, answers on stdout. Ends when stdin closes.

The main thread works through requests one by one; a second one reads stdin, so that cancelling and
Blender's end are noticed in mid-generation. Previews are drawn in a third, whatever the first is at.
"""

from __future__ import annotations

import contextlib
import os
import platform
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import IO

from ..errors import AigcError, RuntimeMissingError, SequenceError, WorkerError, threads_told
from ..library import find_models
from ..recipe import recipe_from_dict
from ..sequence.whole import leave
from .previews import Previews
from .protocol import PROTOCOL, Message, decode, encode, error_message

GRACE_SECONDS = 3.0  # to finish the work at hand after stdin has closed


class _Gone(Exception):  # noqa: N818 - no error
    """Nobody reads our answers any more."""


class Server:
    """Answers requests from one pipe on another."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._requests, self._answers = requests, answers
        self._queue: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._ending = threading.Event()
        self._ended = threading.Event()
        self._working = threading.Event()
        self._previews = Previews(self._try_to_send)
        self._sending = threading.Lock()

    def run(self) -> int:
        """Work until told to quit or stdin closes; gives the exit code."""
        try:
            with threads_told():
                threading.Thread(target=self._listen, name="aigc-requests", daemon=True).start()
                self._hello()
                self._previews.start()
            while (request := self._queue.get()) and not self._ending.is_set():
                self._working.set()
                self._answer(request)
                self._working.clear()
        except AigcError as error:
            self._send({"type": "error", "id": 0, "code": error.code, "text": str(error)})
            return 1
        except _Gone:
            pass
        finally:
            self._previews.stop()
            self._ended.set()
        return 0

    def _listen(self) -> None:
        for line in self._requests:
            try:
                message = decode(line)
            except (ValueError, RecursionError) as error:
                print(f"not a message: {error}", file=sys.stderr)
                continue
            if message["type"] == "quit":
                break
            if message["type"] == "cancel":
                self._cancelled.add(str(message.get("target")))
            elif message["type"] == "preview":
                self._previews.want(message)
            else:
                self._queue.put(message)
        self._ending.set()
        self._queue.put(None)
        # Blender may be gone: end even if the work at hand, or the import of torch, does not.
        if not self._ended.wait(GRACE_SECONDS):
            leave(1 if self._working.is_set() else 0)

    def _hello(self) -> None:
        try:
            import torch

            from ..generator.sampler import available_devices
        except (ImportError, OSError) as error:
            traceback.print_exc()
            raise RuntimeMissingError(
                f"{sys.executable} cannot import what the generator needs ({error}); mend it or choose another runtime."
            ) from None
        self._send(
            {
                "type": "hello",
                "id": 0,
                "python": platform.python_version(),
                "torch": torch.__version__,
                "devices": available_devices(),
                "protocol": PROTOCOL,
            }
        )

    def _answer(self, request: Message) -> None:
        """Carry out one request; whatever goes wrong becomes its answer."""
        try:
            match request["type"]:
                case "generate":
                    last = self._generate(request)
                case "models":
                    models, faults = find_models()
                    last = {
                        "type": "models",
                        "models": [m.describe() for m in models],
                        "faults": [str(f) for f in faults],
                    }
                case kind:
                    raise WorkerError(
                        f"The worker does not know the request {kind!r}; restart Blender after an update."
                    )
        except _Gone:
            raise
        except Exception as error:  # noqa: BLE001 - a fault in one job must not end the worker
            last = error_message(error, request["id"])
        self._send({**last, "id": request["id"]})

    def _generate(self, request: Message) -> Message:
        from ..produce import produce

        result = produce(
            recipe_from_dict(request.get("recipe")),
            _frames(request.get("frames")),
            Path(_text(request, "folder")),
            _text(request, "format", "png"),
            _text(request, "device", "auto"),
            lambda event: self._send({**event, "id": request["id"]}),
            stem=_text(request, "stem", ""),
            model=Path(model) if (model := _text(request, "model", "")) else None,
            cancelled=lambda: self._ending.is_set() or str(request["id"]) in self._cancelled,
        )
        return {
            "type": "done",
            "folder": str(result.folder),
            "written": result.written,
            "skipped": result.skipped,
            "cancelled": result.cancelled,
            "stretch": result.stretch,
        }

    def _send(self, message: Message) -> None:
        try:
            with self._sending:
                self._answers.write(encode(message))
                self._answers.flush()
        except OSError:
            raise _Gone from None

    def _try_to_send(self, message: Message) -> None:
        with contextlib.suppress(_Gone):  # the main thread finds out by itself, or stdin closes
            self._send(message)


def main() -> int:
    """Serve on this process's stdin and stdout; whatever else is printed goes to stderr, which is the log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in Blender's terminal is Blender's
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return Server(sys.stdin.buffer, answers).run()


def _frames(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or any(type(number) is not int for number in value):
        raise SequenceError("The request has no list of frame numbers; give at least one.")
    return tuple(sorted(set(value)))


def _text(request: Message, key: str, default: str | None = None) -> str:
    value = request.get(key, default)
    if not isinstance(value, str):
        raise SequenceError(f"The request has no {key}; give a text.")
    return value
