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
    """Scene-linear light (..., 3) of what a display shows: up to KNEE the same, above it more, ``glow`` for white.

    The brightest channel b of a pixel becomes, with u = (b - KNEE) / (1 - KNEE) and a = (glow - 1) / (glow - KNEE),

        KNEE + (1 - KNEE) * u / (1 - a * u)

    which is how the hyperbolic shoulder of a film curve is taken back: it rises steadily, its slope is 1 at the knee,
    and it has an inverse. The other channels rise by the same factor, so that colours keep their hue: mapped each by
    itself, yellow flames turn red, and salmon under AgX. ``light`` lies in 0..1 and is what reaches the eye, colour
    premultiplied by alpha: of faint glow over little alpha there is as little afterwards.
    """
    if glow == 1:
        return light
    shown = light.max(axis=-1, keepdims=True)
    over = np.clip((shown - KNEE) / (1 - KNEE), 0, 1)
    return light * _ratio(KNEE + (1 - KNEE) * over / (1 - _bend(glow) * over), shown)


def compress_highlights(light: NDArray[Any], glow: float) -> NDArray[Any]:
    """The way back: light (..., 3) in 0..glow as it is shown in 0..1."""
    if glow == 1:
        return light
    bright = light.max(axis=-1, keepdims=True)
    over = np.maximum(bright - KNEE, 0) / (1 - KNEE)
    return light * _ratio(KNEE + (1 - KNEE) * over / (1 + _bend(glow) * over), bright)


def _ratio(mapped: NDArray[Any], brightest: NDArray[Any]) -> NDArray[Any]:
    """The factor that takes the brightest channel to its new value; 1 up to the knee."""
    return np.where(brightest > KNEE, mapped / np.maximum(brightest, KNEE), 1).astype(brightest.dtype)


def _bend(glow: float) -> float:
    return (glow - 1) / (glow - KNEE)
