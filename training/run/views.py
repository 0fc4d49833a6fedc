# SPDX-License-Identifier: GPL-3.0-or-later
"""Real and generated frames of a style at the same place of the picture: at the anchors, in the least height of its footage."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe

from ..footage.clips import Crop, Footage, read_crops

LOOP_KNOTS = 3  # of the coarsest level: long enough to look natural, and not stretched

Clip = NDArray[np.float32]  # (F, size, size, 4), premultiplied RGBA in 0..1


def crop_at_anchors(
    footage: Sequence[Footage], style: int, clip: int, start: int, size: int, rng: np.random.Generator | None = None
) -> Crop:
    """Where the footage stands on an anchored axis, its bottom and its middle; elsewhere at its edge, or anywhere by ``rng``."""
    source = footage[style]
    height = min(source.scales)
    offsets: dict[str, int] = {}
    for axis, extent in zip("xy", source.scales[height].shape[3:1:-1], strict=True):
        spare = extent - size
        if axis in source.style.anchored:
            offsets[axis] = spare // 2 if axis == "x" else spare
        elif rng is None:
            offsets[axis] = 0
        else:
            offsets[axis] = int(rng.integers(extent if axis in source.periodic else spare + 1))
    return Crop(style, height, clip, start, column=offsets["x"], row=offsets["y"])


def real_clips(footage: Sequence[Footage], style: int, size: int, frames: int) -> list[Clip]:
    """The first frames of the clips with the lowest and the highest first control; without controls, of the first and last."""
    source = footage[style]
    count = len(source.scales[min(source.scales)])
    order = np.argsort(source.controls[:count, 0], kind="stable") if source.style.controls else np.arange(count)
    frames = min(frames, source.frames)
    clips = []
    for clip in dict.fromkeys((int(order[0]), int(order[-1]))):
        crop = crop_at_anchors(footage, style, clip, 0, size)
        read = read_crops(footage, [crop], frames, size, 1, torch.device("cpu")).clips[0]
        clips.append(read.mul(0.5).add(0.5).numpy())
    return clips


def looping_clips(sampler: Sampler, source: Footage, size: int) -> list[Clip]:
    """Generated clips that loop, at the style's own pace: as the style comes, and with its first control low and high."""
    style = source.style
    settings: list[dict[str, float]] = [{}]
    if style.controls:
        settings += [{style.controls[0].name: value} for value in (0.1, 0.9)]
    frames = LOOP_KNOTS * sampler.model.architecture.knot
    clips = []
    for seed, controls in enumerate(settings):
        recipe = Recipe(
            style.name,
            seed=seed,
            width=size,
            height=size,
            element_height=min(source.scales),
            fps=Fraction(style.fps).limit_denominator(100_000),
            loop=frames,
            controls=controls,
        )
        clips.append(np.stack([frame for _, frame in sampler.frames(recipe, range(frames))]))
    return clips
