# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud of glowing gas in deep space, slowly turning over, behind lanes of dark dust.

Billows, filaments and lanes are octaves of noise, dragged along by eddies. The gas glows, its fronts the most, and
dust swallows the light, blue before red. Soft stars glint between. Lengths are in units of the frame's side, which is
one period of the sky.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from aigc_blender.card import Control

from .element import Element
from .fluid import ramp
from .gradient import gradient
from .lookup import pixel_middles, read
from .plate import film, synthesize, upper_half, wave_numbers

FPS = 6.0
FILL = (-1.5, 1.0)  # of the gas at density 0 and 1, in standard deviations
FILAMENTS = (0.1, 2.6)  # contrast of filaments at detail 0 and 1
ROUGHNESS = (0.3, 1.1)  # of the finer octaves of gas and dust

MODES = 48  # the highest wave number of an axis
BANDWIDTH = 0.35  # of an octave, in nepers
UNREST = 0.4  # radians a second by which waves as long as the side turn
EDDIES = ((1.5, 0.03), (3.2, 0.014), (7.0, 0.005))  # waves across, and how far they drag the gas
GAS = ((1.4, 1.0), (2.8, 0.6), (5.6, 0.38), (11.0, 0.24), (22.0, 0.15))  # waves across, weight
DUST = ((1.8, 0.8), (3.6, 0.5), (7.2, 0.32), (14.0, 0.2), (28.0, 0.12))
RIDGES = ((3.0, 0.55), (6.5, 0.3), (14.0, 0.15))
CREASE = 1.3  # sharpness of ridges

GLOW = 0.32  # of the gas
RIM = 1.6  # by which the gas glows more where dust begins
DEPTH = 3.5  # of dust, in the dark
EXTINCTION = (0.8, 1.0, 1.2)  # of red, green and blue
SPAN = 0.2  # of hue, between thin gas and thick

STARS = 5  # a side of their lattice
STAR = 0.0105  # radius
STARLIGHT = 2.2  # of the brightest
GLINT = 0.15  # how often a second one lights up

# Along hue, in linear light.
PATH = (
    (1.0, 0.20, 0.06),
    (1.0, 0.08, 0.12),
    (0.80, 0.08, 0.40),
    (0.32, 0.13, 0.85),
    (0.08, 0.26, 1.0),
    (0.03, 0.50, 0.68),
)


def render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    """Clips of a nebula, as ``Element.render`` has it; ``controls`` (B, 3) are density, hue and detail."""
    return film(Space(controls, seed, device).light, frames, size, FPS)


class Space:
    """A periodic piece of the sky for each row of ``controls``."""

    def __init__(self, controls: Tensor, seed: int, device: torch.device | str) -> None:
        density, hue, detail = controls.to(device).float().clamp(0, 1)[..., None, None].unbind(1)
        self._fill = FILL[0] + (FILL[1] - FILL[0]) * density
        self._hue = SPAN + (1 - 2 * SPAN) * hue
        self._filaments = FILAMENTS[0] + (FILAMENTS[1] - FILAMENTS[0]) * detail
        roughness = ROUGHNESS[0] + (ROUGHNESS[1] - ROUGHNESS[0]) * detail

        generator = torch.Generator().manual_seed(seed)
        k_x, k_y = wave_numbers(MODES, device)
        k = (k_x.square() + k_y.square()).sqrt().clamp(min=0.5)

        def draw() -> Tensor:
            return torch.randn(len(controls), *k.shape, generator=generator).to(device)

        def octave(across: float) -> Tensor:
            """Waves about ``across`` to the side, with a mean square of 1."""
            waves = torch.complex(draw(), draw()) * upper_half(k_x, k_y)
            waves = waves * torch.exp(-0.5 * ((k / across).log() / BANDWIDTH).square())
            return waves / (2 * waves.abs().square().sum((1, 2), keepdim=True)).sqrt()

        self._rate = UNREST * k**0.4 * draw()

        def cloud(octaves: tuple[tuple[float, float], ...], roughness: Tensor | float) -> Tensor:
            (longest, most), *finer = octaves
            return most * octave(longest) + roughness * torch.stack([w * octave(across) for across, w in finer]).sum(0)

        fields = (cloud(EDDIES, 1.0), cloud(EDDIES, 1.0), cloud(GAS, roughness), cloud(DUST, roughness), octave(1.5))
        self._waves = torch.stack((*fields, *(octave(across) for across, _ in RIDGES)), dim=1)
        self._stars = torch.rand(len(controls), 5, STARS, STARS, generator=generator).to(device)

    def light(self, seconds: float, detail: int) -> Tensor:
        """Linear light (B, 3, detail, detail) at one instant."""
        waves = self._waves * torch.polar(torch.ones_like(self._rate), self._rate * seconds)[:, None]
        fields = synthesize(waves.flatten(0, 1), detail).unflatten(0, waves.shape[:2])
        ridges = torch.exp(-CREASE * fields[:, 5:].abs())
        weights = fields.new_tensor([weight for _, weight in RIDGES])
        filaments = torch.einsum("bnyx,n->byx", ridges, weights)
        still = torch.cat((fields[:, 2:5], filaments[:, None]), dim=1)
        x, y = pixel_middles(detail, still.device)
        gas, dust, tint, filaments = read(still, x + fields[:, 0], y + fields[:, 1]).unbind(1)

        front = self._filaments * (filaments - 0.48)
        thick = gas + self._fill + front
        rim = torch.exp(-((dust / 0.35) ** 2))
        glow = GLOW * softplus(1.6 * thick) ** 1.6 * torch.exp(front) * (1 + RIM * rim)
        depth = DEPTH * ramp(dust + 0.5 * front, 0.0, 1.1)[:, None] * glow.new_tensor(EXTINCTION)[:, None, None]
        colour = gradient(PATH, self._hue + SPAN * (0.5 * tint - 0.4 * thick).clamp(-1, 1))
        shine = STARLIGHT * self._starlight(seconds, detail)
        return 1 - torch.exp(-(glow[:, None] * colour * torch.exp(-depth) + shine[:, None]))

    def _starlight(self, seconds: float, detail: int) -> Tensor:
        """The stars' light, at most about 1, (B, detail, detail)."""
        x, y, phase, rate, magnitude = self._stars.unbind(1)
        pulse = torch.sin(math.pi * (phase + GLINT * (0.6 + 0.8 * rate) * seconds)) ** 8
        place, _ = pixel_middles(detail, x.device)
        cell = torch.arange(STARS, device=x.device)

        def spot(centre: Tensor) -> Tensor:
            away = place - centre.flatten(1)[..., None] / STARS
            return torch.exp(-0.5 * ((away - away.round()) / STAR).square())

        bright = (magnitude**4 * pulse).flatten(1)[..., None]
        return (spot(cell[:, None] + y) * bright).mT @ spot(cell + x)


NEBULA = Element(
    name="nebula",
    anchored=(),
    fps=FPS,
    alpha=False,
    emissive=True,
    controls=(
        Control("density", 0.5, low=("sparse", "thin", "faint"), high=("dense", "thick", "filled")),
        Control("hue", 0.4, low=("pink", "red"), high=("blue", "teal")),
        Control("detail", 0.5, low=("smooth", "soft"), high=("detailed", "filamentary", "turbulent")),
    ),
    words=("nebula", "space", "deep space", "galaxy", "cosmos", "interstellar cloud"),
    render=render,
    glow=2.0,
)
