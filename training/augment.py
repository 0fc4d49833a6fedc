# SPDX-License-Identifier: GPL-3.0-or-later
"""Augmentation for little footage: what is shown to the discriminator is changed, the same in both of a pair.

Each kind of change is made with a probability below one to a whole clip. The generator then still has to match the
unchanged clips among the changed ones, so the changes do not leak into what it draws (Karras et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]

SHIFT = 0.125  # of the side, at most
ZOOM = 0.2  # octaves, standard deviation, along each axis
BRIGHTNESS = 0.2  # in -1..1, standard deviation
CONTRAST = 0.35  # octaves, standard deviation
SATURATION = 0.7  # octaves, standard deviation
CUTOUT = 0.5  # of the side


@dataclass(frozen=True)
class Augmentation:
    """What is done to N clips.

    ``rows``, ``columns``: (N, side, side), each output row (column) as a mixture of input ones. ``colour``: (N, 3, 3)
    with ``offset`` (N, 3) to add, on RGB in -1..1. ``kept``: (N, side, side), 0 where the picture is cut out.
    """

    rows: Tensor
    columns: Tensor
    colour: Tensor
    offset: Tensor
    kept: Tensor

    def __getitem__(self, clips: slice) -> Augmentation:
        """What is done to some of the clips."""
        return Augmentation(*(part[clips] for part in self._parts))

    def repeat(self, times: int) -> Augmentation:
        """The same for several sets of N clips, one after the other."""
        return Augmentation(*(part.repeat(times, *[1] * (part.ndim - 1)) for part in self._parts))

    @property
    def _parts(self) -> tuple[Tensor, ...]:
        return self.rows, self.columns, self.colour, self.offset, self.kept

    def paint(self, pictures: Tensor) -> Tensor:
        """Recolour (N, F, H, W, 4) in -1..1; alpha stays."""
        colour = torch.einsum("nfhwc,nkc->nfhwk", pictures[..., :3], self.colour)
        return torch.cat([colour + self.offset[:, None, None, None], pictures[..., 3:]], dim=4)

    def place(self, planes: Tensor) -> Tensor:
        """Shift, zoom, mirror and cut out (N, C, H, W)."""
        moved = self.rows[:, None] @ planes @ self.columns[:, None].transpose(2, 3)
        return moved * self.kept[:, None]


def draw_augmentation(
    rng: np.random.Generator, clips: int, side: int, probability: float, device: torch.device
) -> Augmentation:
    """Random changes of ``clips`` clips, ``side`` pixels square; each kind is made with the given probability."""

    def chosen() -> Array:
        return rng.random(clips) < probability

    mirrored = np.where(chosen() & (rng.random(clips) < 0.5), -1.0, 1.0)
    shifts = np.where(chosen(), rng.uniform(-SHIFT, SHIFT, (2, clips)), 0.0)
    zooms = np.where(chosen(), 2 ** rng.normal(0, ZOOM, (2, clips)), 1.0)
    rows = _resampling(side, np.ones(clips), shifts[0], zooms[0])
    columns = _resampling(side, mirrored, shifts[1], zooms[1])
    contrast = np.where(chosen(), 2 ** rng.normal(0, CONTRAST, clips), 1.0)
    saturation = np.where(chosen(), 2 ** rng.normal(0, SATURATION, clips), 1.0)
    brightness = np.where(chosen(), rng.normal(0, BRIGHTNESS, clips), 0.0)
    grey = np.full((3, 3), 1 / 3)
    colour = contrast[:, None, None] * (grey + saturation[:, None, None] * (np.eye(3) - grey))
    kept = _cutouts(rng, chosen(), side)
    offset = np.repeat(brightness[:, None], 3, axis=1)
    arrays = (rows, columns, colour, offset, kept)
    return Augmentation(*(torch.from_numpy(a.astype(np.float32)).to(device) for a in arrays))


def _resampling(side: int, sign: Array, shift: Array, zoom: Array) -> Array:
    """Matrices (N, side, side) of linear interpolation about the middle; edges are mirrored."""
    places = (np.arange(side) + 0.5) / side - 0.5
    source = (sign / zoom)[:, None] * (places - shift[:, None])
    # Reflected into 0..1, then in pixels between the centres of the first and the last.
    reflected = np.abs((source + 0.5 + 1) % 2 - 1)
    pixels = np.clip(reflected * side - 0.5, 0, side - 1)
    weights: Array = np.maximum(1 - np.abs(pixels[:, :, None] - np.arange(side)), 0)
    return weights


def _cutouts(rng: np.random.Generator, chosen: Array, side: int) -> Array:
    """Masks (N, side, side): a square anywhere, also partly outside."""
    width = int(side * CUTOUT)
    corners = rng.integers(-width + 1, side, (2, len(chosen)))
    places = np.arange(side)
    inside = [(places >= c[:, None]) & (places < c[:, None] + width) for c in corners]
    hole = inside[0][:, :, None] & inside[1][:, None, :] & chosen[:, None, None]
    kept: Array = 1.0 - hole
    return kept
