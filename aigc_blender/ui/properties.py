# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of an item. Its style's controls are custom properties of the node group itself."""

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from ..recipe import MAX_SIZE
from ..scene import item
from . import catalog

FORMATS = (
    ("auto", "Automatic", "OpenEXR for elements that glow, PNG for all others"),
    ("png", "PNG 8", "8 bits a channel; glow around an element loses light"),
    ("png16", "PNG 16", "16 bits a channel; glow around an element loses light"),
    ("exr", "OpenEXR", "Half floats, scene linear, premultiplied alpha"),
)
PLACEMENTS = (
    ("MATERIAL", "Material", "Emission over the active object's surface", "MATERIAL", 1),
    ("BACKDROP", "Backdrop", "A plane that fills the view of the scene's camera", "IMAGE_BACKGROUND", 2),
)


def _styles(_settings: Any, _context: Any) -> list[tuple[str, str, str, int, int]]:
    return catalog.choices


def _get_style(settings: Any) -> int:
    chosen = catalog.entry(settings.style_name, settings.model)
    return catalog.entries.index(chosen) if chosen else -1


def _set_style(settings: Any, index: int) -> None:
    chosen = catalog.entries[index]
    settings.style_name, settings.model = chosen.style.name, chosen.model.digest
    item.suit(settings.id_data, chosen.style)


class AIGC_PG_item(bpy.types.PropertyGroup):
    """Settings of an item (``node_group.aigc``)."""

    uuid: StringProperty(options={"HIDDEN"})
    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"}, description="The generation under way; undo takes it back")
    style_name: StringProperty(options={"HIDDEN"})
    model: StringProperty(options={"HIDDEN"}, description="Digest of the model file")
    style: EnumProperty(
        name="Style",
        description="What is drawn",
        items=_styles,
        get=_get_style,
        set=_set_style,
        options=set(),
    )
    placement: EnumProperty(
        name="Place",
        description="Where the frames go in the scene; Shift-click for several places",
        items=PLACEMENTS,
        options={"ENUM_FLAG"},
        default={"MATERIAL"},
    )
    width: IntProperty(
        name="Width", description="Width of the frames", subtype="PIXEL", default=256, min=1, max=MAX_SIZE
    )
    height: IntProperty(
        name="Height", description="Height of the frames", subtype="PIXEL", default=256, min=1, max=MAX_SIZE
    )
    element_height: IntProperty(
        name="Element Height",
        description="Height that the element is drawn at; 0 is the height of the frame",
        subtype="PIXEL",
        default=0,
        min=0,
        max=MAX_SIZE,
    )
    use_scene_range: BoolProperty(
        name="Scene Range", description="Generate the frames from the scene's start to its end", default=True
    )
    frame_start: IntProperty(name="Start", description="First frame", default=1, min=0)
    frame_end: IntProperty(name="End", description="Last frame", default=48, min=0)
    use_loop: BoolProperty(
        name="Loop", description="Make the last frame lead into the first one, and repeat the sequence", default=True
    )
    seed: IntProperty(name="Seed", description="Another number is another take", default=1, min=0)
    tile_x: BoolProperty(name="X", description="Make the left and the right edge fit each other")
    tile_y: BoolProperty(name="Y", description="Make the top and the bottom edge fit each other")
    format: EnumProperty(name="Format", description="File format of the frames", items=FORMATS, default="auto")


def _is_item(_scene: Any, group: Any) -> bool:
    return bool(group.aigc.uuid)


def register() -> None:
    """Add the properties to Blender's types."""
    bpy.utils.register_class(AIGC_PG_item)
    bpy.types.NodeTree.aigc = PointerProperty(type=AIGC_PG_item)
    bpy.types.Scene.aigc_item = PointerProperty(
        name="Element", description="The element that is edited", type=bpy.types.NodeTree, poll=_is_item
    )


def unregister() -> None:
    """Take them off again; what items hold stays in the file."""
    del bpy.types.Scene.aigc_item
    del bpy.types.NodeTree.aigc
    bpy.utils.unregister_class(AIGC_PG_item)
