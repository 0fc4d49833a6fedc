# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyframes, drivers and all else that animates an item become the tracks of its recipe, and come back from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.blender import kit
from tests.blender.test_items import new_item


def key(group: Any, path: str, values: dict[int, float]) -> Any:
    """Keyframes of a setting, straight from one to the next; gives the F-curve."""
    from aigc_blender.scene import compat

    owner, name = (group.aigc, path.removeprefix("aigc.")) if path.startswith("aigc.") else (group, path[2:-2])
    for frame, value in values.items():
        if owner == group:
            group[name] = value
        else:
            setattr(owner, name, value)
        assert group.keyframe_insert(path, frame=frame)
    curve = next(c for c in compat.fcurves(group) if c.data_path == path)
    for point in curve.keyframe_points:
        point.interpolation = "LINEAR"
    return curve


def track(recipe: Any, name: str = "height") -> Any:
    """A control's track."""
    from aigc_blender.recipe import Track

    value = recipe.controls[name]
    assert isinstance(value, Track)
    return value


def shown(group: Any, frames: range) -> list[float]:
    """What Blender itself shows of the control: the item's values as an object's material is drawn with it."""
    import bpy

    plane, material, scene = kit.add_plane(), bpy.data.materials.new("Shows"), bpy.context.scene
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    material.node_tree.nodes.new("ShaderNodeGroup").node_tree = group
    plane.data.materials.append(material)
    for block in (*bpy.data.actions, group):
        block.update_tag()  # as a change in the window does
    values, before = [], scene.frame_current
    for frame in frames:
        scene.frame_set(frame)
        values.append(group.evaluated_get(bpy.context.evaluated_depsgraph_get())["height"])
    scene.frame_set(before)
    bpy.data.objects.remove(plane)
    bpy.data.materials.remove(material)
    return [min(max(v, 0.0), 1.0) for v in values]


@kit.in_blender
def test_whatever_animates_a_control_is_baked_as_blender_shows_it(tmp_path: Path) -> None:  # noqa: ARG001
    import bpy
    import pytest

    from aigc_blender.scene import baking, item

    scene, group = new_item(1, 30)
    frames = range(1, 31)

    def check(*, plain: bool, varied: bool = True) -> None:
        expected = shown(group, frames)
        assert (len(set(expected)) > 3) == varied
        assert baking.is_plain(group, '["height"]', scene) == plain
        got = list(track(item.recipe(group, scene, kit.FIRE)).values)
        assert got == pytest.approx(expected, abs=1e-6), (got, expected)

    curve = key(group, '["height"]', {1: 0.1, 11: 0.9})
    check(plain=True)
    curve.modifiers.new("CYCLES")
    check(plain=False)
    curve.modifiers.new("NOISE").strength = 0.4
    check(plain=False)
    curve.mute = True
    group["height"] = 0.35
    check(plain=False, varied=False)
    curve.mute = False
    scene.render.frame_map_new = 200
    check(plain=False)
    scene.render.frame_map_new = 100
    animation = group.animation_data
    strip = animation.nla_tracks.new().strips.new("Strip", 5, animation.action)
    if strip.action_slot is None:
        strip.action_slot = animation.action_slot
    animation.action = None
    strip.scale = 2.0
    check(plain=False)
    group.animation_data_clear()

    empty = bpy.data.objects.new("Empty", None)  # in no scene
    for frame, x in ((1, 0.0), (30, 1.0)):
        empty.location.x = x
        empty.keyframe_insert("location", index=0, frame=frame)
    driver = group.driver_add('["height"]').driver
    variable = driver.variables.new()
    variable.name, variable.targets[0].id, variable.targets[0].data_path = "x", empty, "location.x"
    driver.expression = "0.2 + 0.7 * x"
    check(plain=False)


@kit.in_blender
def test_a_driver_that_reads_the_scene_is_baked_as_it_is_shown(tmp_path: Path) -> None:  # noqa: ARG001
    """Its time, a number of its own, one that is keyed, and the scene that is active, wherever the playhead stands."""
    import pytest

    from aigc_blender.scene import item

    scene, group = new_item(1, 8)
    scene["still"], scene["wind"] = 3, 0.0
    for frame, wind in ((1, 0.0), (9, 0.8)):
        scene["wind"] = wind
        scene.keyframe_insert('["wind"]', frame=frame)
    driver = group.driver_add('["height"]').driver
    driver.expression = "x / 100"
    for kind, path in (
        ("SINGLE_PROP", "frame_current"),
        ("SINGLE_PROP", '["still"]'),
        ("SINGLE_PROP", '["wind"]'),
        ("CONTEXT_PROP", '["wind"]'),
    ):
        variable = driver.variables.new()
        variable.name, variable.type = "x", kind
        if kind == "SINGLE_PROP":
            variable.targets[0].id_type, variable.targets[0].id = "SCENE", scene
        variable.targets[0].data_path = path
        expected = shown(group, range(1, 9))
        assert (len(set(expected)) == 1) == ("still" in path)
        scene.frame_set(4)
        assert track(item.recipe(group, scene, kit.FIRE)).values == pytest.approx(expected), (kind, path)
        driver.variables.remove(variable)


@kit.in_blender
def test_baking_leaves_everything_as_it_was(tmp_path: Path) -> None:  # noqa: ARG001
    import bpy
    import pytest

    from aigc_blender.errors import RecipeError
    from aigc_blender.recipe import Recipe, Track
    from aigc_blender.scene import item

    scene, group = new_item(1, 8)
    scene.frame_set(5)
    heard: list[int] = []
    handlers = bpy.app.handlers.frame_change_post
    handlers.append(lambda scene, *_: heard.append(scene.frame_current))
    listening = list(handlers)
    driver = group.driver_add('["height"]').driver
    driver.expression = "frame / 100"
    group["height"] = 0.77
    blocks = {name: [b.name for b in getattr(bpy.data, name)] for name in ("scenes", "worlds", "node_groups")}
    baked = item.recipe(group, scene, kit.FIRE)
    assert track(baked).values == pytest.approx([n / 100 for n in range(1, 9)])
    assert group["height"] == pytest.approx(0.77)
    assert scene.frame_current == 5
    assert not heard
    assert handlers[:] == listening
    assert {name: [b.name for b in getattr(bpy.data, name)] for name in blocks} == blocks
    assert group.users == 1

    given = Recipe("fire", controls={"height": Track(1, (0.5, 0.6))})
    assert track(item.recipe(group, scene, kit.FIRE, given)).values == (0.5, 0.6)  # nothing was evaluated
    variable = driver.variables.new()
    variable.name, variable.targets[0].id_type, variable.targets[0].id = "x", "SCENE", scene
    variable.targets[0].data_path = "nonsense"
    driver.expression = "x"
    with pytest.raises(RecipeError, match="does not work"):
        item.recipe(group, scene, kit.FIRE)
    assert len(bpy.data.scenes) == 1
    assert handlers[:] == listening
    handlers.clear()


@kit.in_blender
def test_motion_is_baked_so_that_another_range_changes_no_frame(tmp_path: Path) -> None:  # noqa: ARG001
    import pytest

    from aigc_blender.errors import RecipeError
    from aigc_blender.recipe import Track
    from aigc_blender.scene import item

    scene, group = new_item(11, 20)
    settings = group.aigc
    assert settings.start == 11
    settings.shutter, settings.use_seed_b, settings.seed_b = 0.5, True, 7
    key(group, "aigc.speed", {11: 0.0, 31: 2.0})
    key(group, "aigc.pan_x", {11: 0.0, 31: 40.0})
    key(group, "aigc.seed_blend", {12: 0.0, 18: 1.0})
    before = item.recipe(group, scene, kit.FIRE)
    assert isinstance(before.speed, Track)
    assert before.speed.first == 11
    assert before.speed.at(15) == pytest.approx(0.4)
    assert before.pan[0].at(16) == pytest.approx(10.0)  # type: ignore[union-attr]
    assert (before.seed_b, before.shutter) == (7, 0.5)
    for first, last in ((11, 28), (15, 40)):
        scene.frame_start, scene.frame_end = first, last
        after = item.recipe(group, scene, kit.FIRE)
        for frame in range(max(first, 11), 21):
            assert after.frame_digest(frame, "png") == before.frame_digest(frame, "png")
    scene.frame_start = 5
    with pytest.raises(RecipeError, match=r"Start.*of 5 or less"):
        item.recipe(group, scene, kit.FIRE)

    # A loop repeats: its speed still counts from the item's start, wherever its range begins.
    scene.frame_start, scene.frame_end, settings.use_loop, settings.shutter = 15, 24, True, 0.0
    group.animation_data_clear()
    key(group, "aigc.speed", {15: 1.0, 20: 3.0, 25: 1.0})
    looped = item.recipe(group, scene, kit.FIRE).speed
    assert isinstance(looped, Track)
    assert (looped.first - 11) % 10 == 0
    assert len(looped.values) == 11
    assert [looped.at(frame, 10) for frame in (15, 20, 25)] == pytest.approx([1.0, 3.0, 1.0])
    assert looped.values[0] == looped.values[10]

    settings.speed = 1.0
    group.keyframe_insert("aigc.width", frame=1)
    with pytest.raises(RecipeError, match="Width of fire cannot change"):
        item.recipe(group, scene, kit.FIRE)


@kit.in_blender
def test_tracks_become_keyframes_that_bake_into_the_same_tracks(tmp_path: Path) -> None:  # noqa: ARG001
    import numpy as np

    from aigc_blender.recipe import Track
    from aigc_blender.scene import baking, compat, item

    scene, group = new_item(3, 42)
    random = np.random.default_rng(0)
    values = tuple(random.random(40, np.float32).astype(float).tolist())
    group.driver_add('["height"]')
    baking.animate(group, '["height"]', Track(3, values))
    baking.animate(group, "aigc.speed", Track(3, tuple(8 * v for v in values)))
    group.aigc.start = 3
    recipe = item.recipe(group, scene, kit.FIRE)
    assert recipe.controls["height"] == Track(3, values)
    assert recipe.speed == Track(3, tuple(8 * v for v in values))
    baking.still(group, '["height"]')
    baking.still(group, "aigc.speed")
    assert not compat.fcurves(group)
