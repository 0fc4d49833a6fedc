# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall of fire seen from the side.

Fuel streams from a row of burners under the picture, rises, and burns away where it meets air: the front eats into
every tongue from its edges, so tongues taper, and what turbulence cuts off becomes flamelets. Heat fades with age
and turns white-yellow into red.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .fluid import FPS, Advection, Box, Confinement, Diffusion, Projection, flicker

WARM_UP = 48  # model frames until the flames stand


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str = "cpu") -> Tensor:
    controls = controls.to(device).clamp(0, 1)
    height, turbulence, density = (control[:, None, None] for control in controls.unbind(1))
    box = Box(size, below=size // 8, above=size // 4, device=device)
    steps = max(1, size // 64)
    dt = 1 / (FPS * steps)
    advect, diffuse = Advection(box, dt), Diffusion(box, dt, rate=4e-4)
    project, confine = Projection(box, dt, viscosity=1.5e-4, drag=4.0, largest=2.0), Confinement(box, width=0.04)
    batch, total = len(controls), WARM_UP + frames
    generator = torch.Generator().manual_seed(seed)
    memory = torch.lerp(torch.tensor(14.0), torch.tensor(5.0), controls[:, 1].cpu())
    burners = flicker(batch, total + 1, 12, 0.3, memory, generator, size).to(device)
    gusts = flicker(batch, total + 1, 10, 0.3, 0.7 * memory, generator, size).to(device)

    y = box.heights()
    burner = torch.sigmoid(-y / 0.012)
    sponge = torch.sigmoid((y - 1.12) / 0.02) + torch.sigmoid((-0.08 - y) / 0.01)
    quench = 1 - torch.sigmoid((y - 1.12) / 0.02)
    speed = 0.66 + 0.42 * height
    # Air drawn in from before and behind the picture: the updraft gains speed without thinning in x.
    updraft = speed * (0.6 + 1.1 * y.clamp(0, 1.1))
    # The last term burns everything out before the top edge cuts it.
    life = (0.62 + 0.6 * height) / (1 + 6 * _ramp(y, 0.7, 1.1))
    rise, whirl, sway = 2.4 * speed, (0.6 + 5 * turbulence)[:, None], 1 + 5 * turbulence

    velocity = torch.zeros(batch, 2, box.rows, size, device=device)
    gas = torch.zeros(batch, 2, box.rows, size, device=device)
    film = []
    for instant in range(total * steps):
        frame, mix = instant // steps, instant % steps / steps
        inlet = torch.sigmoid(
            5 * torch.lerp(burners[:, frame], burners[:, frame + 1], mix)[:, None] + 1.0 + 5 * density
        )
        gust = torch.lerp(gusts[:, frame], gusts[:, frame + 1], mix)[:, None]
        fuel, heat = (torch.lerp(gas, inlet[:, None].expand_as(gas), burner)).unbind(1)
        fuel = fuel - dt / life * (6.5 * fuel * (1 - fuel) + 0.15)
        heat = heat - dt / life * (0.75 * heat + 0.2)
        gas = torch.stack((fuel, heat), dim=1).clamp(0, 1) * quench

        velocity = velocity + dt * whirl * confine(velocity)
        velocity[:, 0] += dt * sway * gust * torch.exp(-(((y - 0.06) / 0.07) ** 2))
        velocity[:, 1] += dt * rise * gas[:, 1]
        velocity = velocity * (1 - 0.5 * sponge)
        velocity = project(velocity - velocity.mean((-1, -2), keepdim=True))
        flow = torch.stack((velocity[:, 0], velocity[:, 1] + updraft), dim=1)
        velocity, gas = advect(torch.cat((velocity, gas), dim=1), flow).split(2, dim=1)
        gas = diffuse(gas)
        if instant % steps == 0 and frame >= WARM_UP:
            film.append(_colour(*box.picture(gas).unbind(1)))
    return torch.stack(film, dim=1)


def _colour(fuel: Tensor, heat: Tensor) -> Tensor:
    """RGBA bytes (B, rows, columns, 4) of glowing soot: as opaque as it is bright."""
    glow = _ramp(fuel, 0.02, 0.7) * heat.clamp(0)
    red, green, blue = _ramp(glow, 0.02, 0.42), 0.93 * _ramp(glow, 0.12, 0.95), 0.85 * _ramp(glow, 0.55, 1.25)
    return (torch.stack((red, green, blue, red), dim=-1) * 255 + 0.5).to(torch.uint8)


def _ramp(value: Tensor, low: float, high: float) -> Tensor:
    step = ((value - low) / (high - low)).clamp(0, 1)
    return step * step * (3 - 2 * step)


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
    ),
    words=("fire", "flame", "flames", "blaze", "burning"),
    render=_render,
)
