# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an element goes: one row that tells what is chosen, and opens to the choice."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface

from ..scene import placements

NAMED = 2  # places that the row names before it counts


class AIGC_PT_places(bpy.types.Panel):
    """Where the frames go in the scene; several places at once are fine"""

    bl_idname = "AIGC_PT_places"
    bl_label = "Place"
    bl_space_type = "VIEW_3D"
    bl_region_type = "HEADER"  # never drawn by itself: it pops up
    bl_options = {"INSTANCED"}
    bl_ui_units_x = 11

    def draw(self, context: Any) -> None:
        """Draw a switch for each kind of placement."""
        group = context.scene.aigc_item
        column = self.layout.column(align=True)
        for kind in placements.TABLE:
            column.prop_enum(group.aigc, "placement", kind.key)
        if "CARD" in group.aigc.placement:
            draw_card(self.layout, group)


class AIGC_MT_place(bpy.types.Menu):
    """Put the frames somewhere else as well"""

    bl_idname = "AIGC_MT_place"
    bl_label = "Place"

    def draw(self, context: Any) -> None:
        """Draw the kinds of placement that the element does not have yet."""
        for kind in placements.TABLE:
            if not placements.placed(context.scene.aigc_item, kind.key):
                self.layout.operator("aigc.place", text=kind.label, icon=kind.icon).kind = kind.key


def draw_place(layout: Any, group: Any) -> None:
    """Draw the row of the first screen."""
    chosen = [kind for kind in placements.TABLE if kind.key in group.aigc.placement]
    icon = chosen[0].icon if len(chosen) == 1 else "OUTLINER"
    row = layout.row(heading="Place")
    row.popover("AIGC_PT_places", text=summary(chosen), icon=icon if chosen else "X")


def draw_card(layout: Any, group: Any) -> None:
    """Draw the settings of the element's card."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(group.aigc, "card_height")
    column.prop(group.aigc, "card_faces_camera")
    column.prop(group.aigc, "card_light")


def draw_placed(layout: Any, group: Any) -> None:
    """Draw where the element stands, each with a button that takes it out, and a menu of further places."""
    column = layout.column(align=True)
    for kind in placements.TABLE:
        if placements.placed(group, kind.key):
            row = column.row(align=True)
            row.label(text=kind.label, icon=kind.icon)
            row.operator("aigc.unplace", text="", icon="X").kind = kind.key
            if kind.key == "CARD":
                draw_card(column, group)
    layout.menu("AIGC_MT_place", text="Place", icon="ADD")


def summary(chosen: list[placements.Kind]) -> str:
    """Kinds of placement in few words."""
    if not chosen:
        return iface("Nowhere")
    many = iface("{count} Places").format(count=len(chosen))
    return ", ".join(iface(kind.label) for kind in chosen) if len(chosen) <= NAMED else many


CLASSES = (AIGC_PT_places, AIGC_MT_place)
