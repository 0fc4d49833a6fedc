# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that change from frame to frame, and time as the exact integral of a speed that does. stdlib only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise

TICKS = (
    1_000_000  # a whole number of which a speed or a share is rounded to: sums are exact, decimals stay what they are
)

Frame = int | Fraction  # a frame's number, or an instant between two


@dataclass(frozen=True)
class Track:
    """A setting that changes: one value a frame from frame ``first`` on, held at both ends."""

    first: int
    values: tuple[float, ...]

    def at(self, frame: Frame, loop: int | None = None) -> float:
        """The value at a frame, on a straight line between frames; in a loop it repeats from ``first`` on."""
        place = frame - self.first
        if loop:
            place %= loop
        index = math.floor(place)
        value = self._held(index)
        if index == place:
            return value
        return value + (self._held(self._after(index, loop)) - value) * float(place - index)

    def around(self, frame: int, loop: int | None = None) -> float | Track:
        """What instants within half a frame of ``frame`` read of it: the number where it does not change there."""
        if loop and not 0 < (frame - self.first) % loop < loop - 1:
            track = self.period(loop)  # at the seam, where its end need not be its start
        else:
            track = Track(frame - 1, tuple(self.at(frame + step, loop) for step in (-1, 0, 1)))
        return track if len(set(track.values)) > 1 else track.values[0]

    def period(self, loop: int) -> Track:
        """What a loop reads of it: one period and the value it should come back to."""
        return Track(self.first, self.values[: loop + 1])

    def _held(self, index: int) -> float:
        return self.values[min(max(index, 0), len(self.values) - 1)]

    def _after(self, index: int, loop: int | None) -> int:
        """The index that follows; a loop's first value follows its last, unless the track goes on to say what does."""
        return 0 if loop and index + 1 == loop >= len(self.values) else index + 1


class Integral:
    """The exact integral from frame ``first`` on of whole numbers given frame by frame, with straight lines between.

    The numbers are held at both ends. Sums are taken once: any instant costs the same.
    """

    def __init__(self, first: int, values: Sequence[int]) -> None:
        self.first, self.values = first, values
        self._doubled = [0, *accumulate(a + b for a, b in pairwise(values))]

    def at(self, frame: Frame) -> Fraction:
        """The integral from ``first`` to an instant before or after it."""
        place = Fraction(frame) - self.first
        last = len(self.values) - 1
        index = min(max(math.floor(place), 0), last)
        value, rest = self.values[index], place - index
        slope = self.values[index + 1] - value if 0 <= place < last else 0
        return Fraction(self._doubled[index], 2) + rest * value + rest * rest * slope / 2


@dataclass(frozen=True)
class Pace:
    """How time passes in a recipe for its two styles, and what time it is at frame ``anchor``.

    A blend's time is split between its styles by their shares: each knows its own model frames per second, and their
    sum then never jumps, however the share changes.
    """

    anchor: int
    start: tuple[Fraction, Fraction]
    first: int
    values: tuple[tuple[int, ...], tuple[int, ...]]  # speed times share, in 1 / TICKS**2, from frame ``first`` on
    loop: int | None

    def reduced(self, frame: Frame) -> Frame:
        """The frame; in a loop, the one of the period after the anchor that is drawn like it."""
        return self.anchor + (frame - self.anchor) % self.loop if self.loop else frame


def pace(speed: float | Track, share: float | Track, loop: int | None, start: tuple[Fraction, Fraction] | None) -> Pace:
    """The pace of a recipe with this speed, whose second style has this share.

    Time is counted from the first frame of the speed's track (else of the share's), where it is ``start``: by default
    that frame's number, so that an earlier end or a later key of a track leaves the frames before it alone.
    """
    tracks = [t for t in (speed, share) if isinstance(t, Track)]
    anchor = tracks[0].first if tracks else 0
    if loop:
        # One period and the frame that closes it.
        first, count = anchor, loop + 1 if tracks else 1
    else:
        first = min((t.first for t in tracks), default=0)
        count = max((t.first + len(t.values) for t in tracks), default=1) - first

    def ticks(value: float | Track, frame: int) -> int:
        return round((value.at(frame, loop) if isinstance(value, Track) else value) * TICKS)

    speeds = [ticks(speed, first + i) for i in range(count)]
    shares = [ticks(share, first + i) for i in range(count)]
    if start is None:
        at = anchor % loop if loop else anchor
        second = Fraction(at * ticks(share, anchor), TICKS)
        start = at - second, second
    own = tuple(s * (TICKS - b) for s, b in zip(speeds, shares, strict=True))
    other = tuple(s * b for s, b in zip(speeds, shares, strict=True))
    return Pace(anchor, start, first, (own, other), loop)


def times(pace: Pace) -> tuple[Clock, Clock]:
    """The time of each of the two styles."""
    own, other = (Clock(pace, start, Integral(pace.first, v)) for start, v in zip(pace.start, pace.values, strict=True))
    return own, other


@dataclass(frozen=True)
class Clock:
    """The time of one style, in frames at its own pace."""

    pace: Pace
    start: Fraction
    integral: Integral

    def at(self, frame: Frame) -> Fraction:
        """The time at an instant."""
        ticks = self.integral.at(self.pace.reduced(frame)) - self.integral.at(self.pace.anchor)
        return self.start + ticks / TICKS**2
