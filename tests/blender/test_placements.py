# SPDX-License-Identifier: GPL-3.0-or-later
"""Placements: what the camera sees are the files' own pixels, and what is removed leaves no trace."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from tests.blender import kit
from tests.blender.test_placements_scene import differences, state

GLOW = {n: kit.picture((0.1 * n, 0.3, 0.8, 1), corner=(0.5, 0.2, 0.1, 0.5)) for n in (1, 2, 3)}
STEP = 2.5 / 255  # of a display value: rounding in the file, in the shader and in the rendered picture


def file_inventory() -> dict[str, list[str]]:
    """Names of everything in the file that a placement could add to."""
    import bpy

    kinds = ("objects", "meshes", "materials", "node_groups", "images", "worlds", "cameras", "actions")
    found = {kind: sorted(b.name for b in getattr(bpy.data, kind)) for kind in kinds}
    for material in bpy.data.materials:
        tree = material.node_tree if material.use_nodes else None
        found[f"nodes of {material.name}"] = sorted(n.name for n in tree.nodes) if tree else ["no nodes"]
        links = tree.links if tree else ()
        found[f"links of {material.name}"] = sorted(
            f"{link.from_node.name}.{link.from_socket.name} {link.to_node.name}.{link.to_socket.name}" for link in links
        )
    for thing in bpy.data.objects:
        found[f"slots of {thing.name}"] = [s.material.name if s.material else "" for s in thing.material_slots]
    return found


@kit.in_blender
def test_a_material_shows_each_files_pixels_over_nothing(tmp_path: Path) -> None:
    from aigc_blender.scene import material

    kit.empty_scene()
    group = kit.shown_item(tmp_path, GLOW)
    material.place(group, kit.add_plane())
    for frame in (1, 2):
        straight = kit.pixels_of(tmp_path / f"fire.{frame:04d}.png")
        expected = kit.encoded(kit.decoded(straight[..., :3]) * straight[..., 3:])
        np.testing.assert_allclose(kit.rendered(frame, tmp_path), expected, atol=STEP)


@kit.in_blender
def test_the_surface_below_shows_where_the_element_is_transparent(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import material

    kit.empty_scene()
    plane = kit.add_plane()
    below = bpy.data.materials.new("Below")
    if bpy.app.version < (5, 0, 0):
        below.use_nodes = True
    tree = below.node_tree
    lamp = tree.nodes.new("ShaderNodeEmission")
    lamp.inputs["Color"].default_value = (0.0, 1.0, 0.0, 1)
    tree.links.new(lamp.outputs[0], tree.nodes["Material Output"].inputs["Surface"])
    plane.data.materials.append(below)
    material.place(kit.shown_item(tmp_path, GLOW), plane)
    straight = kit.pixels_of(tmp_path / "fire.0001.png")
    alpha = straight[..., 3:]
    expected = kit.encoded(kit.decoded(straight[..., :3]) * alpha + (1 - alpha) * np.array([0, 1, 0]))
    np.testing.assert_allclose(kit.rendered(1, tmp_path), expected, atol=STEP)


@kit.in_blender
def test_an_opaque_plate_is_plain_emission(tmp_path: Path) -> None:
    from aigc_blender.scene import material

    kit.empty_scene()
    plates = {5: kit.picture((0.2, 0.6, 0.9), corner=(1.0, 0.0, 0.3))}
    group = kit.shown_item(tmp_path, plates, style=kit.PLATE)
    material.place(group, kit.add_plane())
    assert not any(n.bl_idname == "ShaderNodeAddShader" for n in group.nodes)
    np.testing.assert_allclose(kit.rendered(5, tmp_path), plates[5], atol=STEP)


@kit.in_blender
def test_a_loop_repeats_and_other_sequences_hold_their_first_and_last_frame(tmp_path: Path) -> None:
    from aigc_blender.scene import material, shader

    kit.empty_scene()
    pictures = {n: kit.picture((0.1 * (n - 1000), 0.3, 0.8, 1)) for n in (1001, 1002, 1003)}
    looped = kit.shown_item(tmp_path / "a", pictures, loop=3)
    plane = kit.add_plane()
    material.place(looped, plane)
    for frame, shown in ((1002, 1002), (1004, 1001), (1009, 1003)):
        np.testing.assert_allclose(kit.rendered(frame, tmp_path)[0, 0, 0], 0.1 * (shown - 1000), atol=STEP)
    endless = kit.shown_item(tmp_path / "b", pictures)
    shader.show(looped, shader.image_of(endless))  # the material stays, what it shows changes
    for frame, shown in ((1009, 1003), (1002, 1002), (1001, 1001), (1000, 1001), (3, 1001)):
        np.testing.assert_allclose(kit.rendered(frame, tmp_path)[0, 0, 0], 0.1 * (shown - 1000), atol=STEP)
    still = kit.shown_item(tmp_path / "c", {1001: pictures[1002]})
    shader.show(looped, shader.image_of(still))
    for frame in (3, 1001, 1009):
        np.testing.assert_allclose(kit.rendered(frame, tmp_path)[0, 0, 0], 0.2, atol=STEP)


@kit.in_blender
def test_it_is_known_which_file_blender_shows_wherever_a_user_moved_it(tmp_path: Path) -> None:
    from aigc_blender.scene import images, material, shader

    kit.empty_scene(4, 4)
    group = kit.shown_item(tmp_path / "a", {n: kit.picture((0.1 * n, 0.3, 0.8, 1)) for n in range(1, 10)})
    material.place(group, kit.add_plane())
    texture = shader.texture_of(group)
    assert texture
    user = texture.image_user
    for start, count, offset, cyclic in ((3, 4, 2, True), (3, 4, 2, False), (-2, 3, 1, True), (2, 8, 1, False)):
        user.frame_start, user.frame_duration, user.frame_offset, user.use_cyclic = start, count, offset, cyclic
        for frame in (0, 1, 2, 3, 5, 6, 7, 12):
            shown = kit.rendered(frame, tmp_path)[0, 0, 0]
            assert round(float(shown) / 0.1) == images.number_at(user, frame), (start, count, offset, cyclic, frame)


@kit.in_blender
def test_every_field_of_the_image_user_is_set(tmp_path: Path) -> None:
    pictures = {n: kit.picture((0.1, 0.3, 0.8, 1)) for n in range(17, 23)}
    for loop, folder in ((None, "a"), (6, "b")):
        group = kit.shown_item(tmp_path / folder, pictures, loop=loop)
        user = next(n for n in group.nodes if n.bl_idname == "ShaderNodeTexImage").image_user
        fields = user.frame_start, user.frame_duration, user.frame_offset, user.use_cyclic, user.use_auto_refresh
        assert fields == ((17, 6, 16, True, True) if loop else (18, 5, 17, False, True))


@kit.in_blender
def test_a_tile_repeats_along_its_axis_alone(tmp_path: Path) -> None:
    """The bright base of a fire must not bleed into the top edge of its texture."""
    from aigc_blender.scene import material

    kit.empty_scene(64, 64)
    base = kit.picture((0.0, 0.0, 0.0, 0.0))
    base[-1] = (1, 1, 1, 1)
    group = kit.shown_item(tmp_path, {1: base}, tile="x")
    plane = kit.add_plane()
    plane.data.uv_layers[0].data.foreach_set("uv", [0, 0, 2, 0, 2, 1, 0, 1])
    material.place(group, plane)
    seen = kit.rendered(1, tmp_path)
    assert seen[0].max() == 0
    np.testing.assert_allclose(seen[-1], 1, atol=STEP)


def corners(scene: Any, plane: Any) -> np.ndarray:
    """Left, bottom, right and top edge of a plane in the camera's view, whose own are 0, 0, 1, 1."""
    import bpy
    from bpy_extras.object_utils import world_to_camera_view

    bpy.context.view_layer.update()
    evaluated = plane.evaluated_get(bpy.context.evaluated_depsgraph_get())
    seen = [world_to_camera_view(scene, scene.camera, evaluated.matrix_world @ v.co) for v in plane.data.vertices]
    return np.array([seen[0].x, seen[0].y, seen[2].x, seen[2].y])


@kit.in_blender
def test_a_backdrop_fills_the_view_whatever_the_camera(tmp_path: Path) -> None:
    from aigc_blender.scene import backdrop

    for (width, height), kind in itertools.product(((64, 36), (36, 64), (48, 48)), ("PERSP", "ORTHO")):
        scene = kit.empty_scene(width, height)
        group = kit.shown_item(tmp_path / f"{width}{kind}", {1: kit.picture((1, 0, 0, 1), width, height)})
        plane = backdrop.place(group, scene)
        camera = scene.camera.data
        camera.type, camera.ortho_scale, camera.sensor_height = kind, 3.0, 20.0
        scene.camera.location = (3, -2, 1)
        for fit, lens, shift in itertools.product(("AUTO", "HORIZONTAL", "VERTICAL"), (18, 85), (0.0, 0.3)):
            camera.sensor_fit, camera.lens, camera.shift_x, camera.shift_y = fit, lens, shift, -shift
            np.testing.assert_allclose(corners(scene, plane), [0, 0, 1, 1], atol=1e-4)
        plane["distance"] = 33.0
        np.testing.assert_allclose(corners(scene, plane), [0, 0, 1, 1], atol=1e-4)
        assert all(c.driver.is_simple_expression for c in plane.animation_data.drivers)  # they run without permission


@kit.in_blender
def test_a_backdrop_keeps_its_aspect_and_stands_on_the_lower_edge(tmp_path: Path) -> None:
    from aigc_blender.scene import backdrop

    scene = kit.empty_scene(64, 32)
    fire = kit.shown_item(tmp_path / "a", {1: kit.picture((1, 0, 0, 1), 32, 32)})
    plate = kit.shown_item(tmp_path / "b", {1: kit.picture((1, 0, 0), 32, 32)}, style=kit.PLATE)
    np.testing.assert_allclose(corners(scene, backdrop.place(fire, scene)), [0, 0, 1, 2], atol=1e-4)
    np.testing.assert_allclose(corners(scene, backdrop.place(plate, scene)), [0, -0.5, 1, 1.5], atol=1e-4)


@kit.in_blender
def test_a_backdrop_shows_the_pixels_behind_what_is_in_front_and_lights_nothing(tmp_path: Path) -> None:
    from aigc_blender.scene import backdrop

    scene = kit.empty_scene()
    group = kit.shown_item(tmp_path, GLOW)
    plane = backdrop.place(group, scene)
    straight = kit.pixels_of(tmp_path / "fire.0002.png")
    expected = kit.encoded(kit.decoded(straight[..., :3]) * straight[..., 3:])
    np.testing.assert_allclose(kit.rendered(2, tmp_path), expected, atol=STEP)
    kit.add_plane("In front")  # white and unlit
    assert plane.matrix_world.translation.y > 1
    assert kit.rendered(2, tmp_path).max() == 0


@kit.in_blender
def test_a_panoramic_camera_is_refused(tmp_path: Path) -> None:
    import pytest

    from aigc_blender.errors import SceneError
    from aigc_blender.scene import backdrop

    scene = kit.empty_scene()
    group = kit.shown_item(tmp_path, GLOW)
    scene.camera.data.type = "PANO"
    with pytest.raises(SceneError, match="flat view"):
        backdrop.place(group, scene)
    scene.camera = None
    with pytest.raises(SceneError, match="no camera"):
        backdrop.place(group, scene)


@kit.in_blender
def test_what_is_removed_leaves_no_trace(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import backdrop, material

    scene = kit.empty_scene()
    group = kit.shown_item(tmp_path, GLOW)
    kit.add_plane("Bare")
    kit.add_plane("Slot").data.materials.append(None)
    kit.add_plane("Plain").data.materials.append(bpy.data.materials.new("Plain"))
    surfaced = bpy.data.materials.new("Surfaced")
    if bpy.app.version < (5, 0, 0):
        surfaced.use_nodes = True
    kit.add_plane("Surfaced").data.materials.append(surfaced)
    hollow = surfaced.copy()
    hollow.name = "Hollow"
    hollow.node_tree.nodes.clear()
    kit.add_plane("Hollow").data.materials.append(hollow)

    before = file_inventory()
    for name in ("Bare", "Slot", "Plain", "Surfaced", "Hollow"):
        material.place(group, bpy.data.objects[name])
        material.place(group, bpy.data.objects[name])  # once more changes nothing
    backdrop.place(group, scene)
    assert backdrop.place(group, scene) == backdrop.places(group)[0]
    assert len(material.places(group)) == 5
    assert file_inventory() != before
    material.remove(group)
    backdrop.remove(group)
    after = file_inventory()
    assert after == before, {k: (before.get(k), v) for k, v in after.items() if before.get(k) != v}


@kit.in_blender
def test_objects_that_cannot_take_a_texture_are_refused(tmp_path: Path) -> None:
    import bpy
    import pytest

    from aigc_blender.errors import SceneError
    from aigc_blender.scene import material

    scene = kit.empty_scene()
    group = kit.shown_item(tmp_path, GLOW)
    bare = kit.add_plane()
    bare.data.uv_layers.remove(bare.data.uv_layers[0])
    for target, why in ((None, "no active object"), (scene.camera, "no surface"), (bare, "no UV map")):
        with pytest.raises(SceneError, match=why):
            material.place(group, target)
    assert not bpy.data.materials


@kit.in_blender
def test_of_two_elements_in_one_place_either_goes_alone(tmp_path: Path) -> None:
    """What is seen then is the other one, as if it had always been alone, and without both all is as it was."""
    import bpy

    from aigc_blender.scene import compat, placements

    for kind, below in (
        ("MATERIAL", "nothing"),
        ("MATERIAL", "no nodes"),
        ("MATERIAL", "no output"),
        ("WORLD", "nothing"),
        ("WORLD", "no nodes"),
        ("COMPOSITOR", "nothing"),
    ):
        scene = kit.empty_scene()
        light = 0.0 if below == "no nodes" else 1.0  # one sample of a lit surface is noise
        scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (light, light, light, 1)
        scene.render.use_compositing = False
        plane = kit.add_plane()
        if kind == "WORLD":
            scene.camera.rotation_euler.x = np.pi  # to the zenith
            bpy.data.worlds.remove(scene.world)
            scene.world = bpy.data.worlds.new("Plain") if below == "no nodes" else None
        elif below != "nothing":
            plane.data.materials.append(bpy.data.materials.new("Plain"))
        if below == "no output":
            compat.use_nodes(plane.active_material)
            plane.active_material.node_tree.nodes.clear()
        if kind == "COMPOSITOR":
            bpy.data.objects.remove(plane)
            plane = None
        pictures = kit.picture((0.4, 0, 0, 0.5)), kit.picture((0, 0, 0.2, 0.3))
        two = [kit.shown_item(tmp_path / f"{kind}{below}{n}", {1: p}, tile="xy") for n, p in enumerate(pictures)]
        kit.rendered(1, tmp_path)  # its result is an image in the file
        before, alone = state(), {}
        for group in two:
            group.aigc.tile_x = group.aigc.tile_y = True
            placements.place(group, kind, plane, scene)
            alone[group] = kit.rendered(1, tmp_path)
            placements.remove(group, kind)
            assert not differences(before, state()), (kind, below)
        for first, last in (two, two[::-1]):
            for group in two:
                placements.place(group, kind, plane, scene)
            placements.remove(first, kind)
            assert placements.placed(last, kind), (kind, below)
            np.testing.assert_allclose(kit.rendered(1, tmp_path), alone[last], atol=STEP, err_msg=f"{kind} {below}")
            placements.remove(last, kind)
            assert not differences(before, state()), (kind, below)


@kit.in_blender
def test_a_plane_that_shows_an_element_takes_no_other(tmp_path: Path) -> None:
    import bpy
    import pytest

    from aigc_blender.errors import SceneError
    from aigc_blender.scene import placements

    scene = kit.empty_scene()
    fire = kit.shown_item(tmp_path / "fire", GLOW)
    plate = kit.shown_item(tmp_path / "plate", {1: kit.picture((0.1, 0.2, 0.9))}, style=kit.PLATE)
    for kind in ("CARD", "BACKDROP"):
        placements.place(fire, kind, None, scene)
        (plane,) = [thing for thing in bpy.data.objects if thing.get("aigc_made") == kind]
        before = state()
        for group in (fire, plate):
            with pytest.raises(SceneError, match=f"Object {plane.name} was made to show an element alone"):
                placements.place(group, "MATERIAL", plane, scene)
        assert not differences(before, state())
        assert placements.default(kit.PLATE, plane) == "BACKDROP"


@kit.in_blender
def test_what_a_user_built_behind_an_element_stays_when_that_goes(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import placements

    for kind, below in itertools.product(("MATERIAL", "WORLD"), ("nothing", "no nodes")):
        scene, plane = kit.empty_scene(), kit.add_plane()
        if kind == "WORLD":
            bpy.data.objects.remove(plane)
            plane, scene.world = None, bpy.data.worlds.new("Plain") if below == "no nodes" else None
        elif below == "no nodes":
            plane.data.materials.append(bpy.data.materials.new("Plain"))
        group = kit.shown_item(tmp_path / f"{kind}{below}", {1: kit.picture((0.4, 0, 0, 0.5))}, tile="xy")
        group.aigc.tile_x = group.aigc.tile_y = True
        scene.camera.rotation_euler.x = np.pi if kind == "WORLD" else np.pi / 2
        placements.place(group, kind, plane, scene)
        tree = (scene.world if kind == "WORLD" else plane.active_material).node_tree
        node = next(n for n in tree.nodes if n.bl_idname == "ShaderNodeGroup")
        glow = tree.nodes.new("ShaderNodeBackground" if kind == "WORLD" else "ShaderNodeEmission")
        glow.inputs["Color"].default_value = (0, 1, 0, 1)
        hue = tree.nodes.new("ShaderNodeHueSaturation")  # to cyan
        hue.inputs["Hue"].default_value, hue.inputs["Color"].default_value = 0.5 + 1 / 6, (0, 1, 0, 1)
        tree.links.new(hue.outputs[0], glow.inputs["Color"])
        tree.links.new(glow.outputs[0], node.inputs["Behind"])
        for _ in range(2):
            placements.remove(group, kind)
            seen = kit.rendered(1, tmp_path)
            np.testing.assert_allclose(seen, np.broadcast_to([0, 1, 1], seen.shape), atol=STEP, err_msg=kind + below)
            placements.place(group, kind, plane, scene)
        assert kit.rendered(1, tmp_path)[16, 16, 0] > 0.3
        tree.nodes.remove(hue)
        tree.links.remove(glow.outputs[0].links[0])
        placements.remove(group, kind)
        assert glow in set(tree.nodes), kind + below
