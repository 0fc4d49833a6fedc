# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall of fire seen from the side."""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_blender.card import Control

from .element import Element
from .fluid import FPS, Advection, Box, Diffusion, Projection, confinement, flicker

WARM_UP = 48


def lerp(low, high, amount):
    return low + (high - low) * amount


def column(values):
    return values[:, None, None]


def _render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str = "cpu") -> Tensor:
    controls = controls.to(device).clamp(0, 1)
    height, turbulence, density = (column(c) for c in controls.unbind(1))
    box = Box(size, below=size // 8, above=size // 4, device=device)
    steps = max(1, size // 64)
    dt = 1 / (FPS * steps)
    project, advect, diffuse = Projection(box, dt, 2e-4, 4.0, 2.0), Advection(box, dt), Diffusion(box, dt, 3e-4)
    total = WARM_UP + frames
    g = torch.Generator().manual_seed(seed)
    mem = lerp(14.0, 5.0, controls[:, 1])
    source = flicker(len(controls), total + 1, 14, 0.35, mem, g, size).to(device)
    gust = flicker(len(controls), total + 1, 10, 0.3, mem * 0.7, g, size).to(device)
    y = box.heights()
    base = torch.sigmoid(-y / 0.012)  # the burner lies under the picture's bottom edge
    sponge = (torch.sigmoid((y - 1.12) / 0.02) + torch.sigmoid((-0.07 - y) / 0.015)).clamp(0, 1)
    # Air is drawn in from before and behind the picture: the updraft gains speed without thinning in x.
    speed = lerp(0.55, 1.0, height)
    updraft = speed * (0.6 + 0.5 * y.clamp(0, 1.05))
    life = lerp(0.55, 1.0, height)
    B = len(controls)
    v = torch.zeros(B, 2, box.rows, size, device=device)
    gas = torch.zeros(B, 2, box.rows, size, device=device)
    film = []
    for frame in range(total):
        for step in range(steps):
            mix = step / steps
            s = torch.lerp(source[:, frame], source[:, frame + 1], mix)[:, None]
            w = torch.lerp(gust[:, frame], gust[:, frame + 1], mix)[:, None]
            fuel, heat = gas[:, 0], gas[:, 1]
            inlet = torch.sigmoid((s + lerp(-0.5, 1.3, density)) * 5)
            fuel = torch.lerp(fuel, inlet.expand_as(fuel), base)
            heat = torch.lerp(heat, (inlet * (1 + 0.15 * w)).expand_as(heat), base)
            burn = fuel * (1 - fuel)
            fuel = fuel - dt / life * (4.5 * burn + 0.25 * (fuel > 0))
            heat = heat - dt / life * (0.75 * heat.clamp(0) + 0.25)
            keep = 1 - sponge * (y > 0.5)
            gas = torch.stack((fuel, heat), 1).clamp(0, 1.3) * keep
            v = v + dt * confinement(v, size, 0.02) * lerp(2.0, 9.0, turbulence)[:, None]
            v[:, 1] += dt * speed * 3.5 * gas[:, 1]
            v[:, 0] += dt * w * lerp(1.0, 6.0, turbulence) * torch.exp(-(((y - 0.06) / 0.07) ** 2))
            v = v * (1 - (sponge * 0.5))[None]
            v = v - v.mean((-1, -2), keepdim=True)
            v = project(v)
            flow = torch.stack((v[:, 0], v[:, 1] + updraft), 1)
            moved = advect(torch.cat((v, gas), 1), flow)
            v, gas = moved[:, :2], diffuse(moved[:, 2:])
        if frame >= WARM_UP:
            film.append(shade(box.picture(gas)))
    return torch.stack(film, 1)


def shade(gas: Tensor) -> Tensor:
    fuel, heat = gas[:, 0], gas[:, 1]
    body = smooth(0.02, 0.7, fuel)
    t = body * heat.clamp(0)
    rgb = torch.stack((smooth(0.02, 0.42, t), smooth(0.12, 0.95, t) * 0.93, smooth(0.55, 1.25, t) * 0.85), -1)
    alpha = rgb.amax(-1, keepdim=True)
    return (torch.cat((rgb, alpha), -1) * 255 + 0.5).to(torch.uint8)


def smooth(low, high, x):
    x = ((x - low) / (high - low)).clamp(0, 1)
    return x * x * (3 - 2 * x)


FIRE = Element(
    name="fire",
    anchored=("y",),
    fps=FPS,
    alpha=True,
    emissive=True,
    controls=(
        Control("height", 0.6, low=("low", "small"), high=("tall", "high")),
        Control("turbulence", 0.5, low=("calm",), high=("wild",)),
        Control("density", 0.5, low=("sparse",), high=("dense",)),
    ),
    words=("fire",),
    render=_render,
)
