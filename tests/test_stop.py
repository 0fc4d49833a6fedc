# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal that comes at the worst moment."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .models import tiny_model
from .test_cli import FIRE, ROOT
from .test_cli_stopped import LONG, some_seconds, whole

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


# It is told to end just when the child's exit code has been fetched.
AS_THE_CHILD_ENDS = """\
import os, subprocess, sys
from aigc_blender.cli import main

begin, fetch, ours = subprocess.Popen.__init__, os.waitpid, []

def begin_and_note(child, command, **more):
    begin(child, command, **more)
    if "generate" in command:
        ours.append(child.pid)

def fetch_and_signal(pid, options):
    found = fetch(pid, options)
    if found[0] in ours:
        os.kill(os.getpid(), int(sys.argv[1]))
    return found

subprocess.Popen.__init__, os.waitpid = begin_and_note, fetch_and_signal
sys.exit(main(sys.argv[2:]))
"""


@SIGNALS
@pytest.mark.usefixtures("elsewhere")
def test_the_childs_exit_code_is_not_lost(tmp_path: Path, number: int, code: int) -> None:  # noqa: ARG001
    words = ["generate", "--style", "nonsense", "--frames", "1", "--out", str(tmp_path / "out")]
    ended = subprocess.run(
        [sys.executable, "-S", "-c", AS_THE_CHILD_ENDS, str(int(number)), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "nonsense" in ended.stderr


@SIGNALS
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.usefixtures("elsewhere")
def test_a_signal_ends_the_run_and_its_child(tmp_path: Path, number: int, code: int, both: bool) -> None:
    with running(tmp_path) as process:
        (os.killpg if both else os.kill)(process.pid, number)
        _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert re.fullmatch(r"aigc: Stopped.+\.\n", err), err
    assert 3 <= whole(tmp_path) < 400
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the child in /proc")
@pytest.mark.usefixtures("elsewhere")
def test_a_child_that_the_system_ends_is_told(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert re.fullmatch(r"aigc: .+signal 9.+\.\n", err), err


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that has nothing but the standard library leaves the work to one that has more."""
    monkeypatch.setenv("AIGC_MODEL_PATH", str(tiny_model(tmp_path_factory.mktemp("models")).parent))
    monkeypatch.setenv("AIGC_PYTHON", sys.executable)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has drawn three frames in a child of its own, both of a new group of processes."""
    process = subprocess.Popen(
        [sys.executable, "-S", "-m", "aigc_blender", "generate", *some_seconds(), "--out", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    with process:
        try:
            deadline = time.monotonic() + 120
            while len(list(folder.glob("*.png"))) < 3:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
