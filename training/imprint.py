# SPDX-License-Identifier: GPL-3.0-or-later
"""What the generator's lattice leaves in its pictures, so that it can be measured and unlearnt.

Along a free axis no place differs from another, and no moment from another: what is seen on average must not depend on
where in its cell a pixel lies, nor on where between two knots a frame does. Interpolated noise does depend on it. Linear
doubling over and over tends to the quadratic B-spline, whose slope, of independent numbers at the knots, has four times
the variance midway between two knots that it has at one: edges gather on a grid of cells, motion swells and ebbs. Where
pixels are drawn two by two, steps within a pair differ from those between pairs. A discriminator whose crops begin
anywhere in the lattice hardly sees any of that.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_blender.card import AXES

from .distributed import ALONE, Team

CLIPS = 200  # of a style, over which its imprint is averaged
STATISTICS = 4
AXES_SEEN = 3  # x, y and time
LEAST = 1e-4  # of a statistic, of 0..1: where there is nothing, nothing is to be evened out


@dataclass(frozen=True)
class Grid:
    """The coarsest level of a lattice. ``cell``: pixels a side; ``knot``: model frames."""

    cell: int
    knot: int

    def waves(self) -> list[int]:
        """Of a cell or a knot: as many swings in one, down to two pixels or model frames a swing."""
        return [2**power for power in range(max(self.cell, self.knot).bit_length() - 1)]


class Imprint:
    """How much, style by style, what is seen depends on a pixel's place in its cell and on a frame's between two knots.

    ``of``: (styles, 1 + 3 * STATISTICS * (1 + 2 * W)) float32, fading sums of clips: of 1, and of what ``swings`` gives.
    """

    def __init__(self, styles: int, grid: Grid, device: torch.device) -> None:
        """Nothing has been seen."""
        self.grid, self.waves = grid, len(grid.waves())
        self.of = torch.zeros(styles, 1 + AXES_SEEN * STATISTICS * (1 + 2 * self.waves), device=device)

    def strengths(self) -> Tensor:
        """(styles, 3, STATISTICS, 2 * W): of each wave along x, y and time, in the statistic's mean; cosines, then sines."""
        means = self._means()
        return means[..., 1:] / means[..., :1].clamp(min=LEAST)

    def load(self, of: Sequence[Sequence[float]]) -> None:
        """Go on from another's ``of``; one that looked at other waves is no help, and soon made up for."""
        known = torch.tensor(of, device=self.of.device)
        if known.shape == self.of.shape:
            self.of = known

    def take(self, seen: Tensor, style: Tensor, team: Team = ALONE) -> None:
        """Go on to N clips more, of which ``swings`` gave ``seen``, of ``style`` (N,) int64; each process of a team gives its own."""
        entry = torch.cat([torch.ones_like(seen[:, 0, 0, :1]), seen.detach().flatten(1)], dim=1)
        new = torch.zeros_like(self.of).index_add_(0, style, entry)
        new = team.average([], new.flatten()).view_as(new) * team.size
        self.of = self.of * (1 - 1 / CLIPS) ** new[:, :1] + new

    def loss(self, seen: Tensor, style: Tensor) -> Tensor:
        """What N clips, of which ``swings`` gave ``seen``, have in common with the imprint, in the statistics' means; its gradient is that of half the imprint's energy.

        To be asked before ``take``: a clip has itself in common with itself, and would only be flattened.
        """
        means = self._means()[style]
        common = means[..., 1:] * seen[..., 1:] / means[..., :1].clamp(min=LEAST).square()
        return common.sum((1, 2, 3)).mean()

    def _means(self) -> Tensor:
        means = self.of[:, 1:] / self.of[:, :1].clamp(min=1e-9)
        return means.unflatten(1, (AXES_SEEN, STATISTICS, 1 + 2 * self.waves))


def swings(clips: Tensor, corner: tuple[int, int], instants: Sequence[float], grid: Grid, free: Tensor) -> Tensor:
    """How what is seen swings along x and y with the place in a cell, and in time with that between two knots: (N, 3, STATISTICS, 1 + 2 * W).

    First the mean of each statistic (brightness; change to the right, downwards, and to the next frame), then the amplitudes of
    cosines and of sines of the W waves of ``grid``. 0 along axes that are not free, and where a wave has less than two pixels or model frames.

    Args:
        clips: (N, F, H, W, 4) in -1..1, differentiable.
        corner: row and column of their first pixel in the lattice.
        instants: model times of their frames.
        free: (N, 2) bool, whether places along x and y are alike and the lattice rests there.
    """
    right, down, later = (clips.diff(dim=d).abs().mean(4) / 2 for d in (3, 2, 1))
    seen = [(clips.mean(4) + 1) / 2, right, down, later]
    times = torch.tensor(instants, dtype=torch.float32, device=clips.device)
    between = (times[1:] + times[:-1]) / 2
    row, column = (corner[i] + torch.arange(clips.shape[2 + i], device=clips.device) + 0.5 for i in (0, 1))
    alike = torch.cat([free, torch.ones_like(free[:, :1])], dim=1)
    along = [
        [_swings(s.mean((1, 2)), column[: s.shape[3]], grid.cell, grid) for s in seen],
        [_swings(s.mean((1, 3)), row[: s.shape[2]], grid.cell, grid) for s in seen],
        [_swings(s.mean((2, 3)), between if s is later else times, grid.knot, grid) for s in seen],
    ]
    return torch.stack([torch.stack(axis, dim=1) for axis in along], dim=1) * alike[:, :, None, None]


def imprint(clips: NDArray[np.uint8], instants: Sequence[float], grid: Grid, anchored: Collection[str]) -> float:
    """How strong the waves of ``grid`` are in what N > 1 clips (N, F, H, W, 4) show, frames at the model times ``instants``, against the mean of that.

    Of the statistic and the free axis, or time, with the strongest ones, the amplitude of all together: 0.3 is a brightness that goes from 0.7 to 1.3 of its
    mean over a cell. All clips lie in the lattice alike; what each shows for itself is left out.
    """
    free = torch.tensor([[axis not in anchored for axis in AXES]])
    films = (torch.from_numpy(c[None].astype("float32")) / 127.5 - 1 for c in clips)
    seen = torch.cat([swings(film, (0, 0), instants, grid, free) for film in films])
    means, parts = seen.mean(0)[..., :1].clamp(min=LEAST), seen[..., 1:]
    # Products of different clips alone: their expectation is the square of what they have in common.
    common = parts.sum(0).square() - parts.square().sum(0)
    energy = (common / (len(clips) * (len(clips) - 1) * means.square())).sum(2).max()
    return math.sqrt(max(float(energy), 0.0))


def _swings(values: Tensor, places: Tensor, period: int, grid: Grid) -> Tensor:
    """Mean, cosines and sines of (N, length) values at the places: (N, 1 + 2 * W)."""
    mean = values.mean(1, keepdim=True)
    waves = torch.tensor([wave if 2 * wave <= period else 0 for wave in grid.waves()], device=values.device)
    angles = 2 * math.pi * places[:, None] / period * waves
    # Of a swing of two pixels one of the two waves is nothing, and the other has all of its energy.
    share = torch.where(2 * waves == period, 1, 2) * (waves > 0)
    # Less their mean: a length that is no whole number of cells would have it in the waves.
    parts = [share * ((values - mean) @ f(angles)) / values.shape[1] for f in (torch.cos, torch.sin)]
    return torch.cat([mean, *parts], dim=1)
