# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's clips as a user gets them, for evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_blender.card import Style
from aigc_blender.generator.checkpoint import Model
from aigc_blender.generator.sampler import BlockShape, Sampler
from aigc_blender.recipe import Recipe, zoom_factors

Clips = NDArray[np.uint8]  # (n, F, H, W, 4), premultiplied RGBA
BLOCK = 64  # pixels a side; a user's block of 128 would mostly draw what small clips do not show


class Artist:
    """Draws clips of one style in bytes; every clip has a seed of its own unless one is given."""

    def __init__(
        self, model: Model, style: Style, device: torch.device, height: int, shape: tuple[int, int], fps: float
    ) -> None:
        """``height`` is the element's and ``shape`` the frames' (height, width), all in pixels; ``fps`` frames a second.

        Torch keeps to one thread from now on.
        """
        self.sampler = Sampler(model, device)
        if self.sampler.device.type == "cpu":
            self.sampler.block = BlockShape(BLOCK // model.architecture.trunk[-1].stride, 1)
        self.style, self.height, self.shape = style, height, shape
        self.fps = Fraction(fps).limit_denominator(100_000)
        self.step = model.architecture.cell * max(1, height // style.native_height)
        untiled = Recipe(style.name, width=shape[1], height=shape[0], element_height=height)
        zoom = zoom_factors(untiled, style).start
        self.cell = model.architecture.cell * zoom  # of the lattice, in pixels of untiled frames
        self.seed = 0

    def clips(
        self,
        controls: Sequence[Mapping[str, float]],
        frames: Sequence[int],
        *,
        loop: int | None = None,
        tile: str = "",
        seed: int | None = None,
    ) -> Clips:
        """One clip of the numbered frames for each setting of the controls.

        Along tiled axes frames are enlarged to the next size that tiles.
        """
        drawn = []
        for setting in controls:
            sides = zip("yx", self.shape, strict=True)
            height, width = (-(-side // self.step) * self.step if axis in tile else side for axis, side in sides)
            recipe = Recipe(
                self.style.name,
                seed=self.seed if seed is None else seed,
                width=width,
                height=height,
                fps=self.fps,
                loop=loop,
                tile=tile,
                element_height=self.height,
                controls={name: float(value) for name, value in setting.items()},
            )
            self.seed += seed is None
            clip = np.stack([frame for _, frame in self.sampler.frames(recipe, frames)])
            drawn.append((clip * 255 + 0.5).astype(np.uint8))
        return np.stack(drawn)
