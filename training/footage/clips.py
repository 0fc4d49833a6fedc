# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage as the training loop reads it: clips of one style at one or more element heights, on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_blender.card import Style
from aigc_blender.generator.network import Placement

from ..discriminator import Claim


@dataclass(frozen=True)
class Footage:
    """Clips of one style.

    ``scales`` maps element height in pixels to an array (clips, frames, H, W, 4) uint8, memory-mapped:
    the same clips, premultiplied RGBA; greater heights may have only the first of them. ``controls``:
    (clips, n) float32 in 0..1, in the style's order.
    ``periodic``: the axes on which a whole clip wraps.
    """

    style: Style
    scales: dict[int, NDArray[np.uint8]]
    controls: NDArray[np.float32]
    periodic: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """Frames of the clips."""
        return min(a.shape[1] for a in self.scales.values())


@dataclass(frozen=True)
class Batch:
    """Real clips with what they show: (N, F, size, size, 4) float32 in -1..1, and how often each wraps in pixels (0: not)."""

    clips: Tensor
    claim: Claim
    period_x: Tensor
    period_y: Tensor


def draw_batch(
    footage: Sequence[Footage],
    rng: np.random.Generator,
    batch: int,
    frames: int,
    size: int,
    stride: int,
    device: torch.device,
) -> Batch:
    """Random crops in space and time, styles and element heights equally likely."""
    slots = max(1, *(len(f.style.controls) for f in footage))
    clips = np.empty((batch, frames, size, size, 4), np.uint8)
    styles = rng.integers(len(footage), size=batch)
    controls = np.zeros((batch, slots), np.float32)
    heights, bases, periods = (
        np.zeros(batch, np.float32),
        np.zeros((batch, 2), np.float32),
        np.zeros((batch, 2), np.int64),
    )
    for n, index in enumerate(styles):
        source = footage[index]
        height = int(rng.choice(sorted(source.scales)))
        scale = source.scales[height]
        clip = int(rng.integers(len(scale)))
        start = int(rng.integers(scale.shape[1] - (frames - 1) * stride))
        pixels = scale[clip, start : start + (frames - 1) * stride + 1 : stride]
        tall, wide = pixels.shape[1:3]
        offsets = []
        for axis, (extent, name) in enumerate(((wide, "x"), (tall, "y"))):
            wraps = name in source.periodic
            offset = int(rng.integers(extent if wraps else extent - size + 1))
            indices = (np.arange(size) + offset) % extent
            pixels = np.take(pixels, indices, axis=2 - axis)
            periods[n, axis] = size if wraps and extent == size else 0
            offsets.append(offset)
        clips[n] = pixels
        controls[n, : len(source.style.controls)] = source.controls[clip]
        heights[n] = height
        # Anchors: the bottom edge of the footage, and its middle.
        bases[n] = wide / 2 - offsets[0], tall - offsets[1]
    real = torch.from_numpy(clips).to(device).float() / 127.5 - 1
    opaque = torch.tensor([not footage[i].style.alpha for i in styles], device=device)
    real[opaque, ..., 3] = 1
    anchored = np.array([[float(a in footage[i].style.anchored) for a in ("x", "y")] for i in styles], np.float32)
    placement = Placement(*(torch.from_numpy(a).to(device) for a in (bases, heights, anchored)))
    claim = Claim(torch.from_numpy(styles).to(device), torch.from_numpy(controls).to(device), stride, placement)
    return Batch(real, claim, *(torch.from_numpy(periods[:, i].copy()).to(device) for i in range(2)))
