# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instant of a recipe is drawn from: model time, fields and styles with their shares, and the pan."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from ..card import Style
from ..recipe import Recipe
from ..track import TICKS, Frame, Track
from .timeline import Timeline


@dataclass(frozen=True)
class Mix:
    """Whose weather it is: what w and the noise are made from. Instants of one mix may share a trunk.

    ``seeds``: each with its weight; their squares add up to 1. ``styles``: each with its share and the values of its
    controls; shares add up to 1. What has no share is left out.
    """

    seeds: tuple[tuple[int, float], ...]
    styles: tuple[tuple[Style, float, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Instant:
    """An instant: equal ones are drawn alike. ``pan`` is in pixels, right and up, within one width on tiled axes.

    ``drifted`` is how far the lattice has moved since model time 0, likewise.
    """

    time: Fraction
    mix: Mix
    pan: tuple[Fraction, Fraction]
    drifted: tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Instants:
    """All instants of a recipe; ``styles`` are its two (without a blend: the one twice).

    ``drift``: pixels right and up that the lattice moves in a model frame.
    """

    recipe: Recipe
    styles: tuple[Style, Style]
    time: Timeline
    drift: tuple[int, int] = (0, 0)

    def at(self, frame: Frame) -> Instant:
        """The instant of a frame, or of a moment between two."""
        time = self.time.at(frame)
        right, up = self.drift
        return Instant(time, self._mix(frame), self._pan(frame), (right * time, up * time))

    @property
    def mixes_change(self) -> bool:
        """Whether an animated setting changes the mix, so that frames cannot share a trunk."""
        recipe = self.recipe
        settings = (*recipe.controls.values(), recipe.seed_blend, recipe.style_blend)
        return any(isinstance(s, Track) and len(set(s.values)) > 1 for s in settings)

    @property
    def change(self) -> bool:
        """Whether anything changes while a shutter is open."""
        pans = any(isinstance(pan, Track) for pan in self.recipe.pan)
        return self.time.pace > 0 or self.mixes_change or pans

    def pans_between_pixels(self, axis: int) -> bool:
        """Whether a pan or a drift along an axis (0: x, 1: y) ever stands between two pixels."""
        pan = self.recipe.pan[axis]
        if isinstance(pan, Track) or _exact(pan).denominator > 1:
            return True
        return self.drift[axis] != 0 and not self._drifts_by_whole_pixels(self.drift[axis])

    def _drifts_by_whole_pixels(self, drift: int) -> bool:
        """Whether every frame has drifted by whole pixels, which what runs at one speed may."""
        recipe = self.recipe
        if recipe.shutter or isinstance(recipe.speed, Track) or isinstance(recipe.style_blend, Track):
            return False
        first, second = self.time.at(0), self.time.at(1)
        return (drift * first).denominator == (drift * second).denominator == 1

    def _mix(self, frame: Frame) -> Mix:
        recipe = self.recipe
        blend = recipe.value_at(recipe.seed_blend, frame)
        norm = math.hypot(1 - blend, blend)
        seeds = ((recipe.seed, (1 - blend) / norm), (recipe.seed_b or 0, blend / norm))
        share = recipe.value_at(recipe.style_blend, frame)
        styles = (
            (style, part, recipe.controls_at(frame, style))
            for style, part in zip(self.styles, (1 - share, share), strict=True)
            if part
        )
        return Mix(tuple((seed, weight) for seed, weight in seeds if weight), tuple(styles))

    def _pan(self, frame: Frame) -> tuple[Fraction, Fraction]:
        recipe = self.recipe
        x, y = (_exact(recipe.value_at(pan, frame)) for pan in recipe.pan)
        return (
            x % recipe.width if "x" in recipe.tile else x,
            y % recipe.height if "y" in recipe.tile else y,
        )


def _exact(pixels: float) -> Fraction:
    return Fraction(round(pixels * TICKS), TICKS)
