# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar of the 3D viewport: one screen from the style to Generate, the rest in closed panels below."""

import textwrap
from typing import Any

import bpy

from ..card import UNKNOWN_RIGHTS
from ..scene import images, item, jobs, shader
from . import catalog, item_list, runtime, state
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
        body.enabled = group.library is None
        _draw_style(body, group, entry)
        draw_place(body, group)
        if entry is not None:
            _draw_controls(body, group, entry)
        _draw_frames(body, context, group, entry)
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
        layout.enabled = group.library is None
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
        if image is None:
            layout.label(text="No frames yet")
            return
        frames = images.frames_of(image)
        layout.label(text=f"Frames {frames.start} to {frames.stop - 1}", icon="RENDER_ANIMATION")
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
            layout.label(text=f"Licence: {card.licence or UNKNOWN_RIGHTS}")
            for line in textwrap.wrap(f"Footage: {card.rights.statement}", LINE):
                layout.label(text=line)
        layout.operator("aigc.refresh", icon="FILE_REFRESH")


def _draw_style(layout: Any, group: Any, entry: catalog.Entry | None) -> None:
    if entry is None:
        layout.prop(group.aigc, "style", text="Style")
        layout.label(text="The model of this element is not installed", icon="ERROR")
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
    if entry and entry.style.aspect and settings.width > 1.02 * entry.style.aspect * settings.height + 1:
        layout.label(text="Wider than the footage: its edges go on", icon="INFO")
    layout.prop(settings, "use_scene_range")
    if not settings.use_scene_range:
        column = layout.column(align=True)
        column.prop(settings, "frame_start")
        column.prop(settings, "frame_end")
    first, last = item.frame_range(group, context.scene)
    layout.prop(settings, "use_loop", text=f"Loop of {last - first + 1} Frames" if settings.use_loop else "Loop")
    row = layout.row(align=True)
    row.prop(settings, "seed")
    row.operator("aigc.previous_seed", text="", icon="LOOP_BACK")
    row.operator("aigc.new_seed", text="", icon="FILE_REFRESH")


def _draw_generate(layout: Any, group: Any) -> None:
    job = jobs.latest(group.aigc.uuid)
    row = layout.row(align=True)
    row.scale_y = 1.5
    if job is None or job.state != "running":
        row.operator("aigc.generate", icon="RENDER_ANIMATION")
    else:
        row.progress(factor=job.done / len(job.frames), text=_progress(job))
        row.operator("aigc.cancel", text="", icon="CANCEL")
    icon, text = _status(group, job)
    for line in textwrap.wrap(text, LINE):
        layout.label(text=line, icon=icon)
        icon = "BLANK1"


def _progress(job: jobs.Job) -> str:
    if job.eta_s is None:
        return "Starting"
    return f"{job.done:.0f} of {len(job.frames)} frames, {job.eta_s:.0f} s left"


def _status(group: Any, job: jobs.Job | None) -> tuple[str, str]:
    """Icon and text of the status line."""
    if job is None:
        return state.STATES[state.state(group)]
    if job.error is not None:
        return "ERROR", str(job.error)
    if job.state == "running":
        before = jobs.place_in_queue(job)
        waiting = f"Waiting for {before} before it" if before else "Waiting for the worker"
        return "TIME", job.newest.name if job.newest else waiting
    if job.state == "cancelled":
        return "CANCEL", "Cancelled; finished frames are kept"
    if state.state(group) in ("STALE", "MISSING"):
        return state.STATES[state.state(group)]
    if job.warnings:
        return "ERROR", job.warnings[-1]
    return "CHECKMARK", f"{len(job.frames)} frames in {job.folder}"


CLASSES = (AIGC_PT_main, AIGC_PT_tiling, AIGC_PT_format, AIGC_PT_output, AIGC_PT_model)
