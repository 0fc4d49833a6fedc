# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C and SIGTERM around the start of a child."""

import signal
import subprocess
import sys

import pytest

from aigc_blender.runtime.install import Cancel
from aigc_blender.runtime.interrupts import interrupts_later


def test_an_interrupt_comes_after_the_body() -> None:
    before, done = signal.getsignal(signal.SIGINT), []

    def body() -> None:
        with interrupts_later():
            signal.raise_signal(signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        body()
    assert done
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_is_not_lost_where_the_body_fails() -> None:
    def body() -> None:
        with interrupts_later():
            signal.raise_signal(signal.SIGINT)
            raise OSError("no memory")

    with pytest.raises(KeyboardInterrupt) as caught:
        body()
    assert isinstance(caught.value.__context__, OSError)


def test_a_child_that_an_interrupt_came_with_is_ended() -> None:
    begun: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        sleeper = [sys.executable, "-c", "import time; time.sleep(1000)"]
        begun.append(subprocess.Popen(sleeper, text=True, start_new_session=True))
        signal.raise_signal(signal.SIGINT)
        return begun[0]

    with pytest.raises(KeyboardInterrupt), Cancel().ends(start):
        raise AssertionError("the body is not for a child that was interrupted")
    assert begun[0].poll() is not None


def test_a_start_that_fails_is_told() -> None:
    def start() -> subprocess.Popen[str]:
        raise OSError("no memory")

    with pytest.raises(OSError, match="no memory"), Cancel().ends(start):
        pass
