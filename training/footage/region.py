# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of a film's picture is of use: without bars, and where things move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

DARK = 40  # of 255: bars are not brighter
EVEN = 28  # of 255: nor do they vary more, and what is beside them is brighter by more
FULL_EDGE = 0.6  # of a row beside a bar that must differ from it: a flame's tip on black does not
THIN = 0.03  # of a side: bars that full size alone shows
LAG = 12  # frames between those compared: slow things have moved by then
NOISE = 3.0  # of 255: more than this at the quietest place is motion, not noise
QUIET = 0.25  # of the typical activity: less is surroundings
SURROUNDINGS = 0.12  # of the picture: less is not cropped
SHAKE_ROUNDS = 4  # of reweighted least squares

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Box:
    """A part of a picture in fractions of its width and height, measured from its top left corner."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    @property
    def area(self) -> float:
        """As a fraction of the picture's."""
        return (self.right - self.left) * (self.bottom - self.top)

    def pixels(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of a picture of that size; at least one of each."""
        top, left = min(height - 1, round(self.top * height)), min(width - 1, round(self.left * width))
        bottom, right = max(top + 1, round(self.bottom * height)), max(left + 1, round(self.right * width))
        return slice(top, bottom), slice(left, right)

    def within(self, other: Box) -> Self:
        """What both have."""
        return type(self)(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def at_least(self, tall: float, wide: float, within: Box) -> Self:
        """Grown to so much height and width about its middle, as far as ``within`` reaches."""
        left, right = _grown(self.left, self.right, wide, within.left, within.right)
        top, bottom = _grown(self.top, self.bottom, tall, within.top, within.bottom)
        return type(self)(left, top, right, bottom)


WHOLE = Box()


def without_bars(stretches: Sequence[NDArray[np.uint8]], frame: NDArray[np.uint8]) -> Box:
    """The picture between letterbox or pillarbox bars: black, even, and ending at a straight edge.

    ``stretches``: runs of frames of one film, (F, H, W, 4) uint8 of one size. ``frame``: one in full size, whose edges of
    few pixels count as well. Transparent pictures have no bars.
    """
    if any((s[..., 3] < 255).any() for s in stretches):
        return WHOLE
    # The brightest that a pixel ever gets, but for the rare spike.
    peak = np.max([np.percentile(s[..., :3].max(axis=3)[:: 1 + len(s) // 64], 98, axis=0) for s in stretches], axis=0)
    return _without_bars(peak, most=0.25).within(_without_bars(frame[..., :3].max(axis=2).astype(float), most=THIN))


def moving_part(stretches: Sequence[NDArray[np.uint8]], within: Box = WHOLE) -> Box:
    """The part of the picture in which things move, if what surrounds it is still and considerable; else ``within``.

    Of all rectangles it is the one with the most activity above a quarter of the typical one. Noise,
    changes of the whole picture's brightness and small movements of the camera do not count.
    """
    rows, columns = within.pixels(*stretches[0].shape[1:3])
    strength = activity([s[:, rows, columns] for s in stretches])
    strength = np.maximum(strength - min(float(np.percentile(strength, 5)), NOISE), 0)
    if strength.sum() == 0:
        return within
    typical = float((strength**2).sum() / strength.sum())
    if typical < NOISE / 2:
        return within
    top, bottom, left, right = _best_rectangle(strength - QUIET * typical)
    height, width = strength.shape
    inside = (bottom - top) * (right - left) / (height * width)
    if inside > 1 - SURROUNDINGS:
        return within
    tall, wide = within.bottom - within.top, within.right - within.left
    return Box(
        within.left + left / width * wide,
        within.top + top / height * tall,
        within.left + right / width * wide,
        within.top + bottom / height * tall,
    )


def activity(stretches: Sequence[NDArray[np.uint8]]) -> Array:
    """How much each pixel changes within LAG frames by itself, of 255: the mean over time, (H, W).

    Changes of the whole picture's brightness and small movements of the camera are taken out.
    """
    total, count = np.zeros(stretches[0].shape[1:3], np.float32), 0
    for stretch in stretches:
        frames = stretch.astype(np.float32).mean(axis=3)
        lag = min(LAG, len(frames) - 1)
        for before, after in zip(frames[:-lag:4], frames[lag::4], strict=True) if lag else ():
            total += np.abs(_unexplained(before, after))
            count += 1
    return total / max(1, count)


def _without_bars(peak: NDArray[Any], most: float) -> Box:
    """Between bars that take at most such a part of the height or width each."""
    height, width = peak.shape
    top, bottom, left, right = (_bar(p, most) for p in (peak, peak[::-1], peak.T, peak.T[::-1]))
    return Box(left / width, top / height, 1 - right / width, 1 - bottom / height)


def _bar(peak: NDArray[Any], most: float) -> int:
    """Rows of a bar at the top of a picture and of its soft edge; 0 where there is none."""
    dark = peak.max(axis=1) <= DARK
    even = peak.max(axis=1) - peak.min(axis=1) <= EVEN
    count = int(np.argmin(dark & even))  # 0 as well where all is dark
    if not 0 < count <= most * len(peak):
        return 0
    beside = peak[min(count + 1, len(peak) - 1)]
    sharp = np.mean(beside > float(np.median(peak[:count])) + EVEN) >= FULL_EDGE
    return count + 1 if sharp else 0


def _unexplained(before: Array, after: Array) -> Array:
    """The change that is left when the whole picture may shift a little and brighten.

    Least squares on the picture's gradient (Lucas and Kanade, 1981), a constant and the picture itself, reweighted
    so that what moves by itself does not count.
    """
    change, middle = after - before, (after + before) / 2
    terms = np.stack([*np.gradient(middle), np.ones_like(middle), middle - middle.mean()], axis=-1)
    weight = np.ones_like(change)
    left = change
    for _ in range(SHAKE_ROUNDS):
        weighted = terms * weight[..., None]
        normal = np.einsum("hwi,hwj->ij", weighted, terms) + 1e-3 * np.eye(4, dtype=np.float32)
        left = change - terms @ np.linalg.solve(normal, np.einsum("hwi,hw->i", weighted, change))
        weight = 1 / (np.abs(left) + 1)
    return left


def _best_rectangle(gain: Array) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of the rectangle with the greatest sum (Kadane's scan for each pair of rows)."""
    height, width = gain.shape
    table = np.zeros((height + 1, width + 1))
    table[1:, 1:] = gain.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    best, where = -np.inf, (0, height, 0, width)
    for top in range(height):
        sums = table[top + 1 :] - table[top]
        lowest = np.minimum.accumulate(sums, axis=1)
        gains = sums[:, 1:] - lowest[:, :-1]
        bottom, right = np.unravel_index(int(gains.argmax()), gains.shape)
        if gains[bottom, right] > best:
            best = gains[bottom, right]
            left = int(sums[bottom, : right + 1].argmin())
            where = (top, top + 1 + int(bottom), left, int(right) + 1)
    return where


def _grown(low: float, high: float, extent: float, least: float, most: float) -> tuple[float, float]:
    extent = min(max(extent, high - low), most - least)
    start = min(max((low + high - extent) / 2, least), most - extent)
    return start, start + extent
