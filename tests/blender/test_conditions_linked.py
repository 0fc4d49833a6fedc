# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements of another file: linked, overridden in this one, and appended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from aigc_blender.errors import SceneError
from tests.blender import kit
from tests.blender.test_conditions import assert_one_sentence, frames_in, shot
from tests.blender.test_generate import add_fire
from tests.blender.test_placements_scene import COLLECTIONS, GLOW


def linked_item(library: str) -> Any:
    """A new file's link to the only item of another, which it edits."""
    import bpy

    kit.empty_scene()
    kit.add_plane()
    with bpy.data.libraries.load(library, link=True) as (theirs, ours):
        ours.node_groups = list(theirs.node_groups)
    (group,) = [g for g in bpy.data.node_groups if g.aigc.uuid]
    bpy.context.scene.aigc_item = group
    bpy.context.scene.frame_end = 2
    return group


@kit.in_blender
def test_an_override_is_refused_as_blender_forgets_its_frames_and_can_be_made_local(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import images, item, placements, shader
    from aigc_blender.ui import state

    shot(tmp_path / "library", frames=2)
    library = bpy.data.filepath
    theirs = Path(library).read_bytes()
    override = linked_item(library).override_create(remap_local_usages=True)
    identity = override.aigc.uuid
    scene = bpy.context.scene
    scene.aigc_item = override
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "ours.blend"))
    state.refresh(wait=True)
    assert state.state(override) == "LINKED"
    assert "make it local" in kit.refusal(bpy.ops.aigc.generate)
    with pytest.raises(SceneError, match="make it local"):
        placements.place(override, "CARD", None, scene)
    item.renew()
    assert override.aigc.uuid == identity
    assert not (tmp_path / "aigc").exists()

    assert bpy.ops.aigc.make_local() == {"FINISHED"}
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    image = shader.require_image(bpy.context.scene.aigc_item)
    assert all(images.file_of(image, n).parent == tmp_path / "aigc" / "fire" / "v001" for n in (1, 2))
    assert len(frames_in(tmp_path / "aigc" / "fire" / "v001")) == 2
    assert Path(library).read_bytes() == theirs
    assert not (tmp_path / "library" / "aigc").exists()


@kit.in_blender
def test_the_frames_and_the_model_of_a_linked_image_lie_beside_its_own_file(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import compat, farm, images, shader
    from aigc_blender.scene.warm import Machine

    shot(tmp_path / "library", frames=2)
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    bpy.ops.wm.save_mainfile()
    folder = tmp_path / "library" / "aigc" / "fire" / "v001"
    whole = frames_in(folder)
    image = shader.require_image(linked_item(bpy.data.filepath))
    ours = tmp_path / "ours" / "deep"
    ours.mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(ours / "shot.blend"))
    assert image.library is not None
    assert image.filepath.startswith("//")
    assert [images.file_of(image, n).resolve() for n in (1, 2)] == [folder / name for name in whole]
    assert bpy.ops.aigc.collect(image=image.name, directory=str(tmp_path / "all")) == {"FINISHED"}
    assert frames_in(tmp_path / "all") == whole

    (model,) = (tmp_path / "all").glob("*.safetensors")
    model.rename(folder / model.name)  # to be found there, where none is installed
    os.environ["AIGC_MODEL_PATH"] = ""
    ways = {
        "asked": bpy.ops.aigc.generate_missing,
        "farm": lambda: farm.generate_missing([1, 2], Machine(device="cpu")),
        "render": lambda: [kit.rendered(frame, tmp_path) for frame in (1, 2)],
    }
    material = bpy.data.materials.new("Shows it")
    compat.use_nodes(material)
    material.node_tree.nodes.new("ShaderNodeTexImage").image = image
    bpy.context.active_object.data.materials.append(material)
    for way, generate in ways.items():
        for path in folder.glob("*.png"):
            path.unlink()
        generate()
        assert frames_in(folder) == whole, way
    assert [path.name for path in ours.iterdir()] == ["shot.blend"]


@kit.in_blender
def test_a_linked_image_cannot_be_led_to_a_copy_and_says_so_before_one_is_made(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import shader

    shot(tmp_path / "library", frames=1)
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    bpy.ops.wm.save_mainfile()
    image = shader.require_image(linked_item(bpy.data.filepath))
    target = tmp_path / "all"

    def collect(*, repath: bool) -> set[str]:
        return set(bpy.ops.aigc.collect(image=image.name, directory=str(target), repath=repath))

    before = image.filepath
    text = assert_one_sentence(kit.refusal(lambda: collect(repath=True)))
    assert image.name in text
    assert "shot.blend" in text
    assert (image.filepath, target.exists()) == (before, False)
    assert bpy.ops.aigc.make_local() == {"FINISHED"}
    image = image.make_local()
    assert collect(repath=True) == {"FINISHED"}
    assert Path(bpy.path.abspath(image.filepath)) == target / "fire.0001.png"


@kit.in_blender
def test_what_blender_would_not_save_in_an_override_is_refused_before_generating(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import compat, material

    kit.empty_scene()
    for name in ("Bare", "Slot", "Own"):
        kit.add_plane(name).data.materials.append(bpy.data.materials.new(name) if name == "Own" else None)
    bpy.data.meshes["Bare"].materials.clear()
    compat.use_nodes(bpy.data.materials["Own"])
    bpy.data.node_groups.new("Grade", "CompositorNodeTree").use_fake_user = True
    library = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library)

    scene = kit.empty_scene()
    with bpy.data.libraries.load(library, link=True) as (theirs, ours):
        ours.objects, ours.worlds, ours.node_groups = [*theirs.objects], [*theirs.worlds], [*theirs.node_groups]
    planes = [bpy.data.objects[name].override_create(remap_local_usages=True) for name in ("Bare", "Slot", "Own")]
    for plane in planes:
        plane.data.override_create(remap_local_usages=True)
        scene.collection.objects.link(plane)
    own = planes[2].active_material.override_create(remap_local_usages=True)
    scene.world = ours.worlds[0].override_create(remap_local_usages=True)
    grade = ours.node_groups[0].override_create(remap_local_usages=True)
    group = add_fire(frames=2, tile_x=True, format="png")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))

    def refused(plane: Any) -> str:
        bpy.context.view_layer.objects.active = plane
        text = assert_one_sentence(kit.refusal(bpy.ops.aigc.generate))
        assert "make it local" in text
        return text

    named = {plane.name: refused(plane) for plane in planes}
    assert all(name in text for name, text in named.items())
    group.aigc.placement = {"WORLD"}
    assert scene.world.name in refused(None)
    if bpy.app.version >= (5, 0, 0):  # before, it is a part of the scene
        group.aigc.placement = {"COMPOSITOR"}
        scene.compositing_node_group = grade
        assert "compositor" in refused(None)
    assert not (tmp_path / "aigc").exists()

    # As the refusal says.
    group.aigc.placement = {"MATERIAL"}
    planes[0].data.make_local(clear_liboverride=True)
    planes[2].active_material = own.make_local(clear_liboverride=True)
    bpy.context.view_layer.objects.active = planes[0]
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    bpy.context.view_layer.objects.active = planes[2]
    assert bpy.ops.aigc.place(kind="MATERIAL") == {"FINISHED"}
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    shown = material.places(bpy.context.scene.aigc_item)
    assert len(shown) == 2
    assert all(o.active_material in shown for o in bpy.data.objects if o.name in ("Bare", "Own") and not o.library)


@kit.in_blender
def test_what_is_appended_twice_is_two_elements_each_with_all_that_was_made_for_it(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import item, made, placements

    kinds = ("CARD", "BACKDROP", "WORLD", "COMPOSITOR", "CAMERA_BACKGROUND")
    scene = kit.empty_scene()
    group = scene.aigc_item = kit.shown_item(tmp_path / "fire", GLOW, tile="xy", loop=3)
    group.aigc.tile_x = group.aigc.tile_y = group.aigc.card_light = True
    bpy.data.worlds.remove(scene.world)
    for kind in kinds:
        placements.place(group, kind, None, scene)
    library = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library)

    def append(part: str, name: str) -> None:
        with bpy.data.libraries.load(library) as (theirs, ours):
            setattr(ours, part, [n for n in getattr(theirs, part) if name in n])
        for thing in ours.objects:
            bpy.context.scene.collection.objects.link(thing)

    def marked() -> dict[str, list[Any]]:
        blocks = [block for kind in COLLECTIONS for block in getattr(bpy.data, kind)]
        return {g.name: [b.name for b in blocks if b.get(made.ITEM) == g.aigc.uuid] for g in item.items()}

    whole = marked()["fire"]
    assert len(whole) == 12  # card, light and backdrop, with what they consist of; world and compositor
    kit.empty_scene()
    append("objects", "card")
    append("objects", "card")
    bpy.ops.ed.undo_push(message="Append")
    one, two = item.items()
    cards = [placements.TABLE[0].placement.places(g) for g in (one, two)]
    assert [[c.name for c in own] for own in cards] == [["fire card"], ["fire card.001"]]
    two.aigc.card_height = 4.0
    assert [round(max(v.co.z for v in c.data.vertices), 3) for (c,) in cards] == [2.0, 4.0]
    bpy.ops.ed.undo_push(message="Higher")
    for turn, counts in ((bpy.ops.ed.undo, [3, 3]), (bpy.ops.ed.redo, [3, 6])):  # what is fitted is lit again
        turn()
        item.renew()
        assert [len(names) for names in marked().values()] == counts
    bpy.context.scene.aigc_item = item.items()[0]
    assert bpy.ops.aigc.remove() == {"FINISHED"}
    assert marked().keys() == {"fire.001"}
    assert [o.name for o in bpy.data.objects if o.type == "MESH"] == ["fire card.001"]

    kit.empty_scene()
    for _ in range(3):
        append("scenes", "")
    assert [len(names) for names in marked().values()] == [len(whole)] * 3
    for group in item.items():
        assert all(len(kind.placement.places(group)) == (kind.key in kinds) for kind in placements.TABLE)
        placements.refit(group)
    bpy.context.scene.aigc_item = item.items()[0]
    assert bpy.ops.aigc.remove() == {"FINISHED"}
    assert [len(names) for names in marked().values()] == [len(whole)] * 2
