# SPDX-License-Identifier: GPL-3.0-or-later
"""From frame numbers to model time: exact rational arithmetic, loops included."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..recipe import Recipe


@dataclass(frozen=True)
class Timeline:
    """Model time of the frames of a recipe.

    ``rate`` is model frames a frame. A loop of ``period`` frames spans ``knots`` coarsest knots of
    ``knot`` model frames each; 0 where the recipe does not loop.
    """

    rate: Fraction
    knot: int
    period: int
    knots: int

    @property
    def stretch(self) -> float:
        """How much slower than the style's own pace motion runs, because a loop holds whole knots: 1 is none."""
        if not self.period:
            return 1.0
        return float(self.period * self.rate / (self.knots * self.knot))

    def at(self, frame: int) -> Fraction:
        """Model time of a frame: frames a period apart have the same."""
        if self.period:
            return Fraction((frame % self.period) * self.knots * self.knot, self.period)
        return frame * self.rate


def timeline(recipe: Recipe, style_fps: float, knot: int) -> Timeline:
    """The timeline of a recipe for a style of ``style_fps`` model frames a second."""
    rate = Fraction(style_fps).limit_denominator(100_000) / recipe.fps
    if recipe.loop is None:
        return Timeline(rate, knot, 0, 0)
    return Timeline(rate, knot, recipe.loop, max(1, round(recipe.loop * rate / knot)))
