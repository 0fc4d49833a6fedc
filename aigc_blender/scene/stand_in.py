# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of the live preview, in the place of an item's own: put in, taken out, never saved and never rendered.

It is runtime data, which Blender leaves out of files. While it is in place the item holds its own image in a custom
property, so even a file that is written without a word to anybody (an automatic save, a library) has that, and it is
put back when such a file is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np
from bpy.app.handlers import persistent
from numpy.typing import NDArray

from . import compat, images, item, shader

NAME = "Element Preview"


@dataclass
class _State:
    """Where the preview is."""

    item: str = ""  # UUID of the one that it stands in for
    hidden: set[str] = field(default_factory=set)  # why it is out of place for the moment
    editors: dict[int, bool] = field(
        default_factory=dict
    )  # image editors that turned to it, and if from the item's own
    away: set[int] = field(default_factory=set)  # those of them that are to turn back to it
    rendered: bool = False  # a render has ended, which is told in a thread of its own


_state = _State()


def image() -> Any | None:
    """The preview's image (bpy.types.Image), or None."""
    return next((i for i in bpy.data.images if shader.STANDS_IN in i), None)


def hidden() -> bool:
    """Whether a file is being saved or a scene rendered."""
    return bool(_state.hidden)


def show(group: Any, pixels: NDArray[np.float32]) -> None:
    """Show a picture, (H, W, 4) float32 as ``preview`` of the protocol gives it, wherever the item is shown.

    Image editors that show the item, or nothing, turn to it when it is shown first.
    """
    first = _state.item != group.aigc.uuid
    if first:
        remove()
        _state.item = group.aigc.uuid
    height, width, _ = pixels.shape
    shown = image() or _new_image(width, height)
    if tuple(shown.size) != (width, height):
        shown.generated_width, shown.generated_height = width, height
    shown.is_runtime_data = True  # undo may have forgotten it
    shown.pixels.foreach_set(pixels.reshape(-1))
    shown.update()
    shown.update_tag()
    _put_in(group, shown)
    if first:
        own = shader.image_of(group)
        chosen = [e for e in _image_editors() if e.image in (None, own)]
        _state.editors = {e.as_pointer(): e.image is not None for e in chosen}
        for editor in chosen:
            editor.image = shown


def remove() -> None:
    """Put everything back as it was, and delete the image."""
    _take_out()
    _state.item = ""
    while (shown := image()) is not None:
        bpy.data.images.remove(shown)


def settle() -> None:
    """Put the preview back in place after a render, from Blender's own thread."""
    if _state.rendered and not bpy.app.is_job_running("RENDER"):
        _return("render")
    if "playblast" in _state.hidden and not playblast():
        _return("playblast")


def playblast() -> bool:
    """Whether viewports are being rendered to files, which no handler tells of; takes the preview out then."""
    running = compat.rendering_viewports()
    if running and "playblast" not in _state.hidden:
        _leave("playblast")
    return running


def redraw(category: str) -> None:
    """Have drawn anew what shows the preview, and the sidebars that are open at a tab."""
    shown = image()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            space = area.spaces.active
            if space.type == "IMAGE_EDITOR" and space.image == shown:
                area.tag_redraw()
            elif area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI" and region.width > 1 and region.active_panel_category == category:
                        region.tag_redraw()


def _image_editors() -> list[Any]:
    """The open editors that show images for their own sake, neither UVs nor what is painted on."""
    spaces = (area.spaces.active for screen in bpy.data.screens for area in screen.areas)
    return [space for space in spaces if space and space.type == "IMAGE_EDITOR" and space.mode == "VIEW"]


def _new_image(width: int, height: int) -> Any:
    made = bpy.data.images.new(NAME, width, height, alpha=True, float_buffer=True)
    made[shader.STANDS_IN] = True
    made.alpha_mode = "CHANNEL_PACKED"
    images.set_colour_space(made, images.SCENE_LINEAR)
    return made


def _put_in(group: Any, shown: Any) -> None:
    """Have an item show the preview, once it has frames of its own to be shown in place of."""
    texture, own = shader.texture_of(group), shader.image_of(group)
    if texture is not None and own is not None and texture.image != shown:
        group[shader.OWN] = own
        texture.image = shown


def _take_out() -> None:
    """Give all items, and image editors, their own images back; what undo or a crash has left behind as well."""
    shown, own = image(), None
    for group in item.shown():
        if shader.OWN not in group:
            continue
        own = group[shader.OWN]
        texture = shader.texture_of(group)
        if texture is not None and (texture.image is None or shader.STANDS_IN in texture.image):
            texture.image = own
        del group[shader.OWN]
    if (
        shown is not None and "render" not in _state.hidden
    ):  # a render has a thread of its own, and windows are not for that
        for editor in [e for e in _image_editors() if e.image == shown]:
            editor.image = own if _state.editors.get(editor.as_pointer()) else None


def _leave(why: str) -> None:
    shown = image()
    if shown is not None and not _state.hidden:
        _state.away = {e.as_pointer() for e in _image_editors() if e.image == shown}
    _state.hidden.add(why)
    _take_out()


def _return(why: str) -> None:
    _state.hidden.discard(why)
    _state.rendered = _state.rendered and why != "render"
    group, shown = item.find(_state.item) if _state.item else None, image()
    if not _state.hidden and group is not None and shown is not None:
        _put_in(group, shown)
        for editor in [e for e in _image_editors() if e.as_pointer() in _state.away]:
            if editor.image in (None, shader.image_of(group)):  # else it was turned to something new meanwhile
                editor.image = shown
        _state.away.clear()


@persistent
def _before_save(*_: Any) -> None:
    _leave("save")


@persistent
def _after_save(*_: Any) -> None:
    _return("save")


@persistent
def _before_render(*_: Any) -> None:
    _leave("render")


@persistent
def _after_render(*_: Any) -> None:
    _state.rendered = True


@persistent
def _after_undo(*_: Any) -> None:
    shown = image()
    group = item.find(_state.item) if _state.item else None
    if shown is None or group is None:
        remove()
    else:
        _put_in(group, shown)


@persistent
def _after_load(*_: Any) -> None:
    _state.hidden.clear()
    remove()


@persistent
def _after_import(*_: Any) -> None:
    """Put right what comes of a library that was written in mid-preview."""
    _leave("import")
    _return("import")


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
