# SPDX-License-Identifier: GPL-3.0-or-later
"""Contact sheets: clips as rows of frames, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from aigc_blender.card import Style
from aigc_blender.generator.checkpoint import Model
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe

BACKGROUND = 0.1  # display value under transparent pixels
GAP = 2  # pixels between tiles


def contact_sheet(rows: Sequence[Sequence[NDArray[np.float32]]], zoom: int = 1) -> NDArray[np.uint8]:
    """Rows of frames (H, W, 4), premultiplied 0..1, over dark grey, as one picture (H', W', 3)."""
    lines = []
    for row in rows:
        tiles = [frame[..., :3] + BACKGROUND * (1 - frame[..., 3:]) for frame in row]
        tiles = [np.pad(t, ((GAP, 0), (GAP, 0), (0, 0)), constant_values=BACKGROUND * 2) for t in tiles]
        lines.append(np.concatenate(tiles, axis=1))
    sheet = np.clip(np.concatenate(lines, axis=0), 0, 1).repeat(zoom, 0).repeat(zoom, 1)
    return (sheet * 255 + 0.5).astype(np.uint8)


def style_rows(
    model: Model, style: Style, *, size: int, columns: int = 10, step: int = 2
) -> list[list[NDArray[np.float32]]]:
    """Three clips of a style: as it comes, and with its first control low and high."""
    sampler = Sampler(model, threads=1)
    settings: list[dict[str, float]] = [{}]
    if style.controls:
        settings += [{style.controls[0].name: value} for value in (0.1, 0.9)]
    rows = []
    for seed, controls in enumerate(settings):
        recipe = Recipe(style.name, seed=seed, width=size, height=size, controls=controls)
        rows.append([frame for _, frame in sampler.frames(recipe, range(0, columns * step, step))])
    return rows


def write_sheet(path: Path, rows: Sequence[Sequence[NDArray[np.float32]]], zoom: int = 1) -> None:
    """Write a contact sheet as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    iio.imwrite(path, contact_sheet(rows, zoom))
