# SPDX-License-Identifier: GPL-3.0-or-later
"""What the generator's lattice leaves in its pictures, so that it can be measured and unlearnt.

Along a free axis no place differs from another: what is seen on average must not depend on where in its cell a pixel
lies. Interpolated noise does depend on it. Linear doubling over and over tends to the quadratic B-spline, whose slope,
of independent numbers at the knots, has four times the variance midway between two knots that it has at one: edges
gather on a grid of cells. A discriminator whose crops begin anywhere in the lattice hardly sees that.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_blender.card import AXES

from .distributed import ALONE, Team

WAVES = (1, 2, 4, 8)  # of a cell
CLIPS = 200  # of a style, over which its imprint is averaged
STATISTICS = 4
LEAST = 1e-4  # of a statistic, of 0..1: where there is nothing, nothing is to be evened out


class Imprint:
    """How much, style by style, what is seen depends on a pixel's place in its cell.

    ``of``: (styles, 1 + 2 * STATISTICS * (1 + 2 * len(WAVES))) float32, fading sums of clips: of 1, and of what ``waves`` gives.
    """

    def __init__(self, styles: int, device: torch.device) -> None:
        """Nothing has been seen."""
        self.of = torch.zeros(styles, 1 + 2 * STATISTICS * (1 + 2 * len(WAVES)), device=device)

    def strengths(self) -> Tensor:
        """(styles, 2, STATISTICS, 2 * len(WAVES)): of each wave along x and y, in the statistic's mean; cosines, then sines."""
        means = self._means()
        return means[..., 1:] / means[..., :1].clamp(min=LEAST)

    def take(self, swings: Tensor, style: Tensor, team: Team = ALONE) -> None:
        """Go on to N clips more, of which ``waves`` gave ``swings``, of ``style`` (N,) int64; each process of a team gives its own."""
        entry = torch.cat([torch.ones_like(swings[:, 0, 0, :1]), swings.detach().flatten(1)], dim=1)
        new = torch.zeros_like(self.of).index_add_(0, style, entry)
        new = team.average([], new.flatten()).view_as(new) * team.size
        self.of = self.of * (1 - 1 / CLIPS) ** new[:, :1] + new

    def loss(self, swings: Tensor, style: Tensor) -> Tensor:
        """What N clips, of which ``waves`` gave ``swings``, have in common with the imprint, in the statistics' means; its gradient is that of half the imprint's energy.

        To be asked before ``take``: a clip has itself in common with itself, and would only be flattened.
        """
        means = self._means()[style]
        common = means[..., 1:] * swings[..., 1:] / means[..., :1].clamp(min=LEAST).square()
        return common.sum((1, 2, 3)).mean()

    def _means(self) -> Tensor:
        return (self.of[:, 1:] / self.of[:, :1].clamp(min=1e-9)).unflatten(1, (2, STATISTICS, 1 + 2 * len(WAVES)))


def waves(clips: Tensor, corner: tuple[int, int], cell: int, free: Tensor) -> Tensor:
    """How what is seen swings along x and y with the place in a cell: (N, 2, STATISTICS, 1 + 2 * len(WAVES)).

    First the mean of each statistic (brightness; change to the right, downwards, and to the next frame), then the amplitudes of
    cosines and of sines. 0 along axes that are not free.

    Args:
        clips: (N, F, H, W, 4) in -1..1, differentiable.
        corner: row and column of their first pixel in the lattice.
        cell: a cell's side in pixels.
        free: (N, 2) bool, whether places along x and y are alike and the lattice rests there.
    """
    right, down, later = (clips.diff(dim=d).abs().mean(4) / 2 for d in (3, 2, 1))
    seen = [(clips.mean(4) + 1) / 2, right, down, later]
    along = [
        torch.stack([_swings(s.mean((1, 2 if axis == 0 else 3)), corner[1 - axis], cell) for s in seen], dim=1)
        for axis in (0, 1)
    ]
    return torch.stack(along, dim=1) * free[:, :, None, None]


def imprint(clips: NDArray[np.uint8], cell: int, anchored: Collection[str]) -> float:
    """How strong the waves of a cell of ``cell`` pixels are in what N > 1 clips (N, F, H, W, 4) show, against the mean of that.

    Of the statistic and the free axis with the strongest ones, the amplitude of all together: 0.3 is a brightness that goes from 0.7 to 1.3 of its
    mean over a cell. All clips lie in the lattice alike; what each shows for itself is left out. 0 without a free axis.
    """
    free = torch.tensor([[axis not in anchored for axis in AXES]])
    swings = torch.cat(
        [waves(torch.from_numpy(c[None].astype("float32")) / 127.5 - 1, (0, 0), cell, free) for c in clips]
    )
    means, parts = swings.mean(0)[..., :1].clamp(min=LEAST), swings[..., 1:]
    # Products of different clips alone: their expectation is the square of what they have in common.
    common = parts.sum(0).square() - parts.square().sum(0)
    energy = (common / (len(clips) * (len(clips) - 1) * means.square())).sum(2).max()
    return math.sqrt(max(float(energy), 0.0))


def _swings(values: Tensor, start: int, cell: int) -> Tensor:
    """Mean, cosines and sines of (N, length) values from pixel ``start`` on: (N, 1 + 2 * len(WAVES))."""
    mean = values.mean(1, keepdim=True)
    turns = (start + torch.arange(values.shape[1], device=values.device) + 0.5) / cell
    angles = 2 * math.pi * turns[:, None] * torch.tensor(WAVES, device=values.device)
    # Less their mean: a length that is no whole number of cells would have it in the waves.
    parts = [2 * (values - mean) @ f(angles) / values.shape[1] for f in (torch.cos, torch.sin)]
    return torch.cat([mean, *parts], dim=1)
