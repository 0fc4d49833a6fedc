# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion blur: a frame is the mean light of the instants at which its shutter is open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..track import Frame
from ..transfer import from_light, to_light
from .instants import Instant

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Exposure:
    """An instant of a frame, its share of the frame's light, and whether it is the last."""

    number: int
    instant: Instant
    share: Fraction
    last: bool


def exposures(
    instant_at: Callable[[Frame], Instant], numbers: Iterable[int], shutter: float, samples: int
) -> Iterator[Exposure]:
    """The exposures of frames, in order: ``samples`` evenly within the open shutter, centred on the frame.

    Those in a row that are drawn alike are one, so what stands still costs no more and stays as it is.
    """
    opening = Fraction(shutter).limit_denominator(1_000_000)
    offsets = [opening * (Fraction(2 * i + 1, 2 * samples) - Fraction(1, 2)) for i in range(samples)]
    for number in numbers:
        if not opening:
            yield Exposure(number, instant_at(number), Fraction(1), last=True)
            continue
        runs: list[tuple[Instant, int]] = []
        for offset in offsets:
            instant = instant_at(number + offset)
            if runs and runs[-1][0] == instant:
                runs[-1] = instant, runs[-1][1] + 1
            else:
                runs.append((instant, 1))
        for index, (instant, count) in enumerate(runs):
            yield Exposure(number, instant, Fraction(count, samples), last=index == len(runs) - 1)


def developed(drawn: Iterable[tuple[Exposure, Pixels]]) -> Iterator[tuple[int, Pixels]]:
    """Frames from their exposures' pixels (sRGB, premultiplied): light adds up, not its encoding."""
    light: Pixels | None = None
    alpha: Pixels | None = None
    for exposure, pixels in drawn:
        if exposure.share == 1:
            yield exposure.number, pixels
            continue
        share = np.float32(exposure.share)
        light = share * to_light(pixels[..., :3]) + (0 if light is None else light)
        alpha = share * pixels[..., 3:] + (0 if alpha is None else alpha)
        if exposure.last:
            yield exposure.number, np.concatenate([from_light(light), alpha], axis=2, dtype=np.float32).clip(0, 1)
            light = alpha = None
