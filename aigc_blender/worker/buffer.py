# SPDX-License-Identifier: GPL-3.0-or-later
"""Pixels of previews in a memory-mapped file that Blender makes and the worker fills.

There are two slots, filled in turn. Each carries the id of the request that it answers, which is 0 while the slot is
being filled: whoever reads it asks for an id before and after, so that a torn picture is never taken for a whole one.
"""

from __future__ import annotations

import contextlib
import mmap
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

SLOTS = 2
PREVIEW_PIXELS = 640 * 256  # what a network that draws 256 rows makes of a frame up to 2.5 times as wide as high
_STAMP, _SIZE = struct.Struct("<Q"), struct.Struct("<II")
_HEADER = _STAMP.size + _SIZE.size
_PIXEL = 16  # bytes: four floats


class PreviewBuffer:
    """The mapping of one such file."""

    def __init__(self, path: Path) -> None:
        """Map a file that ``create`` made.

        Raises:
            OSError, ValueError: it is not there, or empty.
        """
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.path = path
        self.capacity = (len(self._map) // SLOTS - _HEADER) // _PIXEL  # pixels
        self._newest = 0

    @classmethod
    def create(cls, path: Path, capacity: int) -> PreviewBuffer:
        """Make the file, for pictures of up to ``capacity`` pixels, and map it.

        Raises:
            OSError: it cannot be written.
        """
        path.write_bytes(bytes(SLOTS * (_HEADER + capacity * _PIXEL)))
        return cls(path)

    def write(self, stamp: int, pixels: Pixels) -> int:
        """Put a picture, (H, W, 4) float32, under a stamp into the slot that is the older one; gives the slot."""
        height, width, channels = pixels.shape
        assert channels == 4
        assert height * width <= self.capacity
        slot = self._newest = (self._newest + 1) % SLOTS
        at = self._offset(slot)
        _STAMP.pack_into(self._map, at, 0)
        _SIZE.pack_into(self._map, at + _STAMP.size, width, height)
        flat = np.frombuffer(self._map, np.float32, height * width * 4, at + _HEADER)
        flat[:] = pixels.reshape(-1)
        _STAMP.pack_into(self._map, at, stamp)
        return slot

    def read(self, slot: int, stamp: int) -> Pixels | None:
        """A copy of the picture in a slot, (H, W, 4); None where it is no longer, or not yet wholly, the stamp's."""
        if self.stamp(slot) != stamp:
            return None
        at = self._offset(slot)
        width, height = _SIZE.unpack_from(self._map, at + _STAMP.size)
        if not 0 < width * height <= self.capacity:
            return None
        pixels = np.frombuffer(self._map, np.float32, height * width * 4, at + _HEADER).reshape(height, width, 4).copy()
        return pixels if self.stamp(slot) == stamp else None

    def stamp(self, slot: int) -> int:
        """The stamp of a slot; 0 while it is being filled."""
        return int(_STAMP.unpack_from(self._map, self._offset(slot))[0])

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def remove(self) -> None:
        """Let go of the file and delete it; Windows keeps it until the worker lets go too."""
        self.close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _offset(self, slot: int) -> int:
        return (slot % SLOTS) * (_HEADER + self.capacity * _PIXEL)
