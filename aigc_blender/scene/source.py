# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe is the source, frames are its cache: what a render lacks of them is generated before it reads them.

The handlers only write files and tell Blender that these have come. A still needs one frame and an animation all that
follow, and Blender does not say which it is about to render: so each time frames are missing, twice as many are looked after.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..errors import AigcError
from . import farm, images, strip
from .warm import Machine, WarmWorker

VARIABLE = "AIGC_GENERATE_MISSING"  # 0 turns it off, for farms that bring their frames
MOST_AHEAD = 64  # frames


@dataclass
class Render:
    """What is known of the render under way, or the latest."""

    ahead: int = 1  # frames to look after where some are missing
    shown: list[Any] | None = None  # images
    fault: AigcError | None = None


latest = Render()
_machine: list[Callable[[], Machine]] = [Machine]
_worker = WarmWorker()


def register(machine: Callable[[], Machine]) -> None:
    """Look after renders from now on; ``machine`` tells what generates."""
    _machine[:] = [machine]
    bpy.app.handlers.render_init.append(_begin)
    bpy.app.handlers.render_pre.append(_before_frame)
    bpy.app.handlers.render_complete.append(_end)
    bpy.app.handlers.render_cancel.append(_end)


def unregister() -> None:
    """Look after them no longer."""
    handlers = bpy.app.handlers
    pairs = ((handlers.render_init, _begin), (handlers.render_pre, _before_frame))
    for those, ours in (*pairs, (handlers.render_complete, _end), (handlers.render_cancel, _end)):
        if ours in those:  # reading factory settings takes it out
            those.remove(ours)
    _worker.stop()


def wanted(scene: Any) -> bool:
    """Whether missing frames of a scene's render are to be generated."""
    return scene.aigc_generate_missing and os.environ.get(VARIABLE, "1") != "0"


def shown_images(scene: Any) -> list[Any]:
    """The generated images that may be seen in a scene's render.

    What leads from them to the scene is followed upwards; strips know files instead of images.
    """
    users, found = bpy.data.user_map(), []
    for image in farm.generated_images():
        seen, edge = {image}, [image]
        while edge:
            above = {user for block in edge for user in users.get(block, ()) if _shows(user, block, users)}
            edge = list(above - seen)
            seen |= above
        if scene in seen or strip.shown(image, scene):
            found.append(image)
    return found


def missing(image: Any, frames: range) -> list[int]:
    """The numbers of the files that an image lacks to be shown at these frames of the scene."""
    return [n for n in farm.shown_numbers(image, frames) if not images.file_of(image, n).is_file()]


def _shows(user: Any, block: Any, users: Mapping[Any, Any]) -> bool:
    """Whether a block can be seen through one of ``users`` of it; the item that a scene edits is not seen by that.

    A hidden object can where it comes into sight later, or others make instances of it.
    """
    if isinstance(user, bpy.types.Scene):
        return not isinstance(block, bpy.types.ShaderNodeTree)
    if not isinstance(user, bpy.types.Object) or not user.hide_render or user.animation_data is not None:
        return True
    return not all(isinstance(above, bpy.types.Collection | bpy.types.Scene) for above in users.get(user, ()))


@persistent
def _begin(*_: Any) -> None:
    latest.ahead, latest.shown, latest.fault = 1, None, None


@persistent
def _end(*_: Any) -> None:
    latest.shown = None
    _worker.stop()


@persistent
def _before_frame(scene: Any, *_: Any) -> None:
    if latest.fault is not None or not wanted(scene):
        return
    try:
        if latest.shown is None:
            latest.shown = shown_images(scene)
        for image in latest.shown:
            _complete(image, scene)
    except AigcError as error:
        latest.fault = error
        print(f"aigc: {error}", file=sys.stderr, flush=True)
        if bpy.app.background:
            # An exception would let the render go on without the frames, and sys.exit hangs in a handler.
            _worker.stop()
            os._exit(error.exit_code)


def _complete(image: Any, scene: Any) -> None:
    """Generate what an image lacks at the scene's frame, and ahead of it."""
    frame = scene.frame_current
    if not missing(image, range(frame, frame + 1)):
        return
    last = max(frame, min(scene.frame_end, frame + latest.ahead - 1))
    latest.ahead = min(2 * latest.ahead, MOST_AHEAD)
    began = time.monotonic()
    written = farm.generate(image, missing(image, range(frame, last + 1)), _worker, _machine[0]())
    image.reload()
    took = time.monotonic() - began
    print(f"aigc: {written} missing frames of {image.name} were generated in {took:.1f} s.", flush=True)
