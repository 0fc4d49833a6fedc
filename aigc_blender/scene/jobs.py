# SPDX-License-Identifier: GPL-3.0-or-later
"""Generations under way: from an item's settings through the worker to frames that stand in the scene.

A job finds its item by UUID, and its object and scene by session id, when the frames are there: whatever was deleted
meanwhile is missed and never touched. Nothing here waits, but for ``stop``.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from ..card import ModelFile, Style
from ..errors import AigcError, DeviceError, RecipeError, WorkerError
from ..library import model_by_digest
from ..recipe import Recipe
from . import images, item, placements, shader, versions
from .warm import Machine, WarmWorker, error_of

WAIT_SECONDS = 0.02


@dataclass(frozen=True)
class Place:
    """Where frames are to go: kinds of placement, and session ids of the object (if any) and scene that take them."""

    kinds: frozenset[str]
    target: int | None
    scene: int


@dataclass
class Job:
    """One sequence that is being generated, and how far it is."""

    item: str  # UUID
    name: str
    recipe: Recipe
    style: Style
    frames: range
    folder: Path
    stem: str
    fmt: str
    versioned: bool  # whether the folder is one of the item's versions
    place: Place
    resumed: bool = False  # whether that was begun by an earlier job
    image: int | None = None  # session id of the image whose frames these are, where no item is asked
    model: Path | None = None  # its file, where that lies beside the frames
    warnings: list[str] = field(default_factory=list)
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    request: int | None = None  # None until the worker is there
    state: str = "running"  # then done, cancelled or failed
    error: AigcError | None = None
    done: float = 0.0  # frames
    eta_s: float | None = None
    newest: Path | None = None
    first_file: Path | None = None


worker = WarmWorker()
_running: list[Job] = []
_latest: dict[str, Job] = {}  # by item: what the panel tells


def prepare(group: Any, scene: Any, target: Any | None, machine: Machine, folder: Path | None = None) -> Job:
    """What an item's settings ask for, for a scene and an object (or None) that are to show it.

    Without a folder it takes the item's latest version folder, if that lacks frames of this very recipe, or else makes
    the next, but not before everything that Blender knows of has been checked.

    Raises:
        AigcError: a setting, the model, the place or the folder is at fault.
    """
    item.renew()
    settings = group.aigc
    if not settings.style_name:
        raise RecipeError(f"Element {group.name} has no style; choose one.")
    card = model_by_digest(settings.model, machine.folders).card
    style = item.drawn_style(card, settings.style_name, settings.style_b_name)
    recipe, kinds, warnings = item.recipe(group, scene, style), frozenset(settings.placement), []
    placements.check(group, kinds, target, scene)
    frames, fmt = item.frame_numbers(group, scene), item.file_format(group, style)
    versioned, resumed = folder is None, None
    if folder is None:
        root, warning = versions.output_root()
        warnings += [warning] if warning else []
        resumed = versions.unfinished(root, group.name, recipe, frames, fmt, machine.device)
        folder = resumed or versions.allocate(root, group.name)
    return Job(
        item=settings.uuid,
        name=group.name,
        recipe=recipe,
        style=style,
        frames=frames,
        folder=folder,
        stem=versions.file_name(group.name),
        fmt=fmt,
        versioned=versioned,
        resumed=resumed is not None,
        place=Place(kinds, target.session_uid if target else None, scene.session_uid),
        warnings=warnings,
    )


def regenerate(image: Any, scene: Any, machine: Machine) -> Job:
    """Queue the frames of a generated image, as it was made and where it looks for them.

    Raises:
        AigcError: the recipe is damaged, or the model is not installed.
    """
    recipe = images.recipe_of(image)
    model = model_of(recipe, image, machine.folders)
    style, frames = item.drawn_style(model.card, recipe.style, recipe.style_b), images.frames_of(image)
    first = images.file_of(image, frames.start)
    job = Job(
        item=image_key(image),
        name=image.name,
        recipe=recipe,
        style=style,
        frames=frames,
        folder=first.parent,
        stem=first.stem.rpartition(".")[0],
        fmt=image[images.FORMAT],
        versioned=False,
        place=Place(frozenset(), None, scene.session_uid),
        image=image.session_uid,
        model=model.path,
    )
    _queue(job, machine)
    return job


def model_of(recipe: Recipe, image: Any, folders: tuple[Path, ...]) -> ModelFile:
    """The model of a recipe, also where it was collected beside the image's frames.

    Raises:
        ModelError: it is in neither place.
    """
    return model_by_digest(recipe.model, (*folders, images.first_file(image).parent))


def image_key(image: Any) -> str:
    """What an image's own jobs go by, in place of an item's UUID."""
    return f"image {image.session_uid}"


def start(group: Any, job: Job, machine: Machine) -> None:
    """Queue a job of an item in place of an earlier one."""
    _queue(job, machine)
    group.aigc.job = job.token


def _queue(job: Job, machine: Machine) -> None:
    cancel(job.item)
    want_worker(machine)
    _running.append(job)
    _latest[job.item] = job


def want_worker(machine: Machine) -> None:
    """See that there is a worker: for this machine, but what is under way keeps the one that it has."""
    if not _running or not worker.present:
        worker.want(machine)


def place_in_queue(job: Job) -> int:
    """How many jobs are before this one."""
    return next((n for n, other in enumerate(_running) if other is job), 0)


def running() -> bool:
    """Whether anything is under way."""
    return bool(_running)


def under_way() -> list[Job]:
    """The jobs that have not ended, in the order of their start."""
    return _running.copy()


def latest(identity: str) -> Job | None:
    """The latest job of an item, ended or not."""
    return _latest.get(identity)


def cancel(identity: str) -> None:
    """End an item's job; frames that are finished stay on disk."""
    for job in [j for j in _running if j.item == identity]:
        if job.request is not None and (client := worker.client()) is not None:  # without a request it may have failed
            client.cancel(job.request)
        _end(job, "cancelled")


def leave() -> None:
    """Another file was opened: cancel what runs, which that file may hold items of, and forget what ended in the last."""
    _latest.clear()
    _latest.update({job.item: job for job in _running})
    for identity in list(_latest):
        cancel(identity)


def pump() -> list[Job]:
    """Carry on with all jobs as far as the worker has come; gives those that ended."""
    before = _running.copy()
    for job in before:
        if _owner(job) is None:
            cancel(job.item)
    try:
        _talk()
    except AigcError as error:  # there is no worker: nothing can go on
        worker.stop()
        for job in _running.copy():
            _end(job, "failed", error)
    worker.rest(working=bool(_running))
    return [job for job in before if job.state != "running"]


def wait(job: Job) -> None:
    """Carry on with all jobs until this one has ended.

    Raises:
        AigcError: it failed.
    """
    while job.state == "running":
        time.sleep(WAIT_SECONDS)
        pump()
    if job.error is not None:
        raise job.error


def stop() -> None:
    """Cancel everything, end the worker and wait for its end."""
    ending = _running.copy()
    worker.stop()
    for job in ending:
        _end(job, "cancelled")
    _latest.clear()


def _request(job: Job, machine: Machine | None) -> dict[str, Any]:
    return {
        "recipe": job.recipe.to_dict(),
        "frames": list(job.frames),
        "folder": str(job.folder),
        "format": job.fmt,
        "device": machine.device if machine else "auto",
        "stem": job.stem,
        **({"model": str(job.model)} if job.model else {}),
    }


def _talk() -> None:
    client = worker.client()
    if client is None:
        return
    alive = client.alive  # asked first: of a dead worker, poll then gives all that there will be
    for message in client.poll():
        _take(message)
    for job in [j for j in _running if j.request is None]:
        if not alive:
            raise WorkerError(f"The worker ended at once; see {client.log}.")
        job.request = client.send("generate", **_request(job, worker.machine))


def _take(message: dict[str, Any]) -> None:
    """Carry out one message of the worker."""
    if message["type"] == "error" and message["id"] == 0:
        raise error_of(message)
    job = next((j for j in _running if j.request == message["id"]), None)
    if job is None:  # cancelled, or a greeting
        return
    match message["type"]:
        case "progress":
            job.done, job.eta_s = message["done"], message["eta_s"]
        case "frame":
            job.newest = Path(message["path"])
            if message["number"] == job.frames.start:
                job.first_file = job.newest
        case "warning":
            job.warnings.append(message["text"])
        case "error" if job.resumed and message["code"] == DeviceError.code:
            _begin_anew(job)
        case "error":
            _end(job, "failed", error_of(message))
        case "done" if message["cancelled"]:
            _end(job, "cancelled")
        case "done":
            _finish(job)


def _begin_anew(job: Job) -> None:
    """What was begun in the folder came from another kind of device than there is now: take a version folder of its own."""
    try:
        job.folder, job.resumed = versions.allocate(job.folder.parent.parent, job.name), False
    except AigcError as error:
        _end(job, "failed", error)
    else:
        job.request = None


def _finish(job: Job) -> None:
    group = _owner(job)
    if group is None:
        _end(job, "cancelled")
        return
    try:
        if job.image is not None:
            group.reload()
        else:
            _show(group, job)
    except AigcError as error:
        _end(job, "failed", error)
    else:
        _end(job, "done")


def _show(group: Any, job: Job) -> None:
    """Give an item its new sequence, and put it where it is wanted and not yet."""
    assert job.first_file is not None
    before = shader.image_of(group)
    shader.show(group, images.load_sequence(job.first_file, job.frames, job.recipe, job.style, job.fmt, job.name))
    placements.refit(group)
    if before is not None and not before.users:
        bpy.data.images.remove(before)
    if job.versioned and versions.left_behind(job.folder):
        job.warnings.append(
            f"The .blend was saved elsewhere while {group.name} was generated, so the frames are in {job.folder}; "
            "Collect with Use the Copy brings them along."
        )
    target = _by_session(bpy.data.objects, job.place.target)
    scene = _by_session(bpy.data.scenes, job.place.scene)
    wanted = sorted(kind for kind in job.place.kinds if not placements.placed(group, kind))
    gone = [kind for kind in wanted if (target if placements.needs_object(kind) else scene) is None]
    if gone:
        job.warnings.append(f"What {group.name} was to be placed on is gone; its frames are in {job.folder}.")
    for kind in wanted:
        if kind not in gone:
            warning = placements.place(group, kind, target, scene)
            job.warnings += [warning] if warning else []


def _owner(job: Job) -> Any | None:
    """The job's item or image; None where it was deleted, or undo took its Generate back."""
    if job.image is not None:
        return _by_session(bpy.data.images, job.image)
    group = item.find(job.item)
    return group if group is not None and group.aigc.job == job.token else None


def _by_session(blocks: Any, identity: int | None) -> Any | None:
    return next((block for block in blocks if block.session_uid == identity), None)


def _end(job: Job, state: str, error: AigcError | None = None) -> None:
    job.state, job.error = state, error
    _running.remove(job)
    if state != "done" and job.versioned:
        with contextlib.suppress(OSError):  # as soon as one is not empty
            for folder in (job.folder, job.folder.parent, job.folder.parent.parent):
                folder.rmdir()
