# SPDX-License-Identifier: GPL-3.0-or-later
"""The journey itself, run inside Blender by journey.py: install, choose, Generate, wait, play, cancel, undo, again."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.blender.window import hands

SHADERS = 40.0  # seconds in which EEVEE compiles its shaders where there is no graphics card
MODULE = "bl_ext.user_default.aigc_blender"
project = Path(os.environ["JOURNEY_PROJECT"])
done: list[str] = []  # the steps that went well
pulses: dict[str, dict[str, float]] = {}


def item() -> Any:
    """The element that is edited (bpy.types.NodeTree)."""
    return bpy.context.scene.aigc_item


def image() -> Any:
    """The image that the element shows, or None."""
    return next((n.image for n in item().nodes if n.bl_idname == "ShaderNodeTexImage"), None)


def job() -> Any:
    """The element's latest generation (scene.jobs.Job)."""
    return sys.modules[f"{MODULE}.scene.jobs"].latest(item().aigc.uuid)


def ended(state: str, seconds: float = 300.0) -> hands.Steps:
    """Wait for the end of the generation, which must be ``done``, ``cancelled`` or ``failed`` as said."""
    yield from hands.until("the end of the generation", lambda: job().state != "running", seconds)
    assert job().state == state, f"the generation is {job().state}: {job().error}"


def install() -> hands.Steps:
    """Install from disk and name the interpreter, as a user does once."""
    made = bpy.ops.extensions.package_install_files(
        filepath=os.environ["JOURNEY_ZIP"], repo="user_default", enable_on_install=True, overwrite=True
    )
    assert made == {"FINISHED"}
    assert MODULE in bpy.context.preferences.addons, "the extension was not enabled"
    bpy.context.preferences.addons[MODULE].preferences.python = os.environ["JOURNEY_PYTHON"]
    project.mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "shot.blend"))
    yield 1.0


def open_sidebar() -> hands.Steps:
    """Open the sidebar on our tab."""
    view = hands.area("VIEW_3D")
    view.spaces.active.show_region_ui = True
    yield 0.5

    def on_tab() -> bool:
        try:
            hands.region(view, "UI").active_panel_category = "Elements"
        except TypeError:  # not drawn yet
            return False
        return True

    yield from hands.until("the tab", on_tab, 20)
    view.tag_redraw()
    yield 1.0
    yield from hands.photo("1-sidebar")


def choose() -> hands.Steps:
    """Add a fire."""
    bpy.ops.aigc.add(style="fire")
    bpy.ops.ed.undo_push(message="Add Element")
    bpy.context.scene.frame_end = 48
    yield 1.0
    yield from hands.photo("2-chosen")


def generate() -> hands.Steps:
    """Click Generate and keep working while the bar fills."""
    view, pulse = hands.area("VIEW_3D"), hands.Pulse()
    x, y = yield from hands.find("aigc.generate", view)
    pulse.begin()
    yield from hands.click(x, y)
    yield 2.0
    yield from hands.photo("3-generating")
    yield from ended("done")
    pulses["generating"] = pulse.end()
    view.spaces.active.shading.type = "MATERIAL"
    yield SHADERS
    yield from hands.photo("4-generated")


def play() -> hands.Steps:
    """Play the timeline in the viewport, and stop."""
    scene, view, pulse = bpy.context.scene, hands.area("VIEW_3D"), hands.Pulse()
    yield from hands.key("SPACE", view)
    pulse.begin()
    shown = {scene.frame_current}
    for name in ("5-playing", "6-playing"):
        yield 2.0
        shown.add(scene.frame_current)
        yield from hands.photo(name)
    pulses["playing"] = pulse.end()
    assert len(shown) > 1, "the timeline did not move"
    yield from hands.key("SPACE", view)
    assert not hands.window().screen.is_animation_playing


def cancel() -> hands.Steps:
    """Another seed, Generate, and Cancel in the middle: what was there before stays."""
    view, before = hands.area("VIEW_3D"), image()
    item().aigc.seed, item().aigc.width, item().aigc.height = 7, 2048, 2048
    bpy.ops.ed.undo_push(message="Seed")
    y = yield from hands.press("aigc.generate", view)
    yield from hands.until("the first frame", lambda: job().newest is not None, 120)
    yield from hands.click(*(yield from hands.find("aigc.cancel", view, about=y)))
    yield from ended("cancelled")
    assert image() == before
    yield 1.0
    yield from hands.photo("7-cancelled")


def undo() -> hands.Steps:
    """Ctrl-Z takes the Generate and the change of its settings back, Ctrl-Shift-Z the latter forth."""
    view = hands.area("VIEW_3D")
    yield from hands.key("Z", view, ctrl=True)
    yield from hands.key("Z", view, ctrl=True)
    yield 0.5
    assert item().aigc.seed == 1, f"the seed is {item().aigc.seed}"
    yield from hands.photo("8-undone")
    yield from hands.key("Z", view, ctrl=True, shift=True)
    assert item().aigc.seed == 7, f"the seed is {item().aigc.seed}"


def regenerate() -> hands.Steps:
    """Generate the other seed, save, open again: all is there."""
    item().aigc.width = item().aigc.height = 256
    yield from hands.press("aigc.generate", hands.area("VIEW_3D"))
    yield from ended("done")
    yield 2.0
    yield from hands.photo("9-regenerated")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    yield 2.0
    assert image() is not None
    assert image().filepath.startswith("//aigc"), image().filepath
    yield from hands.photo("10-opened-again")


STEPS = (install, open_sidebar, choose, generate, play, cancel, undo, regenerate)


def journey() -> hands.Steps:
    """All steps, one after the other."""
    for step in STEPS:
        yield from step()
        done.append(step.__name__)


def _tell(error: Exception | None) -> None:
    hands.tell({"blender": bpy.app.version_string, "done": done, "pulses": pulses, "error": error and str(error)})


bpy.context.preferences.view.show_splash = False
hands.walk(journey(), _tell)
