# SPDX-License-Identifier: GPL-3.0-or-later
"""How clips move: their space-time spectrum, the seams of loops and tiles, repeats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

SECTORS = 8  # directions of motion told apart
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def brightness(clips: NDArray[np.uint8]) -> Array:
    """(..., 4) premultiplied RGBA bytes on black -> (...) in 0..1."""
    return clips[..., :3] @ LUMA / 255


def spectral_signature(clip: NDArray[np.uint8]) -> Array:
    """The power of a clip (F, H, W, 4) over signed wave vector and frequency, in decibels: (bins,).

    The bins are octaves of temporal frequency times octaves of spatial frequency times directions. A wave that runs one
    way lies on one side; one that stands, boils or flickers lies on both. How much more lies on the one than on the other
    follows without its sign, so that clips which run every way are alike in that they run.
    """
    light = brightness(clip).astype(np.float64)
    window = np.ones(())
    for side in light.shape:
        window = window[..., None] * np.hanning(side + 2)[1:-1]
    light = (light - (light * window).sum() / window.sum()) * window
    # Both of a conjugate pair say the same: the half with frequency >= 0 is all there is.
    power = np.abs(np.fft.fftn(light)[: len(clip) // 2 + 1]) ** 2
    bins, count = _bins(light.shape)
    sums, sizes = (np.bincount(bins.ravel(), weights, count) for weights in (power.ravel(), None))
    grain = (window**2).sum() / (12 * 255**2)  # power of rounding to bytes: below it nothing can be told
    decibels = 10 * np.log10(sums / np.maximum(sizes, 1) + grain)
    one, other = np.split(decibels.reshape(-1, SECTORS), 2, axis=1)
    return np.concatenate([decibels, np.abs(one - other).ravel()])


def _bins(shape: tuple[int, ...]) -> tuple[NDArray[np.int64], int]:
    """The bin of every coefficient with frequency >= 0, (F // 2 + 1, H, W), and how many there are; directions run fastest."""
    frames, height, width = shape
    size = max(height, width)
    ky, kx = np.fft.fftfreq(height, 1 / size)[:, None], np.fft.fftfreq(width, 1 / size)[None]
    ring, rate = _octave(np.hypot(kx, ky)), _octave(np.arange(frames // 2 + 1.0))
    # The pattern cos(k.x + w t) moves along -k; rows count downwards.
    sector = np.round(np.arctan2(ky, -kx) / (2 * np.pi / SECTORS)).astype(np.int64) % SECTORS
    rings = ring.max() + 1
    return (rate[:, None, None] * rings + ring) * SECTORS + sector, int((rate.max() + 1) * rings * SECTORS)


def _octave(frequency: Array) -> NDArray[np.int64]:
    """0 for what is constant, then one number an octave."""
    return np.where(frequency < 0.5, 0, 1 + np.log2(np.maximum(frequency, 1)).astype(np.int64))


def spatial_power(clips: NDArray[np.uint8]) -> Array:
    """Power of clips (n, F, H, W, 4) in decibels at 1, 2 ... H // 2 cycles a frame height: (n, H // 2), directions together."""
    height, width = clips.shape[2:4]
    cycles = np.hypot(np.fft.fftfreq(height, 1 / height)[:, None], np.fft.fftfreq(width, 1 / height)[None])
    rings = np.round(cycles).astype(np.int64).ravel()
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    curves = []
    for clip in clips:
        light = brightness(clip)
        light = (light - light.mean((1, 2), keepdims=True)) * window
        power = (np.abs(np.fft.fft2(light)) ** 2).mean(0).ravel()
        curves.append((np.bincount(rings, power) / np.bincount(rings))[1 : height // 2 + 1])
    return _decibels(np.array(curves), float((window**2).sum()))


def temporal_power(clips: NDArray[np.uint8]) -> Array:
    """Power of the pixels of clips (n, F, H, W, 4) in decibels at 1, 2 ... F // 2 cycles a clip: (n, F // 2)."""
    frames = clips.shape[1]
    window = np.hanning(frames + 2)[1:-1, None, None]
    curves = []
    for clip in clips:
        light = brightness(clip)
        power = np.abs(np.fft.rfft((light - light.mean(0)) * window, axis=0)) ** 2
        curves.append(power.mean((1, 2))[1 : frames // 2 + 1])
    return _decibels(np.array(curves), float((window**2).sum()))


def _decibels(power: Array, energy: float) -> Array:
    """Against a wave of full contrast, no less than what rounding to bytes leaves."""
    return 10 * np.log10(power / energy + 1 / (12 * 255**2))


def loop_steps(clips: NDArray[np.uint8]) -> Array:
    """Mean change from frame to frame of loops (n, P, H, W, C), the last back to the first: (n, P)."""
    return _steps(clips, axis=1)


def tile_steps(clips: NDArray[np.uint8], axis: str) -> Array:
    """Mean change from column to column (``x``) or row to row (``y``), the last around to the first: (n, side)."""
    return _steps(clips, axis=3 if axis == "x" else 2)


def seam(steps: Array) -> float:
    """The last step over the mean of the others, averaged over clips: 1 where there is no seam."""
    return float((steps[:, -1] / np.maximum(steps[:, :-1].mean(1), 1e-6)).mean())


def repeat(clips: NDArray[np.uint8], beyond: int) -> float:
    """The greatest correlation of a clip (n, F, H, W, 4) with itself ``beyond`` frames later or more, averaged over clips.

    1 is an exact repeat; what never changes is left out of account. At least a quarter of the clip overlaps.
    """
    greatest = []
    for clip in clips:
        flat = clip.reshape(len(clip), -1).astype(np.float32)
        flat -= flat.mean(0)
        products = flat @ flat.T
        energy = np.maximum(np.diag(products), 1e-9)
        lags = range(beyond, len(clip) * 3 // 4 + 1)
        greatest.append(
            max(
                np.diag(products, lag).sum() / np.sqrt(energy[:-lag].sum() * energy[lag:].sum())  # Cauchy-Schwarz
                for lag in lags
            )
        )
    return float(np.mean(greatest))


def _steps(clips: NDArray[np.uint8], axis: int) -> Array:
    values = clips.astype(np.int16)
    change = np.abs(np.roll(values, -1, axis) - values)
    return change.mean(tuple(i for i in range(1, clips.ndim) if i != axis))
