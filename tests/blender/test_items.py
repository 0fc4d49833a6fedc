# SPDX-License-Identifier: GPL-3.0-or-later
"""Items: their settings become recipes, and each keeps its own identity."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.blender import kit


def new_item(first: int = 1, last: int = 10) -> tuple[Any, Any]:
    """The scene with that range, and a fire without a model."""
    import bpy

    from aigc_blender.scene import item

    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = first, last
    group = item.new("fire")
    item.suit(group, kit.FIRE)
    group.aigc.use_loop = False
    return scene, group


@kit.in_blender
def test_what_was_seen_in_one_shape_is_drawn_in_it(tmp_path: Path) -> None:  # noqa: ARG001
    from dataclasses import replace

    from aigc_blender.scene import item

    _, group = new_item()
    width, height = group.aigc.width, group.aigc.height
    item.suit(group, kit.FIRE)
    assert group.aigc.width == width  # fire is as wide as one likes
    item.suit(group, replace(kit.FIRE, anchored=("x", "y"), aspect=0.75))
    assert (group.aigc.width, group.aigc.height) == (round(height * 0.75), height)


@kit.in_blender
def test_settings_become_the_recipe(tmp_path: Path) -> None:  # noqa: ARG001
    from fractions import Fraction

    from aigc_blender.recipe import Recipe
    from aigc_blender.scene import item

    scene, group = new_item(5, 28)
    scene.render.fps, scene.render.fps_base = 24, 1.001
    settings = group.aigc
    settings.width, settings.height, settings.seed, settings.tile_x, settings.use_loop = 320, 180, 9, True, True
    settings.element_height, settings.model = 90, "abc"
    group["height"] = 0.25
    assert item.recipe(group, scene, kit.FIRE) == Recipe(
        "fire",
        model="abc",
        seed=9,
        width=320,
        height=180,
        fps=Fraction(24000, 1001),
        loop=24,
        tile="x",
        element_height=90,
        controls={"height": 0.25},
    )
    settings.use_scene_range, settings.frame_start, settings.frame_end = False, 3, 4
    assert item.frame_numbers(group, scene) == range(3, 5)


@kit.in_blender
def test_keyframes_are_baked_frame_by_frame(tmp_path: Path) -> None:  # noqa: ARG001
    import pytest

    from aigc_blender.scene import compat, item

    scene, group = new_item(11, 20)
    for frame, value in ((11, 0.0), (20, 0.9)):
        group["height"] = value
        group.keyframe_insert('["height"]', frame=frame)
    for key in compat.fcurves(group)[0].keyframe_points:
        key.interpolation = "LINEAR"
    recipe = item.recipe(group, scene, kit.FIRE)
    for frame in range(11, 21):
        assert recipe.controls_at(frame, kit.FIRE)[0] == pytest.approx((frame - 11) * 0.1, abs=1e-6)


@kit.in_blender
def test_a_loops_keyframes_belong_to_the_frames_that_show_them(tmp_path: Path) -> None:  # noqa: ARG001
    import pytest

    from aigc_blender.recipe import Track
    from aigc_blender.scene import compat, item

    scene, group = new_item(7, 16)
    group.aigc.use_loop = True
    for frame, value in ((7, 0.2), (12, 0.8), (17, 0.2)):
        group["height"] = value
        group.keyframe_insert('["height"]', frame=frame)
    curve = compat.fcurves(group)[0]
    recipe = item.recipe(group, scene, kit.FIRE)
    for frame in range(7, 17):
        assert recipe.controls_at(frame, kit.FIRE)[0] == pytest.approx(curve.evaluate(frame), abs=1e-6)
    track = recipe.controls["height"]
    assert isinstance(track, Track)
    assert track.at(7) == track.at(17)  # it returns, so nothing will warn of a jump
    curve.keyframe_points[2].co.y = 0.5
    curve.update()
    track = item.recipe(group, scene, kit.FIRE).controls["height"]
    assert isinstance(track, Track)
    assert track.at(7) != track.at(17)


@kit.in_blender
def test_a_duplicate_gets_an_identity_of_its_own(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import item, shader

    original = kit.shown_item(tmp_path, {1: kit.picture((1, 0, 0, 1))})
    original["height"] = 0.9
    identity = original.aigc.uuid
    duplicate = original.copy()
    assert item.find(identity) == original
    item.renew()
    assert original.aigc.uuid == identity != duplicate.aigc.uuid
    assert duplicate["height"] == 0.9
    assert item.items() == [original, duplicate]
    item.remove(original)
    assert shader.image_of(duplicate) is not None  # it was shared
    item.remove(duplicate)
    assert not bpy.data.images


def keyed_item(folder: Path) -> Any:
    """A fire with frames, keyed height and keyed speed."""
    from aigc_blender.scene import item

    group = kit.shown_item(folder, {1: kit.picture((1, 0, 0, 1))}, seed=5)
    item.suit(group, kit.FIRE)
    for frame, value in ((1, 0.25), (9, 0.75)):
        group["height"], group.aigc.speed = value, 2 * value
        group.keyframe_insert('["height"]', frame=frame)
        group.keyframe_insert("aigc.speed", frame=frame)
    group.aigc.seed, group.aigc.seeds, group.aigc.use_loop = 5, "3 4", False
    return group


def whole(group: Any) -> bool:
    """Whether an item is all that `keyed_item` gave it."""
    import bpy

    from aigc_blender.recipe import Track
    from aigc_blender.scene import images, item, shader

    image = shader.require_image(group)
    baked = item.recipe(group, bpy.context.scene, kit.FIRE)
    tracks = baked.controls["height"], baked.speed
    return (
        images.recipe_of(image).seed == 5
        and Path(bpy.path.abspath(image.filepath, library=image.library)).is_file()
        and (group.aigc.seed, group.aigc.seeds) == (5, "3 4")
        and all(isinstance(t, Track) and t.at(9) == 3 * t.at(1) for t in tracks)
    )


@kit.in_blender
def test_an_item_survives_reload_append_and_asset_whole(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import item

    group = keyed_item(tmp_path / "aigc")
    group.asset_mark()
    identity, blend = group.aigc.uuid, str(tmp_path / "shot.blend")
    bpy.context.scene.aigc_item = group
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    bpy.ops.wm.open_mainfile(filepath=blend)
    (reloaded,) = item.items()
    assert bpy.context.scene.aigc_item == reloaded
    assert reloaded.aigc.uuid == identity
    assert whole(reloaded)

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not item.items()
    for _ in range(2):  # the second brings a duplicate, in this file as new as any other
        with bpy.data.libraries.load(blend, assets_only=True) as (theirs, ours):
            ours.node_groups = list(theirs.node_groups)
    first, second = item.items()
    assert first.aigc.uuid == identity != second.aigc.uuid
    copy = first.copy()
    assert copy.aigc.uuid == identity
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"))
    assert len({first.aigc.uuid, second.aigc.uuid, copy.aigc.uuid}) == 3
    bpy.data.node_groups.remove(copy)
    bpy.ops.wm.save_mainfile()
    assert whole(first)
    assert whole(second)
    assert second.asset_data is not None
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "other.blend"))
    assert len(item.items()) == 2  # nothing uses them, and they stay
    assert all(whole(group) for group in item.items())


@kit.in_blender
def test_a_linked_item_is_shown_and_becomes_ours_when_made_local(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import item
    from aigc_blender.ui import state

    keyed_item(tmp_path / "aigc")
    blend = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(blend, link=True) as (theirs, ours):
        ours.node_groups = list(theirs.node_groups)
    scene = bpy.context.scene
    (linked,) = item.shown()
    assert not item.items()
    scene.aigc_item = linked
    state.refresh(wait=True)
    assert state.state(linked) == "LINKED"
    for operator in (bpy.ops.aigc.generate, bpy.ops.aigc.remove, bpy.ops.aigc.new_seed):
        assert "make it local" in kit.refusal(operator)
    assert bpy.ops.aigc.make_local() == {"FINISHED"}
    (local,) = item.items()
    assert scene.aigc_item == local
    assert whole(local)
    local["height"] = 0.5
    assert local.keyframe_insert('["height"]', frame=5)  # its action is ours as well


@kit.in_blender
def test_undo_copies_and_copied_scenes_keep_items_apart(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import compat, item

    scene, group = bpy.context.scene, keyed_item(tmp_path / "aigc")
    scene.aigc_item, identity = group, group.aigc.uuid
    bpy.ops.ed.undo_push(message="Before")
    assert bpy.ops.aigc.duplicate() == {"FINISHED"}
    copy = scene.aigc_item
    assert (copy == group, copy.aigc.uuid == identity, whole(copy)) == (False, False, True)
    compat.fcurves(copy)[0].keyframe_points[0].co.y = 0.0
    assert whole(group)  # keyframes are each item's own
    bpy.ops.ed.undo_push(message="Duplicate Element")
    for _ in range(4):
        bpy.ops.aigc.new_seed()
    copy = bpy.context.scene.aigc_item
    history = [*map(int, copy.aigc.seeds.split()), copy.aigc.seed]
    assert history[:3] == [3, 4, 5]
    assert len(history) == 7
    while copy.aigc.seeds:
        assert copy.aigc.seed == history.pop()
        bpy.ops.aigc.previous_seed()
    assert "no other seed" in kit.refusal(bpy.ops.aigc.previous_seed)
    bpy.ops.ed.undo_push(message="Seeds")
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    (only,) = item.items()
    assert (only.aigc.uuid, whole(only)) == (identity, True)
    bpy.ops.ed.redo()
    assert len({g.aigc.uuid for g in item.items()}) == 2

    bpy.context.scene.aigc_item.name = "Campfire"
    for kind in ("LINK_COPY", "FULL_COPY"):
        before = bpy.context.scene
        bpy.ops.scene.new(type=kind)
        copied = next(s for s in bpy.data.scenes if s != before and s.aigc_item is not None)
        item.renew()
        assert copied.aigc_item in item.items()
        assert len({g.aigc.uuid for g in item.items()}) == len(item.items())


@kit.in_blender
def test_every_generation_has_a_folder_of_its_own(tmp_path: Path) -> None:
    import pytest

    from aigc_blender.errors import SequenceError
    from aigc_blender.scene import versions

    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: versions.allocate(tmp_path, "blue / fire"), range(24)))
    assert sorted(f.name for f in folders) == [f"v{n:03d}" for n in range(1, 25)]
    assert {f.parent for f in folders} == {tmp_path / "blue_fire"}
    (tmp_path / "file").write_text("")
    with pytest.raises(SequenceError, match="file"):
        versions.allocate(tmp_path / "file", "fire")


@kit.in_blender
def test_frames_lie_beside_a_saved_file_and_elsewhere_with_a_word(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import versions

    root, warning = versions.output_root()
    assert warning is not None
    assert str(root) in warning
    assert root.is_dir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert versions.output_root() == (tmp_path / "aigc", None)
