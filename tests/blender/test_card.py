# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards: where they stand, what they face, how they glow and light, and what hides them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from tests.blender import kit
from tests.blender.test_placements_scene import GLOW, SMOKE, STEP, exr_item, look, over_black


@kit.in_blender
def test_a_card_stands_at_the_cursor_and_faces_the_camera(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import card, shader

    scene = kit.empty_scene(32, 32)
    scene.cursor.location = (3, 4, 0)
    fire = kit.shown_item(tmp_path / "a", GLOW)
    fire.aigc.card_height = 1.5
    stands = card.place(fire, scene)
    scene.camera.location, scene.camera.data.type, scene.camera.data.ortho_scale = (8, -1, 0.75), "ORTHO", 1.5
    look(scene, (-1, 1, 0), 1)
    for frame in (1, 3):  # seen square on, though it was made facing -y
        expected = over_black(tmp_path / "a" / f"fire.{frame:04d}.png")
        np.testing.assert_allclose(kit.rendered(frame, tmp_path), expected, atol=STEP)
    assert not stands.visible_shadow
    corners = np.array([v.co for v in stands.data.vertices])
    np.testing.assert_allclose([corners.min(0), corners.max(0)], [[-0.75, 0, 0], [0.75, 0, 1.5]], atol=1e-6)

    fire.aigc.card_faces_camera = False
    bpy.context.view_layer.update()
    assert not stands.constraints
    np.testing.assert_allclose(stands.matrix_world, np.array(stands.matrix_basis), atol=1e-6)
    fire.aigc.card_height = 3.0
    wide = kit.shown_item(tmp_path / "b", {1: kit.picture((1, 0, 0, 1), 64, 32)}, style=SMOKE)
    shader.show(fire, shader.image_of(wide))
    card.refit(fire)
    corners = np.array([v.co for v in stands.data.vertices])
    np.testing.assert_allclose([corners.min(0), corners.max(0)], [[-3, 0, -1.5], [3, 0, 1.5]], atol=1e-6)
    assert stands.visible_shadow


@kit.in_blender
def test_eevee_keeps_a_cards_glow(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import card

    scene = kit.empty_scene()
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0, 0.5, 0, 1)
    scene.render.engine = "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"
    scene.eevee.taa_render_samples = 1
    glow = kit.picture((0.1, 0.2, 0.4, 0.0), corner=(0.4, 0.1, 0.0, 0.5))
    group = exr_item(tmp_path / "exr", {4: glow})
    stands = card.place(group, scene)
    scene.camera.data.type, scene.camera.data.ortho_scale = "ORTHO", group.aigc.card_height
    stands.location = (0, 3, -group.aigc.card_height / 2)
    seen = kit.rendered(4, tmp_path)
    expected = kit.encoded(glow[..., :3] + np.array([0, 0.5, 0]) * (1 - glow[..., 3:]))
    np.testing.assert_allclose(seen[20:30, 20:30], expected[20:30, 20:30], atol=STEP)
    np.testing.assert_allclose(seen[2:12, 2:12], expected[2:12, 2:12], atol=STEP)


@kit.in_blender
def test_a_cards_light_is_as_bright_as_its_frames(tmp_path: Path) -> None:
    """And lights a wall as the card's own emission does in Cycles."""
    import bpy

    from aigc_blender.scene import card, compat
    from aigc_blender.scene.brightness import LUMINANCE

    scene = kit.empty_scene(8, 8)
    dark, bright = kit.picture((0.2, 0.1, 0.0, 0.2)), kit.picture((1.0, 0.5, 0.0, 1))
    group = kit.shown_item(tmp_path, {11: dark, 12: bright, 13: dark}, loop=3)
    group.aigc.card_light, group.aigc.card_faces_camera, group.aigc.card_height = True, False, 0.5
    stands = card.place(group, scene)
    (lamp,) = stands.children
    (curve,) = compat.fcurves(lamp.data)
    for frame, picture in ((11, dark), (12, bright), (13, dark), (15, bright), (26, dark)):
        watts = 2 * math.pi * 0.5**2 * kit.decoded(picture[0, 0, :3])
        given = curve.evaluate(frame) * np.array(lamp.data.color) @ LUMINANCE
        np.testing.assert_allclose(given, watts @ LUMINANCE, rtol=0.03)
    np.testing.assert_allclose(lamp.location, (0, 0, 0.25), atol=1e-3)

    wall = kit.add_plane("Wall")
    for vertex in wall.data.vertices:
        vertex.co = (vertex.co.x, 3, vertex.co.z)
    wall.data.materials.append(bpy.data.materials.new("White"))
    wall.data.materials[0].use_nodes = True
    wall.data.materials[0].node_tree.nodes["Principled BSDF"].inputs["Specular IOR Level"].default_value = 0
    stands.location.z = -0.25
    stands.visible_camera = False
    scene.camera.location.y = 2
    scene.cycles.samples = 256
    lit = kit.decoded(kit.rendered(12, tmp_path))
    group.aigc.card_light = False
    assert not stands.children
    assert not bpy.data.lights
    assert not bpy.data.actions
    own = kit.decoded(kit.rendered(12, tmp_path))
    np.testing.assert_allclose(lit.mean((0, 1))[:2] * 2, own.mean((0, 1))[:2], rtol=0.12)  # a card gives most ahead


@kit.in_blender
def test_a_cards_light_follows_other_frames_in_the_same_folder(tmp_path: Path) -> None:
    from aigc_blender.scene import card, shader

    scene, group = kit.empty_scene(), kit.shown_item(tmp_path, {1: kit.picture((1, 0, 0, 1))}, seed=1)
    group.aigc.card_light = True
    light = card.place(group, scene).children[0].data
    before = light.energy
    darker = kit.shown_item(tmp_path, {1: kit.picture((0.5, 0, 0, 1))}, seed=2)
    shader.show(group, shader.image_of(darker))
    card.refit(group)
    np.testing.assert_allclose(light.energy, before * kit.decoded(np.array(0.5)), rtol=0.03)
    light.energy = 7.0
    card.refit(group)
    assert light.energy == 7.0  # the same frames are not measured again


@kit.in_blender
def test_a_cards_light_keeps_pace_with_its_frames_under_a_frame_map(tmp_path: Path) -> None:
    """Blender maps the time of keyframes, and not that of pictures."""
    import bpy

    from aigc_blender.scene import card, placements

    scene = kit.empty_scene()
    pictures = {n: kit.picture((0.15 * n, 0.15 * n, 0.15 * n, 1.0)) for n in range(1, 7)}
    group = kit.shown_item(tmp_path / "a", pictures)
    group.aigc.card_light = True
    light = card.place(group, scene).children[0].data

    def energies() -> list[float]:
        found = []
        for frame in range(1, 7):
            scene.frame_set(frame)
            found.append(light.evaluated_get(bpy.context.evaluated_depsgraph_get()).energy)
        return found

    plain = energies()
    assert plain == sorted(set(plain))
    for new in (200, 50):
        scene.render.frame_map_new = new
        placements.refit(group)
        np.testing.assert_allclose(energies(), plain, rtol=1e-4)


@kit.in_blender
def test_a_card_inside_something_is_told_of(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import placements

    scene = kit.empty_scene()
    group = kit.shown_item(tmp_path, GLOW)

    def told(size: float, location: tuple[float, float, float], *, flat: bool = False) -> str | None:
        add = bpy.ops.mesh.primitive_plane_add if flat else bpy.ops.mesh.primitive_cube_add
        add(size=size, location=location)
        crate = bpy.context.object
        crate.name = "Crate"
        bpy.context.view_layer.update()
        warning = placements.place(group, "CARD", None, scene)
        placements.remove(group, "CARD")
        bpy.data.objects.remove(crate)
        return warning

    scene.cursor.location = (1, 2, 3)
    text = told(2, (1, 2, 3))  # as the first cube of a new file
    assert text is not None
    assert "stands inside Crate" in text
    assert ";" in text
    assert told(2, (1, 2, 3), flat=True) is None  # a floor
    assert told(2, (3, 2, 3)) is None  # beside it
    assert told(20, (1, 2, 3)) is None  # a room
    assert placements.place(group, "CARD", None, scene) is None
