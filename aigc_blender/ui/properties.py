# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of an item. Its style's controls are custom properties of the node group itself."""

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from ..recipe import MAX_SIZE, MAX_SPEED
from ..scene import card, item, placements, shader
from . import catalog

FORMATS = (
    ("auto", "Automatic", "OpenEXR for elements that glow, PNG for all others"),
    ("png", "PNG 8", "8 bits a channel; glow around an element loses light"),
    ("png16", "PNG 16", "16 bits a channel; glow around an element loses light"),
    ("exr", "OpenEXR", "Half floats, scene linear, premultiplied alpha"),
)
PLACEMENTS = tuple((k.key, k.label, k.description, k.icon, k.number) for k in placements.TABLE)


def _styles(_settings: Any, _context: Any) -> list[tuple[str, str, str, int, int]]:
    return catalog.choices


def _get_style(settings: Any) -> int:
    chosen = catalog.entry(settings.style_name, settings.model)
    return catalog.entries.index(chosen) if chosen else -1


def _set_style(settings: Any, index: int) -> None:
    chosen = catalog.entries[index]
    settings.style_name, settings.model = chosen.style.name, chosen.model.digest
    if all(settings.style_b_name != c[0] for c in catalog.partners(chosen.style.name, chosen.model.digest)):
        settings.style_b_name = ""
    item.suit(settings.id_data, chosen.style)


def _partners(settings: Any, _context: Any) -> list[tuple[str, str, str, int, int]]:
    return catalog.partners(settings.style_name, settings.model)


def _get_style_b(settings: Any) -> int:
    chosen = settings.style_b_name or catalog.NO_STYLE
    return next((c[4] for c in _partners(settings, None) if c[0] == chosen), -1)


def _set_style_b(settings: Any, number: int) -> None:
    chosen = next(c[0] for c in _partners(settings, None) if c[4] == number)
    settings.style_b_name = "" if chosen == catalog.NO_STYLE else chosen
    other = catalog.entry(settings.style_b_name, settings.model)
    if other is not None:
        item.add_controls(settings.id_data, other.style)


def _card_changed(settings: Any, _context: Any) -> None:
    if shader.image_of(settings.id_data) is not None:
        card.refit(settings.id_data)


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
        default={"CARD"},
    )
    card_height: FloatProperty(
        name="Height",
        description="Height of the card",
        subtype="DISTANCE",
        default=2.0,
        min=0.001,
        soft_max=100.0,
        options=set(),
        update=_card_changed,
    )
    card_faces_camera: BoolProperty(
        name="Face Camera",
        description="Keep the card turned to the scene's camera; it stays upright",
        default=True,
        options=set(),
        update=_card_changed,
    )
    card_light: BoolProperty(
        name="Light",
        description="Add a light that is as bright as the frames, for EEVEE and for less noise in Cycles",
        default=False,
        options=set(),
        update=_card_changed,
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
    start: IntProperty(
        name="Start",
        description="The frame from which keyed speed and style blend count; a later or longer range changes no frame",
        default=1,
        min=0,
        options=set(),
    )
    speed: FloatProperty(
        name="Speed",
        description="How fast the element moves; 0 holds it, negative runs backwards",
        default=1.0,
        min=-MAX_SPEED,
        max=MAX_SPEED,
        soft_min=0.0,
        soft_max=4.0,
    )
    pan_x: FloatProperty(
        name="Pan X", description="Pixels that the content is moved to the right; keyframe it to move", default=0.0
    )
    pan_y: FloatProperty(
        name="Pan Y", description="Pixels that the content is moved up; keyframe it to move", default=0.0
    )
    use_seed_b: BoolProperty(name="Second Seed", description="Blend into another take", options=set())
    seed_b: IntProperty(name="Seed B", description="The take to blend into", default=2, min=0, options=set())
    seed_blend: FloatProperty(
        name="Blend", description="0 is the seed, 1 the second seed", subtype="FACTOR", default=0.0, min=0.0, max=1.0
    )
    style_b_name: StringProperty(options={"HIDDEN"})
    style_b: EnumProperty(
        name="Style B",
        description="Another style of the same model to blend into",
        items=_partners,
        get=_get_style_b,
        set=_set_style_b,
        options=set(),
    )
    style_blend: FloatProperty(
        name="Blend", description="0 is the style, 1 the second style", subtype="FACTOR", default=0.0, min=0.0, max=1.0
    )
    shutter: FloatProperty(
        name="Motion Blur",
        description="Part of a frame that the shutter is open, centred on the frame; 0.5 is a film camera's",
        subtype="FACTOR",
        default=0.0,
        min=0.0,
        max=1.0,
        options=set(),
    )
    seeds: StringProperty(options={"HIDDEN"}, description="Seeds that the element had before, oldest first")
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
