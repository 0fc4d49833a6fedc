# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements of another file: linked, and overridden in this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aigc_blender.errors import SceneError
from tests.blender import kit
from tests.blender.test_conditions import frames_in, shot


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
