# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of a recipe before it is drawn: sizes that would do, memory, disk space, time.

Time is only told from what has been measured on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from .card import Card, Style
from .errors import RecipeError
from .recipe import MAX_SIZE, Recipe, zoom, zoom_factors

GROUP_BYTES = 512 * 2**20  # of frames that the generator fills at the same time
CHANNELS = 4  # of float32, while a frame is being filled
ROUNDS = 8
FILE_BYTES = {"png": 1, "png16": 2, "exr": 2}  # a channel, before compression


@dataclass(frozen=True)
class Pace:
    """How fast a sequence was drawn: seconds a frame of so many pixels, of which the network drew so many."""

    seconds: float
    pixels: int
    network: int

    def estimate(self, recipe: Recipe, style: Style, card: Card, frames: int) -> float:
        """Seconds that a number of frames takes at most: by the pixels drawn or by those written, whichever are more."""
        more = max(recipe.width * recipe.height / self.pixels, network_pixels(recipe, style, card) / self.network)
        return self.seconds * frames * more


def cell(card: Card) -> int:
    """Stride of the model's coarsest level in pixels, which tiled axes are multiples of."""
    return int(card.architecture["trunk"][0]["stride"])


def network_pixels(recipe: Recipe, style: Style, card: Card) -> int:
    """Pixels that the network itself draws of a frame; the rest is enlargement.

    Raises:
        RecipeError: the size cannot tile.
    """
    factor = zoom(recipe, style, cell(card))
    return -(-recipe.width // factor) * -(-recipe.height // factor)


def memory_bytes(recipe: Recipe, style: Style, card: Card) -> int:
    """Memory for the frames that are being filled, beside what the network itself needs."""
    knot = int(card.architecture["trunk"][0]["knot_stride"])
    frame = recipe.width * recipe.height * CHANNELS * 4
    pace = Fraction(style.fps).limit_denominator(100_000) / recipe.fps
    if recipe.loop:
        pace = Fraction(max(1, round(recipe.loop * pace / knot)) * knot, recipe.loop)
    return max(1, min(GROUP_BYTES // frame, int(knot / pace))) * frame


def disk_bytes(recipe: Recipe, style: Style, fmt: str, frames: int) -> int:
    """Disk space that the files take at most."""
    return frames * recipe.width * recipe.height * (4 if style.alpha else 3) * FILE_BYTES[fmt]


def fitting_sizes(recipe: Recipe, style: Style, card: Card) -> list[tuple[int, int]]:
    """For a size that cannot tile, the next ones (width, height) that can, the smaller first; [] for one that can."""
    if _fits(recipe, style, card):
        return []
    found = [_rounded(recipe, style, card, up=up) for up in (False, True)]
    return list(dict.fromkeys(size for size in found if size is not None))


def _rounded(recipe: Recipe, style: Style, card: Card, *, up: bool) -> tuple[int, int] | None:
    """The tiled axes rounded to whole cells; None where that leaves the range of sizes."""
    for _ in range(ROUNDS):  # another height may need another factor, and so other cells
        step = cell(card) * zoom_factors(recipe, style)[0]
        width, height = (
            (size + step * up - up) // step * step if axis in recipe.tile else size
            for axis, size in (("x", recipe.width), ("y", recipe.height))
        )
        if not (1 <= width <= MAX_SIZE and 1 <= height <= MAX_SIZE):
            return None
        recipe = replace(recipe, width=width, height=height)
        if _fits(recipe, style, card):
            return width, height
    return None


def _fits(recipe: Recipe, style: Style, card: Card) -> bool:
    try:
        zoom(recipe, style, cell(card))
    except RecipeError:
        return False
    return True
