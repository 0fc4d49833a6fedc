# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall of fire seen from the side, over a row of burners under the picture."""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .flame import WARM_UP, YELLOW, burn, colour
from .fluid import FPS, Box, Plume, flicker, ramp


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    values = controls.to(device).clamp(0, 1)
    height, turbulence, density, _ = (value[:, None, None] for value in values.unbind(1))
    box, steps, total = Box(size, device), max(1, size // 64), WARM_UP + frames
    y = box.heights()
    speed = 0.7 + 0.38 * height
    plume = Plume(
        box,
        1 / (FPS * steps),
        updraft=speed * (0.6 + 1.1 * y.clamp(0, 1.1)),
        whirl=(0.6 + 5 * turbulence)[:, None],
        viscosity=1.5e-4,
        diffusion=4e-4,
        drag=4.0,
    )
    # The divisor burns everything out before the picture's top edge would cut it.
    life = (0.72 + 0.5 * height) / (1 + 6 * ramp(y, 0.7, 1.1))

    generator = torch.Generator().manual_seed(seed)
    memory = 14 - 9 * turbulence.flatten()
    burners = torch.sigmoid(5 * flicker(memory, total, steps, 12, 0.3, size, generator) + 1 + 5 * density)
    gusts = (1 + 5 * turbulence) * flicker(0.7 * memory, total, steps, 10, 0.3, size, generator)
    return colour(burn(box, plume, burners, gusts, 2.4 * speed, life), values[:, 3])


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
        Control("temperature", YELLOW, low=("red", "cool", "ember"), high=("blue", "hot", "gas")),
    ),
    words=("fire", "flame", "flames", "blaze", "burning"),
    render=_render,
    glow=6.0,
)
