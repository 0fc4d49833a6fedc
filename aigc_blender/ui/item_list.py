# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of elements, shown from the second one on: double-click renames, an icon tells how each stands."""

from typing import Any

import bpy
from bpy.props import IntProperty

from ..scene import item
from . import state

ROWS = 3


class AIGC_UL_items(bpy.types.UIList):
    """The elements among the node groups of the file."""

    bl_idname = "AIGC_UL_items"

    def draw_item(
        self,
        _context: Any,
        layout: Any,
        _data: Any,
        group: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
        _index: int,
        _flag: int,
    ) -> None:
        """Draw a name and how the element stands."""
        layout.prop(group, "name", text="", emboss=False)
        layout.label(text="", icon=state.STATES[state.state(group)][0])

    def filter_items(self, _context: Any, data: Any, name: str) -> tuple[list[int], list[int]]:
        """Show elements alone, and of those what the search asks for."""
        groups = getattr(data, name)
        if self.filter_name:
            flags = bpy.types.UI_UL_list.filter_items_by_name(self.filter_name, self.bitflag_filter_item, groups)
        else:
            flags = [self.bitflag_filter_item] * len(groups)
        return [flag if item.is_item(group) else 0 for flag, group in zip(flags, groups, strict=True)], []


def draw(layout: Any, context: Any, group: Any) -> None:
    """Draw the list with its buttons; nothing while the only element of the file is the edited one."""
    shown = item.shown()
    if len(shown) > 1 or (shown and group is None):
        row = layout.row()
        row.template_list(
            "AIGC_UL_items", "", bpy.data, "node_groups", context.scene, "aigc_item_index", rows=ROWS, sort_lock=True
        )
        buttons = row.column(align=True)
        buttons.operator_menu_enum("aigc.add", "style", text="", icon="ADD")
        buttons.operator("aigc.remove", text="", icon="REMOVE")
        buttons.operator("aigc.duplicate", text="", icon="DUPLICATE")
        if group is not None and item.is_linked(group):
            layout.label(text="Linked from another file, so not editable", icon="LINKED")
            layout.operator("aigc.make_local", icon="LIBRARY_DATA_DIRECT")
        return
    row = layout.row(align=True)
    if group is not None:
        row.prop(group, "name", text="")
    row.operator_menu_enum("aigc.add", "style", text="" if group else "Add Element", icon="ADD")
    if group is not None:
        row.operator("aigc.duplicate", text="", icon="DUPLICATE")
        row.operator("aigc.remove", text="", icon="X")


def _get_index(scene: Any) -> int:
    return next((i for i, group in enumerate(bpy.data.node_groups) if group == scene.aigc_item), -1)


def _set_index(scene: Any, index: int) -> None:
    group = bpy.data.node_groups[index]
    if item.is_item(group):
        scene.aigc_item = group


def register() -> None:
    """Add the place in the list, which follows the edited element."""
    bpy.types.Scene.aigc_item_index = IntProperty(get=_get_index, set=_set_index, options={"SKIP_SAVE"})


def unregister() -> None:
    """Take it off again."""
    del bpy.types.Scene.aigc_item_index


CLASSES = (AIGC_UL_items,)
