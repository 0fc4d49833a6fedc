# SPDX-License-Identifier: GPL-3.0-or-later
"""The live preview's image: neither a file nor a render nor undo ever holds it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.blender import kit
from tests.blender.test_preview import (
    begin,
    burning,
    found,
    image_editors,
    names_in,
    own_image,
    settled,
    shown,
    texture,
)


@kit.in_blender
def test_a_file_saved_in_mid_scrub_has_nothing_of_it(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import preview, shader, stand_in

    group = burning(tmp_path / "fire")
    own = own_image(group)
    editor, other = image_editors()[:2]
    editor.mode = other.mode = "VIEW"
    editor.image, other.image = None, bpy.data.images.new("Another", 8, 8)
    begin()
    settled()
    assert other.image.name == "Another"
    assert editor.image == stand_in.image()  # it showed nothing before
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert texture(group) == stand_in.image()  # and goes on afterwards
    assert editor.image == stand_in.image()
    bpy.context.scene.frame_set(3)
    settled()
    assert sorted(names_in(tmp_path / "shot.blend")) == ["Another", own.name]
    assert texture(group) == editor.image == stand_in.image()  # nor does looking into a file end it
    # A library, and an automatic save, are written without a word to anybody.
    bpy.data.libraries.write(str(tmp_path / "asset.blend"), {group})
    identity, name = group.aigc.uuid, own.name

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert not preview.running()
    group = found(identity)
    assert texture(group).name == name
    assert texture(group).source == "SEQUENCE"
    assert shader.OWN not in group
    assert {i.name for i in bpy.data.images} == {"Another", name}
    assert {e.image.name for e in image_editors() if e.image} == {"Another"}

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "asset.blend")) as (there, wanted):
        wanted.node_groups = there.node_groups
    group = found(identity)
    assert texture(group) is not None
    assert texture(group).source == "SEQUENCE"
    assert shader.OWN not in group
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "user.blend"))
    assert not [n for n in names_in(tmp_path / "user.blend") if n.startswith(stand_in.NAME)]


@kit.in_blender
def test_a_render_in_mid_scrub_has_the_pixels_of_the_files(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import preview, stand_in

    group = burning(tmp_path / "fire")
    expected = {n: kit.rendered(n, tmp_path) for n in (2, 5)}
    group.aigc.seed += 1  # the preview now shows another fire
    begin()
    for number, pixels in expected.items():
        bpy.context.scene.frame_set(number)
        settled()
        assert np.abs(kit.encoded(shown()[..., :3]) - pixels).max() > 0.1
        np.testing.assert_allclose(kit.rendered(number, tmp_path), pixels, atol=1e-6)
        assert stand_in.hidden()
        preview.pump(bpy.context.scene)
        assert not stand_in.hidden()
        assert texture(group) == stand_in.image()
    bpy.ops.render.render(animation=True)
    assert texture(group) != stand_in.image()
    preview.stop()
    np.testing.assert_allclose(kit.rendered(5, tmp_path), expected[5], atol=1e-6)


@kit.in_blender
def test_undo_and_generate_keep_the_items_own_image_apart(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import preview, shader, stand_in

    group = burning(tmp_path / "a")
    identity, name = group.aigc.uuid, own_image(group).name
    bpy.ops.ed.undo_push(message="Before")
    begin()
    settled()
    group.aigc.seed = 5
    bpy.ops.ed.undo_push(message="Seed")
    group.aigc.seed = 6
    bpy.ops.ed.undo_push(message="Seed")
    settled()
    for undo, seed in ((bpy.ops.ed.undo, 5), (bpy.ops.ed.undo, 1), (bpy.ops.ed.redo, 5)):
        undo()
        group = found(identity)
        assert group.aigc.seed == seed
        settled()
        assert texture(group) == stand_in.image()
        assert own_image(group).name == name
        assert len([i for i in bpy.data.images if i.name.startswith(stand_in.NAME)]) == 1
    preview.stop()
    bpy.ops.ed.redo()  # to a step that was pushed while it was on
    group = found(identity)
    assert texture(group).name == name
    assert shader.OWN not in group
    assert [i.name for i in bpy.data.images] == [name]

    begin()
    settled()
    assert bpy.ops.aigc.generate(folder=str(tmp_path / "b")) == {"FINISHED"}
    new = own_image(group)
    assert Path(bpy.path.abspath(new.filepath)).parent == tmp_path / "b"
    bpy.context.scene.frame_set(2)
    settled()
    assert texture(group) == stand_in.image()
    preview.stop()
    assert texture(group) == new
    assert [i.name for i in bpy.data.images] == [new.name]  # the old one, no longer shown, is gone


@kit.in_blender
def test_undo_of_something_else_leaves_it_on(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import preview, stand_in

    group = burning(tmp_path / "fire")
    identity = group.aigc.uuid
    bpy.ops.ed.undo_push(message="Before")
    begin()
    settled()
    bpy.data.objects["Plane"].location.x = 1
    bpy.ops.ed.undo_push(message="Move")
    for step in (bpy.ops.ed.undo, bpy.ops.ed.redo):  # the first to before it was on, when there was no such image
        step()
        settled()
        assert stand_in.image() is not None
        assert texture(found(identity)) == stand_in.image()
    preview.stop()
