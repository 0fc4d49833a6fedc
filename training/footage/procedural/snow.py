# SPDX-License-Identifier: GPL-3.0-or-later
"""Falling snow to lay over a shot: flakes at several depths that tumble, and sway in gusts of wind."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .particles import Crowd, Eddies, Sprites

FPS = 30.0
FLURRY = 0.1  # share of a blizzard's flakes that fall at density 0
SIZE = (0.8, 1.7)  # of the flakes at size 0 and 1
CROWDING = 1.6  # power of their size by which there are fewer of large ones
WIND = 1.7  # sideways speed at wind 1, in speeds of falling
GUST = 0.035  # heights that gusts carry the nearest flakes
SWAY = 0.012  # heights a flake sways on its own


class Depth(NamedTuple):
    """Flakes about as far away."""

    flakes: int  # in a blizzard
    speed: float  # of falling, heights a second
    radius: float  # heights, to where a flake has faded by a third
    flatness: float  # in focus, flakes have edges
    opacity: float


DEPTHS = (
    Depth(100, 0.26, 0.025, 1.3, 0.5),
    Depth(40, 0.42, 0.034, 1.4, 1.7),
    Depth(9, 0.62, 0.060, 1.3, 0.6),
)
TINT = (0.96, 0.98, 1.0)


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    density, breadth, wind = controls.to(device).float().clamp(0, 1).unbind(1)
    generator = torch.Generator().manual_seed(seed)
    scale = SIZE[0] * (SIZE[1] / SIZE[0]) ** breadth
    number = FLURRY ** (1 - density) * scale**-CROWDING
    crowds = [Crowd.gather(number * d.flakes, math.ceil(d.flakes * SIZE[0] ** -CROWDING), 8, generator) for d in DEPTHS]
    gusts = Eddies(len(controls), 8, 2, generator, device)

    film = []
    for frame in range(frames):
        canvas = torch.zeros(len(controls), size, size, 1, device=device)
        for depth, crowd in zip(DEPTHS, crowds, strict=True):
            _fall(depth, crowd, gusts, scale, WIND * wind, frame / FPS).draw(canvas)
        alpha = 1 - torch.exp(-canvas)
        film.append((torch.cat((alpha * alpha.new_tensor(TINT), alpha), dim=-1) * 255 + 0.5).to(torch.uint8))
    return torch.stack(film, dim=1)


def _fall(depth: Depth, crowd: Crowd, gusts: Eddies, scale: Tensor, wind: Tensor, seconds: float) -> Sprites:
    """The flakes of one depth at an instant."""
    x, y, pace, bulk, shape, phase, rate, glint = crowd.chance.unbind(1)
    path = depth.speed * (0.8 + 0.4 * pace) * seconds
    x, y = x + wind[crowd.clip] * path, y - path
    right, up = gusts(crowd.clip, x, y, 0.35 * seconds)
    gust = GUST * depth.speed / DEPTHS[-1].speed
    swing = 2 * math.pi * (phase + (0.3 + 0.5 * rate) * seconds)
    radius = depth.radius * scale[crowd.clip] * (0.88 + 0.3 * bulk)
    long, thin = radius * (1 + 0.1 * shape), radius * (1 - 0.1 * shape)
    return Sprites(
        crowd.clip,
        (x + gust * right + SWAY * swing.sin()) % 1,
        (y + gust * up) % 1,
        angle=0.5 * swing + 6 * bulk,
        ahead=long,
        behind=long,
        across=thin,
        ink=(depth.opacity * (0.6 + 0.8 * glint) * crowd.presence)[:, None],
        flatness=depth.flatness,
    )


SNOW = Element(
    name="snow",
    anchored=(),
    fps=FPS,
    alpha=True,
    emissive=False,
    controls=(
        Control("density", 0.5, low=("flurry", "light", "sparse"), high=("blizzard", "heavy", "dense")),
        Control("size", 0.5, low=("small", "fine", "powdery"), high=("large", "big", "fluffy")),
        Control("wind", 0.3, low=("calm", "still", "gentle"), high=("windy", "blowing", "stormy")),
    ),
    words=("snow", "snowfall", "snowflakes", "flakes", "snowing"),
    render=_render,
)
