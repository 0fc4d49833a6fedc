# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames as a cache: what a render or a playblast lacks of them is generated, once, and with a word about it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tests.blender import kit
from tests.blender.test_generate import STEP, add_fire


def generated(folder: Path, frames: int = 4, **settings: Any) -> Any:
    """A scene whose plane shows a fire, generated into a folder; gives its image."""
    import bpy

    from aigc_blender.scene import shader

    kit.empty_scene(64, 64)
    kit.add_plane()
    group = add_fire(frames=frames, **settings)
    assert bpy.ops.aigc.generate(folder=str(folder)) == {"FINISHED"}
    return shader.require_image(group)


def contents(folder: Path) -> dict[str, bytes]:
    """The frames in a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.exr"))}


@kit.in_blender
def test_an_animation_without_its_frames_renders_as_with_them(tmp_path: Path) -> None:
    import bpy

    folder = tmp_path / "fire"
    generated(folder)
    before = contents(folder)
    expected = [kit.rendered(frame, tmp_path) for frame in (1, 2, 3, 4)]
    shutil.rmtree(folder)
    scene = bpy.context.scene
    scene.render.filepath = str(tmp_path / "again.####.png")
    bpy.ops.render.render(animation=True)
    for frame, pixels in enumerate(expected, 1):
        again = kit.pixels_of(tmp_path / f"again.{frame:04d}.png")[..., :3]
        np.testing.assert_allclose(again, pixels, atol=STEP)
    assert contents(folder) == before
    # A still needs no more than its own frame, and what Blender has seen missing is seen when it is there.
    shutil.rmtree(folder)
    next(image for image in bpy.data.images if "aigc_recipe" in image).reload()
    np.testing.assert_allclose(kit.rendered(3, tmp_path), expected[2], atol=STEP)
    assert set(contents(folder)) == {"fire.0003.exr"}


@kit.in_blender
def test_what_no_render_shows_is_left_alone_and_the_option_turns_all_off(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import source

    folder = tmp_path / "fire"
    image = generated(folder)
    scene, plane = bpy.context.scene, bpy.context.view_layer.objects.active
    shutil.rmtree(folder)
    plane.hide_render = True
    assert source.shown_images(scene) == []
    kit.rendered(1, tmp_path)
    assert not folder.exists()
    plane.hide_render = False
    assert source.shown_images(scene) == [image]
    scene.aigc_generate_missing = False
    kit.rendered(1, tmp_path)
    scene.aigc_generate_missing = True
    os.environ[source.VARIABLE] = "0"
    kit.rendered(1, tmp_path)
    assert not folder.exists()
    assert bpy.ops.aigc.generate_missing() == {"FINISHED"}
    assert len(contents(folder)) == 4
    (folder / "fire.0002.exr").unlink()
    assert source.missing(image, range(1, 9)) == [2]
    assert bpy.ops.aigc.generate_missing() == {"FINISHED"}
    assert source.missing(image, range(1, 9)) == []


@kit.in_blender
def test_what_comes_into_sight_later_is_looked_after(tmp_path: Path) -> None:
    import bpy

    folder = tmp_path / "fire"
    generated(folder)
    scene, plane = bpy.context.scene, bpy.context.view_layer.objects.active
    for frame, hidden in ((1, True), (3, False)):
        plane.hide_render = hidden
        plane.keyframe_insert("hide_render", frame=frame)
    expected = {frame: kit.rendered(frame, tmp_path) for frame in (1, 4)}
    scene.frame_set(1)
    shutil.rmtree(folder)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    bpy.context.scene.render.filepath = str(tmp_path / "again.####.png")
    bpy.ops.render.render(animation=True)
    assert not np.allclose(expected[1], expected[4], atol=STEP)
    for frame, pixels in expected.items():
        again = kit.pixels_of(tmp_path / f"again.{frame:04d}.png")[..., :3]
        np.testing.assert_allclose(again, pixels, atol=STEP)


@kit.in_blender
def test_a_hidden_object_is_looked_after_where_others_make_instances_of_it(tmp_path: Path) -> None:
    import bpy

    folder = tmp_path / "fire"
    image = generated(folder)
    scene, plane = bpy.context.scene, bpy.context.view_layer.objects.active
    tree = bpy.data.node_groups.new("instances", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    info, output = tree.nodes.new("GeometryNodeObjectInfo"), tree.nodes.new("NodeGroupOutput")
    info.inputs["Object"].default_value, info.inputs["As Instance"].default_value = plane, True
    tree.links.new(info.outputs["Geometry"], output.inputs[0])
    points = bpy.data.objects.new("points", bpy.data.meshes.new("points"))
    scene.collection.objects.link(points)
    points.modifiers.new("instances", "NODES").node_group = tree
    plane.hide_render = True
    expected = kit.rendered(1, tmp_path)
    shutil.rmtree(folder)
    image.reload()
    np.testing.assert_allclose(kit.rendered(1, tmp_path), expected, atol=STEP)
    assert (folder / "fire.0001.exr").is_file()


@kit.in_blender
def test_a_texture_is_rendered_from_frames_that_come_only_then_also_where_it_was_moved(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import shader, source

    folder = tmp_path / "fire"
    image = generated(folder, frames=6, use_loop=False)
    texture = shader.texture_of(bpy.context.scene.aigc_item)
    assert texture
    user = texture.image_user
    user.frame_start += 3
    expected = [kit.rendered(frame, tmp_path) for frame in (4, 5, 6)]
    assert not np.allclose(expected[0], expected[1], atol=STEP)
    shutil.rmtree(folder)
    image.reload()
    scene = bpy.context.scene
    scene.frame_start, scene.render.filepath = 4, str(tmp_path / "again.####.png")
    bpy.ops.render.render(animation=True)
    for frame, pixels in enumerate(expected, 4):
        again = kit.pixels_of(tmp_path / f"again.{frame:04d}.png")[..., :3]
        np.testing.assert_allclose(again, pixels, atol=STEP)
    assert set(contents(folder)) == {f"fire.000{n}.exr" for n in (1, 2, 3)}
    user.frame_offset += 100  # there is no such file, and never was
    assert source.missing(image, range(1, 9)) == []


@kit.in_blender
def test_a_strip_is_rendered_from_frames_that_come_only_then_also_where_it_was_moved(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import source

    folder = tmp_path / "fire"
    kit.empty_scene(64, 64)
    add_fire(frames=4, placement={"STRIP"})
    assert bpy.ops.aigc.generate(folder=str(folder)) == {"FINISHED"}
    scene, before = bpy.context.scene, contents(folder)
    (strip,) = scene.sequence_editor.strips_all
    strip.frame_start += 10
    scene.frame_end = 14
    expected = [kit.rendered(frame, tmp_path) for frame in (11, 12, 13, 14)]
    assert not np.allclose(expected[0], expected[1], atol=STEP)
    shutil.rmtree(folder)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene = bpy.context.scene
    np.testing.assert_allclose(kit.rendered(12, tmp_path), expected[1], atol=STEP)
    assert "fire.0002.exr" in contents(folder)
    assert "fire.0003.exr" not in contents(folder)
    scene.frame_start, scene.render.filepath = 11, str(tmp_path / "again.####.png")
    bpy.ops.render.render(animation=True)
    (strip,) = scene.sequence_editor.strips_all
    for frame, pixels in enumerate(expected, 11):
        again = kit.pixels_of(tmp_path / f"again.{frame:04d}.png")[..., :3]
        np.testing.assert_allclose(again, pixels, atol=STEP)
    assert contents(folder) == before
    strip.elements[0].filename = "of the user.png"
    (image,) = source.shown_images(scene)
    shutil.rmtree(folder)
    kit.rendered(11, tmp_path)
    assert source.missing(image, range(11, 12)) == []
    for muted in (True, False):
        (strip,) = scene.sequence_editor.strips_all
        strip.mute = muted
        assert bool(source.shown_images(scene)) is not muted


@kit.in_blender
def render_without_a_runtime(tmp_path: Path) -> None:
    """A child of the test below."""
    generated(tmp_path / "fire", frames=2)
    shutil.rmtree(tmp_path / "fire")
    os.environ["AIGC_PYTHON"] = "/no/such/python"
    kit.rendered(1, tmp_path)
    print("went on")


def test_a_render_that_cannot_have_its_frames_ends_with_one_line(tmp_path: Path) -> None:
    done = kit.run_blender("-m", "tests.blender.kit", __name__, render_without_a_runtime.__name__, str(tmp_path))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "went on" not in done.stdout
    assert "/no/such/python" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "render.1.png").exists()
