# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets and recipes that come from others: they are used whole, or refused, and nothing of the user's own goes."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from tests.blender import kit


@kit.in_blender
def test_a_dropped_preset_takes_the_place_of_none_of_the_users_own(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.presets import Preset, find_presets, save_preset, user_presets

    kit.empty_scene()
    mine, theirs = Preset("Camp/Fire", "fire", seed=11), Preset("Camp Fire", "fire", seed=22)
    save_preset(mine, user_presets())
    dropped = save_preset(theirs, tmp_path)
    for _ in range(2):  # the second time it is there
        assert bpy.ops.aigc.import_settings(filepath=str(dropped)) == {"FINISHED"}
        own = {f.preset.name: f.preset.seed for f in find_presets()[0] if not f.bundled}
        assert own == {"Camp/Fire": 11, "Camp Fire 2": 22}
    assert bpy.context.scene.aigc_item.aigc.seed == 22


@kit.in_blender
def test_numbers_that_blender_cannot_hold_in_a_preset_are_refused_and_nothing_is_half_set(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.presets import MARK

    kit.empty_scene()
    bpy.ops.aigc.add(style=kit.key("fire"))
    group, path = bpy.context.scene.aigc_item, tmp_path / "file.json"
    before = group.aigc.width, group.aigc.height, group["height"]
    changes = ({"seed": 2**31}, "seed"), ({"motion": {"start": 10}}, "start"), ({"motion": {"seed": 3}}, "seed")
    for change, why in changes:
        preset = {MARK: 1, "name": "Theirs", "style": "fire", "size": [96, 80], "controls": {"height": 0.125}} | change
        path.write_text(json.dumps(preset))
        assert why in kit.refusal(functools.partial(bpy.ops.aigc.preset_use, filepath=str(path)))
        assert (group.aigc.width, group.aigc.height, group["height"]) == before
