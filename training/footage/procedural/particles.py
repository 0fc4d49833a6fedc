# SPDX-License-Identifier: GPL-3.0-or-later
"""Crowds of soft particles in flat lists: who there is, how the air carries them, and how they are drawn.

Lengths are in picture heights, x to the right and y upwards; every particle knows the clip it belongs to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

REACH = 3.0  # standard deviations from a particle's middle to the edge of what is drawn
MARGIN = 1.15  # of the columns drawn: lopsided streaks are a little wider than an ellipse
PIXEL = 0.45  # standard deviation of the blur that antialiases, pixels


@dataclass(frozen=True)
class Crowd:
    """Particles of all clips: their ``clip`` (P,), and random numbers 0..1 of their own, ``chance`` (P, n)."""

    clip: Tensor
    chance: Tensor
    presence: Tensor  # 1, or less for the last that just comes into being as a crowd grows

    @staticmethod
    def gather(number: Tensor, most: int, chances: int, generator: torch.Generator) -> Crowd:
        """A ``number`` (B,) of particles a clip, of ``most`` that are drawn whatever the number."""
        chance = torch.rand(len(number), most, chances, generator=generator).to(number.device)
        presence = (number[:, None] - torch.arange(most, device=number.device)).clamp(0, 1)
        clip, particle = presence.nonzero(as_tuple=True)
        return Crowd(clip, chance[clip, particle], presence[clip, particle])


class Eddies:
    """Air that swirls: displacements without divergence, periodic in x and y, made of waves that come and go.

    Each of ``waves`` has up to ``highest`` periods a picture; displacements have a standard deviation of 1 an axis.
    """

    def __init__(
        self, clips: int, waves: int, highest: int, generator: torch.Generator, device: torch.device | str
    ) -> None:
        angle, length, rate, phase = torch.rand(4, clips, waves, generator=generator)
        length, angle = 1 + (highest - 1) * length, 2 * math.pi * angle
        k_x, k_y = (length * angle.cos()).round(), (length * angle.sin()).round()
        k_x = torch.where((k_x == 0) & (k_y == 0), 1.0, k_x)
        size = torch.hypot(k_x, k_y)
        push = torch.stack((k_y, -k_x)) / size**2
        push = push / (push.square().sum((0, 2), keepdim=True) / 4).sqrt()
        self._k_x, self._k_y, self._phase = (t.to(device) for t in (k_x, k_y, 2 * math.pi * phase))
        self._push, self._rate = push.to(device), (2 * math.pi * (2 * rate - 1) * size.sqrt()).to(device)

    def __call__(self, clip: Tensor, x: Tensor, y: Tensor, turns: float) -> tuple[Tensor, Tensor]:
        """How far right and up particles (P,) are carried, after so many ``turns`` of an eddy."""
        angle = 2 * math.pi * (self._k_x[clip] * x[:, None] + self._k_y[clip] * y[:, None]) + self._phase[clip]
        right, up = (self._push[:, clip] * torch.cos(angle + self._rate[clip] * turns)).sum(2)
        return right, up


@dataclass(frozen=True)
class Sprites:
    """Soft spots: Gaussians that may be drawn out along a heading, (P,) each; ``ink`` (P, C) is how much they add.

    ``ahead``, ``behind`` and ``across`` are standard deviations. A ``flatness`` above 1 makes discs of the Gaussians.
    """

    clip: Tensor
    x: Tensor
    y: Tensor
    angle: Tensor  # of the heading: 0 is right, a quarter turn up
    ahead: Tensor
    behind: Tensor
    across: Tensor
    ink: Tensor
    flatness: float = 1.0

    def draw(self, canvas: Tensor, endless: bool = True) -> None:
        """Adds them to a ``canvas`` (B, S, S, C) that is periodic in x, and in y if ``endless``."""
        size = canvas.shape[1]
        across, ahead, behind = (
            torch.hypot(w * size, w.new_tensor(PIXEL)) for w in (self.across, self.ahead, self.behind)
        )
        kept = self.across * (self.ahead + self.behind) * size**2 / (across * (ahead + behind))
        right, down = self.angle.cos(), -self.angle.sin()
        x, y = self.x * size - 0.5, (1 - self.y) * size - 0.5

        # What is seen lies about an ellipse: its rows, and in each the columns about the middle of its chord.
        middle, half, side = REACH / 2 * (ahead - behind), REACH / 2 * (ahead + behind), REACH * across
        middle_x, middle_y = x + middle * right, y + middle * down
        height = torch.hypot(half * down, side * right)
        lean = right * down * (half.square() - side.square()) / height.square()
        row = _pixels(middle_y, height)
        column = _pixels(middle_x[:, None] + lean[:, None] * (row - middle_y[:, None]), MARGIN * half * side / height)

        row, right, down = row[:, :, None], right[:, None, None], down[:, None, None]
        offset_x, offset_y = column - x[:, None, None], row - y[:, None, None]
        along = offset_x * right + offset_y * down
        along = along / torch.where(along > 0, ahead[:, None, None], behind[:, None, None])
        aside = (offset_x * down - offset_y * right) / across[:, None, None]
        weight = torch.exp(-0.5 * (along.square() + aside.square()) ** self.flatness)
        if not endless:
            weight = weight * ((row >= 0) & (row < size))

        index = (self.clip[:, None, None] * size + row.long() % size) * size + column.long() % size
        paint = weight[..., None] * (self.ink * kept[:, None])[:, None, None]
        canvas.view(-1, canvas.shape[-1]).index_add_(0, index.flatten(), paint.flatten(0, 2))


def _pixels(middle: Tensor, reach: Tensor) -> Tensor:
    """Whole numbers (..., n) around ``middle`` (...), as many as the farthest ``reach`` of all needs."""
    wide = int(reach.max().ceil()) if len(reach) else 0
    return middle.round()[..., None] + torch.arange(-wide, wide + 1, device=middle.device)
