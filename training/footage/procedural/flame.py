# SPDX-License-Identifier: GPL-3.0-or-later
"""What fires share: fuel that streams from burners, rises, burns away where it meets air, and glows.

The front eats into a flame from its edges, so that flames taper, and what turbulence cuts off becomes flamelets. Heat
fades with age, and with it the glow.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .fluid import FPS, Box, Plume, ramp

WARM_UP = 48  # model frames until the flames stand
YELLOW = 0.35  # the temperature of burning wood

# Temperature; then what red, green and blue shine at most, and the glow at which each begins and ends to rise.
COLOURS = (
    (0.0, (0.92, 0.02, 0.95), (0.21, 0.25, 1.10), (0.10, 0.40, 1.40)),
    (YELLOW, (1.0, 0.02, 0.42), (0.93, 0.12, 0.95), (0.85, 0.55, 1.25)),
    (0.65, (1.0, 0.04, 0.60), (0.97, 0.05, 0.75), (0.96, 0.08, 1.10)),
    (1.0, (0.90, 0.45, 1.05), (0.94, 0.11, 0.95), (1.0, 0.02, 0.42)),
)


def burn(box: Box, plume: Plume, burners: Tensor, gusts: Tensor, rise: Tensor, life: Tensor) -> Tensor:
    """How brightly flames glow, (B, frames, size, size), after a warm-up; about 1 at most.

    ``burners`` and ``gusts`` (B, instants, size) are fuel at the bottom edge, and sideways acceleration above it.
    ``rise`` is the acceleration of the hottest gas, ``life`` (B, rows, 1) the seconds for which fuel burns.
    """
    dt, y = plume.dt, box.heights()
    steps = round(1 / (FPS * dt))
    at_burners, above_burners = torch.sigmoid(-y / 0.012), torch.exp(-(((y - 0.06) / 0.07) ** 2))

    velocity = torch.zeros(len(burners), 2, box.rows, box.size, device=box.device)
    gas = torch.zeros_like(velocity)
    film = []
    for instant in range(burners.shape[1]):
        fuel, heat = torch.lerp(gas, burners[:, instant, None, None].expand_as(gas), at_burners).unbind(1)
        fuel = fuel - dt / life * (6.5 * fuel * (1 - fuel) + 0.15)
        heat = heat - dt / life * (0.75 * heat + 0.2)
        gas = torch.stack((fuel, heat), dim=1).clamp(0, 1)
        force = torch.stack((gusts[:, instant, None] * above_burners, rise * gas[:, 1]), dim=1)
        velocity, gas = plume.step(velocity, gas, force)
        if instant >= WARM_UP * steps and instant % steps == 0:
            fuel, heat = box.picture(gas).unbind(1)
            film.append(ramp(fuel, 0.02, 0.7) * heat.clamp(0))
    return torch.stack(film, dim=1)


def colour(glow: Tensor, temperature: Tensor) -> Tensor:
    """RGBA bytes (B, frames, rows, columns, 4) of glowing gas, for temperatures (B,) from red embers to blue gas."""
    channels = [gain * ramp(glow, low, high) for gain, low, high in _colours(temperature)]
    opacity = ramp(glow, 0.02, 0.42)
    return (torch.stack((*channels, opacity), dim=-1) * 255 + 0.5).to(torch.uint8)


def _colours(temperature: Tensor) -> Tensor:
    """COLOURS between its rows, of shape (3, 3, B, 1, 1, 1)."""
    keys = [key for key, *_ in COLOURS]
    table = temperature.new_tensor([channels for _, *channels in COLOURS])
    row = torch.bucketize(temperature.contiguous(), temperature.new_tensor(keys[1:-1]))
    start, end = temperature.new_tensor(keys)[row], temperature.new_tensor(keys)[row + 1]
    mix = ((temperature - start) / (end - start))[:, None, None]
    return torch.lerp(table[row], table[row + 1], mix).movedim(0, -1)[..., None, None, None]
