# SPDX-License-Identifier: GPL-3.0-or-later
"""F1 over our operators and settings opens the manual: the page that ships with this very version, needing no network."""

from pathlib import Path

import bpy

PAGE = Path(__file__).parents[1] / "manual.html"
MOTION = ("speed", "pan_", "seed_b", "use_seed_b", "style_b", "shutter", "start")
# Blender's identifiers in lower case, most particular first, and the section that explains them.
SECTIONS = (
    ("bpy.ops.aigc.preset_*", "presets"),
    ("bpy.ops.aigc.import_*", "files"),
    ("bpy.ops.aigc.mark_asset*", "assets"),
    ("bpy.ops.aigc.place*", "placements"),
    ("bpy.ops.aigc.unplace*", "placements"),
    ("bpy.ops.aigc.describe*", "describe"),
    ("bpy.ops.aigc.runtime_*", "runtime"),
    ("bpy.ops.aigc.edit_recipe*", "images"),
    ("bpy.ops.aigc.regenerate*", "images"),
    ("bpy.ops.aigc.collect*", "images"),
    ("bpy.ops.aigc.open_folder*", "images"),
    ("bpy.ops.aigc.folder_*", "models"),
    ("bpy.ops.aigc.refresh*", "models"),
    ("bpy.ops.aigc.preview*", "preview"),
    ("bpy.ops.aigc.generate_missing*", "missing"),
    ("bpy.types.scene.aigc_generate_missing*", "missing"),
    ("bpy.ops.aigc.*", "generate"),
    ("bpy.types.aigc_pg_item.placement*", "placements"),
    ("bpy.types.aigc_pg_item.tile_*", "tiling"),
    ("bpy.types.aigc_pg_item.format*", "format"),
    ("bpy.types.aigc_pg_item.use_loop*", "loops"),
    ("bpy.types.aigc_pg_item.card_*", "placements"),
    *((f"bpy.types.aigc_pg_item.{name}*", "motion") for name in MOTION),
    ("bpy.types.nodetree.aigc_text*", "describe"),
    ("bpy.types.aigc_pg_item.*", "settings"),
    ("bpy.types.aigc_ap_preferences.device*", "models"),
    ("bpy.types.aigc_ap_preferences.*", "runtime"),
)


def links() -> tuple[str, tuple[tuple[str, str], ...]]:
    """What Blender asks for: the start of all addresses, and patterns with what follows it."""
    return PAGE.as_uri(), tuple((pattern, f"#{section}") for pattern, section in SECTIONS)


def register() -> None:
    """Tell Blender of the manual."""
    bpy.utils.register_manual_map(links)


def unregister() -> None:
    """Take it back."""
    bpy.utils.unregister_manual_map(links)
