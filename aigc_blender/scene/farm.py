# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of a .blend that are not on disk, generated without a window: what a render farm does before it renders."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import bpy

from ..errors import WorkerError
from . import images, jobs, strip
from .warm import Machine, WarmWorker, error_of

POLL_SECONDS = 0.02


def generated_images() -> list[Any]:
    """The image data-blocks of the file that were made from a recipe."""
    return [image for image in bpy.data.images if images.RECIPE in image]


def shown_numbers(image: Any, scene_frames: Iterable[int]) -> list[int]:
    """The numbers of the files that an image shows at some frames of a scene: as a texture, and in strips where they stand now.

    A user may have moved either in time.
    """
    covered, scene_frames = images.frames_of(image), list(scene_frames)
    users = _users(image)
    if users:
        numbers = {images.number_at(user, f) for user in users for f in scene_frames}.intersection(covered)
    elif images.recipe_of(image).loop is not None:
        numbers = {covered.start + (f - covered.start) % len(covered) for f in scene_frames}
    else:
        numbers = {min(max(f, covered.start), covered.stop - 1) for f in scene_frames}
    strips = [s for scene in bpy.data.scenes for s in strip.shown(image, scene)]
    return sorted(numbers.union(*(strip.numbers(s, image, scene_frames) for s in strips)))


def _users(image: Any) -> list[Any]:
    """What says which of an image's files is shown when, in each node and camera that shows it."""
    found = []
    for block in bpy.data.user_map(subset=[image])[image]:
        tree = block if isinstance(block, bpy.types.NodeTree) else getattr(block, "node_tree", None)
        nodes = [node for node in (tree.nodes if tree else ()) if getattr(node, "image", None) == image]
        found += [getattr(node, "image_user", node) for node in nodes]
        found += [b.image_user for b in getattr(block, "background_images", ()) if b.image == image]
    return [user for user in found if hasattr(user, "frame_offset")]


def generate_missing(scene_frames: Iterable[int], machine: Machine) -> int:
    """Generate what the file's sequences lack of these frames, each where its image looks for it; waits.

    Frames that are there and right are left alone. Gives the number of frames written.

    Raises:
        AigcError: what is at fault; frames that are finished stay.
    """
    scene_frames = list(scene_frames)
    worker = WarmWorker()
    try:
        return sum(generate(image, shown_numbers(image, scene_frames), worker, machine) for image in generated_images())
    finally:
        worker.stop()


def generate(image: Any, numbers: list[int], worker: WarmWorker, machine: Machine) -> int:
    """Generate frames of one image where they are not there yet, and wait; gives the number written.

    Raises:
        AigcError: what is at fault; frames that are finished stay.
    """
    first = images.first_file(image)
    worker.want(machine)
    while (client := worker.client()) is None:
        time.sleep(POLL_SECONDS)
    recipe = images.recipe_of(image)
    request = client.send(
        "generate",
        recipe=recipe.to_dict(),
        frames=numbers,
        folder=str(first.parent),
        format=image[images.FORMAT],
        device=machine.device,
        stem=first.name.rsplit(".", 2)[0],
        model=str(jobs.model_of(recipe, image, machine.folders).path),
    )
    while True:
        alive = client.alive
        for message in client.poll():
            if message["type"] == "error" and message["id"] in (0, request):
                raise error_of(message)
            if message["type"] == "done":
                return int(message["written"])
        if not alive:
            raise WorkerError(f"The worker ended; see {client.log}.")
        time.sleep(POLL_SECONDS)
