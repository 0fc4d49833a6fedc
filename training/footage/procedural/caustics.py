# SPDX-License-Identifier: GPL-3.0-or-later
"""Light on the floor of a pool, seen from above.

Sunlight is refracted by a wavy surface: every photon of a fine grid is bent by the slope where it
enters and lands on the floor, where crowded photons draw bright filaments. Lengths are in units of
the frame's side, which is one period of the water.
"""

from __future__ import annotations

import math

import torch

from aigc_blender.card import Control

from .element import Element
from .plate import film, synthesize, upper_half, wave_numbers

FPS = 24.0
CELLS = (6.5, 2.5)  # waves across the frame at scale 0 and 1
BLUR = (0.09, 0.008)  # width of the sun's image in wavelengths at sharpness 0 and 1
MODES = 24  # the highest wave number of an axis
BANDWIDTH = 0.42  # of the spectrum, in nepers
GRAVITY = 1.5  # frame sides a second squared
DEPTH = 0.25  # of the water, where it slows long waves
FOCUS = 1.05  # of the floor: 1 is where the average crest comes to a focus
DISPERSION = (0.94, 1.0, 1.06)  # red, green and blue bend by this much
PHOTONS = 3  # a pixel and axis

# Linear light: what the floor returns of sun and sky through the water, before the film saturates.
SUN = (0.065, 0.36, 0.46)
SKY = (0.001, 0.095, 0.23)
CONTRAST = 1.5  # of the film


def render(controls: torch.Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> torch.Tensor:
    """Clips of caustics, as ``Element.render`` has it; ``controls`` (B, 2) are scale and sharpness."""
    water = Water(controls, seed, device)
    return film(lambda seconds, floor: expose(water.irradiance(seconds, floor)), frames, size, FPS)


class Water:
    """A periodic sea of dispersive waves over a flat floor, one for each row of ``controls``."""

    def __init__(self, controls: torch.Tensor, seed: int, device: torch.device | str) -> None:
        scale, sharpness = controls.to(device).float().unbind(1)
        k_x, k_y = wave_numbers(MODES, device)
        k = (k_x.square() + k_y.square()).sqrt()
        safe_k = k.clamp(min=1.0)

        peak = CELLS[0] * (CELLS[1] / CELLS[0]) ** scale
        self.blur = BLUR[0] * (BLUR[1] / BLUR[0]) ** sharpness / peak
        band = torch.exp(-0.5 * ((safe_k.log() - peak.log()[:, None, None]) / BANDWIDTH).square()) * upper_half(
            k_x, k_y
        )

        # Waves run both ways along every direction, one way stronger: they shimmer and drift.
        generator = torch.Generator().manual_seed(seed)
        normal = torch.randn(4, *band.shape, generator=generator).to(device)
        heading = torch.rand(len(controls), generator=generator).to(device)[:, None, None] * (2 * math.pi)
        along = torch.cos(torch.atan2(k_y, k_x) - heading)
        forth = torch.complex(normal[0], normal[1]) * band * (0.65 + 0.35 * along)
        back = torch.complex(normal[2], normal[3]) * band * (0.65 - 0.35 * along)

        # Scale so that the rms of the landing map's divergence, which is what focuses, is FOCUS.
        power = (forth.abs().square() + back.abs().square()).sum((1, 2), keepdim=True)
        gain = FOCUS / (2 * power).sqrt() / (2 * math.pi)
        self._forth, self._back = forth * gain, back * gain
        self._omega = (GRAVITY * 2 * math.pi * k * torch.tanh(2 * math.pi * k * DEPTH)).sqrt()
        self._aim_x, self._aim_y = 1j * k_x / safe_k.square(), 1j * k_y / safe_k.square()

    def landing(self, seconds: float, photons: int) -> tuple[torch.Tensor, torch.Tensor]:
        """How far photons entering at a grid are bent, in x and in y: (B, photons, photons) each."""
        turn = torch.polar(torch.ones_like(self._omega), self._omega * seconds)
        waves = self._forth * turn.conj() + self._back * turn
        return synthesize(waves * self._aim_x, photons), synthesize(waves * self._aim_y, photons)

    def irradiance(self, seconds: float, floor: int) -> torch.Tensor:
        """Light on the floor, (B, 3, floor, floor); its mean is 1 in each of red, green and blue."""
        photons = PHOTONS * floor
        bend_x, bend_y = self.landing(seconds, photons)
        grid = (torch.arange(photons, device=bend_x.device) + 0.5) / PHOTONS
        light = torch.empty(len(bend_x), len(DISPERSION), floor, floor, device=grid.device)
        for clip, (x, y) in enumerate(zip(bend_x * floor, bend_y * floor, strict=True)):  # one at a time fits a cache
            for channel, bend in enumerate(DISPERSION):
                light[clip, channel] = _splat(grid + bend * x, grid[:, None] + bend * y, floor)
        return _blur(light / PHOTONS**2, self.blur)


def expose(irradiance: torch.Tensor) -> torch.Tensor:
    """Irradiance to linear light 0..1: the water's tint, and a film that saturates towards white."""
    sun, sky = (irradiance.new_tensor(c)[:, None, None] for c in (SUN, SKY))
    return 1 - torch.exp(-(sky + sun * irradiance**CONTRAST))


def _splat(x: torch.Tensor, y: torch.Tensor, size: int) -> torch.Tensor:
    """Photons at x, y (P, P), in pixels, each shared out among the four nearest of a periodic (size, size)."""
    x, y = x - 0.5, y - 0.5
    column, row = x.floor(), y.floor()
    right, below = x - column, y - row
    column, row = column.long() % size, row.long() % size
    next_column, next_row = (column + 1) % size, (row + 1) % size
    light = x.new_zeros(size**2)
    for line, share_y in ((row * size, 1 - below), (next_row * size, below)):
        for place, share_x in ((column, 1 - right), (next_column, right)):
            light.scatter_add_(0, (line + place).flatten(), (share_x * share_y).flatten())
    return light.view(size, size)


def _blur(light: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """Gaussian blur of a periodic (B, 3, S, S); ``width`` (B,) is its standard deviation in frame sides."""
    size = light.shape[-1]
    k_y = torch.fft.fftfreq(size, 1 / size, device=light.device)[:, None]
    k_x = torch.fft.rfftfreq(size, 1 / size, device=light.device)
    exponent = -2 * math.pi**2 * (k_x.square() + k_y.square())
    gaussian = torch.exp(exponent * width.square()[:, None, None])[:, None]
    return torch.fft.irfft2(torch.fft.rfft2(light) * gaussian, s=(size, size)).clamp(min=0)


CAUSTICS = Element(
    name="caustics",
    anchored=(),
    fps=FPS,
    alpha=False,
    emissive=False,
    controls=(
        Control("scale", 0.5, low=("small", "tight", "fine"), high=("large", "wide", "big")),
        Control("sharpness", 0.6, low=("soft", "blurred", "hazy"), high=("sharp", "crisp")),
    ),
    words=("caustics", "pool", "underwater", "water light", "swimming pool", "ripples"),
    render=render,
)
