# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel Describe: a line of text that sets style and sliders, and what became of each of its words."""

import textwrap
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface
from bpy.props import StringProperty

from ..describe import Described, describe
from ..scene import baking
from . import catalog
from .items import ItemOperator
from .panel import LINE, SubPanel

DONE, GUESSED, UNREAD = "CHECKMARK", "QUESTION", "ERROR"  # icons of what is told
SPEED = "aigc.speed"


class AIGC_OT_describe(ItemOperator):
    """Set style and sliders by the words of the text; words such as taller go on from where a slider stands"""

    bl_idname = "aigc.describe"
    bl_label = "Set from Text"
    bl_options = {"REGISTER", "UNDO"}

    text: StringProperty(
        name="Text", description="Instead of the element's own text", maxlen=300, options={"SKIP_SAVE"}
    )

    def execute(self, context: Any) -> set[str]:
        """Read the text and set what it says."""
        group = self.item(context)
        if self.text:
            group.aigc_text = self.text  # which sets everything
        else:
            _set_from_text(group, context)
        return {"FINISHED"}


class AIGC_PT_describe(SubPanel):
    """Words instead of sliders."""

    bl_label = "Describe"
    bl_order = 1

    def draw_item(self, layout: Any, group: Any) -> None:
        """Draw the text and what became of its words."""
        row = layout.row(align=True)
        row.use_property_split = False
        row.prop(group, "aigc_text", text="", icon="GREASEPENCIL")
        row.operator("aigc.describe", text="", icon="PLAY")
        for told in group.aigc_told.splitlines():
            icon, _, text = told.partition(" ")
            for line in textwrap.wrap(text, LINE):
                layout.label(text=line, icon=icon)
                icon = "BLANK1"


def _set_from_text(group: Any, _context: Any) -> None:
    """Set what the text says, but what is animated: that is its keyframes' to say."""
    entry = catalog.entry(group.aigc.style_name, group.aigc.model)
    current = entry.style if entry else None
    speed = float(group.aigc.speed) if hasattr(group.aigc, "speed") else None
    values = {c.name: float(group.get(c.name, c.default)) for c in current.controls} if current else {}
    found = describe(group.aigc_text, [e.style for e in catalog.entries], current, values, speed)
    if found.style is not None and found.style is not current:
        group.aigc.style = next(e.key for e in catalog.entries if e.style is found.style)
    animated = baking.animated(group)
    told = _told(found)
    for name, value in found.values.items():
        if f'["{name}"]' in animated:
            told.append(_kept(catalog.title(name)))
        else:
            group[name] = value
    if found.speed is not None and SPEED in animated:
        told.append(_kept("Speed"))
    elif found.speed is not None:
        group.aigc.speed = found.speed
    group.aigc_told = "\n".join(told)
    group.update_tag()


def _kept(name: str) -> str:
    return f"{UNREAD} " + iface("{name} is animated: its keyframes stay").format(name=iface(name))


def _told(found: Described) -> list[str]:
    """An icon and a line for all that the words did, and for those that did nothing."""
    told = []
    for effect in found.effects:
        words = f"{effect.words} ({effect.guess}?)" if effect.guess else effect.words
        told.append(f"{GUESSED if effect.guess else DONE} {words} \N{RIGHTWARDS ARROW} {catalog.title(effect.what)}")
    told += [f"{UNREAD} {u.words}: {u.why or iface('not understood')}" for u in found.unread]
    if found.style is None:
        names = ", ".join(e.style.name for e in catalog.entries)
        told.append(f"{UNREAD} " + iface("No style is named: {names}").format(names=names))
    return told


def register() -> None:
    """Add the text to items."""
    bpy.types.NodeTree.aigc_text = StringProperty(
        name="Text",
        description="What the element is like, such as: tall wild fire, 80% dense; Enter sets the sliders by it",
        maxlen=300,
        update=_set_from_text,
        options=set(),
    )
    bpy.types.NodeTree.aigc_told = StringProperty(
        description="What became of the text's words, a line each", options={"HIDDEN"}
    )


def unregister() -> None:
    """Take it off again; what items hold stays in the file."""
    del bpy.types.NodeTree.aigc_told
    del bpy.types.NodeTree.aigc_text


CLASSES = (AIGC_OT_describe, AIGC_PT_describe)
