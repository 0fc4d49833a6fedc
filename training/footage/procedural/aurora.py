# SPDX-License-Identifier: GPL-3.0-or-later
"""Northern lights: curtains of light that hang in the sky, seen from the side and a little below.

A curtain stands on a curve that winds from left to right and folds over itself. Points along the curve glow, each as
a vertical ray: sharp at its hem, fading upward from one colour to another. Where a fold is seen edge-on, rays crowd
and shine. Lengths are in frame heights, which are also one period in x.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from aigc_blender.card import Control

from .element import Element
from .fluid import ramp
from .gradient import gradient
from .plate import DETAIL

FPS = 8.0
HEMS = (0.34, 0.25, 0.42)  # height of every curtain's lower edge
LIT = ((-1.0, 0.0), (0.1, 0.7), (0.4, 1.0))  # the intensities between which a curtain lights up
GAIN = (0.7, 2.3)  # light at intensity 0 and 1

WINDS = 7  # the highest wave number of a curtain's course
WANDER = 0.1  # how far it strays from a straight line
TILT = 0.62  # of the ground it stands on, towards the viewer
UNREST = 0.75  # radians a second by which its course changes
DRIFT = (0.07, -0.05, 0.04)  # of every curtain, in heights a second

RAYS = (5, 32)  # the lowest and highest wave number of rays along a curtain
PATCHES = 3  # the highest of its brighter and darker stretches
CONTRAST = (0.08, 1.0)  # of rays at rays 0 and 1, in nepers
BLUR = (0.05, 0.008)  # width of a ray at rays 0 and 1
SHIMMER = 1.1  # radians a second

HEM = 0.008  # over which the lower edge sets in
BODY, TOP = 0.125, 0.22  # heights over which the lower and the upper light fade
ABOVE = 0.17  # the hem, where the upper light begins
SHARE = 0.5  # of the upper light
CLEAR = (1.0, 0.55)  # height at which nothing is left, and from which it fades
OPACITY = 0.6  # of light: the sky shows through

# Along hue: the lower and the upper light.
LOWER = ((0.16, 1.0, 0.22), (0.08, 0.96, 0.46), (0.12, 0.55, 0.95), (0.40, 0.14, 1.0))
UPPER = ((0.90, 0.08, 0.32), (0.70, 0.09, 0.80), (0.60, 0.12, 0.92), (0.72, 0.07, 1.0))


def render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    """Clips of northern lights, as ``Element.render`` has it; ``controls`` (B, 3) are intensity, hue and rays."""
    sky = Sky(controls, seed, device)
    detail = max(size, DETAIL)
    film = []
    for frame in range(frames):
        lower, upper = (avg_pool2d(light, detail // size) for light in sky.light(frame / FPS, detail))
        film.append(sky.expose(lower, upper))
    return torch.stack(film, dim=1)


class Sky:
    """A periodic row of curtains for each row of ``controls``."""

    def __init__(self, controls: Tensor, seed: int, device: torch.device | str) -> None:
        intensity, hue, rays = controls.to(device).float().clamp(0, 1).unbind(1)
        self._lower, self._upper = (gradient(stops, hue)[..., None, None] for stops in (LOWER, UPPER))
        lit = torch.stack([ramp(intensity, *span) for span in LIT], dim=1)
        self._gain = lit * (GAIN[0] * (GAIN[1] / GAIN[0]) ** intensity)[:, None]
        self._contrast = (CONTRAST[0] + (CONTRAST[1] - CONTRAST[0]) * rays)[:, None, None]
        self._blur = BLUR[0] * (BLUR[1] / BLUR[0]) ** rays

        generator = torch.Generator().manual_seed(seed)
        count = (len(controls), len(HEMS))

        def waves(low: int, high: int, slope: float, unrest: float) -> tuple[Tensor, Tensor, Tensor]:
            """Wave numbers from ``low`` to ``high``, their amplitudes with a mean square of 1, and their rates."""
            number = torch.arange(low, high + 1, dtype=torch.float32)
            number = number[number != 0]
            amplitude = torch.randn(*count, len(number), 2, generator=generator) * number.abs()[:, None] ** -slope
            amplitude = amplitude / amplitude.square().sum((2, 3), keepdim=True).sqrt()
            rate = unrest * number.abs().sqrt() * (2 * torch.rand(*count, len(number), generator=generator) - 1)
            return number.to(device), torch.view_as_complex(amplitude).to(device), rate.to(device)

        self._course = waves(-WINDS, WINDS, 1.6, UNREST)
        self._rays = waves(*RAYS, 0.8, SHIMMER)
        self._patches = waves(1, PATCHES, 0.5, SHIMMER)
        self._start = torch.rand(*count, 1, generator=generator).to(device)
        self._drift = torch.tensor(DRIFT, device=device)[:, None]
        self._hems = torch.tensor(HEMS, device=device)[:, None]

    def light(self, seconds: float, detail: int) -> tuple[Tensor, Tensor]:
        """The lower and the upper light at one instant, (B, detail, detail) each."""
        along = torch.arange(4 * detail, device=self._hems.device) / (4 * detail)
        stray = WANDER * _sum(self._course, along, seconds)
        ray = math.sqrt(2) * _sum(self._rays, along, seconds).real
        patch = math.sqrt(2) * _sum(self._patches, along, seconds).real
        glow = torch.exp(self._contrast * (ray - 0.4 * self._contrast) + 0.5 * patch) * self._gain[..., None]
        reach = torch.sigmoid(1.5 * ray + patch)

        x = (along + self._start + self._drift * seconds + stray.real) * detail
        hem = (1 - self._hems - TILT * stray.imag) * detail
        hems = _splat(x, hem, torch.stack((glow, glow * reach), dim=1) / 4, detail)
        k = torch.fft.rfftfreq(detail, 1 / detail, device=x.device)
        gaussian = torch.exp(-2 * (math.pi * k * self._blur[:, None]) ** 2)[:, None, None]
        hems = torch.fft.irfft(torch.fft.rfft(hems) * gaussian, n=detail).clamp(min=0)

        y = 1 - (torch.arange(detail, device=x.device) + 0.5) / detail
        above = y[:, None] - y
        clear = ramp(y, *CLEAR)[:, None]
        lower = clear * torch.sigmoid(above / HEM) * torch.exp(-above.clamp(min=0) / BODY)
        upper = clear * torch.sigmoid((above - ABOVE) / (ABOVE / 5)) * torch.exp(-above.clamp(min=0) / TOP)
        return lower @ hems[:, 0], 2 * SHARE * upper @ hems[:, 1]

    def expose(self, lower: Tensor, upper: Tensor) -> Tensor:
        """RGBA bytes (B, S, S, 4) of the lower and the upper light: colour and coverage saturate as on film."""
        colour = lower[:, None] * self._lower + upper[:, None] * self._upper
        rgba = torch.cat((colour, OPACITY * (lower + upper)[:, None]), dim=1)
        return ((1 - torch.exp(-rgba)) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1)


def _sum(waves: tuple[Tensor, Tensor, Tensor], along: Tensor, seconds: float) -> Tensor:
    """The complex sum of waves at places ``along`` (P,) their period of 1: (B, curtains, P)."""
    number, amplitude, rate = waves
    turn = 2 * math.pi * number[:, None] * along
    return (amplitude * torch.exp(1j * rate * seconds)) @ torch.exp(1j * turn)


def _splat(x: Tensor, y: Tensor, light: Tensor, size: int) -> Tensor:
    """Light (B, C, curtains, P) of points at x, y (B, curtains, P), in pixels, gathered in (B, C, size, size).

    Every point is shared out among its four nearest pixels; x is periodic and y ends at the edges.
    """
    x, y = x - 0.5, y - 0.5
    column, row = x.floor(), y.floor()
    picture = light.new_zeros(*light.shape[:2], size * size)
    for right in (0, 1):
        for down in (0, 1):
            share = (1 - right - x + column).abs() * (1 - down - y + row).abs()
            place = (row.long() + down).clamp(0, size - 1) * size + (column.long() + right) % size
            picture.scatter_add_(
                2, place.flatten(1)[:, None].expand(-1, light.shape[1], -1), (light * share[:, None]).flatten(2)
            )
    return picture.unflatten(2, (size, size))


AURORA = Element(
    name="aurora",
    anchored=("y",),
    fps=FPS,
    alpha=True,
    emissive=True,
    controls=(
        Control("intensity", 0.5, low=("faint", "dim", "weak"), high=("bright", "strong", "intense")),
        Control("hue", 0.3, low=("green",), high=("violet", "blue", "purple")),
        Control("rays", 0.6, low=("soft", "diffuse", "glowing"), high=("sharp", "rayed", "streaky")),
    ),
    words=("aurora", "northern lights", "aurora borealis", "polar lights", "southern lights"),
    render=render,
    glow=2.0,
)
