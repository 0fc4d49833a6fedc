# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets and items: a preset's settings go to an item, an item's settings become a preset."""

from __future__ import annotations

from typing import Any

from ..card import Style
from ..errors import PresetError
from ..presets import Preset
from . import baking, defaults, item


def apply(group: Any, preset: Preset, style: Style, scene: Any) -> None:
    """Set everything that a preset names on an item of its style; animation of its controls goes.

    Raises:
        PresetError: it names a control or a motion that is not there; the item is as it was.
    """
    settings = group.aigc
    for kind, names, known in (
        ("control", preset.controls, {c.name for c in style.controls}),
        ("motion", preset.motion, {p.identifier for p in settings.bl_rna.properties if p.type == "FLOAT"}),
    ):
        if missing := sorted(set(names) - set(known)):
            has = f"; {style.name} has {', '.join(sorted(known))}" if kind == "control" else "; update the add-on"
            raise PresetError(f"Preset {preset.name} sets the {kind} {missing[0]}, which is not there{has}.")
    item.suit(group, style)
    for control in style.controls:
        baking.still(group, f'["{control.name}"]')
        group[control.name] = preset.controls.get(control.name, control.default)
    settings.style_b_name = ""
    settings.width, settings.height = preset.size or defaults.render_size(scene, style)
    settings.element_height = preset.element_height
    settings.use_loop, settings.format = preset.loop, preset.format
    settings.tile_x, settings.tile_y = "x" in preset.tile, "y" in preset.tile
    for name, value in preset.motion.items():
        baking.still(group, f"aigc.{name}")
        setattr(settings, name, value)
    if preset.seed is not None:
        settings.seed = preset.seed


def of_item(group: Any, name: str, style: Style, motion: tuple[str, ...], *, size: bool, seed: bool) -> Preset:
    """An item's settings as a preset: with its size or the render's, with its seed or without."""
    settings = group.aigc
    return Preset(
        name=name,
        style=style.name,
        model=settings.model,
        controls={c.name: round(item.clip(c.name, group.get(c.name, c.default)), 4) for c in style.controls},
        size=(settings.width, settings.height) if size else None,
        element_height=settings.element_height,
        loop=settings.use_loop,
        tile="x" * settings.tile_x + "y" * settings.tile_y,
        format=settings.format,
        motion={m: round(float(getattr(settings, m)), 4) for m in motion if hasattr(settings, m)},
        seed=settings.seed if seed else None,
    )
