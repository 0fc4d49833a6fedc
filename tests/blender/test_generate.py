# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate, from the operator through the worker to rendered pixels, and what may go wrong on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.blender import kit

STEP = 3 / 255  # of a display value
ENDLESS = 100_000  # frames that no test waits for


def add_fire(frames: int = 4, size: int = 64, **settings: Any) -> Any:
    """A fire of the tests' model, to be placed on the active object."""
    import bpy

    bpy.ops.aigc.add(style=kit.key("fire"))
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, frames
    group = scene.aigc_item
    group.aigc.width = group.aigc.height = size
    group.aigc.placement = {"MATERIAL"}
    for name, value in settings.items():
        setattr(group.aigc, name, value)
    return group


def begin(group: Any, folder: Path | None) -> Any:
    """Start a generation as a click in a window does, and carry on to its first frame."""
    import bpy

    from aigc_blender.scene import jobs
    from aigc_blender.ui import preferences

    scene, target, machine = bpy.context.scene, bpy.context.view_layer.objects.active, preferences.machine(bpy.context)
    job = jobs.prepare(group, scene, target, machine, folder)
    jobs.start(group, job, machine)
    carry_on(lambda: job.newest is not None)
    return job


def carry_on(until: Callable[[], bool]) -> None:
    """Do what the timer does, until something is so."""
    from aigc_blender.scene import jobs

    deadline = time.monotonic() + kit.PATIENCE / 2
    while not until():
        assert time.monotonic() < deadline, "it never came"
        jobs.pump()
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be collected."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(status.strip()) and not status.strip().startswith("Z")


@kit.in_blender
def test_generate_puts_the_models_pixels_on_the_active_object(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import images, shader

    kit.empty_scene(64, 64)
    kit.add_plane()
    group = add_fire(frames=4)
    assert bpy.ops.aigc.generate(folder=str(tmp_path / "fire")) == {"FINISHED"}
    image = shader.require_image(group)
    assert image[images.FORMAT] == "exr"  # fire glows
    assert image.colorspace_settings.name == "Linear Rec.709"
    for frame, number in ((1, 1), (6, 2)):
        light = kit.pixels_of(tmp_path / "fire" / f"fire.{number:04d}.exr")[..., :3]
        assert kit.encoded(light).std() > 0.05  # there is something to see
        darkest, brightest = kit.encoded_around(light, part=0.005)
        seen = kit.rendered(frame, tmp_path)
        assert (seen >= darkest - STEP).all()
        assert (seen <= brightest + STEP).all()


@kit.in_blender
def test_generating_again_changes_the_frames_and_nothing_else(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import backdrop, images, material, shader

    scene = kit.empty_scene(64, 64)
    plane = kit.add_plane()
    group = add_fire(frames=2, placement={"MATERIAL", "BACKDROP"}, format="png")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    for version, size in ((1, 64), (2, 32)):
        group.aigc.seed = version
        group.aigc.width = size
        assert bpy.ops.aigc.generate() == {"FINISHED"}
        assert sorted(p.name for p in (tmp_path / "aigc" / "fire").iterdir())[-1] == f"v{version:03d}"
        assert (tmp_path / "aigc" / "fire" / f"v{version:03d}" / "fire.0002.png").is_file()
        image = shader.require_image(group)
        assert image.filepath.startswith("//aigc")
        assert images.recipe_of(image).seed == version
        assert material.places(group) == [plane.active_material]
        assert len(backdrop.places(group)) == 1
    assert len([i for i in bpy.data.images if images.RECIPE in i]) == 1
    bpy.context.view_layer.update()
    assert backdrop.places(group)[0].scale.y == pytest.approx(2 * backdrop.places(group)[0].scale.x, rel=1e-4)
    bpy.ops.aigc.remove()
    assert (len(scene.objects), len(bpy.data.materials), len(bpy.data.node_groups)) == (2, 0, 0)


@kit.in_blender
def test_what_cannot_be_generated_is_refused_in_one_sentence(tmp_path: Path) -> None:
    import bpy

    kit.empty_scene()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    group = add_fire(frames=2)
    assert "no active object" in kit.refusal(bpy.ops.aigc.generate)
    kit.add_plane()
    group.aigc.tile_y = True
    assert "cannot tile" in kit.refusal(bpy.ops.aigc.generate)
    group.aigc.tile_y = False
    group.aigc.tile_x, group.aigc.width = True, 70
    assert "64 or 80" in kit.refusal(bpy.ops.aigc.generate)
    group.aigc.tile_x, group.aigc.width = False, 64
    group.aigc.use_scene_range, group.aigc.frame_start, group.aigc.frame_end = False, 5, 2
    assert "5 to 2" in kit.refusal(bpy.ops.aigc.generate)
    group.aigc.use_scene_range = True
    (tmp_path / "file").write_text("")
    assert "file" in kit.refusal(lambda: bpy.ops.aigc.generate(folder=str(tmp_path / "file" / "fire")))
    group.aigc.model = "0" * 64
    assert "not installed" in kit.refusal(bpy.ops.aigc.generate)
    assert not list((tmp_path / "aigc").rglob("v*"))  # no refused generation leaves a folder


@kit.in_blender
def test_an_unsaved_file_says_where_its_frames_go(tmp_path: Path) -> None:  # noqa: ARG001
    import bpy

    from aigc_blender.scene import jobs, shader

    kit.empty_scene()
    kit.add_plane()
    group = add_fire(frames=1, format="png")
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    job = jobs.latest(group.aigc.uuid)
    assert job is not None
    assert "not saved" in job.warnings[0]
    image = shader.require_image(group)
    assert Path(bpy.path.abspath(image.filepath)).parent == job.folder
    assert (job.folder / "fire.0001.png").is_file()


@kit.in_blender
def test_a_runtime_that_is_not_there_is_named_with_the_remedy(tmp_path: Path) -> None:
    import bpy

    kit.empty_scene()
    kit.add_plane()
    add_fire(frames=1)
    os.environ["AIGC_PYTHON"] = "/no/such/python"
    text = kit.refusal(lambda: bpy.ops.aigc.generate(folder=str(tmp_path / "fire")))
    assert "/no/such/python" in text
    assert "choose" in text
    assert not (tmp_path / "fire").exists()


@kit.in_blender
def test_a_generation_whose_worker_cannot_start_can_be_cancelled_or_deleted(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.errors import RuntimeMissingError
    from aigc_blender.scene import item, jobs
    from aigc_blender.ui import preferences

    def started() -> None:
        while jobs.worker.client() is None:
            time.sleep(0.01)

    kit.empty_scene()
    plane = kit.add_plane()
    os.environ["AIGC_PYTHON"] = "/no/such/python"
    for end in (lambda _: bpy.ops.aigc.cancel(), item.remove):
        group, machine = add_fire(frames=1), preferences.machine(bpy.context)
        job = jobs.prepare(group, bpy.context.scene, plane, machine, tmp_path / "fire")
        jobs.start(group, job, machine)
        with pytest.raises(RuntimeMissingError):  # it is known by now, and not yet told of
            started()
        end(group)
        jobs.pump()
        assert job.state == "cancelled"
        assert not jobs.running()


@kit.in_blender
def test_what_is_deleted_meanwhile_is_missed_and_no_more(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import item, jobs, placements, shader

    kit.empty_scene()
    plane = kit.add_plane()
    group = add_fire(frames=24, size=128, format="png")
    job = begin(group, tmp_path / "object")
    bpy.data.objects.remove(plane)
    carry_on(lambda: job.state != "running")
    assert job.state == "done"
    assert "is gone" in job.warnings[-1]
    assert shader.image_of(group) is not None  # the frames are the item's all the same

    kit.add_plane()
    group.aigc.seed += 1
    group.aigc.placement, group.aigc.tile_x = set(placements.KINDS), True
    other = bpy.data.scenes.new("Other")
    job = begin(group, tmp_path / "scene")
    bpy.data.scenes.remove(next(s for s in bpy.data.scenes if s != other))
    carry_on(lambda: job.state != "running")
    assert job.state == "done"
    assert len([text for text in job.warnings if "is gone" in text]) == 1  # for all of its places
    assert placements.placed(group, "MATERIAL")  # whose object is still there

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    kit.empty_scene()
    kit.add_plane()
    group = add_fire(frames=ENDLESS)
    job = begin(group, tmp_path / "item")
    item.remove(group)
    carry_on(lambda: job.state != "running")
    assert job.state == "cancelled"
    assert not jobs.running()


@kit.in_blender
def test_cancel_keeps_finished_frames_and_changes_nothing(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import jobs, shader

    kit.empty_scene()
    plane = kit.add_plane()
    group = add_fire(frames=ENDLESS, format="png")
    job = begin(group, tmp_path / "fire")
    bpy.ops.aigc.cancel()
    assert job.state == "cancelled"
    assert not jobs.running()
    assert list((tmp_path / "fire").glob("fire.*.png"))
    assert shader.image_of(group) is None
    assert plane.active_material is None
    bpy.context.scene.frame_end = 2  # and the worker is free for the next
    assert bpy.ops.aigc.generate(folder=str(tmp_path / "next")) == {"FINISHED"}


@kit.in_blender
def test_a_worker_that_dies_is_told_of_and_replaced(tmp_path: Path) -> None:
    import signal

    import bpy

    from aigc_blender.scene import jobs

    kit.empty_scene()
    kit.add_plane()
    group = add_fire(frames=ENDLESS, format="png")
    job = begin(group, tmp_path / "fire")
    client = jobs.worker.client()
    assert client is not None
    assert client.pid is not None
    os.kill(client.pid, signal.SIGKILL)
    carry_on(lambda: job.state != "running")
    assert "ended unexpectedly" in str(job.error)
    bpy.context.scene.frame_end = 2
    assert bpy.ops.aigc.generate(folder=str(tmp_path / "next")) == {"FINISHED"}


@kit.in_blender
def test_disabling_ends_the_worker_in_mid_generation(tmp_path: Path) -> None:
    import aigc_blender
    from aigc_blender.scene import jobs

    kit.empty_scene()
    kit.add_plane()
    begin(add_fire(frames=ENDLESS), tmp_path / "fire")
    client = jobs.worker.client()
    assert client is not None
    assert client.pid is not None
    assert is_running(client.pid)
    aigc_blender.unregister()
    assert not is_running(client.pid)
    aigc_blender.register()


@kit.in_blender
def _crash(tmp_path: Path) -> None:
    from aigc_blender.scene import jobs

    kit.empty_scene()
    kit.add_plane()
    begin(add_fire(frames=ENDLESS), tmp_path / "fire")
    client = jobs.worker.client()
    assert client is not None
    print("PID", client.pid, flush=True)
    os._exit(9)


def test_a_crash_of_blender_leaves_no_worker(tmp_path: Path) -> None:
    done = kit.run_blender("-m", "tests.blender.kit", __name__, "_crash", str(tmp_path))
    assert done.returncode == 9, done.stdout + done.stderr
    pid = int(done.stdout.rpartition("PID ")[2].split()[0])
    deadline = time.monotonic() + 60
    while is_running(pid):
        assert time.monotonic() < deadline, "the worker outlived Blender"
        time.sleep(0.1)


@kit.in_blender
def _save_a_shot(tmp_path: Path) -> None:
    import bpy

    kit.empty_scene(64, 64)
    kit.add_plane()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    add_fire(frames=6, format="png")
    bpy.ops.aigc.generate()
    bpy.ops.wm.save_mainfile()


@kit.in_blender
def _take_the_camera(tmp_path: Path) -> None:
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.context.scene.camera = None
    bpy.ops.wm.save_mainfile()


@pytest.mark.slow
def test_a_farm_generates_what_is_missing_and_tells_the_truth(tmp_path: Path) -> None:
    _save_a_shot(tmp_path)
    folder = tmp_path / "aigc" / "fire" / "v001"
    whole = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    assert len(whole) == 6
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()

    def farm(*arguments: str) -> subprocess.CompletedProcess[str]:
        return kit.run_blender("examples/farm_render.py", "--", *arguments)

    blend = str(tmp_path / "shot.blend")
    done = farm("--blend", blend, "--frames", "2,9")  # a loop of 6 shows its third frame at the ninth
    assert done.returncode == 0, done.stdout + done.stderr
    assert {p.name for p in folder.glob("*.png")} == {"fire.0002.png", "fire.0003.png"}
    assert all(path.read_bytes() == whole[path.name] for path in folder.glob("*.png"))
    done = farm("--blend", blend, "--frames", "4-2")
    assert done.returncode == 2
    assert "backwards" in done.stderr
    assert "Traceback" not in done.stderr
    assert farm("--blend", str(tmp_path / "none.blend"), "--frames", "1").returncode == 2
    _take_the_camera(tmp_path)
    done = farm("--blend", blend, "--frames", "2", "--render")
    assert done.returncode == 2
    assert "no camera" in done.stderr
    assert "Traceback" not in done.stderr


if sys.platform == "win32":
    pytest.skip("processes are watched with ps", allow_module_level=True)
