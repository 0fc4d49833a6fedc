# SPDX-License-Identifier: GPL-3.0-or-later
"""The live preview's switch, its picture in the sidebar, and the timer that looks after it."""

import textwrap
from typing import Any

import bpy
import bpy.utils.previews
import numpy as np
from bpy.app.translations import pgettext_iface as iface

from ..errors import AigcError
from ..scene import item, preview, stand_in
from ..transfer import from_light
from . import catalog, generate, preferences
from .items import ItemOperator, active_item

BUSY_SECONDS, POLL_SECONDS = 0.01, 0.05  # between two looks while a picture is under way, and else
CATEGORY = "Elements"
ICONS = {"WAITING": "TIME", "DRAFT": "INFO", "ERROR": "ERROR"}
LINE = 34  # characters that fit the sidebar
SCALE = 8.0  # of the picture in the sidebar, in rows of buttons
_icons: Any = None


class AIGC_OT_preview(ItemOperator):
    """Show the element at the current frame while you scrub, play and drag sliders; small, and never saved or rendered"""

    bl_idname = "aigc.preview"
    bl_label = "Live Preview"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Needs a window; can always be switched off."""
        if preview.running():
            return True
        if bpy.app.background:
            cls.poll_message_set("There is no window to preview in")
            return False
        return super().poll(context)

    def execute(self, context: Any) -> set[str]:
        """Switch it on or off."""
        if preview.running():
            preview.stop()
            return {"FINISHED"}
        try:
            preview.start(preferences.machine(context), style_of)
        except AigcError as error:
            return self.refuse(error)
        generate.watch()  # which ends a worker that has long been idle
        bpy.app.timers.register(_tick, persistent=True)
        return {"FINISHED"}


def style_of(group: Any) -> Any | None:
    """The style that an item draws, of both where it blends two; None where its model is not installed."""
    settings = group.aigc
    entry = catalog.entry(settings.style_name, settings.model)
    if entry is None or (settings.style_b_name and entry.model.card.style(settings.style_b_name) is None):
        return None
    return item.drawn_style(entry.model.card, settings.style_name, settings.style_b_name)


def draw(layout: Any, context: Any) -> None:
    """Draw the switch, the picture and the status line."""
    on = preview.running()
    layout.operator("aigc.preview", icon="HIDE_OFF" if on else "HIDE_ON", depress=on)
    state, text = preview.status()
    if on and _icons is not None and "picture" in _icons and active_item(context) is not None:
        layout.template_icon(_icons["picture"].icon_id, scale=SCALE)
    words = {"WAITING": iface("Preview is starting"), "DRAFT": iface("Too large to preview in detail"), "ERROR": text}
    icon = ICONS.get(state, "NONE")
    for line in textwrap.wrap(words.get(state, ""), LINE):
        layout.label(text=line, icon=icon, translate=False)
        icon = "BLANK1"


def _tick() -> float | None:
    if preview.pump(bpy.context.scene):
        _draw_icon()
        stand_in.redraw(CATEGORY)
    if not preview.running():
        return None
    return BUSY_SECONDS if preview.busy() else POLL_SECONDS


def _draw_icon() -> None:
    """The newest picture as an icon, over black as a style's thumbnail is."""
    pixels = preview.picture()
    if pixels is None or _icons is None:
        return
    icon = _icons.get("picture") or _icons.new("picture")
    height, width, _ = pixels.shape
    if tuple(icon.image_size) != (width, height):
        icon.image_size = (width, height)
    shown = np.ones_like(pixels)
    shown[..., :3] = from_light(np.clip(pixels[..., :3], 0, 1))
    icon.image_pixels_float.foreach_set(shown.reshape(-1))


def register() -> None:
    """Make room for the picture, and listen to the timeline."""
    global _icons
    _icons = bpy.utils.previews.new()
    preview.register()


def unregister() -> None:
    """End the preview."""
    global _icons
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    preview.unregister()
    if _icons is not None:
        bpy.utils.previews.remove(_icons)
    _icons = None


CLASSES = (AIGC_OT_preview,)
