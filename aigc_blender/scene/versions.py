# SPDX-License-Identifier: GPL-3.0-or-later
"""Where frames go: a new ``//aigc/<item>/v001`` for each Generate, but what was broken off goes on where it was."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import bpy

from ..errors import AigcError, SequenceError
from ..recipe import Recipe
from ..sequence.names import frame_path, sidecar_path
from ..sequence.sidecar import read_sidecar

MAX_NAME = 63  # bytes of an item's name in files, whose own names may have 255; Blender 5 allows items that many
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # which is what Windows takes it for
_VERSION = re.compile(r"v(\d{3,})")


def output_root() -> tuple[Path, str | None]:
    """The folder above all items' folders and, where it is not beside the .blend, a warning that says so.

    Raises:
        SequenceError: the .blend is not saved, and there is no folder of the user's either.
    """
    if bpy.data.filepath:
        return Path(bpy.path.abspath("//aigc")), None
    package = __package__.removesuffix(".scene")
    if package.startswith("bl_ext."):
        user = bpy.utils.extension_path_user(package, path="unsaved")
    else:
        user = bpy.utils.user_resource("DATAFILES", path="aigc_blender/unsaved")
    with contextlib.suppress(OSError):
        Path(user).mkdir(parents=True, exist_ok=True)
    if not user or not Path(user).is_dir():
        raise SequenceError(
            f"The .blend is not saved, and {user or 'a folder of the user'} cannot be made for its frames; "
            "save the .blend and generate again."
        )
    return Path(
        user
    ), f"The .blend is not saved, so the frames go to {user}; save it and generate again to keep them together."


def left_behind(folder: Path) -> bool:
    """Whether the .blend was saved elsewhere since one of its items was given this version folder."""
    return bool(bpy.data.filepath) and folder.parent.parent != output_root()[0]


def file_name(name: str) -> str:
    """An item's name as the name of files and folders on any system."""
    safe = re.sub(r"[^\w.-]+", "_", name).strip("._")
    short = safe.encode()[:MAX_NAME].decode(errors="ignore").rstrip("._") or "element"
    return f"_{short}" if _DEVICE.fullmatch(short) else short


def unfinished(root: Path, name: str, recipe: Recipe, frames: range, fmt: str, device: str) -> Path | None:
    """The item's latest version folder, if it is of the same recipe and lacks frames; ``device`` may be ``auto``."""
    stem = file_name(name)
    try:
        folder = root / stem / f"v{max(_versions(root / stem)):03d}"
        beside = read_sidecar(sidecar_path(folder, stem))
    except (OSError, ValueError, AigcError):
        return None
    if beside is None or (beside.recipe, beside.format) != (recipe, fmt) or device not in ("auto", beside.device):
        return None
    return None if all(frame_path(folder, stem, n, fmt).is_file() for n in frames) else folder


def allocate(root: Path, name: str) -> Path:
    """A new version folder, made here and by nobody else.

    Raises:
        SequenceError: the folder cannot be written to.
    """
    folder = root / file_name(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        version = max(_versions(folder), default=0) + 1
        while True:
            try:
                (folder / f"v{version:03d}").mkdir()
            except FileExistsError:
                version += 1
            else:
                return folder / f"v{version:03d}"
    except OSError as error:
        raise SequenceError(
            f"{folder}: no version folder can be made ({error.strerror}); check its permissions and free space."
        ) from None


def _versions(folder: Path) -> list[int]:
    return [int(m[1]) for path in folder.iterdir() if (m := _VERSION.fullmatch(path.name))]
