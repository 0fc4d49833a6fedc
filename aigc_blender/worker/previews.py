# SPDX-License-Identifier: GPL-3.0-or-later
"""Previews in the worker: a thread of their own, in which the newest request wins.

Beside a generation it is one thread more on the same processors: neither waits for the other. A request that waits is
dropped when a newer one comes. One in work is given up after the trunk, but never two in a row: requests that come
faster than pictures can be drawn still show some.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AigcError, WorkerError
from ..recipe import recipe_from_dict
from .protocol import Message, error_message

if TYPE_CHECKING:
    from ..preview import Painter
    from .buffer import PreviewBuffer


class Previews:
    """Answers preview requests; ``want`` may be called from any thread, before ``start`` too."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._changed = threading.Condition()
        self._wanted: Message | None = None
        self._ending = False
        self._thread = threading.Thread(target=self._serve, name="aigc-previews", daemon=True)
        self._painters: dict[tuple[str, str], Painter] = {}  # by the model's digest and the device
        self._buffer: PreviewBuffer | None = None

    def want(self, request: Message) -> None:
        """Draw this next, and not what waited before it."""
        with self._changed:
            dropped, self._wanted = self._wanted, request
            self._changed.notify()
        if dropped is not None:
            self._drop(dropped)

    def start(self) -> None:
        """Begin to draw, once torch is there."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for what it is at: a picture's time at the most."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _serve(self) -> None:
        finished = True  # the request before this one
        while (request := self._next()) is not None:
            finished = self._answer(request, (lambda: self._wanted is not None) if finished else lambda: False)
        for painter in self._painters.values():
            painter.close()

    def _next(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._ending or self._wanted is not None)
            request, self._wanted = self._wanted, None
            return None if self._ending else request

    def _answer(self, request: Message, newer: Callable[[], bool]) -> bool:
        """Carry out one request; whether it was not given up."""
        try:
            recipe, frame, limit = recipe_from_dict(request.get("recipe")), request.get("frame"), request.get("limit")
            if type(frame) is not int or type(limit) is not int:
                raise WorkerError(
                    "The request for a preview has no frame or no limit; restart Blender after an update."
                )
            painter = self._painter(recipe.model, str(request.get("device", "auto")))
            buffer = self._open(Path(str(request.get("buffer"))))
            drawn = painter.draw(recipe, frame, min(limit, buffer.capacity), newer)
            if drawn is None:
                self._drop(request)
                return False
            slot = buffer.write(request["id"], drawn.light(straight=bool(request.get("straight"))))
            self._send({"type": "preview", "id": request["id"], "dropped": False, "slot": slot, "exact": drawn.exact})
            painter.look_ahead()
        except Exception as error:  # noqa: BLE001 - a fault in one preview must not end the worker
            self._send(error_message(error, request["id"]))
        return True

    def _painter(self, digest: str, device: str) -> Painter:
        from ..preview import load_painter

        key = digest, device
        if key not in self._painters:
            if len(self._painters) > 1:
                self._painters.pop(next(iter(self._painters))).close()
            self._painters[key] = load_painter(digest, device)
        return self._painters[key]

    def _open(self, path: Path) -> PreviewBuffer:
        from .buffer import PreviewBuffer  # numpy may be missing, which hello tells of

        if self._buffer is None or self._buffer.path != path:
            if self._buffer is not None:
                self._buffer.close()
                self._buffer = None
            try:
                self._buffer = PreviewBuffer(path)
            except (OSError, ValueError) as error:
                raise AigcError(f"{path}: the worker cannot open it for previews ({error}); preview again.") from None
        return self._buffer

    def _drop(self, request: Message) -> None:
        self._send({"type": "preview", "id": request["id"], "dropped": True})
