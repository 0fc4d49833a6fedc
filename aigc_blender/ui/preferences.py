# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences, and what they mean for a generation."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import CollectionProperty, EnumProperty, IntProperty, StringProperty

from ..scene.warm import Machine
from . import catalog

PACKAGE = __package__.removesuffix(".ui")
DEVICES = (
    ("auto", "Automatic", "The fastest device that is there"),
    ("cpu", "CPU", "The processor"),
    ("cuda", "CUDA", "An NVIDIA or AMD graphics card"),
    ("mps", "Metal", "An Apple graphics processor"),
    ("xpu", "XPU", "An Intel graphics card"),
)


def _folders_changed(_preferences: Any, context: Any) -> None:
    catalog.refresh(machine(context).folders)


class AIGC_PG_folder(bpy.types.PropertyGroup):
    """A folder that is searched for models."""

    path: StringProperty(
        name="Folder", description="Folder of model files", subtype="DIR_PATH", update=_folders_changed
    )


class AIGC_OT_folder_add(bpy.types.Operator):
    """Search another folder for models"""

    bl_idname = "aigc.folder_add"
    bl_label = "Add Model Folder"
    bl_options = {"INTERNAL"}

    def execute(self, context: Any) -> set[str]:
        """Add an empty row."""
        context.preferences.addons[PACKAGE].preferences.folders.add()
        return {"FINISHED"}


class AIGC_OT_folder_remove(bpy.types.Operator):
    """Search this folder no longer"""

    bl_idname = "aigc.folder_remove"
    bl_label = "Remove Model Folder"
    bl_options = {"INTERNAL"}

    index: IntProperty()

    def execute(self, context: Any) -> set[str]:
        """Remove the row of that index."""
        context.preferences.addons[PACKAGE].preferences.folders.remove(self.index)
        _folders_changed(None, context)
        return {"FINISHED"}


class AIGC_AP_preferences(bpy.types.AddonPreferences):
    """Runtime, model folders and device."""

    bl_idname = PACKAGE

    python: StringProperty(
        name="Python", description="Python interpreter that has torch; empty to look for one", subtype="FILE_PATH"
    )
    folders: CollectionProperty(type=AIGC_PG_folder)
    device: EnumProperty(name="Device", description="What the frames are drawn on", items=DEVICES, default="auto")

    def draw(self, _context: Any) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "python")
        layout.prop(self, "device")
        column = layout.column(heading="Model Folders")
        for index, folder in enumerate(self.folders):
            row = column.row(align=True)
            row.prop(folder, "path", text="")
            row.operator("aigc.folder_remove", text="", icon="X").index = index
        column.operator("aigc.folder_add", text="Add Folder", icon="ADD")
        models = {entry.model.path for entry in catalog.entries}
        layout.label(text=f"{len(catalog.entries)} styles in {len(models)} models", icon="CHECKMARK")
        for fault in catalog.faults:
            layout.label(text=str(fault), icon="ERROR")


def machine(context: Any) -> Machine:
    """What is to generate, by the preferences; their defaults where the package runs without being an add-on."""
    preferences = _preferences(context)
    if preferences is None:
        return Machine()
    return Machine(
        python=Path(bpy.path.abspath(preferences.python)) if preferences.python else None,
        folders=tuple(Path(bpy.path.abspath(f.path)) for f in preferences.folders if f.path),
        device=preferences.device,
    )


def _preferences(context: Any) -> Any | None:
    addon = context.preferences.addons.get(PACKAGE)
    return addon.preferences if addon else None


CLASSES = (AIGC_PG_folder, AIGC_OT_folder_add, AIGC_OT_folder_remove, AIGC_AP_preferences)
