# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel Motion: what moves, blends and blurs beside the controls, each with its keyframe dot."""

from typing import Any

from . import catalog
from .panel import SubPanel


class AIGC_PT_motion(SubPanel):
    """Speed, pan, blends and motion blur."""

    bl_label = "Motion"
    bl_order = 3

    def draw_item(self, layout: Any, group: Any) -> None:
        """Draw the settings that may change over time."""
        settings = group.aigc
        keyed = layout.column()
        keyed.use_property_decorate = True
        keyed.prop(settings, "speed")
        _draw_pan(keyed, settings)
        layout.prop(settings, "shutter")
        column = layout.column(heading="Second Seed")
        row = column.row(align=True)
        row.prop(settings, "use_seed_b", text="")
        seed = row.row()
        seed.active = settings.use_seed_b
        seed.prop(settings, "seed_b", text="")
        if settings.use_seed_b:
            _draw_keyed(layout, settings, "seed_blend")
        if len(catalog.partners(settings.style_name, settings.model)) > 1:
            layout.prop(settings, "style_b")
            if settings.style_b_name:
                _draw_keyed(layout, settings, "style_blend")
                _draw_other_controls(layout, group)
        layout.prop(settings, "start")


def _draw_pan(layout: Any, settings: Any) -> None:
    """Both ways, or the reason why one cannot be."""
    names = {settings.style_name, settings.style_b_name} - {""}
    styles = [entry.style for name in sorted(names) if (entry := catalog.entry(name, settings.model))]
    column = layout.column(align=True)
    for axis in ("x", "y"):
        cell = column.row()
        standing = next((style for style in styles if axis in style.anchored), None)
        cell.enabled = standing is None
        cell.prop(settings, f"pan_{axis}")
        if standing is not None:
            text = f"{catalog.title(standing.name)} is fixed along {axis.upper()}: move its object"
            layout.label(text=text, icon="INFO")


def _draw_other_controls(layout: Any, group: Any) -> None:
    """The controls that the second style alone has."""
    settings = group.aigc
    own, other = (catalog.entry(n, settings.model) for n in (settings.style_name, settings.style_b_name))
    if own is None or other is None:
        return
    column = layout.column(align=True)
    column.use_property_decorate = True
    for control in other.style.controls:
        if own.style.control(control.name) is None and control.name in group:
            column.prop(group, f'["{control.name}"]', text=catalog.title(control.name), slider=True)


def _draw_keyed(layout: Any, settings: Any, name: str) -> None:
    column = layout.column()
    column.use_property_decorate = True
    column.prop(settings, name)


CLASSES = (AIGC_PT_motion,)
