# SPDX-License-Identifier: GPL-3.0-or-later
"""The open sea under a low sun, seen obliquely from above.

Dispersive waves run before the wind in a periodic box. Every parcel of water is carried round by them, which sharpens
the crests; where crests fold, foam is left behind and fades. The camera is far away, so the picture tiles: it sees the
water foreshortened, and heights as a shift up the picture. Lengths are in frame sides, y points down the picture,
which is towards the camera.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .fluid import ramp
from .lookup import pixel_middles, read
from .plate import film, synthesize, upper_half, wave_numbers

FPS = 24.0
STEEPNESS = (0.07, 0.36)  # rms slope at roughness 0 and 1
LENGTH = (0.3, 1.15)  # of the highest waves at scale 0 and 1

TILT = math.radians(38)  # of the view above the horizon
HEADING = math.radians(62)  # where waves run: down the picture and to the right
SPREAD = 2  # power of the cosine about it
MODES = 28  # the highest wave number of an axis
TAIL = 5.2  # how fast the power of shorter waves falls: slopes of all lengths are alike at 4
GRAVITY = 1.3  # frame sides a second squared
INVERSIONS = 4  # steps in search of the parcel that a pixel sees

FOAM = 128  # samples a side of the foam's field
FOLD = (0.36, 0.85)  # convergence of the parcels at which foam begins and is whole
FADE = 0.8  # seconds
WARM_UP = 36  # model frames until there is as much foam as there will be
LACE = 6.0  # waves across the frame, of the web that foam breaks up into

GLINT = (1.75, 0.42)  # the slope that mirrors the sun and its spread, in rms slopes
SUNWARD = (-0.4, 0.9)  # where that slope rises
DULL = 3  # power of the reflection at grazing angles: 5 is a mirror, waves too fine to be drawn soften it
GLINT_FLOOR = 0.015  # of the spread: the sun's own size

# Linear light.
DEEP = (0.002, 0.026, 0.055)
SHALLOW = (0.004, 0.170, 0.175)  # what comes through a crest
ZENITH = (0.045, 0.16, 0.42)
HORIZON = (0.50, 0.66, 0.80)
SUN = (3.0, 2.0, 0.9)
WHITE = (0.80, 0.86, 0.90)


def render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    """Clips of the sea, as ``Element.render`` has it; ``controls`` (B, 3) are roughness, scale and glitter."""
    sea = Sea(controls, seed, device)
    for frame in range(-WARM_UP, 0):
        sea.whiten(frame / FPS)
    return film(sea.picture, frames, size, FPS)


class Sea:
    """A periodic sea, one for each row of ``controls``. Its foam has a memory: ask for instants in their order."""

    def __init__(self, controls: Tensor, seed: int, device: torch.device | str) -> None:
        roughness, scale, self.glitter = controls.to(device).float()[:, :, None, None].unbind(1)
        self.steepness = STEEPNESS[0] * (STEEPNESS[1] / STEEPNESS[0]) ** roughness
        peak = 2 * math.pi / (LENGTH[0] * (LENGTH[1] / LENGTH[0]) ** scale)

        columns, rows = wave_numbers(MODES, device)
        k_x, k_y = 2 * math.pi * columns, 2 * math.pi * math.sin(TILT) * rows
        k = (k_x.square() + k_y.square()).sqrt().clamp(min=1.0)
        along = (k_x * math.cos(HEADING) + k_y * math.sin(HEADING)) / k
        power = k**-TAIL * torch.exp(-1.25 * (peak / k).square()) * along.abs() ** SPREAD * upper_half(columns, rows)

        generator = torch.Generator().manual_seed(seed)
        normal = torch.randn(4, *power.shape, generator=generator).to(device)
        waves = torch.complex(normal[0], normal[1]) * power.sqrt()
        slope = (2 * (k * waves.abs()).square().sum((1, 2), keepdim=True)).sqrt()
        self._waves = waves * self.steepness / slope
        self._deviation = (2 * self._waves.abs().square().sum((1, 2), keepdim=True)).sqrt()  # of heights
        self._omega = (GRAVITY * k).sqrt() * along.sign()
        self._slope_x, self._slope_y = 1j * k_x, 1j * k_y
        self._carry_x, self._carry_y, self._converge = 1j * k_x / k, 1j * k_y / k, k + 0j

        flat = (k / (2 * math.pi)).clamp(min=0.5)
        band = torch.exp(-0.5 * ((flat / LACE).log() / 0.6).square()) * upper_half(columns, rows)
        lace = torch.complex(normal[2], normal[3]) * band
        lace = lace / (2 * lace.abs().square().sum((1, 2), keepdim=True)).sqrt()
        self._lace = 0.8 - synthesize(lace, FOAM).abs()  # high along lines: foam is a web
        self._foam = torch.zeros_like(self._lace)

    def picture(self, seconds: float, detail: int) -> Tensor:
        """Linear light (B, 3, detail, detail) at one instant."""
        self.whiten(seconds)
        waves = self._at(seconds)
        height, slope_x, slope_y, carry_x, carry_y = (
            synthesize(waves * factor, detail)
            for factor in (1, self._slope_x, self._slope_y, self._carry_x, self._carry_y)
        )
        shift = torch.stack((carry_x, carry_y * math.sin(TILT) - height * math.cos(TILT)), dim=1)
        pixel_x, pixel_y = pixel_middles(detail, height.device)
        x, y = pixel_x - shift[:, 0], pixel_y - shift[:, 1]
        for _ in range(INVERSIONS):
            move_x, move_y = read(shift, x, y).unbind(1)
            x, y = torch.lerp(x, pixel_x - move_x, 0.7), torch.lerp(y, pixel_y - move_y, 0.7)

        height, slope_x, slope_y = read(torch.stack((height, slope_x, slope_y), dim=1), x, y).unbind(1)
        foam, lace = read(torch.stack((self._foam, self._lace), dim=1), x, y).unbind(1)
        foam = ramp(foam + 0.35 * lace * foam * (2 - foam), 0.12, 0.7)
        return self._shade(height, slope_x, slope_y, foam)

    def whiten(self, seconds: float) -> None:
        """Let foam fade for a frame, and rise where parcels converge."""
        fold = ramp(synthesize(self._at(seconds) * self._converge, FOAM), *FOLD)
        self._foam = torch.maximum(self._foam * math.exp(-1 / (FADE * FPS)), fold)

    def _at(self, seconds: float) -> Tensor:
        return self._waves * torch.polar(torch.ones_like(self._omega), -self._omega * seconds)

    def _shade(self, height: Tensor, slope_x: Tensor, slope_y: Tensor, foam: Tensor) -> Tensor:
        deep, shallow, zenith, horizon, sun, white = (
            height.new_tensor(colour)[:, None, None] for colour in (DEEP, SHALLOW, ZENITH, HORIZON, SUN, WHITE)
        )
        up = 1 / (1 + slope_x.square() + slope_y.square()).sqrt()
        facing = ((math.sin(TILT) - slope_y * math.cos(TILT)) * up).clamp(min=0.02)
        mirrored = (2 * facing * up - math.sin(TILT)).clamp(min=0)  # sine of the height of what is reflected
        fresnel = (0.02 + 0.98 * (1 - facing) ** DULL)[:, None]
        sky = torch.lerp(horizon, zenith, mirrored[:, None].sqrt())

        # Light comes through crests and through slopes that lean away, the more the steeper the sea.
        crest = height / (2.5 * self._deviation) + 0.3 + 0.25 * slope_y / self.steepness
        through = crest.clamp(0, 1) * (0.3 + self.steepness * 2.5)
        water = torch.lerp(deep, shallow, through.clamp(0, 1)[:, None])

        rms = self.steepness
        sun_slope = GLINT[0] * rms / (1 + 1.6 * rms)  # steep waves hide the slopes that mirror a low sun
        glint = (slope_x - SUNWARD[0] * sun_slope).square() + (slope_y - SUNWARD[1] * sun_slope).square()
        glint = torch.exp(-0.5 * glint / ((GLINT[1] * rms).square() + GLINT_FLOOR**2))
        light = torch.lerp(water, sky, fresnel) + sun * (self.glitter * glint)[:, None]
        return torch.lerp(light, white * (0.75 + 0.5 * facing)[:, None].clamp(max=1.1), foam[:, None])


OCEAN = Element(
    name="ocean",
    anchored=(),
    fps=FPS,
    alpha=False,
    emissive=False,
    controls=(
        Control("roughness", 0.5, low=("calm", "gentle", "still"), high=("stormy", "rough", "choppy")),
        Control("scale", 0.5, low=("small", "fine", "distant"), high=("large", "long", "big")),
        Control("glitter", 0.5, low=("overcast", "dull", "matte"), high=("sparkling", "glittering", "sunlit")),
    ),
    words=("ocean", "sea", "waves", "open sea", "water surface", "swell"),
    render=render,
)
