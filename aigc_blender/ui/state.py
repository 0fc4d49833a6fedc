# SPDX-License-Identifier: GPL-3.0-or-later
"""How every element stands: looked at by a timer in memory, on disk by a thread, so that drawing only looks it up."""

import contextlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..errors import RecipeError
from ..scene import images, item, jobs, shader
from . import catalog

REFRESH_SECONDS = 0.5
LOOK_SECONDS = 10.0  # between two looks at the disk for the same image
STATES = {
    "EMPTY": ("RADIOBUT_OFF", "No frames yet"),
    "RUNNING": ("TIME", "Generating"),
    "MISSING": ("ERROR", "Frames are missing; regenerate them"),
    "STALE": ("FILE_REFRESH", "Settings changed since these frames"),
    "READY": ("CHECKMARK", "Frames are in place"),
    "LINKED": ("LINKED", "Linked from another file"),
}
_states: dict[int, dict[int, str]] = {}  # by the item's session id, and the scene's: what is asked for is each scene's
_looks: dict[str, tuple[float, Future[bool]]] = {}  # by the first file: when asked, and whether it is there
_disk: ThreadPoolExecutor | None = None


def state(group: Any) -> str:
    """How an item stood in this scene, or else in another, when it was last looked at: a key of STATES."""
    known = _states.get(group.session_uid, {})
    return known.get(bpy.context.scene.session_uid) or next(iter(known.values()), "EMPTY")


def refresh(*, wait: bool = False) -> bool:
    """Look at all items in each scene that is shown, and at the disk by a thread (or now); gives whether anything has changed."""
    item.renew()
    before = dict(_states)
    scenes = {bpy.context.scene, *(window.scene for window in bpy.context.window_manager.windows)}
    _states.clear()
    for group in item.shown():
        _states[group.session_uid] = {scene.session_uid: _judge(group, scene, wait=wait) for scene in scenes}
    return before != _states


def is_stale(group: Any, scene: Any) -> bool:
    """Whether an item's settings would give other frames in a scene than those it shows."""
    image, settings = shader.image_of(group), group.aigc
    entry = catalog.entry(settings.style_name, settings.model)
    if image is None or entry is None:
        return False
    try:
        made = images.recipe_of(image)
        style = item.drawn_style(entry.model.card, settings.style_name, settings.style_b_name)
        now = item.recipe(group, scene, style, made)
        return bool(
            now != made
            or item.frame_numbers(group, scene) != images.frames_of(image)
            or item.file_format(group, style) != image[images.FORMAT]
        )
    except RecipeError:
        return True  # Generate says what is at fault


def _judge(group: Any, scene: Any, *, wait: bool) -> str:
    if item.is_linked(group):
        return "LINKED"
    job, image = jobs.latest(group.aigc.uuid), shader.image_of(group)
    if job is not None and job.state == "running":
        return "RUNNING"
    if image is None or images.RECIPE not in image:
        return "EMPTY"
    if not _is_there(images.file_of(image, images.frames_of(image).start), wait=wait):
        return "MISSING"
    return "STALE" if is_stale(group, scene) else "READY"


def _is_there(first: Path, *, wait: bool) -> bool:
    """Whether a sequence's first file is there; until the disk has answered, that it is."""
    global _disk
    asked, answer = _looks.get(str(first), (0.0, None))
    if answer is None or (answer.done() and (wait or time.monotonic() - asked > LOOK_SECONDS)):
        _disk = _disk or ThreadPoolExecutor(1, thread_name_prefix="aigc-look")
        before, answer = answer, _disk.submit(first.is_file)
        _looks[str(first)] = time.monotonic(), answer
        if before is not None and not wait and not answer.done():
            return before.result()
    return answer.result() if wait or answer.done() else True


def _tick() -> float:
    if refresh():
        for window in bpy.context.window_manager.windows:
            for area in (a for a in window.screen.areas if a.type == "VIEW_3D"):
                for region in (r for r in area.regions if r.type == "UI"):
                    region.tag_redraw()
    return REFRESH_SECONDS


@persistent
def _renew(*_: Any) -> None:
    item.renew()


def _handlers() -> tuple[Any, ...]:
    """Those that put identities right: after an append before it is a step of undo."""
    handlers = bpy.app.handlers
    return handlers.save_pre, handlers.load_post, handlers.blend_import_post


def register() -> None:
    """Look after the items from now on; without a window only their identities."""
    for handlers in _handlers():
        handlers.append(_renew)
    if not bpy.app.background:
        bpy.app.timers.register(_tick, persistent=True)


def unregister() -> None:
    """Look after them no longer."""
    global _disk
    for handlers in _handlers():
        with contextlib.suppress(ValueError):  # reading factory settings took it out
            handlers.remove(_renew)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _disk is not None:
        _disk.shutdown(wait=False)
    _disk = None
    _states.clear()
    _looks.clear()
