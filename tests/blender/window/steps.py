# SPDX-License-Identifier: GPL-3.0-or-later
"""The journey itself, run inside Blender by journey.py.

Install, choose, Generate, wait, play, cancel, undo, generate again, save and open; then words, presets, the live preview
with renders and saves in the middle of it, the Image Editor, and a second window.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.blender.window import hands

PLAY_SECONDS = 6.0
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
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    bpy.ops.aigc.add(style="fire")
    item().aigc.card_height = 3.0
    bpy.context.scene.frame_end = 48
    bpy.ops.ed.undo_push(message="Add Element")
    yield from hands.key("NUMPAD_0", hands.area("VIEW_3D"))  # through the camera, to which the card turns
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


def describe() -> hands.Steps:
    """Another element, in words."""
    view = hands.area("VIEW_3D")
    view.spaces.active.shading.type = "SOLID"  # quick to draw, so that the mouse is quick to see
    bpy.ops.aigc.add(style="smoke")
    _, y = yield from hands.find("aigc.generate", view)
    x, y = yield from hands.open_panel("aigc_text", view, below=y)
    yield from hands.click(x, y)
    yield from hands.write("tall slow blue fire, dense")
    yield 0.5
    assert item().aigc.style_name == "fire", f"the style is {item().aigc.style_name}"
    assert item()["height"] > 0.8 < item()["temperature"], dict(item())
    assert item().aigc.speed < 1
    yield from hands.photo("11-described")


def preset() -> hands.Steps:
    """The menu of presets; one of them turns the element into what it says."""
    view = hands.area("VIEW_3D")
    yield from hands.find("aigc.generate", view)
    with bpy.context.temp_override(window=hands.window(), area=view, region=hands.region(view, "UI")):
        bpy.ops.wm.call_menu(name="AIGC_MT_presets")
    yield 1.0
    yield from hands.photo("12-presets")
    yield from hands.key("ESC", view)
    package = Path(str(sys.modules[MODULE].__file__)).parent
    bpy.ops.aigc.preset_use(filepath=str(package / "bundled_presets" / "wall-torch.json"))
    assert item().aigc.style_name == "torch"


def preview() -> hands.Steps:
    """Switch the live preview on, drag a slider and play: what will be drawn shows, at the pace that there was without it."""
    view, scene = hands.area("VIEW_3D"), bpy.context.scene
    scene.aigc_item = next(group for group in bpy.data.node_groups if group.name == "fire")
    hands.area("PROPERTIES").type = "IMAGE_EDITOR"
    yield from playing("playing without the preview", "13-playing")
    yield from hands.press("aigc.preview", view)
    yield from hands.until("the preview", lambda: live().status()[0] == "LIVE", 60)
    before = live().picture().copy()
    x, y = yield from hands.find('["height"]', view)
    yield from hands.drag(x, y, -60)
    yield from hands.until("the new height", lambda: not (live().picture() == before).all(), 20)
    assert item()["height"] < 0.5, item()["height"]
    yield from playing("playing with the preview", "14-preview-playing")
    assert live().running()


def playing(name: str, photo: str) -> hands.Steps:
    """Play for some seconds with the material shown, and stop."""
    view, pulse = hands.area("VIEW_3D"), hands.Pulse()
    shading = view.spaces.active.shading
    shading.type = "MATERIAL"
    yield SHADERS / 4
    yield from hands.key("SPACE", view)
    yield 1.0
    pulse.begin()
    yield PLAY_SECONDS
    pulses[name] = pulse.end()
    yield from hands.photo(photo)
    yield from hands.key("SPACE", view)
    yield from hands.until("the end of playing", lambda: not hands.window().screen.is_animation_playing, 20)
    shading.type = "SOLID"


def outputs() -> hands.Steps:
    """A playblast, F12 and a save in the middle of a preview have nothing of it."""
    view, scene = hands.area("VIEW_3D"), bpy.context.scene
    bpy.context.preferences.view.render_display_type = "NONE"
    scene.render.engine, scene.cycles.samples, scene.cycles.device = "CYCLES", 4, "CPU"
    scene.render.resolution_percentage = 25
    shown = []
    for folder in ("with", "without"):
        yield from playblast(project / folder)
        if folder == "with":
            yield from hands.until("the preview's return", shows_preview, 20)
        scene.frame_set(2)
        yield from hands.key("F12", view)
        yield from hands.until("the render's start", lambda: bpy.app.is_job_running("RENDER"), 20)
        yield from hands.until("the render", lambda: not bpy.app.is_job_running("RENDER"), 300)
        bpy.data.images["Render Result"].save_render(str(project / folder / "render.png"))
        bpy.ops.wm.save_as_mainfile(filepath=str(project / folder / "saved.blend"), copy=True)
        shown.append(sorted(names_in(project / folder / "saved.blend")))
        if folder == "with":
            assert live().running()
            yield from hands.until("the preview's return", shows_preview, 20)
            yield from hands.photo("15-after-outputs")
            yield from hands.press("aigc.preview", view)
            assert not live().running()
    assert shown[0] == shown[1], f"saved were {shown}"
    names = sorted(path.name for path in (project / "with").glob("*.png"))
    assert names == ["0001.png", "0002.png", "0003.png", "render.png"]
    for name in names:
        difference = numbers(project / "with" / name) - numbers(project / "without" / name)
        assert abs(difference).max() < 0.02, f"{name} differs by {abs(difference).max():.3f}"


def playblast(folder: Path) -> hands.Steps:
    """View > Render Playblast, of three frames."""
    scene, view, end = bpy.context.scene, hands.area("VIEW_3D"), bpy.context.scene.frame_end
    scene.render.filepath, scene.frame_end = f"{folder}/", 3
    view.spaces.active.shading.type = "MATERIAL"  # else the card is grey
    yield SHADERS / 4
    with bpy.context.temp_override(window=hands.window(), area=view, region=hands.region(view, "WINDOW")):
        bpy.ops.render.opengl("INVOKE_DEFAULT", animation=True)
    yield from hands.until("the playblast", lambda: len(list(folder.glob("*.png"))) == 3, 60)
    yield from hands.until("the playblast's end", lambda: not bpy.app.is_job_running("RENDER"), 20)
    scene.frame_end, view.spaces.active.shading.type = end, "SOLID"


def shows_preview() -> bool:
    """Whether the item's node and the Image Editor show the preview."""
    texture = next(n for n in item().nodes if n.bl_idname == "ShaderNodeTexImage")
    shown, editor = sys.modules[f"{MODULE}.scene.stand_in"].image(), hands.area("IMAGE_EDITOR").spaces.active
    return bool(texture.image == shown == editor.image)


def names_in(path: Path) -> list[str]:
    """The images in a .blend."""
    with bpy.data.libraries.load(str(path)) as (there, _):
        return list(there.images)


def numbers(path: Path) -> Any:
    """A picture's numbers (float32 array)."""
    picture = bpy.data.images.load(str(path))
    pixels = np.empty(len(picture.pixels), np.float32)
    picture.pixels.foreach_get(pixels)
    bpy.data.images.remove(picture)
    return pixels


def in_image_editor() -> hands.Steps:
    """What can be done with a generated image, in the Image Editor's sidebar."""
    editor = hands.area("IMAGE_EDITOR")
    editor.spaces.active.image, editor.spaces.active.show_region_ui = image(), True
    yield 1.0
    hands.region(editor, "UI").active_panel_category = "Elements"
    editor.tag_redraw()
    yield 1.0
    yield from hands.photo("16-image-editor")


def two_windows() -> hands.Steps:
    """Generate while a second window is open, which is closed in the middle."""
    item().aigc.seed += 1
    bpy.ops.wm.window_new_main()
    yield 2.0
    assert len(bpy.context.window_manager.windows) == 2
    yield from hands.press("aigc.generate", hands.area("VIEW_3D"))
    yield from hands.until("the first frame", lambda: job().newest is not None, 120)
    yield from hands.photo("17-two-windows")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[1]):
        bpy.ops.wm.window_close()
    yield from ended("done")
    yield from hands.photo("18-done")


def live() -> Any:
    """The module of the live preview (scene.preview)."""
    return sys.modules[f"{MODULE}.scene.preview"]


STEPS = (
    install,
    open_sidebar,
    choose,
    generate,
    play,
    cancel,
    undo,
    regenerate,
    describe,
    preset,
    preview,
    outputs,
    in_image_editor,
    two_windows,
)


def journey() -> hands.Steps:
    """All steps, one after the other."""
    for step in STEPS:
        yield from step()
        done.append(step.__name__)


def _tell(error: Exception | None) -> None:
    hands.tell({"blender": bpy.app.version_string, "done": done, "pulses": pulses, "error": error and str(error)})


bpy.context.preferences.view.show_splash = False
hands.walk(journey(), _tell)
