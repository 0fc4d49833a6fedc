# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards, worlds, compositors and camera backgrounds: what is seen are the files' pixels, and nothing is left."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from aigc_blender.card import Style
from tests.blender import kit

GLOW = {n: kit.picture((0.1 * n, 0.3, 0.8, 1), corner=(0.5, 0.2, 0.1, 0.5)) for n in (1, 2, 3)}
SMOKE = Style("smoke", alpha=True)
STEP = 2.5 / 255  # of a display value: rounding in the file, in the shader and in the rendered picture
COLLECTIONS = (
    *("objects", "meshes", "lights", "materials", "node_groups", "images", "worlds", "cameras", "actions"),
    *("scenes", "collections", "textures"),
)


def state() -> dict[str, Any]:
    """Everything in the file that a placement could add to or change."""
    import bpy

    from aigc_blender.scene import compat

    found: dict[str, Any] = {kind: sorted(b.name for b in getattr(bpy.data, kind)) for kind in COLLECTIONS}
    trees = {f"{b.name} {type(b).__name__}": b for b in (*bpy.data.materials, *bpy.data.worlds)}
    for name, block in trees.items():
        found[name] = _graph(block.node_tree if block.use_nodes else None)
    for scene in bpy.data.scenes:
        used = bpy.app.version >= (5, 0, 0) or scene.use_nodes
        editor = scene.sequence_editor
        found[f"{scene.name} scene"] = (
            _graph(compat.compositor(scene) if used else None),
            scene.render.use_compositing,
            scene.world,
            editor is not None and [(s.name, s.channel, s.frame_final_start) for s in editor.strips_all],
            [key for key in list(scene.keys()) if key.startswith("aigc_") and key != "aigc_item"],
        )
    for camera in bpy.data.cameras:
        shown = [(b.image, b.source) for b in camera.background_images]
        found[f"{camera.name} camera"] = (camera.show_background_images, shown, list(camera.keys()))
    for thing in bpy.data.objects:
        found[f"{thing.name} object"] = [s.material.name if s.material else "" for s in thing.material_slots]
    return found


def _graph(tree: Any) -> Any:
    if tree is None:
        return None
    return sorted(n.name for n in tree.nodes), sorted(
        f"{k.from_node.name}.{k.from_socket.identifier} {k.to_node.name}.{k.to_socket.identifier}" for k in tree.links
    )


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is not as it was."""
    return {k: (before.get(k), after.get(k)) for k in before.keys() | after.keys() if before.get(k) != after.get(k)}


def exr_item(folder: Path, pictures: dict[int, np.ndarray], style: Style = kit.FIRE, **recipe: Any) -> Any:
    """An item that shows scene-linear, premultiplied EXR files of these pictures."""
    import bpy

    from aigc_blender.recipe import Recipe
    from aigc_blender.scene import images, item, shader

    folder.mkdir(parents=True)
    for number, pixels in pictures.items():
        height, width, _ = pixels.shape
        image = bpy.data.images.new("frame", width, height, alpha=True, float_buffer=True, is_data=True)
        image.pixels.foreach_set(np.ascontiguousarray(pixels[::-1], np.float32).ravel())
        image.filepath_raw, image.file_format = str(folder / f"fire.{number:04d}.exr"), "OPEN_EXR"
        image.save()
        bpy.data.images.remove(image)
    group, first = item.new(style.name), min(pictures)
    made = Recipe(style.name, width=width, height=height, **recipe)
    frames = range(first, max(pictures) + 1)
    path = folder / f"fire.{first:04d}.exr"
    shader.show(group, images.load_sequence(path, frames, made, style, "exr", style.name))
    return group


def over_black(path: Path) -> np.ndarray:
    """What a straight PNG looks like over black, as display values."""
    straight = kit.pixels_of(path)
    return kit.encoded(kit.decoded(straight[..., :3]) * straight[..., 3:])


def look(scene: Any, direction: tuple[float, float, float], angle: float) -> None:
    """Turn the scene's camera to a direction, with a horizontal field of view in radians."""
    from mathutils import Vector

    scene.camera.rotation_euler = Vector(direction).to_track_quat("-Z", "Y").to_euler()
    scene.camera.data.angle = angle


def directions(scene: Any) -> np.ndarray:
    """The world direction through the middle of each pixel: float64 (H, W, 3), row 0 at the top."""
    import bpy

    bpy.context.view_layer.update()
    width, height = scene.render.resolution_x, scene.render.resolution_y
    half = math.tan(scene.camera.data.angle / 2)
    x, y = (np.arange(width) + 0.5) / width * 2 - 1, 1 - (np.arange(height) + 0.5) / height * 2
    rays = np.stack([*np.meshgrid(x * half, y * half * height / width), -np.ones((height, width))], axis=-1)
    turned = rays @ np.array(scene.camera.matrix_world.to_3x3()).T
    return turned / np.linalg.norm(turned, axis=-1, keepdims=True)


def bilinear(picture: np.ndarray, u: np.ndarray, v: np.ndarray, *, wrap_v: bool) -> np.ndarray:
    """A picture (row 0 at the top) sampled where u runs to the right and v up, from 0 to 1; u wraps.

    Cycles does so with the display values of 8-bit files.
    """
    height, width, _ = picture.shape
    x, y = u * width - 0.5, v * height - 0.5
    left, low = np.floor(x).astype(int), np.floor(y).astype(int)
    a, b = (x - left)[..., None], (y - low)[..., None]
    upright = picture[::-1]

    def at(column: np.ndarray, row: np.ndarray) -> np.ndarray:
        return upright[row % height if wrap_v else np.clip(row, 0, height - 1), column % width]

    return (at(left, low) * (1 - a) + at(left + 1, low) * a) * (1 - b) + (
        at(left, low + 1) * (1 - a) + at(left + 1, low + 1) * a
    ) * b


@kit.in_blender
def test_every_kind_goes_without_a_trace(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import compat, placements, shader, splice

    for furnished in (False, True):
        scene = kit.empty_scene()
        for group in bpy.data.node_groups:
            bpy.data.node_groups.remove(group)
        group = kit.shown_item(tmp_path / f"{furnished}", GLOW, tile="xy", loop=3)
        group.aigc.tile_x = group.aigc.tile_y = group.aigc.card_light = True
        plane = kit.add_plane()
        if furnished:
            tree = compat.start_compositor(scene)
            scene.pop(compat.COMPOSITOR)
            blur, source = tree.nodes.new("CompositorNodeBlur"), compat.composite_input(tree)
            splice.insert(blur, source, "Image", "Image")
            picture = tmp_path / "plate.0001.png"
            kit.write_sequence(tmp_path, {1: GLOW[1]}, "plate")
            scene.sequence_editor_create().strips.new_image("Theirs", str(picture), 1, 1)
            scene.camera.data.background_images.new()
            scene.camera.data.show_background_images = True
        else:
            bpy.data.worlds.remove(scene.world)
            scene.render.use_compositing = False
        before = state()
        for way in ("plain", "renamed", "deleted"):
            for kind in placements.KINDS:
                placements.place(group, kind, plane, scene)
                once = state()
                placements.place(group, kind, plane, scene)
                assert not differences(once, state()), kind
                assert placements.placed(group, kind)
            placements.refit(group)
            if way == "renamed":
                for name in COLLECTIONS:
                    for block in getattr(bpy.data, name):
                        if block.get("aigc_made"):
                            block.name = "Mine"
            if way == "deleted":
                for thing in [o for o in bpy.data.objects if o.get("aigc_made")]:
                    bpy.data.objects.remove(thing)
                tree = compat.compositor(scene)
                assert tree is not None
                tree.nodes.remove(next(n for n in tree.nodes if n.bl_idname == "CompositorNodeGroup"))
                if furnished:
                    tree.links.new(blur.outputs[0], compat.composite_input(tree))
            for kind in reversed(placements.KINDS):
                placements.remove(group, kind)
                assert not placements.placed(group, kind)
            left = differences(before, state())
            assert not left or (way == "deleted" and not furnished and _spared(left)), (furnished, way, left)
        assert shader.image_of(group) is not None


def _spared(left: dict[str, Any]) -> bool:
    """Nothing but compositing itself, which is no longer known to have been off once its node is deleted."""
    return set(left) == {"Scene scene"} and left["Scene scene"][0][2:] == left["Scene scene"][1][2:]


@kit.in_blender
def test_a_world_is_a_panorama_or_a_dome_by_how_it_tiles(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import images, world

    scene = kit.empty_scene(48, 32)
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0, 1, 0, 1)
    random = np.random.default_rng(3)
    colour = random.uniform(0, 1, (16, 32, 3)).astype(np.float32)
    plates = {1: colour, 2: colour[::-1, ::-1]}
    below = np.array([0, 1, 0])

    plate = kit.shown_item(tmp_path / "x", plates, style=kit.PLATE, tile="x", loop=2)
    plate.aigc.tile_x = True
    world.place(plate, scene)
    for frame, direction in ((1, (1, 0.3, 0.2)), (2, (-1, 0.01, -0.4)), (4, (0.2, 1, 0.9))):
        look(scene, direction, 1.2)
        d = directions(scene)
        u, v = 0.5 - np.arctan2(d[..., 1], d[..., 0]) / (2 * np.pi), np.arcsin(d[..., 2]) / np.pi + 0.5
        texture = kit.pixels_of(images.file_of(_image(plate), 2 - frame % 2))[..., :3]
        expected = bilinear(texture, u, v, wrap_v=False)
        np.testing.assert_allclose(kit.rendered(frame, tmp_path), expected, atol=2 * STEP)
    world.remove(plate)

    veil = np.concatenate([colour * 0.5, np.full((16, 32, 1), 0.5, np.float32)], axis=2)
    clouds = kit.shown_item(tmp_path / "xy", {1: veil}, style=SMOKE, tile="xy")
    clouds.aigc.tile_x = clouds.aigc.tile_y = True
    world.place(clouds, scene)
    straight = kit.pixels_of(tmp_path / "xy" / "fire.0001.png")[..., :3]
    for direction in ((0, 0.01, 1), (1, 0.3, 0.4), (0.5, -1, -0.1)):
        look(scene, direction, 1.0)
        d = directions(scene)
        x, y, z = d[..., 0], d[..., 1], d[..., 2]
        far = 0.5 * (np.sqrt((12 * z) ** 2 + 25) - 12 * z)
        texture = kit.decoded(bilinear(straight, far * x + 0.5, far * y * 2 + 0.5, wrap_v=True))
        alpha = (0.5 * np.clip(z / 0.1, 0, 1))[..., None]
        seen = kit.rendered(1, tmp_path)
        np.testing.assert_allclose(seen, kit.encoded(texture * alpha + (1 - alpha) * below), atol=3 * STEP)
    world.remove(clouds)

    fire = kit.shown_item(tmp_path / "fire", {1: np.dstack([colour, np.ones((16, 32, 1))])}, tile="x")
    fire.aigc.tile_x = True
    bpy.data.worlds.remove(scene.world)
    world.place(fire, scene)
    look(scene, (0, 1, 0.3), 1.0)
    d = directions(scene)
    v = np.arcsin(d[..., 2]) / (np.pi / 2)  # the frames are wider than they are high by less than four
    u = 0.5 - np.arctan2(d[..., 1], d[..., 0]) / (2 * np.pi)
    texture = bilinear(kit.pixels_of(tmp_path / "fire" / "fire.0001.png")[..., :3], u, v, wrap_v=False)
    expected = np.where(d[..., 2:] > 0, texture, 0)
    np.testing.assert_allclose(kit.rendered(1, tmp_path), expected, atol=3 * STEP)


def _image(group: Any) -> Any:
    from aigc_blender.scene import shader

    return shader.image_of(group)


@kit.in_blender
def test_the_compositor_shows_the_pixels_over_the_render(tmp_path: Path) -> None:
    from aigc_blender.scene import compositor, placements, shader

    scene = kit.empty_scene(64, 32)
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0, 0.5, 0, 1)
    wide = {n: kit.picture((0.1 * n, 0.3, 0.8, 1), 64, 32, corner=(0.5, 0.2, 0.1, 0.5)) for n in (1, 2, 3)}
    green = np.array([0, 0.5, 0])
    png = kit.shown_item(tmp_path / "png", wide, loop=3)
    compositor.place(png, scene)
    for frame in (1, 2, 5):
        straight = kit.pixels_of(tmp_path / "png" / f"fire.{(frame - 1) % 3 + 1:04d}.png")
        alpha = straight[..., 3:]
        expected = kit.encoded(kit.decoded(straight[..., :3]) * alpha + green * (1 - alpha))
        np.testing.assert_allclose(kit.rendered(frame, tmp_path), expected, atol=STEP)

    glow = kit.picture((0.1, 0.2, 0.4, 0.0), 64, 32, corner=(0.4, 0.1, 0.0, 0.5))  # light where alpha is 0
    exr = exr_item(tmp_path / "exr", {7: glow})
    shader.show(png, shader.image_of(exr))
    placements.refit(png)
    expected = kit.encoded(glow[..., :3] + green * (1 - glow[..., 3:]))
    np.testing.assert_allclose(kit.rendered(7, tmp_path), expected, atol=STEP)

    square = kit.picture((0, 0, 1, 1), corner=(1, 0, 0, 1))  # covers the width, stands on the lower edge
    shader.show(png, shader.image_of(kit.shown_item(tmp_path / "square", {1: square})))
    placements.refit(png)
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 128, 64, 50
    seen = kit.rendered(1, tmp_path)[1:, :]  # interpolated between both colours in the first row
    np.testing.assert_allclose(seen, np.broadcast_to([0, 0, 1], seen.shape), atol=STEP)
    shader.show(png, shader.image_of(kit.shown_item(tmp_path / "plate", {1: square[..., :3]}, style=kit.PLATE)))
    placements.refit(png)
    seen = kit.rendered(1, tmp_path)  # a plate is centred: its upper half is seen for a quarter of its height
    np.testing.assert_allclose(seen[4, 8], [1, 0, 0], atol=STEP)
    np.testing.assert_allclose(seen[28, 8], [0, 0, 1], atol=STEP)


@kit.in_blender
def test_a_camera_background_is_set_in_every_field_and_follows(tmp_path: Path) -> None:
    from aigc_blender.scene import camera_background, images, placements, shader

    scene = kit.empty_scene()
    camera = scene.camera.data
    group = kit.shown_item(tmp_path / "a", dict.fromkeys(range(17, 23), GLOW[1]), loop=6)
    camera_background.place(group, scene)
    longer = kit.shown_item(tmp_path / "b", dict.fromkeys(range(1001, 1004), GLOW[1]))
    for first, expected in ((17, (17, 6, 16, True, True)), (1001, (1002, 2, 1001, False, True))):
        (background,) = camera.background_images
        user = background.image_user
        fields = user.frame_start, user.frame_duration, user.frame_offset, user.use_cyclic, user.use_auto_refresh
        assert fields == expected
        assert (background.source, background.image) == ("IMAGE", shader.image_of(group))
        assert (background.frame_method, background.display_depth, background.alpha) == ("CROP", "BACK", 1.0)
        assert background.show_background_image
        assert camera.show_background_images
        assert images.frames_of(background.image).start == first
        shader.show(group, shader.image_of(longer))
        placements.refit(group)
    image = background.image
    users = image.users
    camera_background.remove(group)
    assert image.users == users - 2  # the background, and what the camera notes of it


@kit.in_blender
def test_what_cannot_be_placed_is_refused_in_one_sentence_and_defaults_fit(tmp_path: Path) -> None:
    import bpy
    import pytest

    from aigc_blender.errors import SceneError
    from aigc_blender.scene import placements, shader

    scene = kit.empty_scene()
    group = kit.shown_item(tmp_path / "aigc", GLOW)
    scene.aigc_item = group
    with pytest.raises(SceneError, match="seam"):
        placements.check(group, frozenset({"WORLD"}), None, scene)
    group.aigc.tile_x = True
    placements.check(group, frozenset({"WORLD"}), None, scene)
    assert "Tile X" in kit.refusal(lambda: bpy.ops.aigc.place(kind="WORLD"))  # what was made is not what is set
    scene.camera = None
    assert "no camera" in kit.refusal(lambda: bpy.ops.aigc.place(kind="CAMERA_BACKGROUND"))
    assert placements.default(kit.FIRE, None) == "CARD"
    assert placements.default(kit.PLATE, None) == "BACKDROP"
    assert placements.default(kit.PLATE, kit.add_plane()) == "MATERIAL"

    scene.camera = next(o for o in scene.objects if o.type == "CAMERA")
    for kind in ("CARD", "COMPOSITOR", "CAMERA_BACKGROUND"):
        placements.place(group, kind, None, scene)
    blend = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(blend, link=True) as (theirs, ours):
        ours.scenes = list(theirs.scenes)
    (linked,) = [s for s in bpy.data.scenes if s.library]
    (foreign,) = [g for g in bpy.data.node_groups if g.library and g.aigc.uuid]
    for call in (placements.place, lambda g, k, _t, _s: placements.remove(g, k)):
        with pytest.raises(SceneError, match="linked"):
            call(foreign, "CARD", None, bpy.context.scene)
    local = kit.shown_item(tmp_path / "local", GLOW, tile="x")
    local.aigc.tile_x = True
    for kind in set(placements.KINDS) - {"MATERIAL"}:
        with pytest.raises(SceneError, match="linked"):
            placements.place(local, kind, None, linked)
    assert shader.image_of(foreign) is not None
