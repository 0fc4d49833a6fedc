# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe: a line of text sets an element's style and sliders, and says what became of its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blender import kit


@kit.in_blender
def test_text_sets_style_and_sliders_in_one_step(tmp_path: Path) -> None:  # noqa: ARG001
    import bpy

    from aigc_blender.ui import catalog

    kit.empty_scene()
    bpy.ops.ed.undo_push(message="Start")
    bpy.ops.aigc.add(style="smoke")
    bpy.ops.ed.undo_push(message="Added")
    assert bpy.ops.aigc.describe(text="tall, slow fire, 80% dense, turbulant xyzzy") == {"FINISHED"}
    bpy.ops.ed.undo_push(message="Described")
    group = bpy.context.scene.aigc_item
    assert group.aigc.style_name == "fire"
    assert group.aigc.style == "fire"
    fire = catalog.entry("fire", group.aigc.model)
    assert fire
    height = fire.style.control("height")
    assert height
    assert group["height"] == pytest.approx(height.default + 0.7 * (1 - height.default), abs=0.01)
    assert (group["density"], group["turbulence"]) == pytest.approx((0.8, 0.85))
    assert group.aigc.speed == pytest.approx(0.5)
    assert group.animation_data is None
    told = group.aigc_told.splitlines()
    assert f"CHECKMARK tall \N{RIGHTWARDS ARROW} Height {group['height']:g}" in told
    assert "QUESTION turbulant (turbulent?) \N{RIGHTWARDS ARROW} Turbulence 0.85" in told
    assert "ERROR xyzzy: not understood" in told

    group["height"] = 0.4  # a slider is as free as before, and comparatives go on from it
    group.aigc_text = "taller"  # as Enter in the field does
    assert group["height"] == pytest.approx(0.65)
    assert bpy.ops.aigc.describe() == {"FINISHED"}
    assert group["height"] == pytest.approx(0.9)
    group.aigc_text = ""
    assert (group.aigc_told, group["height"]) == ("", pytest.approx(0.9))

    bpy.ops.ed.undo()
    before = bpy.context.scene.aigc_item
    assert (before.aigc.style_name, before.aigc.speed, before.aigc_text) == ("smoke", 1.0, "")


@kit.in_blender
def test_what_is_animated_stays(tmp_path: Path) -> None:  # noqa: ARG001
    import bpy

    kit.empty_scene()
    bpy.ops.aigc.add(style="fire")
    group = bpy.context.scene.aigc_item
    for frame, value in ((1, 0.1), (10, 0.3)):
        group["height"], group.aigc.speed = value, 1.0
        group.keyframe_insert('["height"]', frame=frame)
        group.keyframe_insert("aigc.speed", frame=frame)
    bpy.context.scene.frame_set(10)
    group.aigc_text = "tall dense fire, fast"
    assert (group["height"], group.aigc.speed) == pytest.approx((0.3, 1.0))
    assert group["density"] == pytest.approx(0.85)
    assert "ERROR Height is animated: its keyframes stay" in group.aigc_told
    assert "ERROR Speed is animated: its keyframes stay" in group.aigc_told
