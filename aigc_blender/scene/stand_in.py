# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of the live preview, in the place of an item's own: put in, taken out, never saved and never rendered.

It is runtime data, which Blender leaves out of files. While it is in place the item holds its own image in a custom
property, so even a file that is written without a word to anybody (an automatic save, a library) has that, and it is
put back when such a file is read.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from bpy.app.handlers import persistent
from numpy.typing import NDArray

from . import images, item, shader

NAME = "Element Preview"

_for: str | None = None  # UUID of the item that it stands in for
_hidden: set[str] = set()  # why it is out of place for the moment
_editors: set[int] = set()  # the image editors that show it
_rendered = False  # that a render has ended, which is told in a thread of its own


def image() -> Any | None:
    """The preview's image (bpy.types.Image), or None."""
    return next((i for i in bpy.data.images if i.is_runtime_data and i.name.startswith(NAME)), None)


def hidden() -> bool:
    """Whether a file is being saved or a scene rendered."""
    return bool(_hidden)


def show(group: Any, pixels: NDArray[np.float32]) -> None:
    """Show a picture, (H, W, 4) float32 as ``preview`` of the protocol gives it, wherever the item is shown.

    Image editors that show the item, or nothing, show it too.
    """
    global _for
    if _for != group.aigc.uuid:
        remove()
        _for = group.aigc.uuid
        _editors.update(s.as_pointer() for s in _image_editors() if s.image in (None, shader.image_of(group)))
    height, width, _ = pixels.shape
    shown = image()
    if shown is not None and tuple(shown.size) != (width, height):
        _take_out(forget=False)
        bpy.data.images.remove(shown)
        shown = None
    if shown is None:
        shown = bpy.data.images.new(NAME, width, height, alpha=True, float_buffer=True)
        shown.is_runtime_data = True
        shown.alpha_mode = "CHANNEL_PACKED"
        images.set_colour_space(shown, images.SCENE_LINEAR)
    shown.pixels.foreach_set(pixels.reshape(-1))
    shown.update()
    shown.update_tag()
    _put_in(group, shown)


def remove() -> None:
    """Put everything back as it was, and delete the image."""
    global _for
    _take_out()
    _for = None
    _editors.clear()
    shown = image()
    if shown is not None:
        bpy.data.images.remove(shown)


def settle() -> None:
    """Put the preview back in place after a render, from Blender's own thread."""
    if _rendered and not bpy.app.is_job_running("RENDER"):
        _return("render")


def redraw(category: str) -> None:
    """Have drawn anew what shows the preview, and the sidebars that are open at a tab."""
    shown = image()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR" and area.spaces.active.image == shown:
                area.tag_redraw()
            elif area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI" and region.width > 1 and region.active_panel_category == category:
                        region.tag_redraw()


def _image_editors() -> list[Any]:
    areas = (area for screen in bpy.data.screens for area in screen.areas if area.type == "IMAGE_EDITOR")
    return [area.spaces.active for area in areas]


def _put_in(group: Any, shown: Any) -> None:
    texture = shader.texture_of(group)
    if texture is not None and texture.image != shown:
        group[shader.OWN] = shader.image_of(group)
        texture.image = shown
    for editor in _image_editors():
        if editor.as_pointer() in _editors and editor.image in (None, shader.image_of(group)):
            editor.image = shown


def _take_out(*, editors: bool = True, forget: bool = True) -> None:
    """Give every item its own image back; what a file, undo or a crash left behind as well."""
    own = None
    for group in item.shown():
        if shader.OWN not in group:
            continue
        own = group[shader.OWN]
        texture = shader.texture_of(group)
        if texture is not None and (texture.image is None or texture.image.is_runtime_data):
            texture.image = own
        del group[shader.OWN]
    shown = image()
    if not editors or shown is None:
        return
    for editor in _image_editors():
        if editor.image == shown:
            _editors.add(editor.as_pointer())
            editor.image = own
        elif forget:
            _editors.discard(editor.as_pointer())


def _leave(why: str, *, editors: bool) -> None:
    _hidden.add(why)
    _take_out(editors=editors, forget=False)


def _return(why: str) -> None:
    global _rendered
    _hidden.discard(why)
    _rendered = _rendered and why != "render"
    group, shown = item.find(_for) if _for else None, image()
    if not _hidden and group is not None and shown is not None:
        _put_in(group, shown)


@persistent
def _before_save(*_: Any) -> None:
    _leave("save", editors=True)


@persistent
def _after_save(*_: Any) -> None:
    _return("save")


@persistent
def _before_render(*_: Any) -> None:
    _leave("render", editors=False)  # maybe in a thread of the render: windows are not its business


@persistent
def _after_render(*_: Any) -> None:
    global _rendered
    _rendered = True


@persistent
def _after_undo(*_: Any) -> None:
    shown = image()
    group = item.find(_for) if _for else None
    if shown is None or group is None:
        _take_out()
    else:
        _put_in(group, shown)


@persistent
def _after_load(*_: Any) -> None:
    global _for
    _for = None
    _editors.clear()
    _hidden.clear()
    _take_out()


@persistent
def _after_import(*_: Any) -> None:
    if _for is None:
        _take_out()


_HANDLERS = (
    ("save_pre", _before_save),
    ("save_post", _after_save),
    ("save_post_fail", _after_save),
    ("render_init", _before_render),
    ("render_complete", _after_render),
    ("render_cancel", _after_render),
    ("undo_post", _after_undo),
    ("redo_post", _after_undo),
    ("load_post", _after_load),
    ("blend_import_post", _after_import),
)


def register() -> None:
    """Watch for what must not see the preview."""
    for name, function in _HANDLERS:
        getattr(bpy.app.handlers, name).append(function)


def unregister() -> None:
    """Put everything back and watch no longer."""
    remove()
    for name, function in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if function in handlers:  # reading factory settings may have taken it out
            handlers.remove(function)
