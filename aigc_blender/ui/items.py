# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators that add, place and remove elements."""

import random
from typing import Any

import bpy
from bpy.props import EnumProperty

from ..errors import AigcError
from ..scene import item, jobs, placements
from . import catalog, preferences
from .properties import PLACEMENTS


def active_item(context: Any) -> Any | None:
    """The element that is edited (bpy.types.NodeTree), or None."""
    group = context.scene.aigc_item
    return group if group is not None and group.aigc.uuid else None


class ItemOperator(bpy.types.Operator):
    """Base of the operators on the active element."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Needs an element of this file."""
        group = active_item(context)
        if group is None:
            cls.poll_message_set("Add an element first")
        elif group.library is not None:
            cls.poll_message_set("The element is linked from another file")
        return group is not None and group.library is None

    def item(self, context: Any) -> Any:
        """The element to work on."""
        return active_item(context)

    def refuse(self, error: AigcError) -> set[str]:
        """Report an error and change nothing."""
        self.report({"ERROR"}, str(error))
        return {"CANCELLED"}


def _choices(_operator: Any, _context: Any) -> list[tuple[str, str, str, int, int]]:
    return catalog.choices


class AIGC_OT_add(bpy.types.Operator):
    """Add an element of this style"""

    bl_idname = "aigc.add"
    bl_label = "Add Element"
    bl_options = {"REGISTER", "UNDO"}

    style: EnumProperty(name="Style", description="What is drawn", items=_choices)

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Needs a model."""
        if not catalog.entries:
            cls.poll_message_set("No model was found; name a folder of models in the preferences")
        return bool(catalog.entries)

    def execute(self, context: Any) -> set[str]:
        """Make the item and edit it from now on."""
        entry = next(e for e in catalog.entries if e.key == self.style)
        group = item.new(entry.style.name)
        group.aigc.style = self.style
        context.scene.aigc_item = group
        return {"FINISHED"}


class AIGC_OT_remove(ItemOperator):
    """Remove the element from the file, wherever it is used; its frames stay on disk"""

    bl_idname = "aigc.remove"
    bl_label = "Remove Element"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Cancel, unplace, delete."""
        group = self.item(context)
        jobs.cancel(group.aigc.uuid)
        for kind in placements.KINDS:
            placements.remove(group, kind)
        item.remove(group)
        context.scene.aigc_item = next(iter(item.items()), None)
        return {"FINISHED"}


class AIGC_OT_place(ItemOperator):
    """Put the frames here as well"""

    bl_idname = "aigc.place"
    bl_label = "Place"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(name="Place", items=PLACEMENTS)

    def execute(self, context: Any) -> set[str]:
        """Place the element on the active object or in the scene."""
        try:
            placements.place(self.item(context), self.kind, context.active_object, context.scene)
        except AigcError as error:
            return self.refuse(error)
        return {"FINISHED"}


class AIGC_OT_unplace(ItemOperator):
    """Take the frames out again and leave everything as it was before"""

    bl_idname = "aigc.unplace"
    bl_label = "Remove from Scene"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(name="Place", items=PLACEMENTS)

    def execute(self, context: Any) -> set[str]:
        """Remove all of the element's placements of that kind."""
        placements.remove(self.item(context), self.kind)
        return {"FINISHED"}


class AIGC_OT_new_seed(ItemOperator):
    """Choose another seed at random"""

    bl_idname = "aigc.new_seed"
    bl_label = "New Seed"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: Any) -> set[str]:
        """Set the seed."""
        self.item(context).aigc.seed = random.randrange(1, 100_000)
        return {"FINISHED"}


class AIGC_OT_refresh(bpy.types.Operator):
    """Look for models again"""

    bl_idname = "aigc.refresh"
    bl_label = "Refresh Models"
    bl_options = {"INTERNAL"}

    def execute(self, context: Any) -> set[str]:
        """Read the cards that are new or have changed."""
        catalog.refresh(preferences.machine(context).folders)
        return {"FINISHED"}


CLASSES = (AIGC_OT_refresh, AIGC_OT_add, AIGC_OT_remove, AIGC_OT_place, AIGC_OT_unplace, AIGC_OT_new_seed)
