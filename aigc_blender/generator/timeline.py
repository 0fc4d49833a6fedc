# SPDX-License-Identifier: GPL-3.0-or-later
"""From frames to model time: exact rational arithmetic, loops included."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from ..card import Style
from ..recipe import Recipe
from ..track import TICKS, Clock, Frame, Integral


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Model time of the frames of a recipe, from the clocks of its two styles.

    ``rates``: model frames a frame of each clock. ``pace``: model frames that pass in a frame, forward or backward, on
    average. ``knots``: coarsest knots that a loop spans, 0 where time does not wrap. ``stretch``: how much slower than
    by itself motion runs, because a loop must close: 1 is none.
    """

    clocks: tuple[Clock, Clock]
    rates: tuple[Fraction, Fraction]
    pace: float
    knots: int = 0
    stretch: float = 1.0

    def at(self, frame: Frame) -> Fraction:
        """Model time at an instant."""
        return sum((r * c.at(frame) for r, c in zip(self.rates, self.clocks, strict=True)), Fraction(0))


@dataclass(frozen=True, kw_only=True)
class Loop(Timeline):
    """Model time in a loop, which must come back: after a whole number of coarsest knots, or to where it began.

    Time that passes forward and time that passes backward are each slowed down or sped up by a constant factor, so a
    hold stays a hold.
    """

    forward: Integral
    backward: Integral
    gains: tuple[Fraction, Fraction]  # model frames a unit of these
    start: Fraction

    def at(self, frame: Frame) -> Fraction:
        """Model time at an instant: instants a period apart have the same."""
        at = self.clocks[0].pace.reduced(frame)
        return self.start + self.gains[0] * self.forward.at(at) - self.gains[1] * self.backward.at(at)


def timeline(recipe: Recipe, styles: tuple[Style, Style], knot: int) -> Timeline:
    """The timeline of a recipe for its two styles (without a blend: the one twice); ``knot`` is the coarsest knot stride."""
    first, second = (Fraction(s.fps).limit_denominator(100_000) / recipe.fps for s in styles)
    if recipe.loop:
        return _loop(recipe, (first, second), knot)
    own, other = recipe.clocks[0].pace.values
    passing = [abs(first * a + second * b) for a, b in zip(own, other, strict=True)]
    pace = float(sum(passing) / (len(passing) * TICKS**2))
    return Timeline(clocks=recipe.clocks, rates=(first, second), pace=pace)


def _loop(recipe: Recipe, rates: tuple[Fraction, Fraction], knot: int) -> Loop:
    """A loop's two clocks as one, fitted to whole knots.

    Where time passes both ways and the sum is less than half a knot, it goes back to where it began; else it spans at
    least one knot, in the direction that it goes.
    """
    assert recipe.loop is not None
    pace = recipe.clocks[0].pace
    scale = math.lcm(*(rate.denominator for rate in rates))
    unit = Fraction(1, scale * TICKS**2)
    own, other = (int(rate * scale) for rate in rates)
    passing = [own * a + other * b for a, b in zip(*pace.values, strict=True)]
    forward = Integral(pace.first, [max(v, 0) for v in passing])
    backward = Integral(pace.first, [max(-v, 0) for v in passing])
    ahead, back = (unit * (i.at(pace.anchor + recipe.loop) - i.at(pace.anchor)) for i in (forward, backward))
    start = sum((r * s for r, s in zip(rates, pace.start, strict=True)), Fraction(0))

    knots = round(abs(ahead - back) / knot)
    if ahead == back:
        knots, gains = 0, (Fraction(1), Fraction(1))
    elif knots == 0 and ahead and back:
        gains = ((ahead + back) / (2 * ahead), (ahead + back) / (2 * back))
    else:
        knots = max(1, knots)
        gain = knots * knot / abs(ahead - back)
        gains, start = (gain, gain), start * gain
    return Loop(
        clocks=recipe.clocks,
        rates=rates,
        forward=forward,
        backward=backward,
        gains=(gains[0] * unit, gains[1] * unit),
        start=start,
        knots=knots,
        stretch=float(1 / min(gains)),
        pace=float((gains[0] * ahead + gains[1] * back) / recipe.loop),
    )
