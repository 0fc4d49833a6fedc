# SPDX-License-Identifier: GPL-3.0-or-later
"""Non-local means: few samples a pixel leave grain, and bpy from the package index has no denoiser.

A pixel becomes the mean of those near it whose surroundings look the same, so that flames and edges stay sharp. The
grain of a still camera's frames is the same in all of them; so is what is left of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

REACH = 3  # pixels
GRAIN = 0.024  # standard deviation of display values that counts as grain


def denoised(pixels: Pixels) -> Pixels:
    """A picture (H, W, 3) of display values in 0..1 without its grain."""
    height, width, _ = pixels.shape
    margin = REACH + 1
    wide = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), "reflect")
    total, weights = np.zeros_like(pixels), np.zeros((height, width, 1), np.float32)
    middle = wide[REACH : REACH + height + 2, REACH : REACH + width + 2]
    for y in range(2 * REACH + 1):
        for x in range(2 * REACH + 1):
            other = wide[y : y + height + 2, x : x + width + 2]
            unlike = _over_patches(np.square(middle - other).mean(axis=2)) / (2 * GRAIN**2)
            weight = np.exp(-1.5 * np.maximum(unlike - 1, 0))[..., None]
            total += weight * other[1:-1, 1:-1]
            weights += weight
    return total / weights


def _over_patches(values: Pixels) -> Pixels:
    """The mean over 3 by 3 pixels; a pixel less on every side."""
    rows = values[:-2] + values[1:-1] + values[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
