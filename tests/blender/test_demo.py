# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo sets its scene on fire, as the README promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blender import kit


@kit.in_blender
def test_the_fire_is_on_the_column_and_behind_it(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import backdrop
    from examples import demo

    demo.OUT = tmp_path
    flame = demo.build_scene()
    demo.generate_fire(flame)
    element = bpy.context.scene.aigc_item
    (plane,) = [thing for thing in bpy.context.scene.objects if thing.get("aigc_made") == backdrop.KIND]
    for thing, strength in ((flame, 1.6), (plane, 0.22)):
        node = next(n for n in thing.active_material.node_tree.nodes if n.bl_idname == "ShaderNodeGroup")
        assert node.node_tree == element
        assert node.inputs["Strength"].default_value == pytest.approx(strength)
    assert len(list((tmp_path / "fire").glob("*.png"))) == demo.LOOP
