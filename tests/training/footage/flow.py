# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests measure in clips of particles: how the picture flows, and how its grain lies."""

from __future__ import annotations

import torch
from torch import Tensor

from training.footage.procedural.element import Element


def render(
    element: Element, clips: int = 4, frames: int = 12, pixels: int = 64, seed: int = 1, **controls: float
) -> Tensor:
    """Clips with the given controls, the others at their defaults; (B, F, pixels, pixels, 4) in 0..1."""
    values = [controls.get(control.name, control.default) for control in element.controls]
    return element.render(torch.tensor([values] * clips), frames, pixels, seed, "cpu").float() / 255


def grain(clips: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The structure tensor of the picture's light, x to the right and y upwards: (B,) of xx, xy and yy."""
    x, y = _slopes(clips[..., :3].mean(-1))
    return _mean(x * x), _mean(x * y), _mean(y * y)


def flow(clips: Tensor) -> tuple[Tensor, Tensor]:
    """How far the picture's light moves right and up in a frame, in picture heights (B,), by least squares."""
    light = clips[..., :3].mean(-1)
    change = light[:, 1:] - light[:, :-1]
    x, y = _slopes((light[:, 1:] + light[:, :-1]) / 2)
    xx, xy, yy, x_t, y_t = (_mean(product) for product in (x * x, x * y, y * y, x * change, y * change))
    scale = (xx * yy - xy * xy) * light.shape[-1]
    return (xy * y_t - yy * x_t) / scale, (xy * x_t - xx * y_t) / scale


def _slopes(light: Tensor) -> tuple[Tensor, Tensor]:
    down, right = torch.gradient(light, dim=(-2, -1))
    return right, -down


def _mean(values: Tensor) -> Tensor:
    return values.mean((1, 2, 3))
