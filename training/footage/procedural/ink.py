# SPDX-License-Identifier: GPL-3.0-or-later
"""Ink that sinks through clear water, hanging from the top edge.

It is heavier than water and hardly diffuses: threads of it fall, curl into mushrooms and fan out into veils. The
solver knows what rises, so the scene is computed upside down.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .fluid import FPS, Box, Plume, flicker

WARM_UP = 72  # model frames until the ink has reached the bottom
SHEETS = 2  # independent veils of ink, one behind the other

# Absorption of red, green and blue by a veil of unit thickness, at even steps of hue: blue, violet, magenta, red.
HUES = ((3.2, 1.5, 0.25), (1.7, 2.9, 0.3), (0.35, 3.2, 1.0), (0.2, 3.0, 2.7))


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    sheets = controls.to(device).clamp(0, 1).repeat_interleave(SHEETS, dim=0)
    density, turbulence, hue = (control[:, None, None] for control in sheets.unbind(1))
    box, steps, total = Box(size, device), max(1, size // 128), WARM_UP + frames
    dt, y = 1 / (FPS * steps), box.heights()
    plume = Plume(
        box,
        dt,
        updraft=0.30 + 0.10 * y.clamp(0, 1.1),
        whirl=(1.6 * turbulence.square())[:, None],
        viscosity=8e-4,
        diffusion=6e-5,
        drag=1.5,
    )
    rise, sway = 0.9 + 0.7 * turbulence, 0.1 + 1.5 * turbulence

    generator = torch.Generator().manual_seed(seed)
    memory = 60 - 30 * turbulence.flatten()
    drops = torch.sigmoid(4 * flicker(memory, total, steps, 4, 0.2, size, generator) - 6 + 3 * density)
    gusts = flicker(memory, total, steps, 8, 0.3, size, generator)
    at_drops, below_drops = torch.sigmoid(-y / 0.012), torch.exp(-(((y - 0.06) / 0.07) ** 2))

    velocity = torch.zeros(len(sheets), 2, box.rows, size, device=device)
    ink = torch.zeros(len(sheets), 1, box.rows, size, device=device)
    film = []
    for instant in range(total * steps):
        ink = torch.lerp(ink, drops[:, instant, None, None], at_drops)
        ink = (ink - dt * (0.5 * ink + 0.08)).clamp(0, 1)
        force = torch.stack((sway * gusts[:, instant, None] * below_drops, rise * ink[:, 0]), dim=1)
        velocity, ink = plume.step(velocity, ink, force)
        if instant >= WARM_UP * steps and instant % steps == 0:
            film.append(_colour(box.picture(ink[:, 0]).flip(1), density, hue))
    return torch.stack(film, dim=1)


def _colour(ink: Tensor, density: Tensor, hue: Tensor) -> Tensor:
    """RGBA bytes (B / SHEETS, rows, columns, 4) of light that shines through veils of ink (B, rows, columns)."""
    thickness = ((0.9 + 1.2 * density) * ink.clamp(0)).unflatten(0, (-1, SHEETS)).sum(1)
    place = hue[::SHEETS, :, :, None] * (len(HUES) - 1)
    absorbed = sum((1 - (place - key).abs()).clamp(0) * thickness.new_tensor(colour) for key, colour in enumerate(HUES))
    through = torch.exp(-thickness[..., None] * absorbed)
    darkest = through.amin(-1, keepdim=True)  # over white, the picture is what light comes through
    return (torch.cat((through - darkest, 1 - darkest), dim=-1) * 255 + 0.5).to(torch.uint8)


INK = Element(
    name="ink",
    anchored=("y",),
    fps=FPS,
    alpha=True,
    emissive=False,
    controls=(
        Control("density", 0.5, low=("thin", "faint", "diluted"), high=("dense", "thick", "heavy")),
        Control("turbulence", 0.5, low=("calm", "gentle", "slow"), high=("turbulent", "wild", "swirling")),
        Control("hue", 0.3, low=("blue", "indigo"), high=("red", "crimson")),
    ),
    words=("ink", "ink in water", "dye", "paint in water"),
    render=_render,
)
