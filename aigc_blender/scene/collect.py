# SPDX-License-Identifier: GPL-3.0-or-later
"""Collecting: a sequence, its recipe and its model side by side in one folder, to hand over or to keep."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..errors import SequenceError
from ..library import holds, model_by_digest, place_for
from . import images, item, shader, strip

Copies = list[tuple[Path, Path]]


def check_repath(image: Any) -> None:
    """Refuse an image whose path is not this file's to change.

    Raises:
        SequenceError: it is linked.
    """
    if image.library is not None:  # of an override Blender saves the path
        raise SequenceError(
            f"Image {image.name} is linked, so its path can be changed in {image.library.filepath} alone; "
            "collect it there, or without Use the Copy."
        )


def plan(image: Any, folder: Path, model_folders: tuple[Path, ...]) -> Copies:
    """What is to be copied where; changes nothing. The model goes beside another that has its name already.

    Raises:
        ModelError: the model is not installed.
        SequenceError: frames are missing, or the folder holds files of these names.
    """
    frames = images.frames_of(image)
    files = [images.file_of(image, frame) for frame in frames]
    if missing := sum(not file.is_file() for file in files):
        raise SequenceError(f"{image.name} lacks {missing} of its {len(files)} frames; regenerate it first.")
    sidecar = files[0].with_name(f"{files[0].stem.rpartition('.')[0]}.recipe.json")
    recipe = images.recipe_of(image)
    model = model_by_digest(recipe.model, (*model_folders, files[0].parent)).path
    copies = [(file, folder / file.name) for file in (*files, sidecar) if file.is_file()]
    taken = [target for _, target in copies if target.exists()]
    if taken:
        raise SequenceError(f"{taken[0]} is there already; choose an empty folder.")
    target = place_for(folder / model.name, recipe.model)
    return copies if holds(target, recipe.model) else [*copies, (model, target)]


def copy(copies: Copies, on_file: Callable[[int], None] = lambda _: None) -> None:
    """Copy the files, each whole or not at all; does not touch Blender, so that a thread may do it.

    Raises:
        SequenceError: one cannot be written.
    """
    for number, (source, target) in enumerate(copies, 1):
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(source, temporary)
                temporary.replace(target)
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
        except OSError as error:
            raise SequenceError(
                f"{target} cannot be written ({error.strerror}); check the folder and its free space."
            ) from None
        on_file(number)


def repath(image: Any, folder: Path) -> None:
    """Make an image and its strips show the sequence in another folder, by a relative path where the .blend is saved."""
    path = str(folder / images.file_of(image, images.frames_of(image).start).name)
    if bpy.data.filepath:
        with contextlib.suppress(ValueError):  # another drive: the path stays absolute
            path = bpy.path.relpath(path)
    image.filepath = path
    for group in item.items():
        if shader.image_of(group) == image:
            strip.refit(group)
