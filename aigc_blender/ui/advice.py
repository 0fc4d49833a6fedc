# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said beside a setting before Generate: choices that will fail, with a button that mends them, and the cost."""

from typing import Any

from bpy.app.translations import pgettext_iface as iface
from bpy.props import EnumProperty, IntProperty

from ..advice import disk_bytes, fitting_sizes, memory_bytes
from ..errors import RecipeError, SceneError
from ..recipe import Recipe
from ..scene import defaults, item, placements
from . import catalog, preferences, progress
from .items import ItemOperator

SLOW_SECONDS = 60.0
LARGE_BYTES = 2**30
SHAPES_DIFFER = 1.02


class AIGC_OT_fix_size(ItemOperator):
    """Use this size"""

    bl_idname = "aigc.fix_size"
    bl_label = "Use Size"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    width: IntProperty(name="Width", description="Width of the frames", subtype="PIXEL")
    height: IntProperty(name="Height", description="Height of the frames", subtype="PIXEL")

    def execute(self, context: Any) -> set[str]:
        """Set both sides."""
        settings = self.item(context).aigc
        settings.width, settings.height = self.width, self.height
        return {"FINISHED"}


class AIGC_OT_fix_tiling(ItemOperator):
    """Tile no longer along the axis that the element stands on"""

    bl_idname = "aigc.fix_tiling"
    bl_label = "Turn Tiling Off"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    axis: EnumProperty(name="Axis", items=(("x", "X", "Left and right"), ("y", "Y", "Top and bottom")))

    def execute(self, context: Any) -> set[str]:
        """Switch that axis off."""
        setattr(self.item(context).aigc, f"tile_{self.axis}", False)
        return {"FINISHED"}


class AIGC_OT_fix_range(ItemOperator):
    """Exchange the first and the last frame"""

    bl_idname = "aigc.fix_range"
    bl_label = "Swap Start and End"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: Any) -> set[str]:
        """Swap them."""
        settings = self.item(context).aigc
        settings.frame_start, settings.frame_end = settings.frame_end, settings.frame_start
        return {"FINISHED"}


def draw_size(layout: Any, scene: Any, group: Any, entry: catalog.Entry) -> None:
    """What is wrong with the size or the tiling, else what is worth knowing of it."""
    settings, style, card = group.aigc, entry.style, entry.model.card
    for axis in (a for a in style.anchored if getattr(settings, f"tile_{a}")):
        _line(layout, iface("It stands on its {axis} axis and cannot tile").format(axis=axis.upper()))
        layout.operator("aigc.fix_tiling", icon="LOOP_BACK").axis = axis
        return
    if sizes := fitting_sizes(_shape(scene, group, style.name), style, card):
        _line(layout, iface("This size cannot tile; these can:"))
        _size_buttons(layout, sizes)
    elif style.aspect and settings.width > SHAPES_DIFFER * style.aspect * settings.height + 1:
        fades, goes_on = (
            iface("Wider than the footage: it fades beside it"),
            iface("Wider than the footage: its edges go on"),
        )
        _line(layout, fades if style.alpha else goes_on, "INFO")
    elif "BACKDROP" in settings.placement and not settings.tile_x and not settings.tile_y:
        width, height = defaults.render_size(scene, style)
        shape = (settings.width * height) / (settings.height * width)
        if not 1 / SHAPES_DIFFER < shape < SHAPES_DIFFER:
            _line(layout, iface("Not the shape of the render:"), "INFO")
            _size_buttons(layout, [(width, height)])


def draw_range(layout: Any, scene: Any, group: Any) -> None:
    """What is wrong with the frame range."""
    first, last = item.frame_range(group, scene)
    if first < 0:
        _line(layout, iface("Frames below 0 cannot be numbered"))
    elif last < first:
        _line(layout, iface("The range ends before it starts"))
        layout.operator("aigc.fix_range", icon="LOOP_BACK")


def draw_place(layout: Any, context: Any, group: Any) -> None:
    """Why what is chosen cannot take the frames now."""
    try:
        placements.check(group, frozenset(group.aigc.placement), context.active_object, context.scene)
    except SceneError as error:
        _line(layout, str(error))


def draw_cost(layout: Any, context: Any, group: Any, entry: catalog.Entry) -> None:
    """Time, as last measured, and space, by the size, where either is much."""
    first, last = item.frame_range(group, context.scene)
    frames, recipe = max(0, last - first + 1), _shape(context.scene, group, entry.style.name)
    measured = progress.pace(preferences.machine(context).device)
    try:
        seconds = measured.estimate(recipe, entry.style, entry.model.card, frames) if measured else 0.0
    except RecipeError:  # said at the size
        return
    memory = memory_bytes(recipe, entry.style, entry.model.card)
    disk = disk_bytes(recipe, entry.style, item.file_format(group, entry.style), frames)
    if seconds < SLOW_SECONDS and memory < LARGE_BYTES and disk < LARGE_BYTES:
        return
    if measured:
        _line(layout, iface("Up to {time}, as fast as last time").format(time=progress.duration(seconds)), "TIME")
    space = iface("{memory} of memory, up to {disk} on disk").format(memory=_bytes(memory), disk=_bytes(disk))
    _line(layout, space, "BLANK1" if measured else "DISK_DRIVE")


def _shape(scene: Any, group: Any, style: str) -> Recipe:
    """The part of the recipe that its cost depends on: no keyframe is looked at."""
    settings = group.aigc
    return Recipe(
        style,
        width=settings.width,
        height=settings.height,
        fps=item.frame_rate(scene),
        tile="x" * settings.tile_x + "y" * settings.tile_y,
        element_height=settings.element_height or None,
    )


def _line(layout: Any, text: str, icon: str = "ERROR") -> None:
    layout.label(text=text, icon=icon, translate=False)


def _size_buttons(layout: Any, sizes: list[tuple[int, int]]) -> None:
    row = layout.row(align=True)
    for width, height in sizes:
        button = row.operator("aigc.fix_size", text=f"{width} × {height}", translate=False)
        button.width, button.height = width, height


def _bytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


CLASSES = (AIGC_OT_fix_size, AIGC_OT_fix_tiling, AIGC_OT_fix_range)
