# SPDX-License-Identifier: GPL-3.0-or-later
"""What may befall a generation half-way: its processes killed, its file closed, its blocks deleted, its disk full."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aigc_blender.sequence.metadata import read_metadata
from tests.blender import kit
from tests.blender.test_generate import add_fire, begin, is_running

MANY = 96  # frames that are not all there when the first is


def shot(folder: Path, frames: int = MANY, name: str = "shot.blend", **settings: Any) -> Any:
    """A saved file with a fire to be generated beside it."""
    import bpy

    kit.empty_scene()
    kit.add_plane()
    group = add_fire(frames=frames, size=128, **{"format": "png", **settings})
    folder.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / name))
    return group


def worker_pid() -> int:
    """The process that generates."""
    from aigc_blender.scene import jobs

    client = jobs.worker.client()
    assert client is not None
    assert client.pid is not None
    return client.pid


def frames_in(folder: Path) -> dict[str, bytes]:
    """The frames of a folder by name; each is whole, and nothing half-written lies beside them."""
    frames = sorted(path for path in folder.iterdir() if path.suffix in (".png", ".exr"))
    assert all(read_metadata(path) for path in frames)
    return {path.name: path.read_bytes() for path in frames}


def assert_tidy(folder: Path) -> None:
    """No temporary file is left."""
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def assert_one_sentence(error: object) -> str:
    """What is told is one sentence for a user, with a remedy after the reason."""
    text = str(error)
    assert text.endswith(".")
    assert "\n" not in text
    assert "Traceback" not in text
    assert ";" in text
    return text


@kit.in_blender
def _dies_in_mid_generation(tmp_path: Path) -> None:
    import bpy

    shot(tmp_path)
    begin(bpy.context.scene.aigc_item, None)
    print("PID", worker_pid(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


@kit.in_blender
def _goes_on(tmp_path: Path) -> None:
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    assert bpy.ops.aigc.generate(folder=str(tmp_path / "undisturbed")) == {"FINISHED"}


def test_after_a_killed_blender_the_worker_ends_and_generating_again_makes_what_is_missing(tmp_path: Path) -> None:
    done = kit.run_blender("-m", "tests.blender.kit", __name__, "_dies_in_mid_generation", str(tmp_path))
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    pid = int(done.stdout.rpartition("PID ")[2].split()[0])
    deadline = time.monotonic() + kit.PATIENCE / 2
    while is_running(pid):
        assert time.monotonic() < deadline, "the worker outlived Blender"
        time.sleep(0.05)
    folder = tmp_path / "aigc" / "fire" / "v001"
    first = frames_in(folder)
    assert 0 < len(first) < MANY
    before = {name: (folder / name).stat().st_ino for name in first}

    _goes_on(tmp_path)
    assert [path.name for path in folder.parent.iterdir()] == ["v001"]
    assert {name: (folder / name).stat().st_ino for name in first} == before  # they were not made again
    whole = frames_in(folder)
    assert len(whole) == MANY
    assert whole == frames_in(tmp_path / "undisturbed")
    assert_tidy(folder)


@kit.in_blender
def test_what_another_kind_of_device_began_is_left_and_made_anew(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import jobs

    group = shot(tmp_path)
    job = begin(group, None)
    bpy.ops.aigc.cancel()
    sidecar = job.folder / "fire.recipe.json"
    sidecar.write_text(sidecar.read_text().replace('"device": "cpu"', '"device": "mps"'))
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    job = jobs.latest(group.aigc.uuid)
    assert job is not None
    assert job.folder == tmp_path / "aigc" / "fire" / "v002"
    assert len(frames_in(job.folder)) == MANY


if sys.platform == "win32":
    pytest.skip("processes are watched with ps and killed with signals", allow_module_level=True)
