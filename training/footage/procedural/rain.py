# SPDX-License-Identifier: GPL-3.0-or-later
"""Falling rain to lay over a shot: streaks of light at several depths, near ones long, bright and fast."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .particles import Crowd, Sprites

FPS = 96.0
DRIZZLE = 0.06  # share of a downpour's drops that fall at density 0
SLANT = 0.62  # radians from the vertical at wind 1
SCATTER = 0.05  # radians by which drops differ
CORE = 0.35  # width of the bright middle of a streak, in streaks
STRETCH = (0.4, 1.8)  # of the streaks at length 0 and 1


class Depth(NamedTuple):
    """Drops about as far away."""

    drops: int  # in a downpour
    speed: float  # heights a second
    length: float  # standard deviation along the streak
    width: float  # and across
    opacity: float
    shade: float  # brightness, 0..1


DEPTHS = (
    Depth(260, 2.1, 0.034, 0.0095, 0.26, 0.74),
    Depth(90, 3.0, 0.058, 0.0115, 0.42, 0.86),
    Depth(34, 4.1, 0.095, 0.0145, 0.66, 0.97),
)
TINT = (0.93, 0.97, 1.0)


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    density, wind, length = controls.to(device).float().clamp(0, 1).unbind(1)
    generator = torch.Generator().manual_seed(seed)
    share = DRIZZLE ** (1 - density)
    stretch = STRETCH[0] * (STRETCH[1] / STRETCH[0]) ** length
    crowds = [Crowd.gather(share * depth.drops, depth.drops, 6, generator) for depth in DEPTHS]

    film = []
    for frame in range(frames):
        canvas = torch.zeros(len(controls), size, size, 2, device=device)
        for depth, crowd in zip(DEPTHS, crowds, strict=True):
            for sprites in _fall(depth, crowd, SLANT * wind, stretch, frame / FPS):
                sprites.draw(canvas)
        film.append(_expose(canvas))
    return torch.stack(film, dim=1)


def _fall(depth: Depth, crowd: Crowd, slant: Tensor, stretch: Tensor, seconds: float) -> list[Sprites]:
    """The drops of one depth at an instant, and their cores: each follows its streak around the periodic picture."""
    x, y, pace, lean, bulk, glint = crowd.chance.unbind(1)
    angle = slant[crowd.clip] + SCATTER * (2 * lean - 1) - math.pi / 2
    path = depth.speed * (0.85 + 0.3 * pace) * seconds
    long = depth.length * stretch[crowd.clip] * (0.7 + 0.6 * bulk)
    # A streak is the path of a drop while the shutter is open: the longer, the fainter.
    opacity = depth.opacity * (0.55 + 0.9 * glint) * stretch[crowd.clip] ** -0.8 * crowd.presence
    ink = torch.stack((opacity, opacity * depth.shade), dim=1)
    x, y = (x + path * angle.cos()) % 1, (y + path * angle.sin()) % 1
    return [
        Sprites(crowd.clip, x, y, angle, 0.5 * long, 1.5 * long, torch.full_like(x, share * depth.width), light * ink)
        for share, light in ((1.0, 0.7), (CORE, 1.0))
    ]


def _expose(canvas: Tensor) -> Tensor:
    """RGBA bytes (B, S, S, 4) of optical thickness and the light it scatters (B, S, S, 2)."""
    thickness, light = canvas.unbind(-1)
    alpha = 1 - torch.exp(-thickness)
    grey = alpha * light / thickness.clamp(min=1e-6)
    colour = grey[..., None] * grey.new_tensor(TINT)
    return (torch.cat((colour, alpha[..., None]), dim=-1) * 255 + 0.5).to(torch.uint8)


RAIN = Element(
    name="rain",
    anchored=(),
    fps=FPS,
    alpha=True,
    emissive=False,
    controls=(
        Control("density", 0.5, low=("drizzle", "light", "sparse"), high=("downpour", "heavy", "pouring")),
        Control("wind", 0.3, low=("calm", "vertical", "straight"), high=("windy", "slanted", "driving")),
        Control("length", 0.5, low=("short", "drops"), high=("long", "streaks")),
    ),
    words=("rain", "rainfall", "raindrops", "shower", "rainy"),
    render=_render,
)
