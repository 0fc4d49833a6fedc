# SPDX-License-Identifier: GPL-3.0-or-later
"""What a procedural element is: a style that renders its own footage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from aigc_blender.card import Control

Render = Callable[[torch.Tensor, int, int, int, torch.device | str], torch.Tensor]


@dataclass(frozen=True)
class Element:
    """An element of the bundled model and the function that renders clips of it.

    ``anchored``, ``fps`` (model frames per second), ``alpha``, ``emissive``, ``controls``, ``words`` and ``glow`` go into
    the model card as they are (see ``aigc_blender.card.Style``).

    ``render(controls, frames, size, seed, device)`` takes controls of shape (B, len(self.controls)), float32 in 0..1,
    and returns uint8 of shape (B, frames, size, size, 4) on ``device``: RGBA, premultiplied, sRGB-encoded, row 0 at the
    top. The B clips are independent, begin in the steady state, and are periodic in x, and in y unless anchored there.
    ``size`` is the element's height in pixels: the same scene at any resolution. One seed on one device gives
    the same bytes every time.
    """

    name: str
    anchored: tuple[str, ...]
    fps: float
    alpha: bool
    emissive: bool
    controls: tuple[Control, ...]
    words: tuple[str, ...]
    render: Render
    glow: float = 1.0
