# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a generation is: words, the newest frame as a picture, and how fast this machine has turned out to be.

The timer calls `observe`; drawing only reads what is kept here. Pictures live beside the file, never in it.
"""

import time
from pathlib import Path
from typing import Any

import bpy.utils.previews
from bpy.app.translations import pgettext_iface as iface

from ..advice import Pace, network_pixels
from ..errors import SequenceError
from ..scene import jobs, picture
from . import catalog, state

LOOK_SECONDS = 0.5  # between two pictures: reading one takes 3 to 60 ms

_previews: Any = None
_shown: dict[str, tuple[str, Path]] = {}  # by item: the job and the frame whose picture is kept
_looked = 0.0
_begun: dict[str, tuple[float, float]] = {}  # by job: when it was first heard of, and the frames done by then
_paces: dict[str, Pace] = {}  # by device as chosen


def observe(job: jobs.Job, device: str) -> None:
    """Take note of a job that runs or has just ended; ``device`` is the one that was asked for."""
    _measure(job, device)
    if job.state == "running":
        _look(job)
    else:
        _shown.pop(job.item, None)


def pace(device: str) -> Pace | None:
    """How fast that device was the last time; None before the first time."""
    return _paces.get(device)


def picture_of(job: jobs.Job) -> Any | None:
    """A running job's newest frame (bpy.types.ImagePreview), or None."""
    of_job, _frame = _shown.get(job.item, ("", None))  # which is the one before where that was cancelled
    return _previews[job.item] if of_job == job.token else None


def words(job: jobs.Job) -> str:
    """What stands in the bar."""
    if job.eta_s is None:
        return iface("Starting")
    return iface("{done:.0f} of {total} frames, {left} left").format(
        done=job.done, total=len(job.frames), left=duration(job.eta_s)
    )


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def status(group: Any, job: jobs.Job | None) -> tuple[str, str]:
    """Icon and text of the status line."""
    now = state.state(group)
    if job is not None and job.error is not None:
        return "ERROR", str(job.error)
    if job is not None and job.state == "running":
        return "TIME", job.newest.name if job.newest else _waiting(job)
    if job is not None and job.state == "cancelled":
        return "CANCEL", iface("Cancelled; finished frames are kept")
    if job is None or now in ("STALE", "MISSING"):
        icon, text = state.STATES[now]
        return icon, iface(text)
    if job.warnings:
        return "ERROR", job.warnings[-1]
    return "CHECKMARK", iface("{count} frames in {folder}").format(count=len(job.frames), folder=job.folder)


def clear() -> None:
    """Forget everything, pictures included."""
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
    _previews = None
    for kept in (_shown, _begun, _paces):
        kept.clear()


def _waiting(job: jobs.Job) -> str:
    before = jobs.place_in_queue(job)
    return iface("Waiting for {count} before it").format(count=before) if before else iface("Waiting for the worker")


def _measure(job: jobs.Job, device: str) -> None:
    """From the first progress to the last: neither the worker's start nor frames that were there count."""
    if job.eta_s is None:
        return
    begin, before = _begun.setdefault(job.token, (time.monotonic(), job.done))
    if job.state == "running":
        return
    del _begun[job.token]
    entry = catalog.entry(job.style.name, job.recipe.model)
    drawn, seconds = job.done - before, time.monotonic() - begin
    if entry is not None and drawn >= 1 and job.state == "done":
        drawn_by_network = network_pixels(job.recipe, job.style, entry.model.card)
        _paces[device] = Pace(seconds / drawn, job.recipe.width * job.recipe.height, drawn_by_network)


def _look(job: jobs.Job) -> None:
    global _previews, _looked
    now = time.monotonic()
    if job.newest is None or (job.token, job.newest) == _shown.get(job.item) or now - _looked < LOOK_SECONDS:
        return
    _looked = now
    try:
        frame = picture.of_frame(job.newest, job.style.glow)
    except SequenceError:  # too large for a quick look, or cleared away: the bar tells enough
        return
    if _previews is None:
        _previews = bpy.utils.previews.new()
    if job.item not in _previews:
        _previews.new(job.item)
    picture.put(_previews[job.item], frame)
    _shown[job.item] = job.token, job.newest
