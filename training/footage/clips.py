# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage as the training loop reads it: clips of one style at one or more element heights, on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_blender.card import Style
from aigc_blender.generator.network import Placement

from ..discriminator import Claim

MEAN_OF = 500  # frames at least, where there are as many
LEAST_SPREAD = 1 / 255  # below it there is nothing but rounding


@dataclass(frozen=True)
class Footage:
    """Clips of one style.

    ``scales`` maps element height in pixels to an array (clips, frames, H, W, 4) uint8, memory-mapped:
    the same clips, premultiplied RGBA; greater heights may have only the first of them. ``controls``:
    (clips, n) float32 in 0..1, in the style's order.
    ``periodic``: the axes on which a whole clip wraps. ``mirror``: left and right may be exchanged. ``filmed``:
    one scene, of which ``stills`` and ``spread`` are known.
    """

    style: Style
    scales: dict[int, NDArray[np.uint8]]
    controls: NDArray[np.float32]
    periodic: tuple[str, ...] = ()
    mirror: bool = False
    filmed: bool = False

    @cached_property
    def stills(self) -> dict[int, NDArray[np.float32]]:
        """The mean of all frames by element height, (H, W, 4) in -1..1, along free axes too; empty unless filmed.

        Where left and right may be exchanged, their mirror images count as well.
        """
        means: dict[int, NDArray[np.float32]] = {}
        if not self.filmed:
            return means
        free = tuple(index for index, axis in enumerate("yx") if axis not in self.style.anchored)
        for height, clips in self.scales.items():
            frames = clips.reshape(-1, *clips.shape[2:])
            chosen = frames[:: max(1, len(frames) // MEAN_OF)]
            mean = chosen.mean(0, dtype=np.float64) / 127.5 - 1
            if self.mirror:
                mean = (mean + mean[:, ::-1]) / 2
            means[height] = np.broadcast_to(mean.mean(free, keepdims=True), mean.shape).astype(np.float32)
        return means

    @cached_property
    def spread(self) -> float:
        """How far most pixels in -1..1 deviate from the still; 1 unless filmed."""
        if not self.stills:
            return 1.0
        height = min(self.stills)
        clips = self.scales[height]
        frames = clips.reshape(-1, *clips.shape[2:])
        chosen = frames[:: max(1, len(frames) // MEAN_OF)] / np.float32(127.5) - 1
        deviation = float(np.sqrt(((chosen - self.stills[height])[..., :3] ** 2).mean()))
        return max(2 * deviation, LEAST_SPREAD)

    @property
    def frames(self) -> int:
        """Frames of the clips."""
        return min(a.shape[1] for a in self.scales.values())


@dataclass(frozen=True)
class Batch:
    """Real clips with what they show: (N, F, size, size, 4) float32 in -1..1, and how often each wraps in pixels (0: not).

    ``others``: (N, slots) controls of some clip of the same style.
    """

    clips: Tensor
    claim: Claim
    others: Tensor
    period_x: Tensor
    period_y: Tensor


@dataclass(frozen=True)
class Crop:
    """Where in the footage a clip lies: which style, height and clip, its first frame, column and row; ``mirrored``: left to right.

    ``other``: a clip of the same footage, with whose controls its own are compared.
    """

    style: int
    height: int
    clip: int
    start: int
    column: int
    row: int
    mirrored: bool = False
    other: int = 0


def draw_batch(
    footage: Sequence[Footage],
    rng: np.random.Generator,
    batch: int,
    frames: int,
    size: int,
    stride: int,
    device: torch.device,
    share: slice = slice(None),
) -> Batch:
    """Random crops in space and time, styles equally likely, element heights as they are tall.

    ``share``: the clips of the batch to give. The others are drawn, so that the shares make up the batch
    and ``rng`` goes on as with it, but not read.
    """
    crops = draw_crops(footage, rng, batch, frames, size, stride)[share]
    return read_crops(footage, crops, frames, size, stride, device)


def draw_crops(
    footage: Sequence[Footage], rng: np.random.Generator, batch: int, frames: int, size: int, stride: int
) -> list[Crop]:
    """Random places of ``batch`` clips; nothing is read."""
    crops = []
    for style in rng.integers(len(footage), size=batch):
        source = footage[style]
        tall_enough = sorted(h for h, scale in source.scales.items() if min(scale.shape[2:4]) >= size)
        heights = np.array(tall_enough)  # a crop of a taller element shows less of it
        height = int(rng.choice(heights, p=heights / heights.sum()))
        clips, length, tall, wide = source.scales[height].shape[:4]
        clip = int(rng.integers(clips))
        start = int(rng.integers(length - (frames - 1) * stride))
        column, row = (
            int(rng.integers(extent if axis in source.periodic else extent - size + 1))
            for axis, extent in (("x", wide), ("y", tall))
        )
        mirrored = source.mirror and bool(rng.random() < 0.5)
        crops.append(Crop(int(style), height, clip, start, column, row, mirrored, int(rng.integers(clips))))
    return crops


def read_crops(
    footage: Sequence[Footage], crops: Sequence[Crop], frames: int, size: int, stride: int, device: torch.device
) -> Batch:
    """The clips at ``crops``: ``frames`` frames ``stride`` apart of ``size`` x ``size`` pixels."""
    slots = max(1, *(len(f.style.controls) for f in footage))
    clips = np.empty((len(crops), frames, size, size, 4), np.uint8)
    stills = np.zeros((len(crops), size, size, 4), np.float32)
    spreads = np.array([footage[crop.style].spread for crop in crops], np.float32)
    controls, others = np.zeros((2, len(crops), slots), np.float32)
    bases = np.zeros((len(crops), 2), np.float32)
    periods = np.zeros((len(crops), 2), np.int64)
    for n, crop in enumerate(crops):
        source = footage[crop.style]
        scale = source.scales[crop.height]
        tall, wide = scale.shape[2:4]
        pixels = scale[crop.clip, crop.start : crop.start + (frames - 1) * stride + 1 : stride]
        rows, columns = ((np.arange(size) + o) % e for o, e in ((crop.row, tall), (crop.column, wide)))
        columns = columns[::-1] if crop.mirrored else columns
        clips[n] = pixels.take(rows, axis=1).take(columns, axis=2)
        if crop.height in source.stills:
            stills[n] = source.stills[crop.height][rows[:, None], columns]
        for of, clip in ((controls, crop.clip), (others, crop.other)):
            of[n, : len(source.style.controls)] = source.controls[clip]
        # Anchors: the bottom edge of the footage, and its middle; a mirrored crop is one of the mirrored picture.
        left = wide - size - crop.column if crop.mirrored else crop.column
        bases[n] = wide / 2 - left, tall - crop.row
        periods[n] = [
            size if axis in source.periodic and extent == size else 0 for axis, extent in (("x", wide), ("y", tall))
        ]
    real = torch.from_numpy(clips).to(device).float() / 127.5 - 1
    opaque = torch.tensor([not footage[crop.style].style.alpha for crop in crops], device=device)
    real[opaque, ..., 3] = 1
    heights = np.array([crop.height for crop in crops], np.float32)
    anchored = np.array([[a in footage[crop.style].style.anchored for a in ("x", "y")] for crop in crops], np.float32)
    styles = np.array([crop.style for crop in crops])
    placement = Placement(*(torch.from_numpy(a).to(device) for a in (bases, heights, anchored, styles)))
    claim = Claim(
        torch.from_numpy(controls).to(device),
        stride,
        placement,
        *(torch.from_numpy(a).to(device) for a in (stills, spreads)),
    )
    return Batch(
        real,
        claim,
        torch.from_numpy(others).to(device),
        *(torch.from_numpy(periods[:, i].copy()).to(device) for i in range(2)),
    )
