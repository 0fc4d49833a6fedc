# SPDX-License-Identifier: GPL-3.0-or-later
"""A bank of smoke that rises from the bottom edge, lit from the upper left."""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .fluid import FPS, Box, Plume, flicker

WARM_UP = 72  # model frames until the smoke has reached the top
SHEETS = 3  # independent sheets of smoke, one before the other: a single one curls like paint
LIGHT = (-0.6, 0.8)  # towards the light: left and up
RELIEF = ((0.015, 0.5), (0.05, 1.0))  # widths of the bumps that the light shows, in heights, and how much

# At even steps of shade, oily smoke to steam: the colour in shadow, and what light adds to it.
SHADES = (
    ((0.012, 0.011, 0.011), (0.18, 0.17, 0.16)),
    ((0.15, 0.16, 0.19), (0.78, 0.76, 0.72)),
    ((0.50, 0.53, 0.59), (0.62, 0.60, 0.55)),
)


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    sheets = controls.to(device).clamp(0, 1).repeat_interleave(SHEETS, dim=0)
    density, turbulence, tone = (control[:, None, None] for control in sheets.unbind(1))
    box, steps, total = Box(size, device), max(1, size // 128), WARM_UP + frames
    dt, y = 1 / (FPS * steps), box.heights()
    plume = Plume(
        box,
        dt,
        updraft=0.4 + 0.4 * y.clamp(0, 1.1),
        whirl=(2.5 * turbulence)[:, None],
        viscosity=1.2e-3,
        diffusion=5e-4,
        drag=1.0,
    )
    rise, sway = 1.5, 0.3 + 2 * turbulence
    shade = Shading(box, 1 + 2.4 * density, tone)

    generator = torch.Generator().manual_seed(seed)
    memory = 24 - 15 * turbulence.flatten()
    vents = torch.sigmoid(2.5 * flicker(memory, total, steps, 6, 0.4, size, generator) - 2.4 + 3 * density)
    gusts = flicker(memory, total, steps, 6, 0.4, size, generator)
    at_vents, above_vents = torch.sigmoid(-y / 0.012), torch.exp(-(((y - 0.06) / 0.07) ** 2))

    velocity = torch.zeros(len(sheets), 2, box.rows, size, device=device)
    soot = torch.zeros(len(sheets), 1, box.rows, size, device=device)
    film = []
    for instant in range(total * steps):
        soot = torch.lerp(soot, vents[:, instant, None, None], at_vents)
        soot = (soot - dt * (1.0 * soot + 0.05)).clamp(0, 1)
        force = torch.stack((sway * gusts[:, instant, None] * above_vents, rise * soot[:, 0]), dim=1)
        velocity, soot = plume.step(velocity, soot, force)
        if instant >= WARM_UP * steps and instant % steps == 0:
            film.append(shade(soot[:, 0].clamp(0, 1)))
    return torch.stack(film, dim=1)


class Shading:
    """Lights sheets of smoke: shadow thrown along the light, and relief from the slope of the thickness."""

    def __init__(self, box: Box, opacity: Tensor, tone: Tensor) -> None:
        self.box, self.opacity = box, opacity
        kx, ky = box.waves()
        along, square = LIGHT[0] * kx + LIGHT[1] * ky, kx**2 + ky**2
        # The shadow here is the integral of the smoke s heights towards the light, weighed by exp(-s / reach).
        reach, blur = 0.14, 0.015
        self.shadow = reach / (1 - 1j * reach * along) * torch.exp(-(blur**2) * square / 2)
        self.slope = sum(-1j * much * width * along * torch.exp(-(width**2) * square / 2) for width, much in RELIEF)
        places = [(1 - (2 * tone[..., None] - key).abs()).clamp(0) for key in range(len(SHADES))]
        self.dark, self.lit = (
            sum(place * tone.new_tensor(colours[part]) for place, colours in zip(places, SHADES, strict=True))
            for part in (0, 1)
        )

    def __call__(self, soot: Tensor) -> Tensor:
        """RGBA bytes (B / SHEETS, rows, columns, 4) of the picture, from soot (B, rows, columns) in 0..1."""
        spectrum = torch.fft.rfft2(soot)
        shadow = torch.fft.irfft2(spectrum * self.shadow, s=soot.shape[-2:])
        slope = torch.fft.irfft2(spectrum * self.slope, s=soot.shape[-2:])
        light = self.box.picture(torch.exp(-9 * shadow) * (1 + slope).clamp(0, 1.6))
        alpha = 1 - torch.exp(-self.opacity * self.box.picture(soot))
        tint = (self.dark + self.lit * light[..., None]).clamp(0, 1)
        rgba = torch.cat((tint * alpha[..., None], alpha[..., None]), dim=-1).unflatten(0, (-1, SHEETS))
        picture = rgba[:, 0]
        for front in rgba.unbind(1)[1:]:
            picture = front + (1 - front[..., 3:]) * picture
        return (picture * 255 + 0.5).to(torch.uint8)


SMOKE = Element(
    name="smoke",
    anchored=("y",),
    fps=FPS,
    alpha=True,
    emissive=False,
    controls=(
        Control("density", 0.6, low=("thin", "wispy", "light"), high=("dense", "thick", "heavy")),
        Control("turbulence", 0.5, low=("calm", "gentle"), high=("turbulent", "wild", "billowing")),
        Control("shade", 0.5, low=("black", "dark", "oily"), high=("white", "bright", "steam")),
    ),
    words=("smoke", "fume", "fumes", "haze"),
    render=_render,
)
