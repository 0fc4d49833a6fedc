# SPDX-License-Identifier: GPL-3.0-or-later
"""Save Preset: what is saved can be used, and takes nothing else's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blender import kit


@kit.in_blender
def test_what_a_script_set_beyond_the_bounds_is_saved_as_it_is_drawn(tmp_path: Path) -> None:
    import os

    import bpy

    from aigc_blender.presets import user_presets
    from aigc_blender.ui import presets as menu

    os.environ["AIGC_HOME"] = str(tmp_path)
    kit.empty_scene()
    bpy.ops.aigc.add(style=kit.key("fire"))
    group, faults = bpy.context.scene.aigc_item, list(menu.faults)
    for value, kept in ((1.5, 1.0), (-2, 0.0), (0.25, 0.25)):
        group["height"] = value
        assert bpy.ops.aigc.preset_save(name="Mine") == {"FINISHED"}
        assert menu.faults == faults
        assert bpy.ops.aigc.preset_use(filepath=str(user_presets() / "mine.json")) == {"FINISHED"}
        assert group["height"] == pytest.approx(kept)


@kit.in_blender
def test_another_name_for_the_same_file_is_refused(tmp_path: Path) -> None:
    import os

    import bpy

    from aigc_blender.presets import find_presets

    os.environ["AIGC_HOME"] = str(tmp_path)
    kit.empty_scene()
    bpy.ops.aigc.add(style=kit.key("fire"))
    settings = bpy.context.scene.aigc_item.aigc
    for seed in (11, 22):  # the second time it is there
        settings.seed = seed
        assert bpy.ops.aigc.preset_save(name="Blaze 2", keep_seed=True) == {"FINISHED"}
        assert "Blaze 2" in kit.refusal(lambda: bpy.ops.aigc.preset_save(name="Blaze (2)"))
        assert {f.preset.name: f.preset.seed for f in find_presets()[0] if not f.bundled} == {"Blaze 2": seed}
