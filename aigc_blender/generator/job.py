# SPDX-License-Identifier: GPL-3.0-or-later
"""A recipe as the sampler works on it: what all of its blocks share, and frames that are filled together."""

from __future__ import annotations

import math
from concurrent.futures import Future
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from ..card import Style
from ..recipe import Recipe
from .instants import Instants
from .network import Placement, Wrap
from .pan import AFTER, BEFORE
from .shutter import Exposure

Frame = NDArray[np.float32]


@dataclass(frozen=True)
class Fields:
    """A mix as the network reads it."""

    seeds: torch.Tensor
    weights: torch.Tensor | None
    w: torch.Tensor
    placement: Placement
    opacity: float  # share of styles without alpha


@dataclass
class Group:
    """Exposures that share a trunk: the same time block and the same mix. Each has a window of the canvas of its own."""

    index: int
    exposures: list[Exposure]
    instants: list[float]  # model time from the block's start
    corners: list[tuple[int, int]]  # row and column of the windows on the canvas ...
    moves: list[tuple[int, int]]  # ... and how many pixels further down and right they lie in what moves along
    fields: Fields
    pixels: Frame
    pending: list[Future[None]] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """What all blocks of one recipe have in common; ``style`` is the blend of its two, where it has two."""

    recipe: Recipe
    style: Style
    instants: Instants
    zoom: int  # pixels of the frame a pixel of the network, along each axis
    left: int  # canvas coordinates of the frame's corner, where it is not panned
    top: int
    wrap: Wrap
    height: float  # of the element, in pixels of the network
    flow: tuple[int, int]  # cells right and up that the lattice moves from knot to knot

    @property
    def window(self) -> tuple[int, int]:
        """Pixels high and wide of what is drawn of the canvas for one frame."""
        more = [(BEFORE + AFTER) * self.instants.pans_between_pixels(axis) for axis in (0, 1)]
        return self.recipe.height + more[1], self.recipe.width + more[0]

    def begin(self, exposure: Exposure) -> tuple[Fraction, Fraction]:
        """Row and column of the canvas at which a frame begins."""
        right, up = exposure.instant.pan
        return self.top + up, self.left - right

    def corner(self, exposure: Exposure) -> tuple[int, int]:
        """Row and column of the canvas at which a frame's window begins."""
        rows, columns = self.window
        top, left = map(math.floor, self.begin(exposure))
        return top - BEFORE * (rows > self.recipe.height), left - BEFORE * (columns > self.recipe.width)

    def moved(self, exposure: Exposure) -> tuple[tuple[int, int], tuple[float, float]]:
        """How far down and right of its place on the canvas a frame lies in what moves along: whole pixels, and the part of a pixel at which it begins there."""
        right, up = exposure.instant.drifted
        here = self.begin(exposure)
        there = here[0] + up, here[1] - right
        down, across = (math.floor(b) - math.floor(a) for a, b in zip(here, there, strict=True))
        return (down, across), (float(there[0] % 1), float(there[1] % 1))
