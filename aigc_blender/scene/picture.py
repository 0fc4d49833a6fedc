# SPDX-License-Identifier: GPL-3.0-or-later
"""Small square pictures for the interface: of frames on disk and of thumbnails in model cards.

All are float32, (SIDE, SIDE, 4), display values, row 0 at the bottom as Blender has it.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..card import THUMBNAIL_SIZE, Style
from ..errors import SequenceError
from ..transfer import compress_highlights, from_light, to_light

SIDE = THUMBNAIL_SIZE
BACKGROUND = np.full(3, 0.05)  # what shows through, dark so that glow is seen
MAX_PIXELS = 4096 * 4096  # of a frame that is read while someone works


def of_style(style: Style) -> NDArray[Any] | None:
    """A style's thumbnail; None where its card has none of the right size."""
    try:
        raw = base64.b64decode(style.thumbnail, validate=True)
    except ValueError:
        return None
    if len(raw) != SIDE * SIDE * 3:
        return None
    picture = np.ones((SIDE, SIDE, 4), np.float32)
    picture[..., :3] = np.frombuffer(raw, np.uint8).reshape(SIDE, SIDE, 3)[::-1] / np.float32(255)
    return picture


def of_frame(path: Path, glow: float = 1.0) -> NDArray[Any]:
    """A frame's picture, fitted and centred; ``glow`` is its style's. The image data-block that reads it is gone when this returns.

    Raises:
        SequenceError: the file cannot be read, or is too large for a quick look.
    """
    try:
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError:
        raise SequenceError(f"{path}: cannot be read; generate the frame again.") from None
    try:
        width, height = image.size
        if not 0 < width * height <= MAX_PIXELS:
            raise SequenceError(f"{path}: {width} x {height} pixels are too many for a quick look, or none.")
        image.colorspace_settings.is_data = True  # whatever a configuration calls that
        image.alpha_mode = "CHANNEL_PACKED"
        scale = SIDE / max(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        image.scale(width, height)
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        linear = image.is_float
    finally:
        bpy.data.images.remove(image)
    return _framed(pixels.reshape(height, width, 4), glow=glow if linear else 0.0)


def put(preview: Any, picture: NDArray[Any]) -> None:
    """Show a picture as a preview (bpy.types.ImagePreview)."""
    preview.image_size = picture.shape[1], picture.shape[0]
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(picture).ravel())


def _framed(pixels: NDArray[Any], glow: float) -> NDArray[Any]:
    """Over BACKGROUND: an EXR's light, premultiplied, as a display shows it; a PNG's straight colour where ``glow`` is 0."""
    colour, alpha = pixels[..., :3], np.clip(pixels[..., 3:], 0, 1)
    light = compress_highlights(np.maximum(colour, 0), glow) if glow else to_light(colour) * alpha
    shown = from_light(np.clip(light + (1 - alpha) * to_light(BACKGROUND), 0, 1))
    height, width = alpha.shape[:2]
    picture = np.full((SIDE, SIDE, 4), (*BACKGROUND, 1), np.float32)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    picture[top : top + height, left : left + width, :3] = shown
    return picture
