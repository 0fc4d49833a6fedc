# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall of fire seen from the side.

Fuel streams from a row of burners under the picture, rises, and burns away where it meets air: the front eats into
every tongue from its edges, so tongues taper, and what turbulence cuts off becomes flamelets. Heat fades with age
and turns yellow-white into red.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .fluid import FPS, Box, Plume, flicker, ramp

WARM_UP = 48  # model frames until the flames stand


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    height, turbulence, density = (control[:, None, None] for control in controls.to(device).clamp(0, 1).unbind(1))
    box, steps, total = Box(size, device), max(1, size // 64), WARM_UP + frames
    dt, y = 1 / (FPS * steps), box.heights()
    speed = 0.7 + 0.38 * height
    plume = Plume(
        box,
        dt,
        updraft=speed * (0.6 + 1.1 * y.clamp(0, 1.1)),
        whirl=(0.6 + 5 * turbulence)[:, None],
        viscosity=1.5e-4,
        diffusion=4e-4,
        drag=4.0,
    )
    rise, sway = 2.4 * speed, 1 + 5 * turbulence
    # The divisor burns everything out before the picture's top edge would cut it.
    life = (0.72 + 0.5 * height) / (1 + 6 * ramp(y, 0.7, 1.1))

    generator = torch.Generator().manual_seed(seed)
    memory = 14 - 9 * turbulence.flatten()
    burners = torch.sigmoid(5 * flicker(memory, total, steps, 12, 0.3, size, generator) + 1 + 5 * density)
    gusts = flicker(0.7 * memory, total, steps, 10, 0.3, size, generator)
    at_burners, above_burners = torch.sigmoid(-y / 0.012), torch.exp(-(((y - 0.06) / 0.07) ** 2))

    velocity = torch.zeros(len(controls), 2, box.rows, size, device=device)
    gas = torch.zeros_like(velocity)
    film = []
    for instant in range(total * steps):
        fuel, heat = torch.lerp(gas, burners[:, instant, None, None].expand_as(gas), at_burners).unbind(1)
        fuel = fuel - dt / life * (6.5 * fuel * (1 - fuel) + 0.15)
        heat = heat - dt / life * (0.75 * heat + 0.2)
        gas = torch.stack((fuel, heat), dim=1).clamp(0, 1)
        force = torch.stack((sway * gusts[:, instant, None] * above_burners, rise * gas[:, 1]), dim=1)
        velocity, gas = plume.step(velocity, gas, force)
        if instant >= WARM_UP * steps and instant % steps == 0:
            film.append(_colour(*box.picture(gas).unbind(1)))
    return torch.stack(film, dim=1)


def _colour(fuel: Tensor, heat: Tensor) -> Tensor:
    """RGBA bytes (B, rows, columns, 4) of glowing soot: as opaque as it is bright."""
    glow = ramp(fuel, 0.02, 0.7) * heat.clamp(0)
    red, green, blue = ramp(glow, 0.02, 0.42), 0.93 * ramp(glow, 0.12, 0.95), 0.85 * ramp(glow, 0.55, 1.25)
    return (torch.stack((red, green, blue, red), dim=-1) * 255 + 0.5).to(torch.uint8)


FIRE = Element(
    name="fire",
    anchored=("y",),
    fps=FPS,
    alpha=True,
    emissive=True,
    controls=(
        Control("height", 0.6, low=("low", "small", "short"), high=("tall", "high", "towering")),
        Control("turbulence", 0.5, low=("calm", "laminar", "gentle"), high=("wild", "turbulent", "raging")),
        Control("density", 0.5, low=("sparse", "thin"), high=("dense", "solid", "thick")),
    ),
    words=("fire", "flame", "flames", "blaze", "burning"),
    render=_render,
)
