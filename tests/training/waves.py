# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures whose motion is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE, FRAMES = 32, 16


def waves(seed: int, velocity: tuple[float, float], *, boiling: bool = False) -> NDArray[np.uint8]:
    """A grey opaque texture (F, H, W, 4) that moves by ``velocity`` (x, y) pixels a frame.

    Boiling, every wave keeps its power and frequency, but stands where it would have run: each pixel flickers as before.
    """
    rng = np.random.default_rng(seed)
    t, y, x = np.meshgrid(np.arange(FRAMES), np.arange(SIDE), np.arange(SIDE), indexing="ij")
    light = np.zeros(t.shape)
    for kx, ky in ((1, 0), (2, 1), (3, -1), (4, 2), (1, 3), (5, 1), (2, -3), (6, -1)):
        phase, other = rng.uniform(0, 2 * np.pi, 2)
        across = 2 * np.pi / SIDE * (kx * x + ky * y)
        along = 2 * np.pi / SIDE * (kx * velocity[0] + ky * velocity[1]) * t
        if boiling:
            light += np.sqrt(2) * np.cos(across + phase) * np.cos(along + other)
        else:
            light += np.cos(across - along + phase)
    grey = (np.clip(0.5 + light / 12, 0, 1) * 255).astype(np.uint8)
    return np.stack([grey, grey, grey, np.full_like(grey, 255)], axis=-1)
