# SPDX-License-Identifier: GPL-3.0-or-later
"""On which axes position matters in a film: where what is seen there repeats beyond chance.

A texture that is stationary along an axis can be shifted along it without anyone noticing. So the map of a feature
(brightness, motion, contrast), taken at times so far apart that the texture has forgotten itself, is averaged
over these times as it is, and many times with each map rolled by a random distance. Rolling keeps every correlation
length. Where the average as it is varies more along the axis than the rolled ones, structure stands fixed.
A film too slow for three such times is compared with itself across the other axis instead: band by band.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

AXES = {"x": 2, "y": 1}  # of a map (times, rows, columns)
BLOCKS = 12  # along the shorter side of a map
PIECE = 1  # correlation times averaged into one map
STEP = 3  # correlation times from one to the next
MOST_MAPS = 24
FEWEST_MAPS = 3
ROLLS = 400
CHANCE = 0.01  # how often a stationary texture may look anchored, a feature
SHARE = 0.28  # of the variance along the axis that must stand fixed

Array = NDArray[np.float32]


def anchored_axes(stretches: Sequence[NDArray[np.uint8]]) -> tuple[str, ...]:
    """The axes of a film on which position matters, of x and y.

    ``stretches``: runs of successive frames of one film, (F, H, W, 4) uint8 of one size, small (about 100 pixels).
    """
    runs = [s.astype(np.float32).mean(axis=3) for s in stretches if len(s) > 1]
    if not runs:
        return ()
    maps, separate = _maps(runs)
    rng = np.random.default_rng(0)
    found = []
    for axis, along in AXES.items():
        samples = maps if separate else [_bands(m, along, runs[0]) for m in maps]
        if any(_is_fixed(m, along, rng) for m in samples):
            found.append(axis)
    return tuple(found)


def _maps(runs: Sequence[Array]) -> tuple[list[Array], bool]:
    """Each feature's maps (times, rows, columns), and whether there are enough independent times."""
    memory = _length(runs, axis=0)
    longest = max(len(r) for r in runs)
    piece, step = (max(2, PIECE * memory), STEP * memory) if memory else (longest, longest)
    pieces = [r[i : i + piece] for r in runs for i in range(0, max(1, len(r) - piece + 1), step)]
    pieces = pieces[:: -(-len(pieces) // MOST_MAPS)]
    features: tuple[Callable[[Array], Array], ...] = (_brightness, _motion, _contrast)
    return [np.stack([f(p) for p in pieces]) for f in features], len(pieces) >= FEWEST_MAPS


def _length(runs: Sequence[Array], axis: int) -> int | None:
    """The lag at which values along an axis have become strangers; None where that is more than a third of it.

    By the structure function, in which what stands fixed cancels along time.
    """
    extent = max(r.shape[axis] for r in runs)
    lags = [lag for lag in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96) if lag <= extent // 2]
    rises = []
    for lag in lags:
        long = [np.moveaxis(r, axis, 0) for r in runs if r.shape[axis] > lag]
        rises.append(float(np.mean([np.mean((r[lag:] - r[:-lag]) ** 2) for r in long])))
    if not rises or max(rises) == 0:
        return None
    first = next(i for i, rise in enumerate(rises) if rise >= (1 - np.exp(-1)) * max(rises))
    return lags[first] if lags[first] * 3 <= extent else None


def _is_fixed(maps: Array, axis: int, rng: np.random.Generator) -> bool:
    """Whether the maps agree along an axis more than rolled ones do, and by how much of what varies."""
    lines = np.moveaxis(maps, axis, 2)
    lines = lines - lines.mean(axis=2, keepdims=True)
    count, _, extent = lines.shape
    total = float(lines.var(axis=2).mean())
    if count < FEWEST_MAPS or extent < 4 or total < 1e-6:
        return False
    seen = float(lines.mean(axis=0).var(axis=1).mean())
    if (seen - total / count) / (total - total / count) < SHARE:
        return False
    shifts = rng.integers(extent, size=(ROLLS, count, 1, 1))
    rolled = np.take_along_axis(lines[None], (np.arange(extent) + shifts) % extent, axis=3)
    chance = rolled.mean(axis=1).var(axis=2).mean(axis=1)
    return float(np.mean(chance >= seen)) <= CHANCE


def _bands(maps: Array, axis: int, run: Array) -> Array:
    """Averages over time and over bands across an axis wider than the texture's correlation, as maps of one line."""
    across = 3 - axis
    mean = maps.mean(axis=0)
    length = _length([run], axis=across) or run.shape[across]
    count = int(min(8, mean.shape[across - 1], run.shape[across] // (2 * length)))
    bands = [b.mean(axis=across - 1, keepdims=True) for b in np.array_split(mean, max(1, count), axis=across - 1)]
    return np.stack(bands)


def _brightness(piece: Array) -> Array:
    return _blocks(piece.mean(axis=0))


def _motion(piece: Array) -> Array:
    return np.log(1 + _blocks((np.diff(piece, axis=0) ** 2).mean(axis=0)))


def _contrast(piece: Array) -> Array:
    steps = np.diff(piece, axis=1)[:, :, :-1] ** 2 + np.diff(piece, axis=2)[:, :-1] ** 2
    return np.log(1 + _blocks(steps.mean(axis=0)))


def _blocks(pixels: Array) -> Array:
    """Averages over squares; what is left at the edges is dropped."""
    side = max(1, min(pixels.shape) // BLOCKS)
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    return pixels[: rows * side, : columns * side].reshape(rows, side, columns, side).mean(axis=(1, 3))
