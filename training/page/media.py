# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips and frames as pictures and videos that lie within a page."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from ..video import write_video

Pixels = NDArray[np.uint8]

BACKGROUND = np.array([20, 20, 24], np.uint8)  # under transparent pixels and between pictures
GAP = 2  # pixels between pictures
STILL_QUALITY = 90  # of 100


def mosaic(clips: Pixels, columns: int) -> Pixels:
    """Clips (n, F, H, W, 4) beside each other in rows: (F, H', W', 3)."""
    tiles = [np.pad(over(clip), ((0, 0), (0, GAP), (0, GAP), (0, 0))) for clip in clips]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], axis=2) for i in range(0, len(tiles), columns)]
    return _gaps_filled(np.concatenate(rows, axis=1), clips.shape[2], clips.shape[3])


def sheet(rows: Sequence[Pixels] | Pixels) -> Pixels:
    """Rows of as many frames (n, H, W, 4) as one picture (H', W', 3)."""
    return mosaic(np.concatenate(rows)[:, None], len(rows[0]))[0]


def over(frames: Pixels) -> Pixels:
    """Premultiplied RGBA over the background: (..., 3)."""
    clear = (255 - frames[..., 3:].astype(np.uint16)) * BACKGROUND
    return np.minimum(frames[..., :3] + (clear + 127) // 255, 255).astype(np.uint8)


def video(frames: Pixels, fps: float, words: str) -> str:
    """An image element that plays frames (F, H, W, 3) for ever."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.webp"
        write_video(path, frames, fps)
        return _image(path.read_bytes(), frames, words)


def still(frame: Pixels, words: str) -> str:
    """An image element of a frame (H, W, 3)."""
    encoded = iio.imwrite("<bytes>", frame, plugin="pillow", extension=".webp", quality=STILL_QUALITY)
    return _image(encoded, frame[None], words)


def _image(data: bytes, frames: Pixels, words: str) -> str:
    height, width = frames.shape[1:3]
    encoded = base64.b64encode(data).decode()
    return f'<img width="{width}" height="{height}" alt="{escape(words)}" src="data:image/webp;base64,{encoded}">'


def _gaps_filled(pixels: Pixels, height: int, width: int) -> Pixels:
    """The gaps at the right and below of each tile in the background's colour, those at the outer edge left out."""
    rows, columns = (np.arange(pixels.shape[axis]) % (side + GAP) >= side for axis, side in ((1, height), (2, width)))
    pixels[:, rows] = BACKGROUND
    pixels[:, :, columns] = BACKGROUND
    return pixels[:, :-GAP, :-GAP]
