# SPDX-License-Identifier: GPL-3.0-or-later
"""Still pictures of every depth as frames: 8 and 16 bit, floating point, with alpha, upright."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pixels import Frame, scaled, unreadable

# Quarter turns against the clock after a left-right flip, by the value of the Orientation field.
_UPRIGHT = {2: (0, True), 3: (2, False), 4: (2, True), 5: (1, True), 6: (3, False), 7: (3, True), 8: (1, False)}


def read_picture(path: Path) -> Frame:
    """A picture as (H, W, 4) uint8, premultiplied, sRGB; its display window where the data's is another.

    Floating-point pictures, and those that say so, are taken to be scene-linear. What is not finite is 0.

    Raises:
        FootageError: the file cannot be read.
    """
    import OpenImageIO

    name: Any = os.fsencode(path)  # as text it would have to be UTF-8
    source: Any = OpenImageIO.ImageInput.open(name)
    # Associated alpha, as OpenImageIO gives it whatever the file holds, is premultiplied colour.
    pixels = source and source.read_image("float")
    if pixels is None:
        raise unreadable(path, _fault(source or OpenImageIO) or "no pixels")
    spec = source.spec()
    source.close()
    names = [name.rpartition(".")[2].upper() for name in spec.channelnames]
    colour = [names.index(c) for c in "RGB"] if {*"RGB"} <= {*names} else [0, 0, 0]
    rgb = np.clip(np.nan_to_num(pixels[..., colour]), 0, 1)
    linear = "lin" in spec.get_string_attribute("oiio:ColorSpace").lower()
    if linear or spec.format in ("half", "float", "double"):
        rgb = _encoded(rgb)
    alpha = np.nan_to_num(pixels[..., [names.index("A")]]) if "A" in names else np.ones_like(rgb[..., :1])
    frame = np.rint(np.concatenate([rgb, np.clip(alpha, 0, 1)], axis=2) * 255).astype(np.uint8)
    return _square(_turned(_displayed(frame, spec, "A" in names), spec), spec)


def _fault(reader: Any) -> str:
    try:
        return str(reader.geterror())
    except UnicodeDecodeError as error:  # it names the file
        return error.object.decode(errors="replace")


def _encoded(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sRGB curve."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def _displayed(frame: Frame, spec: Any, alpha: bool) -> Frame:
    """The display window's part of the data, with nothing around it: renderers trim data windows frame by frame."""
    left, top = spec.x - spec.full_x, spec.y - spec.full_y
    if (left, top, spec.width, spec.height) == (0, 0, spec.full_width, spec.full_height):
        return frame
    whole = np.zeros((spec.full_height, spec.full_width, 4), np.uint8)
    if not alpha:
        whole[..., 3] = 255
    # Data that lie wholly beyond an edge leave nothing; an end below 0 would count from the other one.
    bottom, right = max(0, spec.full_height - top), max(0, spec.full_width - left)
    inside = frame[max(0, -top) : bottom, max(0, -left) : right]
    top, left = max(0, top), max(0, left)
    whole[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return whole


def _turned(frame: Frame, spec: Any) -> Frame:
    turns, flipped = _UPRIGHT.get(spec.get_int_attribute("Orientation", 1), (0, False))
    return np.ascontiguousarray(np.rot90(frame[:, ::-1] if flipped else frame, turns))


def _square(frame: Frame, spec: Any) -> Frame:
    """With square pixels, the shorter side enlarged."""
    aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
    if not 0.1 < aspect < 10 or abs(aspect - 1) < 0.01:
        return frame
    height, width = frame.shape[:2]
    return scaled(frame, round(height * max(1 / aspect, 1)), round(width * max(aspect, 1)))
