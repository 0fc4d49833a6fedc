# SPDX-License-Identifier: GPL-3.0-or-later
"""Sparks that rise from a fire below the picture, wander on its updraughts, redden and go out."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .particles import Crowd, Eddies, Sprites

FPS = 36.0
FEW = 0.12  # share of the most embers that there are at density 0
SPEED = (0.28, 1.15)  # of rising at speed 0 and 1, heights a second
WANDER = (0.003, 0.14)  # standard deviation of the paths' bends at turbulence 0 and 1, heights
PASSING = 0.4  # heights a second at which embers go through eddies
SHUTTER = 0.035  # seconds over which a moving ember smears
BORN = -0.12  # height at which embers begin, under the picture
STAGGER = 0.618034  # of the picture's width, from where an ember was born to where the next one is


class Depth(NamedTuple):
    """Embers about as far away."""

    embers: int  # at the most
    pace: float  # in speeds of rising
    radius: float  # standard deviation, heights
    light: float


DEPTHS = (Depth(90, 0.8, 0.0095, 2.6), Depth(46, 1.0, 0.012, 5.0), Depth(12, 1.25, 0.026, 1.0))
HALO, GLOW = 4.5, 0.035  # its size in embers, and its light

# Linear light, hottest first.
HOT = (2.6, 1.35, 0.42)
WARM = (1.9, 0.46, 0.05)
DULL = (0.9, 0.08, 0.012)


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    density, speed, turbulence = controls.to(device).float().clamp(0, 1).unbind(1)
    generator = torch.Generator().manual_seed(seed)
    rise = SPEED[0] * (SPEED[1] / SPEED[0]) ** speed
    wander = WANDER[0] + (WANDER[1] - WANDER[0]) * turbulence
    share = FEW ** (1 - density)
    crowds = [Crowd.gather(share * depth.embers, depth.embers, 7, generator) for depth in DEPTHS]
    air = Eddies(len(controls), 20, 3, generator, device)

    film = []
    for frame in range(frames):
        canvas = torch.zeros(len(controls), size, size, 3, device=device)
        for depth, crowd in zip(DEPTHS, crowds, strict=True):
            for sprites in _climb(depth, crowd, air, rise, wander, frame / FPS):
                sprites.draw(canvas, endless=False)
        film.append(_expose(canvas))
    return torch.stack(film, dim=1)


def _climb(
    depth: Depth, crowd: Crowd, air: Eddies, rise: Tensor, wander: Tensor, seconds: float
) -> tuple[Sprites, Sprites]:
    """The embers of one depth at an instant, and their halos."""
    start, birth, pace, span, bulk, heat, rate = crowd.chance.unbind(1)
    rise, wander = (rise * depth.pace)[crowd.clip] * (0.8 + 0.4 * pace), wander[crowd.clip]
    reach = 0.35 + 1.0 * span**1.6  # heights it climbs before it is out
    lives = birth + rise * seconds / reach
    age, before = lives % 1, lives.floor()
    start = start + STAGGER * before

    def place(seconds: float, age: Tensor) -> tuple[Tensor, Tensor]:
        y = BORN + reach * age
        right, up = air(crowd.clip, start + bulk, heat + PASSING * seconds, 0.25 * seconds)
        return start + wander * right, y + 0.7 * wander * up

    x, y = place(seconds, age)
    past_x, past_y = place(seconds - SHUTTER, age - rise * SHUTTER / reach)
    streak = torch.hypot(x - past_x, y - past_y)
    angle = torch.atan2(y - past_y, x - past_x)

    warmth = (1 - age) ** (0.7 + 0.7 * heat)
    flutter = 1 + 0.3 * torch.sin(2 * math.pi * (heat + (2 + 3 * rate) * seconds))
    radius = depth.radius * (0.85 + 0.3 * bulk)
    smear = (1 + 0.5 * streak / radius) ** -0.5
    light = depth.light * smear * flutter * crowd.presence * warmth * (age / 0.04).clamp(0, 1)
    cool = torch.stack((1 - 2 * warmth, 1 - (2 * warmth - 1).abs(), 2 * warmth - 1)).clamp(0, 1)
    colour = cool.T @ light.new_tensor((DULL, WARM, HOT))
    cores = Sprites(
        crowd.clip, x, y, angle, radius + 0.2 * streak, radius + 0.8 * streak, radius, light[:, None] * colour
    )
    wide = HALO * radius
    halos = Sprites(
        crowd.clip, x, y, angle, wide, wide, wide, GLOW * light[:, None] * colour * light.new_tensor((1.0, 0.7, 0.5))
    )
    return cores, halos


def _expose(light: Tensor) -> Tensor:
    """RGBA bytes (B, S, S, 4) of linear light (B, S, S, 3)."""
    colour = (1 - torch.exp(-light)).sqrt()
    alpha = 1 - torch.exp(-0.5 * light[..., :1])
    return (torch.cat((colour, alpha), dim=-1) * 255 + 0.5).to(torch.uint8)


EMBERS = Element(
    name="embers",
    anchored=("y",),
    fps=FPS,
    alpha=True,
    emissive=True,
    controls=(
        Control("density", 0.5, low=("few", "sparse"), high=("many", "dense", "shower")),
        Control("speed", 0.5, low=("slow", "lazy", "gentle"), high=("fast", "quick", "rushing")),
        Control("turbulence", 0.5, low=("calm", "straight", "steady"), high=("turbulent", "swirling", "wild")),
    ),
    words=("embers", "sparks", "spark", "cinders", "glowing ash"),
    render=_render,
    glow=8.0,
)
