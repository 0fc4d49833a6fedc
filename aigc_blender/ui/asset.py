# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements as assets: marked here, or described when the file is saved if Blender's own command marked them."""

import contextlib
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..errors import AigcError, SequenceError
from ..scene import asset, item
from . import catalog
from .items import ItemOperator


class AIGC_OT_mark_asset(ItemOperator):
    """List the element in the Asset Browser, with a picture, its words, author and rights"""

    bl_idname = "aigc.mark_asset"
    bl_label = "Mark as Asset"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Mark and describe it."""
        group = self.item(context)
        entry = catalog.entry(group.aigc.style_name, group.aigc.model)
        if entry is None:
            self.report({"ERROR"}, f"The model of {group.name} is not installed; choose a style.")
            return {"CANCELLED"}
        try:
            asset.mark(group, entry.style, entry.model.card)
        except AigcError as error:
            return self.refuse(error)
        return {"FINISHED"}


@persistent
def _describe_all(*_file: Any) -> None:
    """Before a file is saved: assets matter from then on."""
    for group in item.items():
        entry = catalog.entry(group.aigc.style_name, group.aigc.model)
        if group.asset_data is not None and entry is not None and not asset.is_described(group):
            try:
                asset.describe(group, entry.style, entry.model.card)
            except SequenceError as error:  # saving is more important than a picture
                print(f"aigc: {error}")


def register() -> None:
    """Look at assets whenever a file is saved."""
    bpy.app.handlers.save_pre.append(_describe_all)


def unregister() -> None:
    """Look no longer."""
    with contextlib.suppress(ValueError):  # reading factory settings took it out
        bpy.app.handlers.save_pre.remove(_describe_all)


CLASSES = (AIGC_OT_mark_asset,)
