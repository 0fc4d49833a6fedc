# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets in the panel's header: bundled ones and the user's own, listed when something may have changed."""

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt
from bpy.props import BoolProperty, StringProperty

from .. import presets
from ..errors import AigcError, PresetError
from ..scene import item
from ..scene import preset as settings
from . import catalog
from .items import ItemOperator, active_item, add_item

MOTION = ("speed", "pan_x", "pan_y", "shutter")  # settings that a preset carries where the element has them

files: list[presets.PresetFile] = []
faults: list[PresetError] = []


def refresh() -> None:
    """Read the presets again."""
    files[:], faults[:] = presets.find_presets()


def use(context: Any, preset: presets.Preset) -> Any:
    """Apply a preset to the element that is edited, or to a new one where there is none; gives the element.

    Raises:
        PresetError: no model draws its style, or it names what is not there; nothing has changed.
    """
    entry = catalog.find(preset.style, preset.model)
    if entry is None:
        raise PresetError(
            f"Preset {preset.name} needs the style {preset.style}, which no model here draws; "
            "drop a model that does on the window."
        )
    group = active_item(context)
    fresh, before = group is None or item.is_linked(group), context.scene.aigc_item
    if group is None or fresh:
        group = add_item(context, entry)
    try:
        settings.apply(group, preset, entry.style, context.scene)
    except PresetError:
        if fresh:
            item.remove(group)
            context.scene.aigc_item = before
        raise
    group.aigc.style_name, group.aigc.model = entry.style.name, entry.model.digest
    return group


class AIGC_OT_preset_use(bpy.types.Operator):
    """Give the element the settings of this preset, or add one that has them"""

    bl_idname = "aigc.preset_use"
    bl_label = "Use Preset"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="File", description="The preset's file", subtype="FILE_PATH", options={"SKIP_SAVE"})

    def execute(self, context: Any) -> set[str]:
        """Read it and apply it."""
        try:
            use(context, presets.read_preset(Path(self.filepath)).preset)
        except AigcError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class AIGC_OT_preset_save(ItemOperator):
    """Save the element's settings as a file that can be used again and given to others"""

    bl_idname = "aigc.preset_save"
    bl_label = "Save Preset"
    bl_options = {"INTERNAL"}

    name: StringProperty(name="Name", description="Name of the preset; one of the same name is replaced")
    keep_size: BoolProperty(
        name="Size", description="Keep this size; without it the preset takes the size of the render", default=True
    )
    keep_seed: BoolProperty(name="Seed", description="Keep this take; without it the preset leaves the seed alone")

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Ask for the name."""
        self.name = catalog.title(self.item(context).name)
        done: set[str] = context.window_manager.invoke_props_dialog(self)
        return done

    def execute(self, context: Any) -> set[str]:
        """Write the file."""
        group = self.item(context)
        entry = catalog.entry(group.aigc.style_name, group.aigc.model)
        try:
            if entry is None:
                raise PresetError(f"The model of {group.name} is not installed; choose a style.")
            preset = settings.of_item(group, self.name, entry.style, MOTION, size=self.keep_size, seed=self.keep_seed)
            path = presets.save_preset(preset, presets.user_presets())
        except AigcError as error:
            return self.refuse(error)
        refresh()
        self.report({"INFO"}, rpt("Saved {path}").format(path=path))
        return {"FINISHED"}


class AIGC_OT_preset_rename(bpy.types.Operator):
    """Give a preset of your own another name"""

    bl_idname = "aigc.preset_rename"
    bl_label = "Rename Preset"
    bl_options = {"INTERNAL"}

    filepath: StringProperty(name="File", description="The preset's file", subtype="FILE_PATH", options={"HIDDEN"})
    name: StringProperty(name="Name", description="New name of the preset")

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Ask for the name."""
        self.name = next((f.preset.name for f in files if str(f.path) == self.filepath), "")
        done: set[str] = context.window_manager.invoke_props_dialog(self)
        return done

    def execute(self, _context: Any) -> set[str]:
        """Write it under the new name, then delete the old file."""
        try:
            presets.rename_preset(Path(self.filepath), self.name)
        except AigcError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            refresh()
        return {"FINISHED"}


class AIGC_OT_preset_delete(bpy.types.Operator):
    """Delete the file of a preset of your own"""

    bl_idname = "aigc.preset_delete"
    bl_label = "Delete Preset"
    bl_options = {"INTERNAL"}

    filepath: StringProperty(name="File", description="The preset's file", subtype="FILE_PATH", options={"HIDDEN"})

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask first."""
        done: set[str] = context.window_manager.invoke_confirm(self, event)
        return done

    def execute(self, _context: Any) -> set[str]:
        """Delete it."""
        try:
            presets.delete_preset(Path(self.filepath))
        except AigcError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            refresh()
        return {"FINISHED"}


class AIGC_MT_presets(bpy.types.Menu):
    """Ready-made settings, and your own"""

    bl_idname = "AIGC_MT_presets"
    bl_label = "Presets"

    def draw(self, _context: Any) -> None:
        """Draw what there is, with what can be done."""
        layout = self.layout
        for file in (f for f in files if f.bundled):
            _entry(layout, "aigc.preset_use", file)
        own = [f for f in files if not f.bundled]
        if own:
            layout.separator()
        for file in own:
            _entry(layout, "aigc.preset_use", file, icon="USER")
        for fault in faults:
            layout.label(text=str(fault), icon="ERROR", translate=False)
        layout.separator()
        layout.operator("aigc.preset_save", text="Save Preset...", icon="ADD")
        if own:
            layout.menu("AIGC_MT_presets_rename", icon="GREASEPENCIL")
            layout.menu("AIGC_MT_presets_delete", icon="TRASH")


class AIGC_MT_presets_rename(bpy.types.Menu):
    """Your presets, to be given another name"""

    bl_idname = "AIGC_MT_presets_rename"
    bl_label = "Rename"

    def draw(self, _context: Any) -> None:
        """Draw the user's own presets."""
        self.layout.operator_context = "INVOKE_DEFAULT"
        for file in (f for f in files if not f.bundled):
            _entry(self.layout, "aigc.preset_rename", file)


class AIGC_MT_presets_delete(bpy.types.Menu):
    """Your presets, to be deleted"""

    bl_idname = "AIGC_MT_presets_delete"
    bl_label = "Delete"

    def draw(self, _context: Any) -> None:
        """Draw the user's own presets."""
        self.layout.operator_context = "INVOKE_DEFAULT"
        for file in (f for f in files if not f.bundled):
            _entry(self.layout, "aigc.preset_delete", file)


def _entry(layout: Any, operator: str, file: presets.PresetFile, icon: str = "NONE") -> None:
    layout.operator(operator, text=file.preset.name, icon=icon, translate=file.bundled).filepath = str(file.path)


CLASSES = (
    AIGC_OT_preset_use,
    AIGC_OT_preset_save,
    AIGC_OT_preset_rename,
    AIGC_OT_preset_delete,
    AIGC_MT_presets,
    AIGC_MT_presets_rename,
    AIGC_MT_presets_delete,
)
