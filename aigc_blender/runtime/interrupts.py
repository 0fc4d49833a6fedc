# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C and SIGTERM, which Python raises between any two lines."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def interrupts_later() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back for a short body, and let them come after it.

    For the moment between a child's start and the line that will end it: raised there, nobody knows of the child.
    """
    came: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():  # no other one is interrupted
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(handler := signal.getsignal(number)):
                before[number] = handler
                signal.signal(number, lambda arrived, _frame: came.append(arrived))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in came:  # where the body failed as well
            signal.raise_signal(late)
