# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes that are killed, stopped and starved, and disks that are really full: no run is lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from aigc_blender.generator.checkpoint import load_model
from tests.models import tiny_model
from tests.training.test_fit import assert_same_run, curve, folder_of_run, newest_state, run, states_of_run
from training.errors import RunFailedError, TrainingError
from training.run.state import KEPT, load_state

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
ENDLESS = 10**6  # steps
KILLS = 12
STOPS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
# Starts processes that have imported all they need: what a test waits for is the run.
SERVER = multiprocessing.get_context("forkserver") if sys.platform != "win32" else multiprocessing.get_context()
# Each optimiser imports the compiler, so that is there too.
SERVER.set_forkserver_preload(["tests.training.test_kill", "torch.utils.tensorboard", "torch._dynamo"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_model(tmp_path)
    return tmp_path


def child(folder: Path, fatal: int | None = None) -> None:
    """Run on and on; saves at every step. Killed before its ``fatal``-th change to a file of the run, if given."""
    for number, handler in STOPS.items():  # nohup, and shells for what they run behind, have these ignored
        signal.signal(number, handler)
    with (folder / "output.txt").open("a") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    if fatal is not None:
        die_at_change(folder, fatal)
    sys.exit(0 if run(folder, ENDLESS) else 130)


def die_at_change(folder: Path, fatal: int) -> None:
    """SIGKILL this process before its ``fatal``-th creation, renaming or removal of a file in the folder."""
    left = fatal

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        changes = event in ("os.rename", "os.remove") or (event == "open" and str(arguments[1])[:1] in ("w", "a"))
        if changes and str(arguments[0]).startswith(str(folder)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def start(folder: Path, fatal: int | None = None) -> BaseProcess:
    process = SERVER.Process(target=child, args=(folder, fatal), daemon=True)
    process.start()
    return process


def steps_done(folder: Path) -> int:
    """By the log, which may have a torn last line."""
    events = folder_of_run(folder) / "events.jsonl"
    return events.read_text().count('"margin"') if events.is_file() else 0


def wait_for(condition: Callable[[], bool], process: BaseProcess, folder: Path) -> None:
    while not condition():
        assert process.is_alive(), (folder / "output.txt").read_text()
        time.sleep(0.002)


def kill(process: BaseProcess) -> None:
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def assert_undisturbed(folder: Path) -> None:
    """What was killed goes on, and is to the bit what a run is that nothing happened to."""
    steps = steps_done(folder) + 1
    assert run(folder, steps)
    other = folder / "undisturbed"
    other.mkdir()
    tiny_model(other)
    assert run(other, steps)
    assert_same_run(folder, other)
    assert len(list((folder_of_run(folder) / "states").iterdir())) <= KEPT


@pytest.mark.slow
def test_killed_at_random_moments_a_run_goes_on_as_if_it_had_not_been(folder: Path) -> None:
    moments = random.Random(0)
    for _ in range(KILLS):
        process, seen = start(folder), steps_done(folder)
        if moments.random() < 0.75:
            wait_for(lambda seen=seen: steps_done(folder) != seen, process, folder)  # type: ignore[misc]
        time.sleep(moments.uniform(0, 0.25))
        kill(process)
        if (folder / "out.safetensors").exists():  # the model so far comes with each state
            exported = load_model(folder / "out.safetensors").card.training["steps"]
            assert newest_state(folder)["steps"] - exported in (0, 1)
    assert_undisturbed(folder)


@pytest.mark.slow
def test_killed_at_each_change_of_a_file_a_run_goes_on_as_if_it_had_not_been(folder: Path) -> None:
    """Every moment between two operations on files in beginning, saving and exporting, one after the other."""
    for fatal in range(1, KILLS + 1):
        process = start(folder, fatal)
        process.join()
        assert process.exitcode == -signal.SIGKILL, (folder / "output.txt").read_text()
        whole = [p for p in states_of_run(folder) if load_state_alone(p)]
        assert len(whole) >= min(2, len(states_of_run(folder)))
    assert_undisturbed(folder)


def load_state_alone(path: Path) -> bool:
    alone = path.parent.parent / "alone"
    shutil.rmtree(alone, ignore_errors=True)
    alone.mkdir()
    shutil.copy(path, alone)
    try:
        return load_state(alone) is not None
    except TrainingError:
        return False
    finally:
        shutil.rmtree(alone)


@pytest.mark.slow
def test_a_run_has_its_file_to_itself_until_it_ends_however_it_ends(folder: Path) -> None:
    process = start(folder)
    wait_for(lambda: steps_done(folder) > 0, process, folder)
    with pytest.raises(TrainingError, match="another run is making this file"):
        run(folder)
    assert process.is_alive(), "the first one does not mind"
    kill(process)
    assert_undisturbed(folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", STOPS)
def test_stopped_by_a_signal_the_run_saves_exits_130_and_goes_on(number: signal.Signals, folder: Path) -> None:
    process = start(folder)
    wait_for(lambda: steps_done(folder) > 1, process, folder)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join()
    output = (folder / "output.txt").read_text()
    assert process.exitcode == 130, output
    assert "Traceback" not in output
    done = steps_done(folder)
    assert newest_state(folder)["steps"] == done, "the step in hand was finished and saved"
    assert load_model(folder / "out.safetensors").card.training["steps"] == done
    assert_undisturbed(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few dozen megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_said_and_what_was_saved_before_is_intact(small_disk: Path) -> None:
    tiny_model(small_disk)
    assert run(small_disk, 2)
    states = {path: path.read_bytes() for path in states_of_run(small_disk)}
    model = (small_disk / "out.safetensors").read_bytes()
    filler = small_disk / "filler"
    room = len(states[states_of_run(small_disk)[0]]) // 2
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - room))
    with pytest.raises(RunFailedError, match="No space left") as failed:
        run(small_disk, 4)
    assert failed.value.exit_code == 1
    assert {path: path.read_bytes() for path in states_of_run(small_disk)} == states
    assert (small_disk / "out.safetensors").read_bytes() == model
    assert not list(small_disk.rglob("*.tmp"))
    filler.unlink()
    assert_undisturbed(small_disk)


def test_a_file_that_may_not_grow_is_said_and_what_was_saved_before_is_intact(folder: Path) -> None:
    import resource

    assert run(folder, 2)
    states = {path: path.read_bytes() for path in states_of_run(folder)}
    limit = len(states[states_of_run(folder)[0]]) // 2
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(RunFailedError, match="File too large"):
            run(folder, 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {path: path.read_bytes() for path in states_of_run(folder)} == states
    assert curve(folder).keys() >= {1, 2}
    assert_undisturbed(folder)
