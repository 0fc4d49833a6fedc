# SPDX-License-Identifier: GPL-3.0-or-later
"""A time-lapse of cumulus drifting over a blue sky, lit from the upper left.

The clouds are a height field over the picture: a smooth body that drifts and evolves, raised into cauliflower tops by
octaves of bubbles that swell and shrink. Light is marched through the heights towards the sun. Lengths are in units of
the frame's side, which is one period of the sky; heights in standard deviations of the body, 0 being a cloud's edge.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .plate import DETAIL, film, synthesize, upper_half, wave_numbers

FPS = 24.0
COVERAGE = (0.2, 0.95)  # of the sky's area at coverage 0 and 1
WIND = (0.03, 0.2)  # frame sides a second at wind 0 and 1

MODES = 6  # the highest wave number of an axis of the body
BODY = 2.0  # waves of the body across the frame
BANDWIDTH = 0.38  # of its spectrum, in nepers
UNREST = 0.7  # radians a second by which it evolves
LEAN = 0.025  # how far its bases are drawn up, which flattens them
WARP = 0.012  # of the bubbles by the body
RISE = 0.03  # frame sides a second by which bubbles climb up the body
BUBBLES = (
    (3, 1.5, 0.1),
    (6, 1.5, 0.22),
    (11, 1.0, 0.38),
    (21, 0.5, 0.6),
)  # across, height, rate in Hz
ALONE = 0.2  # depth under a cloud's edge at which bubbles are half as high
PULSE = 0.28  # by which a bubble of unit height swells and shrinks
SWAY = 0.15  # of its diameter
MEAN, DEVIATION = 0.03, 0.85  # fitted, so that clouds cover what COVERAGE says

SUN_COLUMNS, SUN_ROWS, SUN_HEIGHT = -2, -3, 0.75  # the way to the sun in the picture, and its rise along that way
MARCH = (1, 2, 3, 5, 8)  # steps towards the sun
RELIEF = 0.15  # frame sides that the cloud stands out where it is one deviation thick
OPACITY = 7.0  # extinction where it is one deviation thick, seen from the front
SHADE = 260.0  # extinction of a frame side squared of relief in the way of the light
BULK, GLOW = 4.5, 0.25  # extinction of a frame side of cloud, and the light that multiple scattering leaves
WRAP = 0.2  # of light around the terminator
NEAR = 6 / DETAIL  # distance within which neighbours take sky light from crevices

# Linear light.
SKY = (0.075, 0.21, 0.52)
HAZE = (0.133, 0.286, 0.592)
SUNLIT = (1.12, 1.08, 1.02)
SHADOW = (0.18, 0.24, 0.345)
BOUNCE = (0.10, 0.11, 0.11)


def render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    """Clips of clouds, as ``Element.render`` has it; ``controls`` (B, 2) are coverage and wind."""
    sky = Sky(controls, seed, device)
    return film(lambda seconds, detail: shade(sky.heights(seconds, detail)), frames, size, FPS)


class Sky:
    """A periodic sky of clouds, one for each row of ``controls``."""

    def __init__(self, controls: Tensor, seed: int, device: torch.device | str) -> None:
        coverage, wind = controls.to(device).float().unbind(1)
        covered = COVERAGE[0] + (COVERAGE[1] - COVERAGE[0]) * coverage
        self._offset = (DEVIATION * torch.special.ndtri(covered) - MEAN)[:, None, None]
        self._speed = (WIND[0] * (WIND[1] / WIND[0]) ** wind)[:, None, None]

        generator = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> Tensor:
            return torch.rand(len(controls), *shape, generator=generator).to(device)

        self._k_x, k_y = wave_numbers(MODES, device)
        k = (self._k_x.square() + k_y.square()).sqrt().clamp(min=0.5)
        band = torch.exp(-0.5 * ((k / BODY).log() / BANDWIDTH).square()) * upper_half(self._k_x, k_y)
        waves = torch.polar((-draw(*band.shape).clamp(min=1e-6).log()).sqrt(), 2 * math.pi * draw(*band.shape)) * band
        self._waves = waves / (2 * waves.abs().square().sum((1, 2), keepdim=True)).sqrt()
        self._unrest = UNREST * k.sqrt() * (2 * draw(*band.shape) - 1)
        self._bubbles = [draw(across, across, 4) for across, _, _ in BUBBLES]

    def heights(self, seconds: float, detail: int) -> Tensor:
        """The clouds at one instant, (B, detail, detail); there is cloud where it is above 0."""
        drift = self._speed * seconds
        turn = self._unrest * seconds - 2 * math.pi * self._k_x * drift
        body = synthesize(self._waves * torch.polar(torch.ones_like(turn), turn), detail)
        x = (torch.arange(detail, device=body.device) + 0.5) / detail
        y = x[:, None]

        # Where the body stands high it is read from higher up: this draws bases up and lets tops trail off.
        height = 0.8 * _read_rows(body, (y - LEAN * body) * detail - 0.5) + self._offset
        x = x - drift + WARP * body.roll(detail // 4, 1)
        y = y + RISE * seconds + WARP * body.roll(detail // 4, 2)
        for (_, swell, rate), points in zip(BUBBLES, self._bubbles, strict=True):
            # Where there is no cloud they fade: alone in the sky they would be specks.
            height = height + swell * torch.sigmoid((height + ALONE) / ALONE) * _bubbles(points, rate * seconds, x, y)
        return height


def shade(height: Tensor) -> Tensor:
    """Linear light (B, 3, S, S) of clouds of the given height (B, S, S); may exceed 1 in the sun."""
    unit = height.shape[-1] // DETAIL
    stride = math.hypot(SUN_COLUMNS, SUN_ROWS) / DETAIL
    cloud = height.clamp(min=0)
    surface = RELIEF * cloud.sqrt()

    def sunward(field: Tensor, step: int) -> Tensor:
        return field.roll((-SUN_ROWS * step * unit, -SUN_COLUMNS * step * unit), (1, 2))

    relief, bulk = torch.zeros_like(cloud), torch.zeros_like(cloud)
    for step, last in zip(MARCH, (0, *MARCH), strict=False):
        length = (step - last) * stride
        ray = surface + SUN_HEIGHT * step * stride
        relief = relief + length * (sunward(surface, step) - ray).clamp(0, 0.05)
        bulk = bulk + length * sunward(cloud, step).clamp(max=1.5)

    slope = (sunward(surface, -1) - sunward(surface, 1)) / (2 * stride)
    facing = (SUN_HEIGHT + slope) / (math.hypot(1, SUN_HEIGHT) * (1 + slope.square()).sqrt())
    lit = ((facing + WRAP) / (1 + WRAP)).clamp(min=0)
    lit = lit * torch.exp(-SHADE * relief) * (GLOW + (1 - GLOW) * torch.exp(-BULK * bulk))

    near = round(NEAR * height.shape[-1])
    around = (
        sum((cloud.roll(shift, (1, 2)) for shift in ((near, 0), (0, near), (-near, 0), (0, -near))), -4 * cloud) / 4
    )
    ambient = torch.exp(-2.5 * (around + 0.35).clamp(min=0))
    haze = torch.exp(1.6 * height.clamp(max=0))
    opacity = 1 - torch.exp(-OPACITY * cloud)

    sky_light, haze_light, sunlit, shadow, bounce = (
        height.new_tensor(colour)[:, None, None] for colour in (SKY, HAZE, SUNLIT, SHADOW, BOUNCE)
    )
    behind = torch.lerp(sky_light, haze_light, haze[:, None])
    front = torch.lerp(shadow + bounce * ambient[:, None], sunlit, lit[:, None])
    return torch.lerp(behind, front, opacity[:, None])


def _bubbles(points: Tensor, phase: float, x: Tensor, y: Tensor) -> Tensor:
    """Domes around the ``points`` (B, n, n, 4) of a jittered, periodic lattice, the highest at x, y (B, S, S).

    ``phase`` is how often they have swollen on average. Rate and phase of each are its own.
    """
    count, across = points.shape[:2]
    swing = 2 * math.pi * (points[..., 2] + phase * (0.6 + 0.8 * points[..., 3]))
    centres = torch.stack((points[..., 0] + SWAY * torch.cos(0.5 * swing), points[..., 1], PULSE * torch.sin(swing)))

    column, row = (x * across).floor(), (y * across).floor()
    x, y = x * across - column, y * across - row
    clip = torch.arange(count, device=x.device)[:, None, None]
    cell = (clip * across + row.long() % across) * across + column.long() % across
    highest = torch.full_like(x, -torch.inf)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            centre_x, centre_y, top = (c[cell] for c in centres.roll((-down, -right), (2, 3)).flatten(1))
            squared = (centre_x + (right - x)).square() + (centre_y + (down - y)).square()
            highest = torch.maximum(highest, top - squared)
    return highest + 0.22  # about 0 on average


def _read_rows(field: Tensor, row: Tensor) -> Tensor:
    """A periodic (B, S, S) at fractional rows (B, S, S)."""
    size = field.shape[1]
    above = row.floor()
    index = above.long() % size
    return torch.lerp(field.gather(1, index), field.gather(1, (index + 1) % size), row - above)


CLOUDS = Element(
    name="clouds",
    anchored=(),
    fps=FPS,
    alpha=False,
    emissive=False,
    controls=(
        Control("coverage", 0.5, low=("few", "scattered", "clear"), high=("overcast", "cloudy", "dense")),
        Control("wind", 0.5, low=("calm", "slow"), high=("windy", "fast")),
    ),
    words=("clouds", "cumulus", "sky", "cloudy sky", "time-lapse"),
    render=render,
)
