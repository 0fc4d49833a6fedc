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
from tests.blender.test_generate import add_fire, begin, carry_on, is_running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="watches processes with ps, kills them with signals")
MANY = 96  # frames that are not all there when the first is
LONG = 2000  # frames that no test waits for


def shot(folder: Path, frames: int = MANY, name: str = "shot.blend", **settings: Any) -> Any:
    """A saved file with a fire to be generated beside it."""
    import bpy

    kit.empty_scene()
    kit.add_plane()
    group = add_fire(frames=frames, size=128, **{"format": "png", **settings})
    folder.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / name))
    return group


def finish(job: Any) -> None:
    """Carry on to a job's end."""
    carry_on(lambda: job.state != "running")


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


@kit.in_blender
def test_after_a_killed_worker_the_next_generate_goes_on_where_it_was(tmp_path: Path) -> None:
    import bpy

    job = begin(shot(tmp_path), None)
    os.kill(worker_pid(), signal.SIGKILL)
    finish(job)
    assert job.state == "failed"
    assert "memory" in assert_one_sentence(job.error)  # a system without any kills just so
    assert "generate again" in str(job.error)
    first = {name: (job.folder / name).stat().st_ino for name in frames_in(job.folder)}
    assert 0 < len(first) < MANY
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    assert {name: (job.folder / name).stat().st_ino for name in first} == first
    assert len(frames_in(job.folder)) == MANY
    assert_tidy(job.folder)


@kit.in_blender
def test_another_file_in_mid_generation_gets_nothing_and_can_generate(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import images, jobs

    shot(tmp_path / "other", frames=2, name="other.blend")

    def home() -> None:
        bpy.ops.wm.read_homefile(use_factory_startup=True)
        shot(tmp_path / "new", frames=2)

    ways = {
        "other": lambda: bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "other" / "other.blend")),
        "new": home,
        "shot": bpy.ops.wm.revert_mainfile,
    }
    for name, leave in ways.items():
        job = begin(shot(tmp_path / "shot", frames=LONG), None)
        leave()
        finish(job)
        assert (job.state, job.error) == ("cancelled", None)
        assert not jobs.running()
        assert not [image for image in bpy.data.images if images.RECIPE in image]
        assert not [material for material in bpy.data.materials if material.users]
        bpy.context.scene.frame_end = 2
        assert bpy.ops.aigc.generate() == {"FINISHED"}
        (image,) = [image for image in bpy.data.images if images.RECIPE in image]
        assert all(images.file_of(image, n).is_relative_to(tmp_path / name) for n in (1, 2))
        assert all(images.file_of(image, n).is_file() for n in (1, 2))


@kit.in_blender
def test_a_file_that_was_saved_in_mid_generation_gets_nothing_once_it_is_opened_anew(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import images, jobs

    copy = tmp_path / "copy" / "shot.blend"
    copy.parent.mkdir()
    ways = {
        "revert": bpy.ops.wm.revert_mainfile,
        "copy": lambda: bpy.ops.wm.open_mainfile(filepath=str(copy)),
    }
    for name, leave in ways.items():
        job = begin(shot(tmp_path / name), None)
        bpy.ops.wm.save_mainfile()
        bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True)
        with pytest.raises(RuntimeError, match="none"):
            bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "none.blend"))
        assert job.state == "running"  # its file is still there
        leave()
        finish(job)
        assert (job.state, job.error) == ("cancelled", None)
        assert not jobs.running()
        assert not [image for image in bpy.data.images if images.RECIPE in image]
        first = {path: (job.folder / path).stat().st_ino for path in frames_in(job.folder)}
        assert 0 < len(first) < MANY
        if name == "revert":  # the next Generate goes on there
            assert bpy.ops.aigc.generate() == {"FINISHED"}
            assert [path.name for path in job.folder.parent.iterdir()] == [job.folder.name]
            assert {path: (job.folder / path).stat().st_ino for path in first} == first
            assert len(frames_in(job.folder)) == MANY


@kit.in_blender
def test_what_a_file_was_told_of_its_frames_is_not_told_of_the_next(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import jobs
    from aigc_blender.ui import progress, state

    group = shot(tmp_path, frames=1)
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    bpy.ops.wm.revert_mainfile()  # to what had no frames yet
    group = bpy.context.scene.aigc_item
    state.refresh(wait=True)
    assert progress.status(group, jobs.latest(group.aigc.uuid))[1] == "No frames yet"


@kit.in_blender
def test_whatever_is_deleted_in_mid_generation_the_job_ends_and_the_next_works(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import jobs, shader

    group = shot(tmp_path, frames=24)
    plane = bpy.context.view_layer.objects.active
    plane.data.materials.append(bpy.data.materials.new("Own"))

    def everything() -> None:
        for blocks in (bpy.data.objects, bpy.data.meshes, bpy.data.materials, bpy.data.images, bpy.data.node_groups):
            bpy.data.batch_remove(list(blocks))

    ways = {
        "material": lambda: bpy.data.materials.remove(plane.active_material),
        "image": lambda: bpy.data.images.remove(shader.require_image(group)),
        "mesh": lambda: bpy.data.meshes.remove(plane.data),
        "everything": everything,
    }
    for seed, (name, delete) in enumerate(ways.items()):
        group.aigc.seed = seed
        if name == "image":
            assert bpy.ops.aigc.generate() == {"FINISHED"}
            group.aigc.seed = 100
        job = begin(group, None)
        delete()
        finish(job)
        assert (job.state, job.error) == ("cancelled" if name == "everything" else "done", None), name
        assert not jobs.running()
        if name == "mesh":
            plane = kit.add_plane()
    group = shot(tmp_path, frames=2)
    assert bpy.ops.aigc.generate() == {"FINISHED"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can take memory from a process that runs")
@kit.in_blender
def test_a_worker_without_memory_says_so_and_goes_on_working(tmp_path: Path) -> None:
    import resource

    import bpy

    group = shot(tmp_path, frames=1)
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    pid = worker_pid()
    used = 1024 * int(Path(f"/proc/{pid}/status").read_text().partition("VmSize:")[2].split()[0])
    resource.prlimit(pid, resource.RLIMIT_AS, (used + 2**29, used + 2**29))
    group.aigc.width = group.aigc.height = 8192  # a picture of 1 GiB
    text = assert_one_sentence(kit.refusal(bpy.ops.aigc.generate))
    assert "Memory ran out at 8192x8192 pixels" in text
    assert "smaller size" in text
    assert not list((tmp_path / "aigc").rglob(".*"))
    group.aigc.width, group.aigc.height, group.aigc.seed = 128, 128, 5
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    assert worker_pid() == pid


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the stack of a thread is not the user's to set")
@kit.in_blender
def test_without_threads_it_says_so_and_with_some_again_it_generates(tmp_path: Path) -> None:
    import resource
    import threading

    import bpy

    from aigc_blender.scene import jobs

    endless = 2**46  # bytes of a thread's stack: no system has the room
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    group = shot(tmp_path, frames=1)
    ways = {
        "Blender": (lambda: threading.stack_size(endless), lambda: threading.stack_size(0)),
        "worker": (
            lambda: resource.setrlimit(resource.RLIMIT_STACK, (endless, hard)),
            lambda: resource.setrlimit(resource.RLIMIT_STACK, (soft, hard)),
        ),
    }
    for seed, (take, give) in enumerate(ways.values()):
        group.aigc.seed = seed
        take()
        text = assert_one_sentence(kit.refusal(bpy.ops.aigc.generate))
        give()
        assert "no more threads" in text
        assert "close other programs" in text
        assert len(list(tmp_path.rglob("v*"))) == seed  # of what was refused nothing is left
        assert bpy.ops.aigc.generate() == {"FINISHED"}
        jobs.stop()  # so that the next starts a worker
