# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C and SIGTERM, which Python raises between any two lines."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends like Ctrl-C, with another exit code."""


@contextlib.contextmanager
def interrupts_noted() -> Iterator[list[int]]:
    """Note Ctrl-C and SIGTERM, for the body to look at; nothing is raised."""
    came: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():  # no other one is interrupted
        for number in (signal.SIGINT, signal.SIGTERM):
            # Left as they are: what is ignored, and what another program's C code handles.
            if (handler := signal.getsignal(number)) not in (None, signal.SIG_IGN):
                before[number] = handler
                signal.signal(number, lambda arrived, _frame: came.append(arrived))
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def interrupts_later() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back for a short body, and let them come after it.

    For the moment between a child's start and the line that will end it: raised there, nobody knows of the child.
    """
    came: list[int] = []
    try:
        with interrupts_noted() as came:
            yield
    finally:
        for late in came:  # where the body failed as well
            signal.raise_signal(late)
