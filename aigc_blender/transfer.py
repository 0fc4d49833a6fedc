# SPDX-License-Identifier: GPL-3.0-or-later
"""Between what is stored of a colour and light: the sRGB curve, and the shoulder of what glows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

KNEE = 0.5  # scene-linear: mid-tones, an sRGB value of 0.735 and all below, stay as they are


def to_light(colour: NDArray[Any]) -> NDArray[Any]:
    """Scene-linear light of a stored colour in 0..1."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def from_light(light: NDArray[Any]) -> NDArray[Any]:
    """The way back."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def expand_highlights(light: NDArray[Any], glow: float) -> NDArray[Any]:
    """Scene-linear light of what a display shows: up to KNEE the same, above it more, and ``glow`` where it shows white.

    With u = (light - KNEE) / (1 - KNEE) and a = (glow - 1) / (glow - KNEE) it is

        KNEE + (1 - KNEE) * u / (1 - a * u)

    which is how the hyperbolic shoulder of a film curve is taken back: it rises steadily, its slope is 1 at the knee,
    and it has an inverse. Each channel is mapped by itself, as film records it: light that film shows as yellow was
    orange. ``light`` lies in 0..1 and is the light that reaches the eye, so colour premultiplied by alpha: of faint glow
    over little alpha there is as little afterwards.
    """
    if glow == 1:
        return light
    over = np.clip((light - KNEE) / (1 - KNEE), 0, 1)
    return np.minimum(light, KNEE) + (1 - KNEE) * over / (1 - _bend(glow) * over)


def compress_highlights(light: NDArray[Any], glow: float) -> NDArray[Any]:
    """The way back: light in 0..glow as it is shown in 0..1."""
    if glow == 1:
        return light
    over = np.maximum(light - KNEE, 0) / (1 - KNEE)
    return np.minimum(light, KNEE) + (1 - KNEE) * over / (1 + _bend(glow) * over)


def _bend(glow: float) -> float:
    return (glow - 1) / (glow - KNEE)
