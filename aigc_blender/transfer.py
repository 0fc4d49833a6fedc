# SPDX-License-Identifier: GPL-3.0-or-later
"""The sRGB curve: between what is stored of a colour and light."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_light(colour: NDArray[Any]) -> NDArray[Any]:
    """Scene-linear light of a stored colour in 0..1."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def from_light(light: NDArray[Any]) -> NDArray[Any]:
    """The way back."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
