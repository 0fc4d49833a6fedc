# SPDX-License-Identifier: GPL-3.0-or-later
"""The live preview: asks the worker for the frame that the timeline stands at, and shows what has come.

It follows one item at a time, the one that is edited. Nothing here waits. Requests go out when what they are made from
has changed and not before: an error is told once, and tried again when the user changes something.
"""

from __future__ import annotations

import json
import queue
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..card import Style
from ..errors import AigcError, ModelError, RecipeError, WorkerError
from ..worker.buffer import PREVIEW_PIXELS, Pixels, PreviewBuffer
from ..worker.client import Inbox
from . import images, item, jobs, shader, stand_in
from .inputs import Inputs
from .warm import Machine, error_of


@dataclass
class _Session:
    """A preview that is on."""

    machine: Machine
    style_of: Callable[[Any], Style | None]
    buffer: PreviewBuffer
    inputs: Inputs = field(default_factory=Inputs)
    inbox: Inbox = field(default_factory=queue.SimpleQueue)
    asked: dict[int, str] = field(default_factory=dict)  # the item's UUID by request, until it is answered
    wanted: str = ""  # what was asked for last
    shown: Pixels | None = None
    status: tuple[str, str] = ("WAITING", "")


@dataclass
class _State:
    """At most one preview is on."""

    session: _Session | None = None
    ended: AigcError | None = None  # what the last one ended with


_state = _State()


def start(machine: Machine, style_of: Callable[[Any], Style | None]) -> None:
    """Begin to preview the item that is edited; ``style_of`` gives an item's style, None where its model is missing.

    Raises:
        AigcError: there is no place for the pixels.
    """
    stop()
    path = Path(bpy.app.tempdir) / f"aigc-preview-{uuid.uuid4().hex[:8]}"
    try:
        buffer = PreviewBuffer.create(path, PREVIEW_PIXELS)
    except OSError as error:
        raise AigcError(f"{path} cannot be written ({error.strerror}); free some space to preview.") from None
    _state.ended = None
    _state.session = _Session(machine, style_of, buffer)
    jobs.want_worker(machine)


def stop(error: AigcError | None = None) -> None:
    """End the preview and put everything back as it was; the worker stays."""
    if _state.session is None:
        return
    session, _state.session, _state.ended = _state.session, None, error
    stand_in.remove()
    session.buffer.remove()


def running() -> bool:
    """Whether the preview is on."""
    return _state.session is not None


def busy() -> bool:
    """Whether a picture is under way."""
    return _state.session is not None and bool(_state.session.asked)


def status() -> tuple[str, str]:
    """OFF, WAITING, LIVE, DRAFT (details differ from what Generate draws) or ERROR, and of an error what it says."""
    if _state.session is not None:
        return _state.session.status
    return ("ERROR", str(_state.ended)) if _state.ended is not None else ("OFF", "")


def picture() -> Pixels | None:
    """The newest picture, (H, W, 4) scene-linear with row 0 at the bottom; None before there is one."""
    return _state.session.shown if _state.session is not None else None


def pump(scene: Any) -> bool:
    """Take what has come, and ask for what is wanted now; gives whether there is a new picture or status."""
    if _state.session is None:
        return False
    stand_in.settle()
    if stand_in.hidden():
        return False
    before = _state.session.status
    try:
        changed = _take(_state.session)
        _ask(_state.session, scene)
    except AigcError as error:
        _fail(error)
        return True
    return changed or _state.session.status != before


def _fail(error: AigcError) -> None:
    """There is no worker, or it is at fault: end, and begin again with the next click only."""
    if not jobs.running():
        jobs.worker.stop()
    stop(error)


def _ask(session: _Session, scene: Any) -> None:
    """Request the current frame, unless that was the last that was asked for."""
    group = scene.aigc_item
    if group is None or not group.aigc.uuid or item.is_linked(group):
        return
    style = session.style_of(group)
    if style is None:
        session.status = "ERROR", f"The model of {group.name} is not installed."
        return
    try:
        recipe, frame = session.inputs.at(group, scene, style)
    except RecipeError as error:
        session.status = "ERROR", str(error)
        return
    own = shader.image_of(group)
    fmt = own[images.FORMAT] if own is not None and images.FORMAT in own else item.file_format(group, style)
    fields = {"recipe": recipe, "frame": frame, "straight": fmt != "exr"}  # as the item's shader wants it
    wanted = group.aigc.uuid + json.dumps(fields)
    if wanted == session.wanted:
        return
    if not jobs.worker.present:
        jobs.worker.want(session.machine)  # it was idle for long
    client = jobs.worker.client()
    if client is None:
        return
    if not client.alive:
        raise WorkerError(f"The worker ended, and the preview with it; see {client.log}.")
    request = client.send(
        "preview",
        session.inbox,
        **fields,
        limit=PREVIEW_PIXELS,
        device=session.machine.device,
        buffer=str(session.buffer.path),
    )
    jobs.worker.rest(working=True)
    session.asked[request], session.wanted = group.aigc.uuid, wanted


def _take(session: _Session) -> bool:
    """Show the newest picture that has come; whether there was one."""
    newest = None
    while not session.inbox.empty():
        message = session.inbox.get()
        identity = session.asked.pop(message["id"], "")
        if message["type"] == "error":
            error = error_of(message)
            if not isinstance(error, RecipeError | ModelError):
                raise error
            session.status = "ERROR", str(error)
        elif message["type"] == "preview" and not message["dropped"]:
            newest = message, identity
    if newest is None:
        return False
    message, identity = newest
    pixels, group = session.buffer.read(message["slot"], message["id"]), item.find(identity)
    if pixels is None or group is None:  # a newer one is on its way, or the item is gone
        return False
    stand_in.show(group, pixels)
    session.shown = pixels
    session.status = ("LIVE" if message["exact"] else "DRAFT"), ""
    return True


@persistent
def _frame_changed(scene: Any, _depsgraph: Any = None) -> None:
    """Ask at once; the timer takes the picture when it comes."""
    session = _state.session
    if session is None or stand_in.playblast() or stand_in.hidden() or scene != bpy.context.scene:
        return
    try:
        _ask(session, scene)
    except AigcError as error:
        _fail(error)


@persistent
def _after_undo(*_: Any) -> None:
    """What is shown may have gone with the step: ask for it anew, even where no setting has changed."""
    if _state.session is not None:
        _state.session.wanted = ""


@persistent
def _before_load(*_: Any) -> None:
    stop()


_HANDLERS = (
    ("frame_change_post", _frame_changed),
    ("undo_post", _after_undo),
    ("redo_post", _after_undo),
    ("load_pre", _before_load),
)


def register() -> None:
    """Listen to the timeline."""
    stand_in.register()
    for name, function in _HANDLERS:
        getattr(bpy.app.handlers, name).append(function)


def unregister() -> None:
    """End the preview and listen no longer."""
    stop()
    stand_in.unregister()
    for name, function in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if function in handlers:  # reading factory settings may have taken it out
            handlers.remove(function)
