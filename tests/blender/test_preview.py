# SPDX-License-Identifier: GPL-3.0-or-later
"""The live preview: what it shows and when, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.blender import kit
from tests.blender.test_generate import carry_on as carry_on_jobs

STEP = 3 / 255  # of a display value


def fire(frames: int = 6, size: int = 64, **settings: Any) -> Any:
    """A fire of the tests' model without frames."""
    import bpy

    bpy.ops.aigc.add(style=kit.key("fire"))
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, frames
    group = scene.aigc_item
    group.aigc.width = group.aigc.height = size
    for name, value in settings.items():
        setattr(group.aigc, name, value)
    return group


def burning(folder: Path, **settings: Any) -> Any:
    """A fire with frames on a plane before the camera."""
    import bpy

    kit.empty_scene(64, 64)
    kit.add_plane()
    group = fire(placement={"MATERIAL"}, **settings)
    assert bpy.ops.aigc.generate(folder=str(folder)) == {"FINISHED"}
    return group


def begin() -> None:
    """Switch the preview on as a click does in a window."""
    import bpy

    from aigc_blender.scene import preview
    from aigc_blender.ui import preferences
    from aigc_blender.ui.preview import style_of

    preview.start(preferences.machine(bpy.context), style_of)


def carry_on(until: Callable[[], bool]) -> None:
    """Do what the timer does, until something is so."""
    import bpy

    from aigc_blender.scene import preview

    deadline = time.monotonic() + kit.PATIENCE / 2
    while not until():
        assert time.monotonic() < deadline, f"it never came: {preview.status()}"
        preview.pump(bpy.context.scene)
        time.sleep(0.005)


def settled() -> None:
    """Carry on until what is wanted now is shown."""
    import bpy

    from aigc_blender.scene import preview

    preview.pump(bpy.context.scene)
    carry_on(lambda: not preview.busy() and preview.status()[0] in {"LIVE", "DRAFT"})


def shown() -> np.ndarray:
    """The numbers of the preview's image, row 0 at the top."""
    from aigc_blender.scene import stand_in

    image = stand_in.image()
    assert image is not None
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)[::-1]


def texture(group: Any) -> Any:
    """The image that the item's node shows."""
    from aigc_blender.scene import shader

    node = shader.texture_of(group)
    assert node is not None
    return node.image


def image_editors() -> list[Any]:
    """The image editors of all screens."""
    import bpy

    spaces = [area.spaces.active for screen in bpy.data.screens for area in screen.areas]
    return [space for space in spaces if space.type == "IMAGE_EDITOR"]


def own_image(group: Any) -> Any:
    """The image that is the item's own."""
    from aigc_blender.scene import shader

    image = shader.image_of(group)
    assert image is not None
    return image


def found(identity: str) -> Any:
    """The item of that UUID."""
    from aigc_blender.scene import item

    group = item.find(identity)
    assert group is not None
    return group


def names_in(path: Path) -> list[str]:
    """The images in a .blend."""
    import bpy

    copy = path.with_suffix(".copy.blend")  # Blender does not look into the file that is open
    shutil.copy(path, copy)
    with bpy.data.libraries.load(str(copy)) as (there, _):
        return list(there.images)


@kit.in_blender
def test_scrubbing_shows_what_is_in_the_files_in_both_formats(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import preview, shader, stand_in

    for fmt in ("exr", "png16"):
        group = burning(tmp_path / fmt, format=fmt)
        own = own_image(group)
        begin()
        for frame, number in ((1, 1), (4, 4), (2, 2), (9, 3)):  # the last one in the loop's second round
            bpy.context.scene.frame_set(frame)
            settled()
            assert texture(group) == stand_in.image() != own
            assert own_image(group) == own
            filed = kit.pixels_of(tmp_path / fmt / f"fire.{number:04d}.{fmt[:3]}")
            if fmt != "exr":
                filed = np.concatenate([kit.decoded(filed[..., :3]), filed[..., 3:]], axis=2)
            seen = shown()
            # Where nothing is, colour divided by alpha says nothing.
            weight = filed[..., 3:] if fmt != "exr" else 1.0
            np.testing.assert_allclose(seen * weight, filed * weight, atol=0.004, rtol=0.004)
            assert filed[..., :3].std() > 0.02
        before = shown()
        group.aigc.seed += 1  # no handler tells of that: the timer sees it
        settled()
        assert np.abs(shown() - before).max() > 0.05
        preview.stop()
        assert texture(group) == own
        assert stand_in.image() is None
        assert shader.OWN not in group


@kit.in_blender
def test_an_item_without_frames_and_keys_that_are_not_yet_set(tmp_path: Path) -> None:  # noqa: ARG001
    import bpy

    from aigc_blender.scene import preview, shader, stand_in

    kit.empty_scene()
    group = fire(use_loop=False)
    group["height"] = 0.0
    group.keyframe_insert('["height"]', frame=1)
    group["height"] = 1.0
    group.keyframe_insert('["height"]', frame=5)
    begin()
    pictures = {}
    for frame in (1, 5, 6, 3, 50):
        bpy.context.scene.frame_set(frame)
        settled()
        pictures[frame] = shown()
    assert shader.image_of(group) is None
    assert not list(group.nodes)
    np.testing.assert_array_equal(pictures[50], pictures[6])  # the last frame holds
    assert np.abs(pictures[3] - pictures[5]).max() > 0.05
    bpy.context.scene.frame_set(3)
    settled()
    np.testing.assert_allclose(shown(), pictures[3], atol=1e-5)
    group["height"] = 0.95  # dragged, not keyed
    settled()
    assert np.abs(shown() - pictures[3]).max() > 0.01
    bpy.context.scene.frame_set(5)
    bpy.context.scene.frame_set(3)
    settled()
    np.testing.assert_allclose(shown(), pictures[3], atol=1e-5)  # lost, as Blender loses it
    group.aigc.width, group.aigc.height = 96, 40
    settled()
    assert shown().shape == (40, 96, 4)
    bpy.ops.aigc.remove()
    preview.pump(bpy.context.scene)
    preview.stop()
    assert stand_in.image() is None


@kit.in_blender
def test_it_follows_the_edited_item(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import preview, stand_in

    first = burning(tmp_path / "a")
    own = own_image(first)
    begin()
    settled()
    second = fire()
    assert bpy.context.scene.aigc_item == second
    carry_on(lambda: texture(first) == own)
    assert stand_in.image() is not None
    bpy.context.scene.aigc_item = first
    carry_on(lambda: texture(first) == stand_in.image())
    preview.stop()


@kit.in_blender
def test_a_generation_keeps_its_worker_when_the_preferences_are_others_by_now(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import jobs, preview
    from aigc_blender.scene.warm import Machine
    from aigc_blender.ui.preview import style_of

    kit.empty_scene()
    group, scene = fire(frames=24, size=128, format="png"), bpy.context.scene
    job = jobs.prepare(group, scene, None, Machine(), tmp_path / "fire")
    jobs.start(group, job, Machine())
    carry_on_jobs(lambda: job.newest is not None)
    client = jobs.worker.client()
    preview.start(Machine(device="cpu"), style_of)
    assert jobs.worker.client() is client
    settled()
    carry_on_jobs(lambda: job.state != "running")
    assert job.state == "done"
    preview.stop()


@kit.in_blender
def test_errors_are_one_line_and_never_a_storm(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import jobs, preview, stand_in

    group = burning(tmp_path / "fire")
    assert not bpy.ops.aigc.preview.poll()  # there is no window here
    begin()
    settled()
    group.aigc.tile_x, group.aigc.width = True, 70
    carry_on(lambda: preview.status()[0] == "ERROR")
    assert "cannot tile" in preview.status()[1]
    assert preview.running()
    client = jobs.worker.client()
    assert client is not None
    asked = client._last_id
    for _ in range(50):
        preview.pump(bpy.context.scene)
    assert client._last_id == asked  # the same is not asked twice
    group.aigc.width = 64
    settled()

    assert client.pid is not None
    os.kill(client.pid, signal.SIGKILL)
    carry_on(lambda: not client.alive or not preview.running())
    group.aigc.seed += 1
    carry_on(lambda: not preview.running())
    state, text = preview.status()
    assert state == "ERROR"
    assert "ended" in text
    assert "\n" not in text
    assert stand_in.image() is None
    assert not preview.pump(bpy.context.scene)
    assert not jobs.worker.present  # nothing is started again by itself
    begin()
    settled()  # but by the next click

    files = list(Path(bpy.app.tempdir).glob("aigc-preview-*"))
    assert len(files) == 1
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not preview.running()
    assert not list(Path(bpy.app.tempdir).glob("aigc-preview-*"))


@kit.in_blender
def test_disabling_ends_it(tmp_path: Path) -> None:
    import bpy

    import aigc_blender
    from aigc_blender.scene import jobs, preview

    group = burning(tmp_path / "fire")
    own = own_image(group).name
    begin()
    settled()
    name = group.name
    aigc_blender.unregister()
    assert not preview.running()
    assert not jobs.worker.present
    group = bpy.data.node_groups[name]
    assert texture(group).name == own
    assert [i.name for i in bpy.data.images] == [own]
    handlers = [
        f for n in dir(bpy.app.handlers) if isinstance(found := getattr(bpy.app.handlers, n), list) for f in found
    ]
    assert not [f for f in handlers if f.__module__.endswith(("stand_in", "scene.preview"))]
    aigc_blender.register()
