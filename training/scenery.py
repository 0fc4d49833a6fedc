# SPDX-License-Identifier: GPL-3.0-or-later
"""What footage always shows at a place: its mean picture, given to the generator as the start of its scenery."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from aigc_blender.generator.network import Generator

from .footage.clips import Footage

MOST_PIXELS = 512  # along an axis
FRESH_SPREAD = 0.5  # of what a generator draws at first, about


def scenery_size(footage: Sequence[Footage]) -> tuple[int, int]:
    """Height and width in pixels that hold the mean pictures of all filmed footage; (0, 0) without such.

    Where position does not matter on an axis one pixel will do.
    """
    filmed = [source for source in footage if source.filmed]
    if not filmed:
        return 0, 0
    shapes = [(source.style.anchored, source.stills[max(source.stills)].shape) for source in filmed]
    tall = max((shape[0] for axes, shape in shapes if axes), default=1)
    aspect = max((shape[1] / shape[0] for axes, shape in shapes if "x" in axes), default=0.0)
    return min(tall, MOST_PIXELS), min(max(1, math.ceil(tall * aspect)), MOST_PIXELS)


@torch.no_grad()
def paint_scenery(network: Generator, footage: Sequence[Footage]) -> None:
    """Let the scenery of each style that has mean pictures begin as the largest of them, and what moves as large as there."""
    tall, wide = network.architecture.scenery
    for index, source in enumerate(footage):
        if not source.stills:
            continue
        mean = torch.from_numpy(source.stills[max(source.stills)]).permute(2, 0, 1)[None]
        own = max(1, round(mean.shape[3] * tall / mean.shape[2]))
        picture = functional.interpolate(mean, (tall, own), mode="bilinear", antialias=True)[0]
        # Its middle in the middle; beyond its edges they go on.
        columns = (torch.arange(wide) + (own - wide) // 2).clamp(0, own - 1)
        network.scenery[index] = picture[:, :, columns].permute(1, 2, 0)
        network.contrast[index] = source.spread / FRESH_SPREAD
