# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a sequence so that a process killed at any moment leaves only whole frames, and a rerun only does what is missing."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import DeviceError, SequenceError
from ..recipe import Recipe
from .formats import Pixels, encode_frame
from .metadata import read_metadata
from .names import check_stem, frame_path, sidecar_path
from .sidecar import Sidecar, read_sidecar
from .whole import write_whole


class SequenceWriter:
    """One sequence in one folder; several processes may write frames of the same one.

    Args:
        recipe: What the frames show.
        folder: Made by ``open`` where it is missing.
        stem: Start of every file name.
        fmt: ``png``, ``png16`` or ``exr``.
        device: The kind of device that draws (``cpu``, ``cuda`` ...).
        runtime: Packages and their versions, for the sidecar.

    Raises:
        SequenceError: stem or format cannot be.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, stem: str, fmt: str, device: str, runtime: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self._stem = check_stem(stem)
        self._sidecar = Sidecar(recipe, fmt, device, dict(runtime or {}))
        self._mark = uuid.uuid4().hex[:12]
        self.path(0)  # refuses an unknown format

    def path(self, number: int) -> Path:
        """Where a frame lies."""
        return frame_path(self.folder, self._stem, number, self._sidecar.format)

    def missing(self, numbers: Iterable[int]) -> list[int]:
        """Those frames that are not there with the right digest. Writes nothing.

        Raises:
            DeviceError: there are some, and another kind of device drew others of this sequence.
            SequenceError: the folder cannot be read.
        """
        missing: list[int] = []
        drawn_by: set[str] = set()
        for number in numbers:
            device = self._drawn_by(number)
            if device is None:
                missing.append(number)
            else:
                drawn_by.add(device)
        if missing:
            self._refuse_other_devices(drawn_by)
        return missing

    def open(self) -> None:
        """Make the folder and write the sidecar.

        Raises:
            SequenceError: that is not possible; nothing is left behind.
        """
        path = sidecar_path(self.folder, self._stem)
        made: list[Path] = []
        try:
            for folder in reversed([self.folder, *self.folder.parents]):
                if not folder.exists():
                    folder.mkdir(exist_ok=True)
                    made.append(folder)
            if not self._is_described():
                write_whole(path, self._mark, lambda temporary: _write_text(temporary, self._sidecar.to_json()))
        except OSError as error:
            # Another process that has written this very recipe may have swept ours away.
            if isinstance(error, FileNotFoundError) and self._is_described():
                return
            for folder in reversed(made):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            raise _cannot_write(self.folder, error) from None

    def write(self, number: int, pixels: Pixels, glow: float = 1.0) -> Path:
        """Write one frame, whole or not at all; pixels and glow as ``encode_frame`` takes them.

        Raises:
            SequenceError: the disk is full or the folder cannot be written.
        """
        recipe, fmt = self._sidecar.recipe, self._sidecar.format
        text = json.dumps(
            {
                "digest": recipe.frame_digest(number, fmt),
                "format": fmt,
                "device": self._sidecar.device,
                "inputs": recipe.frame_inputs(number),
            }
        )
        path = self.path(number)
        try:
            write_whole(path, self._mark, lambda temporary: encode_frame(temporary, pixels, fmt, text, glow))
        except OSError as error:
            # Another process that finished this very frame may have swept ours away.
            if not (isinstance(error, FileNotFoundError) and self._drawn_by(number)):
                raise _cannot_write(path, error) from None
        return path

    def sweep(self, numbers: Iterable[int]) -> None:
        """Remove what killed processes left of the recipe and of frames, which are finished now."""
        finished = {self.path(number).name for number in numbers} | {sidecar_path(self.folder, self._stem).name}
        for leftover in self.folder.glob(f".{glob.escape(self._stem)}.*.tmp"):
            if leftover.name[1:].rsplit(".", 2)[0] in finished:
                with contextlib.suppress(OSError):
                    leftover.unlink()

    def _drawn_by(self, number: int) -> str | None:
        """The device of a frame that is there with the right digest."""
        path = self.path(number)
        try:
            metadata = read_metadata(path)
        except OSError as error:
            raise _cannot_write(path, error) from None
        if metadata and metadata.get("digest") == self._sidecar.recipe.frame_digest(number, self._sidecar.format):
            return str(metadata.get("device"))
        return None

    def _refuse_other_devices(self, drawn_by: set[str]) -> None:
        ours = self._sidecar.device
        other = next((device for device in sorted(drawn_by) if device != ours), None)
        beside = read_sidecar(sidecar_path(self.folder, self._stem))
        if other is None and beside and beside.device != ours and self._same_sequence(beside) and self._has_frames():
            other = beside.device
        if other is not None:
            raise DeviceError(
                f"Frames in {self.folder} were drawn on {other} and {ours} would differ slightly; "
                f"give --device {other}, or another folder for the whole sequence."
            )

    def _is_described(self) -> bool:
        """Whether the sidecar that is there is ours."""
        beside = read_sidecar(sidecar_path(self.folder, self._stem))
        return bool(beside and self._same_sequence(beside) and beside.device == self._sidecar.device)

    def _same_sequence(self, other: Sidecar) -> bool:
        return (other.recipe, other.format) == (self._sidecar.recipe, self._sidecar.format)

    def _has_frames(self) -> bool:
        name = f"{glob.escape(self._stem)}.[0-9]*{self.path(0).suffix}"
        return any(path.name.split(".")[-2].isdigit() for path in self.folder.glob(name))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _cannot_write(path: Path, error: OSError) -> SequenceError:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SequenceError(f"{path} cannot be written ({reason}); free some space and run the same again.")
    return SequenceError(f"{path} cannot be written ({reason}); check the folder or choose another.")
