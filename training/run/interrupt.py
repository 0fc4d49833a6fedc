# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that ask a run to end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # the last one, of a terminal that closes, is not known to every system


class StopOnSignal:
    """While entered, such signals are noted, so that the step in hand is finished and saved; a second one ends at once.

    What ignores a signal, as nohup does, goes on ignoring it.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> Self:
        for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(number, self._before[number])
