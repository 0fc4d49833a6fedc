# SPDX-License-Identifier: GPL-3.0-or-later
"""A bank of smoke that rises from the bottom edge, lit from the upper left."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .fluid import FPS, Advection, Box, Confinement, Diffusion, Projection, flicker

WARM_UP = 72  # model frames until the smoke has reached the top
SLICES = 2  # independent sheets of smoke one behind the other: a single one curls like paint
LIGHT = (-0.6, 0.8)  # from where the light comes: left, up


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str = "cpu") -> Tensor:
    controls = controls.to(device).clamp(0, 1)
    slices = controls.repeat_interleave(SLICES, dim=0)
    density, turbulence = (control[:, None, None] for control in slices.unbind(1))
    box = Box(size, below=size // 8, above=size // 4, device=device)
    steps = max(1, size // 128)
    dt = 1 / (FPS * steps)
    advect, diffuse, shade = Advection(box, dt), Diffusion(box, dt, rate=4e-4), Shading(box)
    project, confine = Projection(box, dt, viscosity=4e-4, drag=1.5, largest=1.5), Confinement(box, width=0.05)
    batch, total = len(slices), WARM_UP + frames
    generator = torch.Generator().manual_seed(seed)
    memory = torch.lerp(torch.tensor(24.0), torch.tensor(9.0), slices[:, 1].cpu())
    vents = flicker(batch, total + 1, 6, 0.4, memory, generator, size).to(device)
    gusts = flicker(batch, total + 1, 6, 0.4, memory, generator, size).to(device)

    y = box.heights()
    vent = torch.sigmoid(-y / 0.012)
    sponge = torch.sigmoid((y - 1.14) / 0.02) + torch.sigmoid((-0.08 - y) / 0.01)
    quench = 1 - torch.sigmoid((y - 1.14) / 0.02)
    updraft = 0.36 + 0.3 * y.clamp(0, 1.1)
    rise, whirl, sway = 2.0, (0.2 + 2.2 * turbulence)[:, None], 0.5 + 3 * turbulence

    velocity = torch.zeros(batch, 2, box.rows, size, device=device)
    smoke = torch.zeros(batch, 1, box.rows, size, device=device)
    film = []
    for instant in range(total * steps):
        frame, mix = instant // steps, instant % steps / steps
        inlet = torch.sigmoid(
            2.5 * torch.lerp(vents[:, frame], vents[:, frame + 1], mix)[:, None] - 2.4 + 3.0 * density
        )
        gust = torch.lerp(gusts[:, frame], gusts[:, frame + 1], mix)[:, None]
        soot = torch.lerp(smoke[:, 0], inlet, vent)
        soot = (soot - dt * (0.8 * soot + 0.04)).clamp(0, 1) * quench

        velocity = velocity + dt * whirl * confine(velocity)
        velocity[:, 0] += dt * sway * gust * torch.exp(-(((y - 0.06) / 0.07) ** 2))
        velocity[:, 1] += dt * rise * soot
        velocity = velocity * (1 - 0.5 * sponge)
        velocity = project(velocity - velocity.mean((-1, -2), keepdim=True))
        flow = torch.stack((velocity[:, 0], velocity[:, 1] + updraft), dim=1)
        velocity, smoke = advect(torch.cat((velocity, soot[:, None]), dim=1), flow).split((2, 1), dim=1)
        smoke = diffuse(smoke)
        if instant % steps == 0 and frame >= WARM_UP:
            film.append(shade(smoke[:, 0], 1.5 + 3 * density))
    return torch.stack(film, dim=1)


class Shading:
    """Single scattering in a slab of smoke: shadows thrown along the light, and relief from the thickness."""

    def __init__(self, box: Box) -> None:
        self.box = box
        kx, ky = box.wave_numbers()
        along = LIGHT[0] * kx + LIGHT[1] * ky
        # Smoke s heights towards the light casts exp(-s / reach) of its shadow here, blurred as light scatters.
        reach, blur, relief = 0.14, 0.015, 0.03
        square = kx**2 + ky**2
        self.shadow = reach / (1 - 1j * reach * along) * torch.exp(-(blur**2) * square / 2)
        self.slope = -1j * along * relief * torch.exp(-(relief**2) * square / 2)

    def __call__(self, soot: Tensor, opacity: Tensor) -> Tensor:
        """RGBA bytes (B, rows, columns, 4) of the picture."""
        thickness = soot.clamp(0)
        spectrum = torch.fft.rfft2(thickness)
        shape = soot.shape[-2:]
        shadow = torch.fft.irfft2(spectrum * self.shadow, s=shape).clamp(0)
        slope = torch.fft.irfft2(spectrum * self.slope, s=shape)
        light = torch.exp(-8 * shadow) * (1.0 + 0.9 * slope).clamp(0, 1.6)
        thickness, light = self.box.picture(thickness), self.box.picture(light)
        alpha = 1 - torch.exp(-opacity * thickness)
        tint = torch.stack((0.20 + 0.68 * light, 0.21 + 0.66 * light, 0.24 + 0.62 * light), dim=-1).clamp(0, 1)
        sheets = torch.cat((tint * alpha[..., None], alpha[..., None]), dim=-1).unflatten(0, (-1, SLICES))
        picture = sheets[:, 0]
        for sheet in sheets.unbind(1)[1:]:
            picture = sheet + (1 - sheet[..., 3:]) * picture
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
    ),
    words=("smoke", "fume", "fumes", "haze"),
    render=_render,
)
