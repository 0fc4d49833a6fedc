# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar of the 3D viewport: one screen from the style to Generate, the rest in closed panels below."""

import textwrap
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface

from ..card import UNKNOWN_RIGHTS
from ..scene import images, item, jobs, shader
from . import advice, catalog, item_list, preview, progress, runtime
from .items import active_item
from .place import draw_place, draw_placed

SLIDERS = 4
LINE = 34  # characters that fit the sidebar


class _Panel(bpy.types.Panel):
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Elements"


class AIGC_PT_main(_Panel):
    """Choose, set, generate."""

    bl_idname = "AIGC_PT_main"
    bl_label = "Elements"

    def draw_header_preset(self, _context: Any) -> None:
        """Draw the menu of presets."""
        self.layout.menu("AIGC_MT_presets", text="", icon="PRESET")

    def draw(self, context: Any) -> None:
        """Draw the first screen."""
        layout = self.layout
        group = active_item(context)
        runtime.draw_hint(layout)
        item_list.draw(layout, context, group)
        if group is None:
            return
        layout.use_property_split = True
        layout.use_property_decorate = False
        entry = catalog.entry(group.aigc.style_name, group.aigc.model)
        body = layout.column()
        body.enabled = not item.is_linked(group)
        _draw_style(body, group, entry)
        draw_place(body, group)
        advice.draw_place(body, context, group)
        if entry is not None:
            _draw_controls(body, group, entry)
        _draw_frames(body, context, group, entry)
        preview.draw(body, context)
        if entry is not None:
            advice.draw_cost(body, context, group, entry)
        _draw_generate(body, group)


class SubPanel(_Panel):
    """Base of the closed panels below the first screen."""

    bl_parent_id = "AIGC_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Needs an element."""
        return active_item(context) is not None

    def draw(self, context: Any) -> None:
        """Draw the element's settings of this subject."""
        group, layout = active_item(context), self.layout
        assert group is not None, "see poll"
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.enabled = not item.is_linked(group)
        self.draw_item(layout, group)

    def draw_item(self, layout: Any, group: Any) -> None:
        """Draw what the subject is about."""
        raise NotImplementedError


class AIGC_PT_tiling(SubPanel):
    """Edges that fit each other."""

    bl_label = "Tiling"
    bl_order = 2

    def draw_item(self, layout: Any, group: Any) -> None:
        """Draw a switch for each axis that the style can tile along."""
        entry = catalog.entry(group.aigc.style_name, group.aigc.model)
        anchored = entry.style.anchored if entry else ()
        row = layout.row(heading="Tile", align=True)
        for axis in ("x", "y"):
            cell = row.row(align=True)
            cell.enabled = axis not in anchored
            cell.prop(group.aigc, f"tile_{axis}", toggle=True)
        if "y" in anchored:
            layout.prop(group.aigc, "element_height")


class AIGC_PT_format(SubPanel):
    """File format."""

    bl_label = "Format"
    bl_order = 4

    def draw_item(self, layout: Any, group: Any) -> None:
        """Draw the format, with a warning where it loses light."""
        layout.prop(group.aigc, "format")
        entry = catalog.entry(group.aigc.style_name, group.aigc.model)
        if entry is not None and entry.style.outshines_display and item.file_format(group, entry.style) != "exr":
            layout.label(text="PNG loses light of what glows", icon="ERROR")


class AIGC_PT_output(SubPanel):
    """Where the frames are, on disk and in the scene."""

    bl_label = "Output"
    bl_order = 5

    def draw_item(self, layout: Any, group: Any) -> None:
        """Draw the current sequence and its placements."""
        image = shader.image_of(group)
        layout.operator("aigc.mark_asset", icon="ASSET_MANAGER")
        if image is None:
            layout.label(text="No frames yet")
            return
        frames = images.frames_of(image)
        text = iface("Frames {first} to {last}").format(first=frames.start, last=frames.stop - 1)
        layout.label(text=text, icon="RENDER_ANIMATION", translate=False)
        for line in textwrap.wrap(image.filepath, LINE):
            layout.label(text=line)
        draw_placed(layout, group)


class AIGC_PT_model(SubPanel):
    """What the model is, and what may be done with it."""

    bl_label = "Model & Rights"
    bl_order = 6

    def draw_item(self, layout: Any, group: Any) -> None:
        """Draw the card in brief."""
        entry = catalog.entry(group.aigc.style_name, group.aigc.model)
        if entry is not None:
            card = entry.model.card
            layout.label(text=f"{card.name} {card.version}", icon="INFO")
            licence = iface("Licence: {licence}").format(licence=card.licence or iface(UNKNOWN_RIGHTS))
            layout.label(text=licence, translate=False)
            for line in textwrap.wrap(iface("Footage: {rights}").format(rights=iface(card.rights.statement)), LINE):
                layout.label(text=line, translate=False)
        row = layout.row(align=True)
        row.operator("aigc.import_model", icon="IMPORT")
        row.operator("aigc.refresh", text="", icon="FILE_REFRESH")


def _draw_style(layout: Any, group: Any, entry: catalog.Entry | None) -> None:
    if entry is None:
        layout.prop(group.aigc, "style", text="Style")
        layout.label(text="Its model is not installed", icon="ERROR")
    elif entry.icon:
        layout.template_icon_view(group.aigc, "style", show_labels=True, scale=5.0)
    else:
        layout.prop(group.aigc, "style", text="Style")


def _draw_controls(layout: Any, group: Any, entry: catalog.Entry) -> None:
    column = layout.column(align=True)
    column.use_property_decorate = True
    for control in entry.style.controls[:SLIDERS]:
        if control.name in group:
            column.prop(group, f'["{control.name}"]', text=catalog.title(control.name), slider=True)


def _draw_frames(layout: Any, context: Any, group: Any, entry: catalog.Entry | None) -> None:
    settings = group.aigc
    column = layout.column(align=True)
    column.prop(settings, "width", text="Size X")
    column.prop(settings, "height", text="Y")
    if entry is not None:
        advice.draw_size(layout, context.scene, group, entry)
    layout.prop(settings, "use_scene_range")
    if not settings.use_scene_range:
        column = layout.column(align=True)
        column.prop(settings, "frame_start")
        column.prop(settings, "frame_end")
    advice.draw_range(layout, context.scene, group)
    first, last = item.frame_range(group, context.scene)
    loop = (
        iface("Loop of {count} Frames").format(count=last - first + 1) if settings.use_loop and last > first else None
    )
    layout.prop(settings, "use_loop", text=loop or "Loop", translate=loop is None)
    row = layout.row(align=True)
    row.prop(settings, "seed")
    row.operator("aigc.previous_seed", text="", icon="LOOP_BACK")
    row.operator("aigc.new_seed", text="", icon="FILE_REFRESH")


def _draw_generate(layout: Any, group: Any) -> None:
    job = jobs.latest(group.aigc.uuid)
    running = job is not None and job.state == "running"
    row = layout.row(align=True)
    row.scale_y = 1.5
    if job is not None and running:
        row.progress(factor=job.done / len(job.frames), text=progress.words(job), translate=False)
        row.operator("aigc.cancel", text="", icon="CANCEL")
        newest = progress.picture_of(job)
        if newest is not None:
            layout.template_icon(newest.icon_id, scale=8.0)
    else:
        row.operator("aigc.generate", icon="RENDER_ANIMATION")
    icon, text = progress.status(group, job)
    for line in textwrap.wrap(text, LINE):
        layout.label(text=line, icon=icon, translate=False)
        icon = "BLANK1"


CLASSES = (AIGC_PT_main, AIGC_PT_tiling, AIGC_PT_format, AIGC_PT_output, AIGC_PT_model)
