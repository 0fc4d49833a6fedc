# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that does this process's work: its streams are ours, and so is its end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence

from ..errors import WorkerError
from .interrupts import Terminated, interrupts_noted

POLL = 0.1  # seconds
GRACE = 5.0  # seconds in which a signal that reached the child as well ends it: a second one would break a block off


def run_child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command line of ours with our own standard streams; its exit code.

    A terminal, and many a farm, signals both processes: what comes is noted here, and passed on if the child does not end
    by itself. Raised while the child is waited for, a signal would lose its exit code.

    Raises:
        KeyboardInterrupt: we were told to stop, and the child could not say so; ``Terminated`` by SIGTERM.
        WorkerError: the system ended the child.
    """
    with interrupts_noted() as came:
        try:
            child = subprocess.Popen(command, env=environment)
        except (OSError, MemoryError):
            if came:
                raise _stop(came) from None
            raise
        while not came and not _ends(child, POLL):
            pass
        if came and not _ends(child, GRACE):
            child.send_signal(came[0])
        code = child.wait()
    if code < 0 and came:
        raise _stop(came)
    if code < 0:
        raise WorkerError(
            f"The process that did the work was ended by the system (signal {-code}), as when memory runs out; "
            "what is finished is kept and the same command continues."
        )
    return code


def _stop(came: Sequence[int]) -> KeyboardInterrupt:
    return Terminated() if signal.SIGTERM in came else KeyboardInterrupt()


def _ends(child: subprocess.Popen[bytes], within: float) -> bool:
    try:
        child.wait(within)
    except subprocess.TimeoutExpired:
        return False
    return True
