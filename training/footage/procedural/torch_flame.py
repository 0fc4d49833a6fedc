# SPDX-License-Identifier: GPL-3.0-or-later
"""A single flame, from candle to campfire, that stands on the middle of the bottom edge."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .flame import WARM_UP, YELLOW, burn, colour
from .fluid import FPS, Box, Plume, flicker, ramp

WICK = 0.15  # half the width of the burner, in heights
GALE = 0.5  # heights a second, the wind's speed at both ends of its control
CLIMB = 1.6  # heights a second, at which flames rise: with the wind it gives the slope of their axis


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    values = controls.to(device).clamp(0, 1)
    height, turbulence, wind, _ = (value[:, None, None] for value in values.unbind(1))
    box, steps, total = Box(size, device), max(1, size // 64), WARM_UP + frames
    x, y = (torch.arange(size, device=device) + 0.5) / size - 0.5, box.heights()
    speed, blow, stir = 0.7 + 0.45 * height, GALE * (2 * wind - 1), 0.1 + 0.9 * turbulence
    plume = _Windswept(
        box,
        1 / (FPS * steps),
        updraft=speed * (0.5 + 1.1 * y.clamp(0, 1.1)),
        whirl=(5 * stir)[:, None],
        wind=blow * ramp(y, 0.0, 0.3),
    )
    # Fuel burns faster the further it is from the flame's axis, which tapers it, and before the picture would cut it.
    aside = (x - blow / CLIMB * (y - 0.1).clamp(0, 1)) / 0.2
    life = (0.55 + 0.85 * height) / (1 + aside.square() + 6 * ramp(y, 0.55, 0.95) + 12 * ramp(x.abs(), 0.36, 0.46))

    generator = torch.Generator().manual_seed(seed)
    memory = 14 - 9 * turbulence.flatten()
    breath = 5 * stir * flicker(memory, total, steps, 11, 0.2, size, generator)
    wick = ((WICK * (0.8 + 0.5 * height) - x.abs()) / 0.02).clamp(max=4)
    burners = torch.sigmoid(wick + breath.clamp(max=2))
    gusts = 6 * stir * flicker(0.7 * memory, total, steps, 8, 0.3, size, generator)
    return colour(burn(box, plume, burners, gusts, 2.8 * speed, life), values[:, 3])


class _Windswept(Plume):
    """A plume in a wind to the right, ``wind`` (B, rows, 1) in heights a second."""

    def __init__(self, box: Box, dt: float, updraft: Tensor, whirl: Tensor, wind: Tensor) -> None:
        super().__init__(box, dt, updraft, whirl, viscosity=1.5e-4, diffusion=4e-4, drag=4.0)
        turns = torch.arange(box.size // 2 + 1, device=box.device) * (-2 * math.pi * dt) * wind
        self.blow = torch.polar(torch.ones_like(turns), turns)[:, None]

    def step(self, velocity: Tensor, gas: Tensor, force: Tensor) -> tuple[Tensor, Tensor]:
        """As a plume's, each row then shifted by the wind."""
        fields = torch.fft.rfft(torch.cat(super().step(velocity, gas, force), dim=1)) * self.blow
        velocity, gas = torch.fft.irfft(fields, n=gas.shape[-1]).split((2, gas.shape[1]), dim=1)
        return velocity, gas


TORCH = Element(
    name="torch",
    anchored=("x", "y"),
    fps=FPS,
    alpha=True,
    emissive=True,
    controls=(
        Control("height", 0.5, low=("low", "small", "short"), high=("tall", "high", "large")),
        Control("turbulence", 0.5, low=("calm", "steady", "gentle"), high=("flickering", "wild", "turbulent")),
        Control("wind", 0.5, low=("left", "leftward"), high=("right", "rightward", "windy")),
        Control("temperature", YELLOW, low=("red", "cool", "ember"), high=("blue", "hot", "gas")),
    ),
    words=("torch", "candle", "campfire", "flame", "bonfire"),
    render=_render,
    glow=6.0,
)
