# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate and Cancel, and the timer that brings the frames in."""

import contextlib
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent
from bpy.app.translations import pgettext_rpt as rpt
from bpy.props import StringProperty

from ..errors import AigcError
from ..scene import jobs
from . import preferences, progress
from .items import ItemOperator

POLL_SECONDS = 0.1
IDLE_POLL_SECONDS = 10.0


class AIGC_OT_generate(ItemOperator):
    """Generate the frames and put them where they go; what was broken off goes on where it was"""

    bl_idname = "aigc.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER", "UNDO"}

    folder: StringProperty(
        name="Folder",
        description="Where the frames go; empty for a new version folder beside the .blend",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: Any) -> set[str]:
        """Start, and without a window also finish, the generation."""
        group, machine = self.item(context), preferences.machine(context)
        folder = Path(bpy.path.abspath(self.folder)).absolute() if self.folder else None
        try:
            job = jobs.prepare(group, context.scene, context.active_object, machine, folder)
            jobs.start(group, job, machine)
            if not bpy.app.background:
                watch()
                return {"FINISHED"}
            with _cancelled_on_interrupt(job):
                jobs.wait(job)
        except AigcError as error:
            return self.refuse(error)
        for text in job.warnings:
            self.report({"WARNING"}, text)
        if job.state == "cancelled":
            return {"CANCELLED"}
        self.report({"INFO"}, rpt("{count} frames in {folder}").format(count=len(job.frames), folder=job.folder))
        return {"FINISHED"}


class AIGC_OT_cancel(ItemOperator):
    """Stop generating; finished frames stay on disk, and Generate goes on from there"""

    bl_idname = "aigc.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    def execute(self, context: Any) -> set[str]:
        """Cancel the element's generation."""
        jobs.cancel(self.item(context).aigc.uuid)
        return {"FINISHED"}


def watch() -> None:
    """Look after the jobs from now on."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    bpy.app.timers.register(_tick, persistent=True)


def _tick() -> float | None:
    ended, device = jobs.pump(), preferences.machine(bpy.context).device
    for job in (*ended, *jobs.under_way()):
        progress.observe(job, device)
    if any(job.state == "done" for job in ended) and bpy.ops.ed.undo_push.poll():
        bpy.ops.ed.undo_push(message="Place Frames")
    for window in bpy.context.window_manager.windows:
        for area in (a for a in window.screen.areas if a.type == "VIEW_3D"):
            for region in (r for r in area.regions if r.type == "UI"):  # the sidebar alone: a viewport may be slow
                region.tag_redraw()
    if jobs.running():
        return POLL_SECONDS
    return IDLE_POLL_SECONDS if jobs.worker.present else None


@persistent
def _leave(*_: Any) -> None:
    jobs.leave()


def register() -> None:
    """Leave a file's generations behind when another is opened."""
    bpy.app.handlers.load_post.append(_leave)


def unregister() -> None:
    """Look after the jobs no longer."""
    with contextlib.suppress(ValueError):  # reading factory settings took it out
        bpy.app.handlers.load_post.remove(_leave)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


@contextlib.contextmanager
def _cancelled_on_interrupt(job: jobs.Job) -> Any:
    try:
        yield
    except KeyboardInterrupt:
        jobs.cancel(job.item)
        raise


CLASSES = (AIGC_OT_generate, AIGC_OT_cancel)
