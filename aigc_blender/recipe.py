# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe: everything that determines the pixels of every frame, as plain JSON.

Frame range and file format are not part of it: any frame of a recipe can be drawn alone.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any

from .card import Style
from .errors import RecipeError

GENERATOR_VERSION = 1
TILES = ("", "x", "y", "xy")
MAX_SIZE = 16384  # pixels a side
MAX_SEED = 2**32 - 1
MAX_LOOP = 1_000_000  # frames
MAX_FPS = 1000


@dataclass(frozen=True)
class Track:
    """A control that changes: one value a frame from frame ``first`` on, held at both ends."""

    first: int
    values: tuple[float, ...]

    def at(self, frame: int) -> float:
        """The value at a frame."""
        return self.values[min(max(frame - self.first, 0), len(self.values) - 1)]


@dataclass(frozen=True)
class Recipe:
    """What to draw.

    Sizes are in pixels. ``loop`` is the period in frames (None: endless). ``tile`` names the axes
    that wrap. ``element_height`` is the height that an element of this style is drawn at (None:
    the frame's height). ``origin`` is the frame's place on the endless canvas: its left column and,
    from the bottom edge on an anchored y axis, else from the top, its row. ``model`` is the digest
    of the model file.
    """

    style: str
    model: str = ""
    seed: int = 0
    width: int = 256
    height: int = 256
    fps: Fraction = Fraction(24)
    loop: int | None = None
    tile: str = ""
    element_height: int | None = None
    origin: tuple[int, int] = (0, 0)
    controls: Mapping[str, float | Track] = field(default_factory=dict)
    generator: int = GENERATOR_VERSION

    def __post_init__(self) -> None:
        """Refuse what no model could draw.

        Raises:
            RecipeError: names the value and what is allowed.
        """
        for name, pixels in (("width", self.width), ("height", self.height)):
            if not 1 <= pixels <= MAX_SIZE:
                raise RecipeError(f"Size: {name} {pixels} is out of range; give 1 to {MAX_SIZE} pixels.")
        if self.element_height is not None and not 1 <= self.element_height <= MAX_SIZE:
            raise RecipeError(f"Element height {self.element_height} is out of range; give 1 to {MAX_SIZE} pixels.")
        if not 0 <= self.seed <= MAX_SEED:
            raise RecipeError(f"Seed {self.seed} is out of range; give 0 to {MAX_SEED}.")
        if not 0 < self.fps <= MAX_FPS:
            raise RecipeError(
                f"Frame rate {self.fps} is out of range; give more than 0 and at most {MAX_FPS} frames a second."
            )
        if self.loop is not None and not 1 <= self.loop <= MAX_LOOP:
            raise RecipeError(
                f"Loop {self.loop} is out of range; give a period of 1 to {MAX_LOOP} frames or leave it out."
            )
        if self.tile not in TILES:
            raise RecipeError(f"Tile {self.tile!r} is not known; give x, y or xy.")
        if self.generator != GENERATOR_VERSION:
            raise RecipeError(
                f"The recipe needs generator version {self.generator}, this add-on has {GENERATOR_VERSION}; use the version that made it."
            )
        for name, value in self.controls.items():
            for number in value.values if isinstance(value, Track) else (value,):
                if not (math.isfinite(number) and 0.0 <= number <= 1.0):
                    raise RecipeError(f"Control {name} = {number:g} is out of range; give 0 to 1.")

    def controls_at(self, frame: int, style: Style) -> tuple[float, ...]:
        """The values of all controls of the style at a frame, in the card's order, defaults filled in."""
        given = self._values(frame)
        return tuple(float(given.get(c.name, c.default)) for c in style.controls)

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON-ready data, complete and in a fixed order."""
        return {
            "generator": self.generator,
            "model": self.model,
            "style": self.style,
            "seed": self.seed,
            "size": [self.width, self.height],
            "fps": str(self.fps),
            "loop": self.loop,
            "tile": self.tile,
            "element_height": self.element_height,
            "origin": list(self.origin),
            "controls": {
                name: {"first": v.first, "values": list(v.values)} if isinstance(v, Track) else v
                for name, v in sorted(self.controls.items())
            },
        }

    def to_json(self) -> str:
        """The recipe as indented JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def frame_inputs(self, frame: int) -> dict[str, Any]:
        """What the pixels of one frame depend on: the recipe with each control at its value there."""
        return {**self.to_dict(), "controls": self._values(frame), "frame": frame}

    def frame_digest(self, frame: int, fmt: str) -> str:
        """Hexadecimal digest of one frame's inputs and file format.

        A change of a control elsewhere on the timeline leaves it alone.
        """
        text = json.dumps({**self.frame_inputs(frame), "format": fmt}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _values(self, frame: int) -> dict[str, float]:
        """The given controls at a frame, by name; in a loop a track repeats from its own first frame on."""
        values = {}
        for name, value in sorted(self.controls.items()):
            if isinstance(value, Track):
                value = value.at(value.first + (frame - value.first) % self.loop if self.loop else frame)
            values[name] = value
        return values


def recipe_from_dict(raw: object) -> Recipe:
    """A recipe from JSON data; unknown keys are errors, missing ones take their defaults.

    Raises:
        RecipeError: names the key and what is wrong with it.
    """
    if not isinstance(raw, dict):
        raise RecipeError("The recipe is not a JSON object; give a file that this add-on wrote.")
    values = dict(raw)
    known = ({f.name for f in fields(Recipe)} - {"width", "height"}) | {"size"}
    if unknown := sorted(set(values) - known):
        raise RecipeError(f"The recipe has the unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}.")
    if "style" not in values:
        raise RecipeError("The recipe has no style; add one.")
    try:
        if "size" in values:
            width, height = values.pop("size")
            values["width"], values["height"] = _whole(width), _whole(height)
        for key in ("seed", "generator"):
            if key in values:
                values[key] = _whole(values[key])
        for key in ("loop", "element_height"):
            if values.get(key) is not None:
                values[key] = _whole(values[key])
        if "fps" in values:
            values["fps"] = parse_fps(values["fps"])
        if "origin" in values:
            x, y = values["origin"]
            values["origin"] = (_whole(x), _whole(y))
        values["controls"] = {str(k): _control_value(v) for k, v in values.get("controls", {}).items()}
        for key in ("style", "model", "tile"):
            if key in values and not isinstance(values[key], str):
                raise TypeError(f"{key} must be text")
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise RecipeError(
            f"The recipe cannot be read ({error}); mend it or give a file that this add-on wrote."
        ) from None
    return Recipe(**values)


def recipe_from_json(text: str) -> Recipe:
    """A recipe from JSON text.

    Raises:
        RecipeError: the text is no recipe.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"The recipe is not JSON ({error}); give a file that this add-on wrote.") from None
    return recipe_from_dict(raw)


def parse_fps(value: object) -> Fraction:
    """Frames a second from a number or a text such as ``24`` or ``24000/1001``.

    Raises:
        RecipeError: it is neither.
    """
    text = str(value)
    try:
        if len(text) > 32 or "e" in text.lower():  # 1e999999999 would be worked out digit by digit
            raise ValueError(text)
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise RecipeError(f"Frame rate {value!r} is not a number; write 24 or 24000/1001.") from None


def check_style(recipe: Recipe, style: Style, cell: int) -> None:
    """Refuse a recipe that this style of a model cannot draw; ``cell`` is the coarsest stride in pixels.

    Raises:
        RecipeError: names the control, axis or size, and the remedy.
    """
    known = [c.name for c in style.controls]
    for name in recipe.controls:
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise RecipeError(f"Style {style.name} has no control {name!r}; {has}.")
    for axis in recipe.tile:
        if axis in style.anchored:
            free = " or ".join(a for a in ("x", "y") if a not in style.anchored)
            remedy = f"tile {free} only" if free else "leave tiling off"
            raise RecipeError(f"Style {style.name} stands on its {axis} axis and cannot tile along it; {remedy}.")
    zoom(recipe, style, cell)


def zoom(recipe: Recipe, style: Style, cell: int) -> int:
    """Pixels of the frame a pixel of the network, along each axis.

    Elements are drawn at a height that the model knows and enlarged by a whole factor, the least
    one at which tiled axes hold whole cells: the taller an element is drawn, the more detail it has.

    Raises:
        RecipeError: a tiled axis holds none; names the sizes next to it.
    """
    height = recipe.element_height or recipe.height
    most = max(1, height // style.native_height)
    least = min(most, -(-height // style.max_height))
    tiled = [(axis, size) for axis, size in (("x", recipe.width), ("y", recipe.height)) if axis in recipe.tile]
    for factor in range(least, most + 1):
        if all(size % (cell * factor) == 0 for _, size in tiled):
            return factor
    step = cell * least
    axis, size = next(((a, s) for a, s in tiled if s % step), tiled[0])
    below, above = size - size % step, size + step - size % step
    choice = f"{below} or {above}" if below else f"{above}"
    raise RecipeError(f"Size: {size} pixels cannot tile along {axis}, which needs a multiple of {step}; give {choice}.")


def _control_value(value: object) -> float | Track:
    if isinstance(value, dict):
        numbers = tuple(float(v) for v in value["values"])
        if not numbers:
            raise ValueError("a control with no values")
        return Track(first=_whole(value["first"]), values=numbers)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a control must be a number, not {value!r}")
    return float(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a whole number, not {value!r}")
    return value
