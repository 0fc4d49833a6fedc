# SPDX-License-Identifier: GPL-3.0-or-later
"""Contact sheets: clips as rows of frames, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from .files import replacing

BACKGROUND = 0.1  # display value under transparent pixels
GAP = 2  # pixels between tiles


def contact_sheet(rows: Sequence[Sequence[NDArray[np.float32]]], zoom: int = 1) -> NDArray[np.uint8]:
    """Rows of frames (H, W, 4), premultiplied 0..1, over dark grey, as one picture (H', W', 3).

    A row with fewer frames than the longest one ends in grey.
    """
    lines = []
    for row in rows:
        tiles = [frame[..., :3] + BACKGROUND * (1 - frame[..., 3:]) for frame in row]
        tiles = [np.pad(t, ((GAP, 0), (GAP, 0), (0, 0)), constant_values=BACKGROUND * 2) for t in tiles]
        lines.append(np.concatenate(tiles, axis=1))
    wide = max(line.shape[1] for line in lines)
    lines = [np.pad(n, ((0, 0), (0, wide - n.shape[1]), (0, 0)), constant_values=BACKGROUND * 2) for n in lines]
    sheet = np.clip(np.concatenate(lines, axis=0), 0, 1).repeat(zoom, 0).repeat(zoom, 1)
    return (sheet * 255 + 0.5).astype(np.uint8)


def write_sheet(path: Path, rows: Sequence[Sequence[NDArray[np.float32]]], zoom: int = 1) -> NDArray[np.uint8]:
    """Write a contact sheet as PNG, whole or not at all, and give its picture; the folder is made.

    Raises:
        OSError: it cannot be written.
    """
    sheet = contact_sheet(rows, zoom)
    with replacing(path) as temporary:
        temporary.write_bytes(iio.imwrite("<bytes>", sheet, extension=".png"))
    return sheet
