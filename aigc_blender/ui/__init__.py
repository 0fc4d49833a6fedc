# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties, operators, panels and preferences."""

import atexit
from typing import Any

import bpy

from ..scene import jobs
from . import (
    advice,
    asset,
    catalog,
    command,
    describe,
    drop,
    generate,
    image_menu,
    item_list,
    items,
    manual,
    motion,
    panel,
    place,
    preferences,
    presets,
    preview,
    progress,
    properties,
    runtime,
    source,
    state,
    translation,
)

CLASSES = (
    *runtime.CLASSES,
    *preferences.CLASSES,
    *items.CLASSES,
    *generate.CLASSES,
    *item_list.CLASSES,
    *place.CLASSES,
    *advice.CLASSES,
    *presets.CLASSES,
    *drop.CLASSES,
    *asset.CLASSES,
    *panel.CLASSES,
    *describe.CLASSES,
    *preview.CLASSES,
    *motion.CLASSES,
    *image_menu.CLASSES,
    *source.CLASSES,
)
WATCHING = (
    describe,
    generate,
    item_list,
    image_menu,
    state,
    source,
    asset,
    manual,
    translation,
)  # what registers more than classes
_command: Any = None


def register() -> None:
    """Add everything to Blender."""
    global _command
    properties.register()
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    for module in WATCHING:
        module.register()
    presets.refresh()
    preview.register()
    catalog.refresh(preferences.machine(bpy.context).folders)
    _command = bpy.utils.register_cli_command("aigc", command.run)
    runtime.register()
    atexit.register(unregister)  # bpy as a module hangs at exit while properties with callbacks are registered


def unregister() -> None:
    """Take everything out again; ends the worker and waits for its end. A second time, as Blender asks at its own end, does nothing."""
    global _command
    if _command is None:
        return
    atexit.unregister(unregister)
    preview.unregister()
    runtime.unregister()
    jobs.stop()
    bpy.utils.unregister_cli_command(_command)
    _command = None
    progress.clear()
    catalog.clear()
    for module in reversed(WATCHING):
        module.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    properties.unregister()
