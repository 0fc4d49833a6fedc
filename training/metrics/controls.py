# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether sliders do what they say: something measured in the picture for each control that has an obvious one.

Measures take one clip (F, H, W, 4), float32 in 0..1, premultiplied RGBA; lengths are in frame sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .motion import LUMA

Array = NDArray[np.floating[Any]]

OPAQUE = 0.25  # alpha from which flames are seen
LIT = 0.25  # brightness from which gas is seen
GREY = 0.35  # saturation below which the sky is cloud
DRIFT_LAG = 4  # frames


@dataclass(frozen=True)
class Measure:
    """What is measured, in words, and how; ``in_alpha``: it is the same in whatever is opaque."""

    words: str
    of: Callable[[Array], float]
    in_alpha: bool = False


def flame_height(clip: Array) -> float:
    """Height of the topmost visible pixel of a column, averaged over columns and frames."""
    visible = clip[..., 3] > OPAQUE
    rows = clip.shape[1]
    return float(np.where(visible.any(1), rows - visible.argmax(1), 0).mean() / rows)


def activity(clip: Array) -> float:
    """Mean change from frame to frame."""
    return float(np.abs(np.diff(clip, axis=0)).mean())


def mean_alpha(clip: Array) -> float:
    """Mean coverage."""
    return float(clip[..., 3].mean())


def correlation_length(clip: Array) -> float:
    """Distance at which brightness is half as alike as at none, along rows and columns."""
    light = clip[..., :3] @ LUMA
    light = light - light.mean((1, 2), keepdims=True)
    side = light.shape[1]
    likeness = [1.0]
    for lag in range(1, side // 2):
        pairs = (light[:, lag:] * light[:, :-lag]).mean() + (light[:, :, lag:] * light[:, :, :-lag]).mean()
        likeness.append(pairs / max(2 * (light**2).mean(), 1e-9))
        if likeness[-1] < 0.5:
            break
    above, below = likeness[-2], likeness[-1]
    return float((len(likeness) - 2 + min(1.0, (above - 0.5) / max(above - below, 1e-9))) / side)


def edge_contrast(clip: Array) -> float:
    """Mean change from pixel to pixel, in standard deviations of the picture's brightness."""
    light = clip[..., :3] @ LUMA
    steps = np.abs(np.diff(light, axis=1)).mean() + np.abs(np.diff(light, axis=2)).mean()
    return float(steps / 2 / max(light.std(), 1e-6))


def cloud_fraction(clip: Array) -> float:
    """Share of the picture that has little colour."""
    most = clip[..., :3].max(-1)
    saturation = (most - clip[..., :3].min(-1)) / np.maximum(most, 1e-6)
    return float((saturation < GREY).mean())


def drift(clip: Array) -> float:
    """How far the picture moves in a frame, by phase correlation."""
    light = clip[..., :3] @ LUMA
    side = light.shape[1]
    window = np.outer(np.hanning(side + 2)[1:-1], np.hanning(light.shape[2] + 2)[1:-1])
    waves = np.fft.fft2((light - light.mean((1, 2), keepdims=True)) * window)
    cross = (waves[DRIFT_LAG:] * waves[:-DRIFT_LAG].conj()).sum(0)
    alike = np.fft.ifft2(cross / np.maximum(np.abs(cross), 1e-9)).real
    row, column = np.unravel_index(alike.argmax(), alike.shape)
    shift = [_signed(int(row), alike[:, column]), _signed(int(column), alike[row])]
    return float(np.linalg.norm(shift) / DRIFT_LAG / side)


def _signed(peak: int, line: Array) -> float:
    """The place of a peak on a periodic line, within half its length of 0, refined by a parabola."""
    before, at, after = line[peak - 1], line[peak], line[(peak + 1) % len(line)]
    fine = peak + 0.5 * (before - after) / min(before - 2 * at + after, -1e-9)
    return (fine + len(line) / 2) % len(line) - len(line) / 2


def crispness(clip: Array) -> float:
    """How suddenly brightness bends: the mean second difference from pixel to pixel over the mean first."""
    light = clip[..., :3] @ LUMA
    slopes, bends = (sum(np.abs(np.diff(light, n, axis=axis)).mean() for axis in (1, 2)) for n in (1, 2))
    return float(bends / max(slopes, 1e-6))


def hue(clip: Array) -> float:
    """Hue of the mean colour, in turns of the circle from yellow over green, blue and magenta to red."""
    red, green, blue = clip[..., :3].sum((0, 1, 2))
    return float((np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue) / (2 * np.pi) - 1 / 6) % 1)


def blue_share(clip: Array) -> float:
    """Blue's share of all light."""
    light = clip[..., :3].sum((0, 1, 2))
    return float(light[2] / max(light.sum(), 1e-6))


def blueness(clip: Array) -> float:
    """Blue less red, in shares of both: -1 is red, 1 is blue."""
    red, _, blue = clip[..., :3].sum((0, 1, 2))
    return float((blue - red) / max(blue + red, 1e-9))


def shade(clip: Array) -> float:
    """Mean brightness of what is covered."""
    return float(clip[..., :3].mean() / max(clip[..., 3].mean(), 1e-9))


def lean(clip: Array) -> float:
    """Horizontal centre of alpha from the frame's middle, rows weighed by the square of their height."""
    alpha = clip[..., 3].mean(0)
    rows, columns = alpha.shape
    weight = alpha * (np.arange(rows, 0, -1) / rows)[:, None] ** 2
    place = (np.arange(columns) + 0.5) / columns - 0.5
    return float((weight * place).sum() / max(weight.sum(), 1e-9))


def lit_share(clip: Array) -> float:
    """Share of the picture that is not dark."""
    return float((clip[..., :3].max(-1) > LIT).mean())


def water_contrast(clip: Array) -> float:
    """Spread of brightness of waves and foam: of all that is not golden with sunlight."""
    cool = clip[..., 0] < clip[..., 2]
    return float((clip[..., :3] @ LUMA)[cool].std()) if cool.any() else 0.0


def golden_share(clip: Array) -> float:
    """Share of the picture that is warmer than the sky."""
    return float((clip[..., 0] > clip[..., 2] + 0.03).mean())


def molten_share(clip: Array) -> float:
    """Share of the picture that glows."""
    return float(((clip[..., 0] > 0.6) & (clip[..., 0] - clip[..., 2] > 0.3)).mean())


def flow(clip: Array) -> tuple[float, float]:
    """How far the picture's light moves right and up in a frame, by least squares over all pixels (Lucas & Kanade 1981)."""
    light = clip[..., :3] @ LUMA
    change = np.diff(light, axis=0)
    down, right = np.gradient((light[1:] + light[:-1]) / 2, axis=(1, 2))
    across, mixed, along = (right * right).mean(), (right * down).mean(), (down * down).mean()
    x, y = (right * change).mean(), (down * change).mean()
    scale = max(across * along - mixed**2, 1e-12) * light.shape[1]
    return float((mixed * y - along * x) / scale), float((across * y - mixed * x) / scale)


def flow_right(clip: Array) -> float:
    """How far the picture moves to the right in a frame."""
    return flow(clip)[0]


def flow_up(clip: Array) -> float:
    """How far the picture rises in a frame."""
    return flow(clip)[1]


def wander(clip: Array) -> float:
    """How far the picture moves sideways in a frame, whichever way: averaged over blocks of an eighth of a side."""
    light = clip[..., :3] @ LUMA
    slope = np.gradient((light[1:] + light[:-1]) / 2, axis=2)
    frames, rows, columns = slope.shape
    block = rows // 8
    moved = (slope * np.diff(light, axis=0))[:, : rows // block * block, : columns // block * block]
    moved = moved.reshape(frames, rows // block, block, columns // block, block).sum((2, 4))
    return float(np.abs(moved).sum() / max((slope**2).sum(), 1e-9) / rows)


def slant(clip: Array) -> float:
    """Lean of streaks from the vertical, in radians: positive where they lead down to the right."""
    down, right = np.gradient(clip[..., :3] @ LUMA, axis=(1, 2))
    return float(-0.5 * np.arctan2(2 * (right * down).mean(), (right**2 - down**2).mean()))


def elongation(clip: Array) -> float:
    """How much longer than wide the picture's grain is."""
    down, right = np.gradient(clip[..., :3] @ LUMA, axis=(1, 2))
    half = (right**2 + down**2).mean() / 2
    apart = np.hypot((right**2 - down**2).mean() / 2, (right * down).mean())
    return float(np.sqrt((half + apart) / max(half - apart, 1e-12)))


# By the name of the control; where an element's control of that name is about something else, by both names.
_MEASURES: dict[str, Measure] = {
    "height": Measure("height of the flames", flame_height, in_alpha=True),
    "turbulence": Measure("change a frame", activity),
    "density": Measure("mean alpha", mean_alpha, in_alpha=True),
    "temperature": Measure("blue less red", blueness),
    "shade": Measure("brightness of what is covered", shade),
    "scale": Measure("correlation length", correlation_length),
    "sharpness": Measure("edge contrast", edge_contrast),
    "detail": Measure("edge contrast", edge_contrast),
    "rays": Measure("edge contrast", edge_contrast),
    "coverage": Measure("cloud fraction", cloud_fraction),
    "wind": Measure("drift a frame", drift),
    "flow": Measure("drift a frame", drift),
    "roughness": Measure("contrast of water and foam", water_contrast),
    "glitter": Measure("golden share", golden_share),
    "heat": Measure("molten share", molten_share),
    "intensity": Measure("mean alpha", mean_alpha, in_alpha=True),
    "jaggedness": Measure("crispness", crispness),
    "hue": Measure("hue", hue),
    "aurora hue": Measure("share of blue", blue_share),
    "nebula hue": Measure("share of blue", blue_share),
    "nebula density": Measure("share that is lit", lit_share),
    "rain wind": Measure("slant", slant),
    "snow wind": Measure("drift to the right a frame", flow_right),
    "embers turbulence": Measure("sideways motion a frame", wander),
    "size": Measure("correlation length", correlation_length),
    "length": Measure("elongation of the grain", elongation),
    "speed": Measure("rise a frame", flow_up),
    "torch wind": Measure("centre of the flame's top", lean, in_alpha=True),
}


def measure(style: str, control: str, *, alpha: bool = True) -> Measure | None:
    """What shows whether a control of a style, with ``alpha`` or without, does what it says; None where nothing obvious does."""
    found = _MEASURES.get(f"{style} {control}") or _MEASURES.get(control)
    return None if found and found.in_alpha and not alpha else found


def rank_correlation(x: Array, y: Array) -> float:
    """Spearman's, ties sharing their mean rank; 0 where either is constant."""
    x, y = _ranks(x), _ranks(y)
    if x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def least_rank(swept: Array) -> float:
    """Spearman's of the seed that follows least; ``swept`` (seeds, positions, 2) are a control and what was measured.

    Seeds differ by more than many a control changes, in simulations too: over all of them together it would tell that.
    """
    return min(rank_correlation(*seed.T) for seed in swept)


def slopes(controls: Array, measured: Array) -> Array:
    """Change of a measured (n,) with each control of (n, c), the others held: (c,), by least squares."""
    design = np.concatenate([np.ones((len(controls), 1)), controls], axis=1)
    return np.linalg.lstsq(design, measured, rcond=None)[0][1:]


def told_apart(controls: Array) -> NDArray[np.bool_]:
    """Of which of the controls (n, c) the n clips can tell what it does: it varies, and not only as the others do."""
    design = np.concatenate([np.ones((len(controls), 1)), controls], axis=1)
    rank = np.linalg.matrix_rank(design)
    return np.array([np.linalg.matrix_rank(np.delete(design, c + 1, 1)) < rank for c in range(controls.shape[1])], bool)


def _ranks(values: Array) -> Array:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[index]
