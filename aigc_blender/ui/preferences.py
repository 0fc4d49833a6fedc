# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences, and what they mean for a generation."""

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface
from bpy.props import CollectionProperty, EnumProperty, IntProperty, StringProperty

from ..scene.warm import Machine
from . import catalog, runtime

PACKAGE = runtime.PACKAGE
DEVICES = (
    ("auto", "Automatic", "The fastest device that is there"),
    ("cpu", "CPU", "The processor"),
    ("cuda", "CUDA", "An NVIDIA or AMD graphics card"),
    ("mps", "Metal", "An Apple graphics processor"),
    ("xpu", "XPU", "An Intel graphics card"),
)


def _folders_changed(_preferences: Any, context: Any) -> None:
    catalog.refresh(machine(context).folders)


def _python_changed(_preferences: Any, context: Any) -> None:
    runtime.look(context)


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
        name="Python",
        description="Python interpreter that has torch; empty for the installed runtime",
        subtype="FILE_PATH",
        update=_python_changed,
    )
    backend: EnumProperty(
        name="Build of PyTorch", description="What to install", items=runtime.BACKENDS, default="auto"
    )
    wheels: StringProperty(
        name="Wheel Folder",
        description="Folder of .whl files to install from without network; empty to download",
        subtype="DIR_PATH",
    )
    base_python: StringProperty(
        name="Base Python",
        description="Python 3.11 or later to install on; empty to download one",
        subtype="FILE_PATH",
    )
    uv: StringProperty(name="uv", description="The installer uv; empty to find or download it", subtype="FILE_PATH")
    folders: CollectionProperty(type=AIGC_PG_folder)
    device: EnumProperty(name="Device", description="What the frames are drawn on", items=DEVICES, default="auto")

    def draw(self, context: Any) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.use_property_split = True
        runtime.draw(layout, context)
        layout.prop(self, "python")
        header, body = layout.panel("AIGC_runtime_install", default_closed=True)
        header.label(text="Installation")
        if body is not None:
            for name in ("backend", "wheels", "base_python", "uv"):
                body.prop(self, name)
        layout.prop(self, "device")
        column = layout.column(heading="Model Folders")
        for index, folder in enumerate(self.folders):
            row = column.row(align=True)
            row.prop(folder, "path", text="")
            row.operator("aigc.folder_remove", text="", icon="X").index = index
        column.operator("aigc.folder_add", text="Add Folder", icon="ADD")
        models = {entry.model.path for entry in catalog.entries}
        text = iface("{styles} styles in {models} models").format(styles=len(catalog.entries), models=len(models))
        layout.label(text=text, icon="CHECKMARK", translate=False)
        for fault in catalog.faults:
            layout.label(text=str(fault), icon="ERROR")


def machine(context: Any) -> Machine:
    """What is to generate, by the preferences; their defaults where the package runs without being an add-on."""
    preferences = runtime.addon_preferences(context)
    if preferences is None:
        return Machine()
    return Machine(
        python=Path(bpy.path.abspath(preferences.python)) if preferences.python else None,
        folders=tuple(Path(bpy.path.abspath(f.path)) for f in preferences.folders if f.path),
        device=preferences.device,
    )


CLASSES = (AIGC_PG_folder, AIGC_OT_folder_add, AIGC_OT_folder_remove, AIGC_AP_preferences)
