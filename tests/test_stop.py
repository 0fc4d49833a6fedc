# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal that comes at the worst moment."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .test_cli import FIRE, LONG, ROOT, whole

# The main thread has just taken the lock of a pool or of a result, and not yet begun to look after it.
AT_THE_WORST = """\
import os, sys, threading
from pathlib import Path
from aigc_blender.cli import main

enter, out, sent, main_thread = threading.Condition.__enter__, Path(sys.argv[2]), [], threading.get_ident()

def enter_and_signal(condition):
    taken = enter(condition)
    if threading.get_ident() == main_thread and not sent and len(list(out.glob("*.png"))) >= 3:
        sent.append(True)
        os.kill(os.getpid(), int(sys.argv[1]))
    return taken

threading.Condition.__enter__ = enter_and_signal
sys.exit(main(sys.argv[3:]))
"""

# It is interrupted, and there is no child yet; then there is no memory for one.
AS_NO_CHILD_COMES = """\
import os, subprocess, sys
from aigc_blender.cli import main

begin = subprocess.Popen.__init__

def begin_or_fail(child, command, **more):
    if "generate" in command:
        os.kill(os.getpid(), int(sys.argv[1]))
        raise MemoryError
    begin(child, command, **more)

subprocess.Popen.__init__ = begin_or_fail
sys.exit(main(sys.argv[2:]))
"""


SIGNALS = pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


def check_stops(code: int, *python: str) -> None:
    """Run Python, which signals itself, and see that it ends as it should, with one line."""
    ended = subprocess.run(
        [sys.executable, *python],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert ended.returncode == code, ended.stderr
    assert re.fullmatch(r"aigc: Stopped.+\.\n", ended.stderr), ended.stderr


@SIGNALS
def test_a_signal_while_a_lock_is_taken_still_ends_the_run(tmp_path: Path, number: int, code: int) -> None:
    words = [str(int(number)), str(tmp_path), "generate", *LONG.split(), "--out", str(tmp_path)]
    check_stops(code, "-c", AT_THE_WORST, *words)
    assert 3 <= whole(tmp_path) < 400
    assert not list(tmp_path.glob(".*"))


@SIGNALS
def test_a_signal_while_the_runtime_does_not_start_is_told_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    monkeypatch.setenv("AIGC_PYTHON", sys.executable)
    words = [str(int(number)), "generate", *FIRE.split(), "--frames", "1", "--out", str(tmp_path / "out")]
    check_stops(code, "-S", "-c", AS_NO_CHILD_COMES, *words)
