# SPDX-License-Identifier: GPL-3.0-or-later
"""Flowing lava seen from above: plates of crust adrift on the melt.

Plates are the cells of a jittered lattice whose points wander, so that seams open and close between them; a coarse
field of warmth makes whole regions melt or freeze over. The melt wears a skin of finer cells, the crust is lit from
the upper left. Lengths are in frame sides, y points down the picture; temperature is 0 where crust is black and 1
where the melt is yellow-white.
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
ACROSS = (7, 3)  # plates across the frame at scale 0 and 1
SEAM = (-0.085, 0.165)  # half the width of seams, in plates, at heat 0 and 1: below 0 they are shut
DRIFT = (0.06, 0.55)  # frame sides a second at flow 0 and 1
HEADING = math.radians(75)  # of the drift: down the picture and to the right

SWAY = 0.12  # of the points, in plates
UNREST = 1.6  # radians a second by which points wander
WARP, WARP_WAVES = 0.03, 1.6  # of everything: how far, and waves across the frame
WARMTH = 0.07  # by which seams of regions differ, in plates
SKIN = 2  # cells of the melt's skin, across a plate
RELIEF = 128  # samples a side of the crust's texture
FOLDS = 9.0  # waves of it across the frame

LIGHT = (-0.6, -0.8)  # towards the light, in the picture
# Linear light.
CRUST = (0.010, 0.009, 0.010)
SHEEN = (0.085, 0.09, 0.105)
GLOW = ((0.0, 0.0, 0.0), (0.42, 0.012, 0.0), (1.0, 0.16, 0.004), (1.1, 0.55, 0.05), (1.2, 1.0, 0.45))


def render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    """Clips of lava, as ``Element.render`` has it; ``controls`` (B, 3) are heat, scale and flow."""
    return film(Lava(controls, seed, device).picture, frames, size, FPS)


class Cells:
    """A lattice of wandering points in a periodic frame; ``columns`` and ``rows`` (B, 1, 1) may differ by clip."""

    def __init__(self, columns: Tensor, rows: Tensor, generator: torch.Generator) -> None:
        self.columns, self.rows = columns, rows
        self.stride = int(max(columns.max(), rows.max()))
        most = ACROSS[0] * SKIN
        points = torch.rand(len(columns), most, most, 4, generator=generator).to(columns.device)
        self.points = points[:, : self.stride, : self.stride].flatten(0, 2).unbind(-1)

    def edges(self, x: Tensor, y: Tensor, swing: float) -> tuple[Tensor, Tensor]:
        """At x, y (B, S, S): distance to the cell's nearest edge, in cells, and a number 0..1 of the cell's own."""
        place_x, place_y, phase, rate = self.points
        turn = swing * (0.5 + rate) + 2 * math.pi * phase
        place_x = 0.12 + 0.76 * place_x + SWAY * torch.cos(turn)
        place_y = 0.12 + 0.76 * place_y + SWAY * torch.sin(turn)

        column, row = (x * self.columns).floor(), (y * self.rows).floor()
        clip = torch.arange(len(x), device=x.device)[:, None, None] * self.stride
        near, second = torch.full_like(x, torch.inf), torch.full_like(x, torch.inf)
        nearest = torch.zeros_like(x, dtype=torch.long)
        beside = [((column + right) % self.columns).long() for right in (-1, 0, 1)]
        for down in (-1, 0, 1):
            line = (clip + ((row + down) % self.rows).long()) * self.stride
            for right in (-1, 0, 1):
                cell = line + beside[right + 1]
                to_x = (column + right + place_x[cell]) / self.columns - x
                to_y = (row + down + place_y[cell]) / self.rows - y
                far = to_x.square() + to_y.square()
                second = torch.minimum(second, torch.maximum(near, far))
                nearest = torch.where(far < near, cell, nearest)
                near = torch.minimum(near, far)
        unit = (self.columns * self.rows).sqrt()
        return 0.5 * unit * (second.sqrt() - near.sqrt()), phase[nearest]


class Lava:
    """A periodic field of lava, one for each row of ``controls``."""

    def __init__(self, controls: Tensor, seed: int, device: torch.device | str) -> None:
        heat, scale, flow = controls.to(device).float()[:, :, None, None].unbind(1)
        self.heat = heat
        self.seam = SEAM[0] + (SEAM[1] - SEAM[0]) * heat
        self.drift = DRIFT[0] * (DRIFT[1] / DRIFT[0]) ** flow
        # Plates come in whole numbers: rows and columns in turn become fewer.
        twice = (2 * ACROSS[0] * (ACROSS[1] / ACROSS[0]) ** scale).round()
        columns, rows = (twice / 2).floor(), (twice / 2).ceil()

        generator = torch.Generator().manual_seed(seed)
        self.plates = Cells(columns, rows, generator)
        self.skin = Cells(SKIN * columns, SKIN * rows, generator)
        self._waves = self._draw(4, 3, WARP_WAVES, generator)
        turn = torch.rand(self._waves.shape, generator=generator).to(device)
        self._unrest = (2 * turn - 1) * UNREST
        self._relief = synthesize(self._draw(24, 1, FOLDS, generator).flatten(0, 1), RELIEF)[:, None]

    def _draw(self, highest: int, fields: int, waves: float, generator: torch.Generator) -> Tensor:
        """Amplitudes of normal fields with about so many waves across, (B, fields, k_y, k_x)."""
        device = self.heat.device
        k_x, k_y = wave_numbers(highest, device)
        k = (k_x.square() + k_y.square()).sqrt().clamp(min=0.5)
        band = torch.exp(-0.5 * ((k / waves).log() / 0.5).square()) * upper_half(k_x, k_y)
        normal = torch.randn(2, len(self.heat), fields, *band.shape, generator=generator).to(device)
        drawn = torch.complex(normal[0], normal[1]) * band
        return drawn / (2 * drawn.abs().square().sum((2, 3), keepdim=True)).sqrt()

    def picture(self, seconds: float, detail: int) -> Tensor:
        """Linear light (B, 3, detail, detail) at one instant."""
        waves = self._waves * torch.polar(torch.ones_like(self._unrest), self._unrest * seconds)
        warp = synthesize(waves.flatten(0, 1), detail).unflatten(0, (-1, 3))
        x, y = pixel_middles(detail, warp.device)
        x = x - self.drift * seconds * math.cos(HEADING)
        y = y - self.drift * seconds * math.sin(HEADING)
        warp = read(warp, x.expand(len(warp), detail, detail), y.expand(len(warp), detail, detail))
        x, y = x + WARP * warp[:, 0], y + WARP * warp[:, 1]

        relief = read(self._relief, x, y)[:, 0]
        edge, own = self.plates.edges(x, y, UNREST * seconds)
        skin, _ = self.skin.edges(x, y, 1.7 * UNREST * seconds)
        return self._shade(edge + 0.02 * relief, own, skin, relief, warp[:, 2])

    def _shade(self, edge: Tensor, own: Tensor, skin: Tensor, relief: Tensor, warmth: Tensor) -> Tensor:
        seam = self.seam + WARMTH * warmth
        crust = ramp(edge - seam, 0.0, 0.12)
        depth = ((seam + 0.06 - edge) / 0.3).clamp(0, 1)
        melt = 0.52 + 0.30 * depth + 0.22 * (1 - ramp(skin, 0.0, 0.2)) - 0.14 * ramp(skin, 0.15, 0.45)
        # Some plates have only just frozen, and every plate is warm at its rim.
        fresh = ramp(own + 0.22 * warmth + 0.3 * self.heat, 0.8, 1.15) * ramp(edge, 0.0, 0.1)
        ember = 0.30 * fresh + 0.25 * torch.exp(-(edge - seam).clamp(min=0) / 0.1)
        heat = torch.lerp(melt, ember * (0.85 + 0.15 * relief), crust)

        bulge = crust * (0.20 + 0.036 * relief) + 0.24 * (edge - seam).clamp(0, 0.3)  # height in plates
        base, sheen = (edge.new_tensor(colour)[:, None, None] for colour in (CRUST, SHEEN))
        rock = base + sheen * daylight(bulge / self.plates.rows)[:, None]
        return rock * (crust * (1 - 2.5 * ember).clamp(0, 1))[:, None] + glow(heat)


def daylight(height: Tensor) -> Tensor:
    """Light that falls on a periodic surface of a height (B, S, S)."""
    size = height.shape[-1]
    slope_x = (height.roll(-1, 2) - height.roll(1, 2)) * (0.5 * size)
    slope_y = (height.roll(-1, 1) - height.roll(1, 1)) * (0.5 * size)
    return (0.25 - LIGHT[0] * slope_x - LIGHT[1] * slope_y).clamp(0, 1.5)


def glow(heat: Tensor) -> Tensor:
    """Linear light (B, 3, S, S) that lava gives at a temperature (B, S, S)."""
    colours = heat.new_tensor(GLOW)
    place = heat.clamp(0, 1) * (len(GLOW) - 1)
    step = place.floor().long().clamp(max=len(GLOW) - 2)
    part = (place - step)[..., None]
    return torch.lerp(colours[step], colours[step + 1], part).permute(0, 3, 1, 2)


LAVA = Element(
    name="lava",
    anchored=(),
    fps=FPS,
    alpha=False,
    emissive=True,
    controls=(
        Control("heat", 0.5, low=("crusted", "cool", "dark"), high=("molten", "hot", "glowing")),
        Control("scale", 0.5, low=("small", "fine"), high=("large", "big")),
        Control("flow", 0.5, low=("slow", "still"), high=("fast", "flowing")),
    ),
    words=("lava", "magma", "molten rock", "lava flow", "volcanic"),
    render=render,
    glow=5.0,
)
