# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators that add, place and remove elements."""

import random
from typing import Any

import bpy
from bpy.props import EnumProperty

from ..errors import AigcError
from ..scene import defaults, item, jobs, placements
from . import catalog, preferences
from .properties import PLACEMENTS

MAX_SEEDS = 50  # that the history keeps


def active_item(context: Any) -> Any | None:
    """The element that is edited (bpy.types.NodeTree), or None."""
    group = context.scene.aigc_item
    return group if group is not None and group.aigc.uuid else None


def add_item(context: Any, entry: catalog.Entry) -> Any:
    """A new element of a style, suited to the scene and edited from now on (bpy.types.NodeTree)."""
    group = item.new(defaults.unique_name(entry.style.name))
    group.aigc.style = entry.key
    group.aigc.placement = {placements.default(entry.style, context.active_object)}
    defaults.apply(group, context.scene, entry.style)
    context.scene.aigc_item = group
    return group


class ItemOperator(bpy.types.Operator):
    """Base of the operators on the active element."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Needs an element of this file."""
        group = active_item(context)
        if group is None:
            cls.poll_message_set("Add an element first")
        elif item.is_linked(group):
            cls.poll_message_set("The element is linked from another file; make it local to edit it")
        return group is not None and not item.is_linked(group)

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
        add_item(context, next(e for e in catalog.entries if e.key == self.style))
        return {"FINISHED"}


class AIGC_OT_duplicate(ItemOperator):
    """Add an element like this one, with settings and keyframes of its own"""

    bl_idname = "aigc.duplicate"
    bl_label = "Duplicate Element"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Duplicate, and edit the copy from now on."""
        context.scene.aigc_item = item.duplicate(self.item(context))
        return {"FINISHED"}


class AIGC_OT_make_local(bpy.types.Operator):
    """Make the linked element one of this file, so that it can be edited"""

    bl_idname = "aigc.make_local"
    bl_label = "Make Local"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Needs a linked element."""
        group = active_item(context)
        return group is not None and item.is_linked(group)

    def execute(self, context: Any) -> set[str]:
        """Make it local and edit it from now on."""
        try:
            context.scene.aigc_item = item.make_local(active_item(context))
        except AigcError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
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
            warning = placements.place(self.item(context), self.kind, context.active_object, context.scene)
        except AigcError as error:
            return self.refuse(error)
        if warning:
            self.report({"WARNING"}, warning)
        return {"FINISHED"}


class AIGC_OT_unplace(ItemOperator):
    """Take the frames out again and leave everything as it was before"""

    bl_idname = "aigc.unplace"
    bl_label = "Remove from Scene"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(name="Place", items=PLACEMENTS)

    def execute(self, context: Any) -> set[str]:
        """Remove all of the element's placements of that kind."""
        try:
            placements.remove(self.item(context), self.kind)
        except AigcError as error:
            return self.refuse(error)
        return {"FINISHED"}


class AIGC_OT_new_seed(ItemOperator):
    """Choose another seed at random"""

    bl_idname = "aigc.new_seed"
    bl_label = "New Seed"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: Any) -> set[str]:
        """Set the seed and keep the one before."""
        settings = self.item(context).aigc
        settings.seeds = " ".join([*settings.seeds.split(), str(settings.seed)][-MAX_SEEDS:])
        settings.seed = random.randrange(1, 100_000)
        return {"FINISHED"}


class AIGC_OT_previous_seed(ItemOperator):
    """Go back to the seed before this one"""

    bl_idname = "aigc.previous_seed"
    bl_label = "Previous Seed"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Needs an element that had another seed."""
        if not super().poll(context):
            return False
        group = active_item(context)
        if group is None or not group.aigc.seeds:
            cls.poll_message_set("The element had no other seed")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        """Take the seed from the history."""
        settings = self.item(context).aigc
        *before, seed = settings.seeds.split()
        settings.seed, settings.seeds = int(seed), " ".join(before)
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


CLASSES = (
    AIGC_OT_refresh,
    AIGC_OT_add,
    AIGC_OT_remove,
    AIGC_OT_place,
    AIGC_OT_unplace,
    AIGC_OT_new_seed,
    AIGC_OT_previous_seed,
    AIGC_OT_duplicate,
    AIGC_OT_make_local,
)
