# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that are not on disk: generated before a render that shows them, or when asked, as for playblasts."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt
from bpy.props import BoolProperty

from ..errors import AigcError
from ..scene import farm, jobs, source
from . import generate, panel, preferences


class AIGC_OT_generate_missing(bpy.types.Operator):
    """Generate what the scene's range lacks of all sequences; viewport renders do not do that by themselves"""

    bl_idname = "aigc.generate_missing"
    bl_label = "Generate Missing"
    bl_options = {"REGISTER"}

    def execute(self, context: Any) -> set[str]:
        """Queue the sequences that lack frames; without a window also wait for them."""
        scene, machine = context.scene, preferences.machine(context)
        frames = range(scene.frame_start, scene.frame_end + 1)
        lacking = [image for image in farm.generated_images() if source.missing(image, frames)]
        try:
            queued = [jobs.regenerate(image, scene, machine) for image in lacking]
            if bpy.app.background:
                for job in queued:
                    jobs.wait(job)
        except AigcError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if queued and not bpy.app.background:
            generate.watch()
        lacked = rpt("{count} sequences lacked frames").format(count=len(queued))
        self.report({"INFO"}, lacked if queued else rpt("No frames are missing"))
        return {"FINISHED"}


def _draw(self: Any, context: Any) -> None:
    layout = self.layout
    layout.operator("aigc.generate_missing", icon="FILE_REFRESH")
    layout.prop(context.scene, "aigc_generate_missing")
    if source.latest.fault is not None:
        layout.label(text=str(source.latest.fault), icon="ERROR")


def register() -> None:
    """Add the scene's option and look after its renders."""
    bpy.types.Scene.aigc_generate_missing = BoolProperty(
        name="Before Render", description="Generate frames that are missing before a render reads them", default=True
    )
    source.register(lambda: preferences.machine(bpy.context))
    panel.AIGC_PT_output.append(_draw)


def unregister() -> None:
    """Take both out again."""
    panel.AIGC_PT_output.remove(_draw)
    source.unregister()
    del bpy.types.Scene.aigc_generate_missing


CLASSES = (AIGC_OT_generate_missing,)
