# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe: everything that determines the pixels of every frame, as plain JSON.

Frame range and file format are not part of it: any frame of a recipe can be drawn alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import cached_property
from typing import Any

from .card import Style
from .errors import RecipeError
from .track import Clock, Frame, Track, pace, times

__all__ = ["Recipe", "Track", "check_style", "parse_fps", "recipe_from_dict", "recipe_from_json", "zoom"]

GENERATOR_VERSION = 1
TILES = ("", "x", "y", "xy")
MAX_SIZE = 16384  # pixels a side
MAX_SEED = 2**32 - 1
MAX_ITEM_SEED = 2**31 - 1  # what a property of Blender holds
MAX_LOOP = 1_000_000  # frames
MIN_FPS, MAX_FPS = Fraction(1, 1000), 1000
MAX_SPEED = 8.0
MAX_PAN = 10_000_000.0  # pixels; as far away as the origin may be
MAX_FIRST = 10**10  # frame of a track
MAX_TIME = 10**11  # frames
SHUTTER_SAMPLES = (2, 64)


@dataclass(frozen=True)
class Recipe:
    """What to draw.

    Sizes are in pixels. ``loop`` is the period in frames (None: endless). ``tile`` names the axes
    that wrap. ``element_height`` is the height that an element of this style is drawn at (None:
    the frame's height). ``origin`` is the frame's place on the endless canvas: its left column and,
    from the bottom edge on an anchored y axis, else from the top, its row. ``model`` is the digest
    of the model file.

    ``speed`` is how fast time passes; a track of it is integrated from its first frame on. ``pan`` moves
    the content right and up by so many pixels. ``seed_blend`` and ``style_blend`` go from ``seed`` and
    ``style`` (0) to ``seed_b`` and ``style_b`` (1). ``shutter`` is the part of a frame that it is open,
    centred on the frame, and ``shutter_samples`` the instants that are averaged then. ``time`` is set in
    what a frame says of itself: what time it is, for both styles, at the first frame of the speed's track.
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
    speed: float | Track = 1.0
    pan: tuple[float | Track, float | Track] = (0.0, 0.0)
    seed_b: int | None = None
    seed_blend: float | Track = 0.0
    style_b: str = ""
    style_blend: float | Track = 0.0
    shutter: float = 0.0
    shutter_samples: int = 8
    time: tuple[Fraction, Fraction] | None = None

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
        for name, seed in (("Seed", self.seed), ("Second seed", self.seed_b or 0)):
            if not 0 <= seed <= MAX_SEED:
                raise RecipeError(f"{name} {seed} is out of range; give 0 to {MAX_SEED}.")
        if not MIN_FPS <= self.fps <= MAX_FPS:
            raise RecipeError(f"Frame rate {self.fps} is out of range; give {MIN_FPS} to {MAX_FPS} frames a second.")
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
        _check_range("Origin", self.origin, -MAX_PAN, MAX_PAN)
        _check_range("Time", self.time or (), -MAX_TIME, MAX_TIME)
        for name, value in self.controls.items():
            _check_range(f"Control {name}", value, 0.0, 1.0)
        _check_range("Speed", self.speed, -MAX_SPEED, MAX_SPEED)
        for name, value in zip(("Pan right", "Pan up"), self.pan, strict=True):
            _check_range(name, value, -MAX_PAN, MAX_PAN)
        _check_range("Seed blend", self.seed_blend, 0.0, 1.0)
        _check_range("Style blend", self.style_blend, 0.0, 1.0)
        _check_range("Shutter", self.shutter, 0.0, 1.0)
        least, most = SHUTTER_SAMPLES
        if not least <= self.shutter_samples <= most:
            raise RecipeError(f"Shutter samples {self.shutter_samples} is out of range; give {least} to {most}.")
        if self.seed_b is None and self.seed_blend != 0:
            raise RecipeError("Seed blend has no second seed to go to; give seed_b or leave the blend at 0.")
        if not self.style_b and self.style_blend != 0:
            raise RecipeError("Style blend has no second style to go to; give style_b or leave the blend at 0.")

    @cached_property
    def clocks(self) -> tuple[Clock, Clock]:
        """The time of the style and of the second one: their shares of the time that passes add up to the speed."""
        return times(pace(self.speed, self.style_blend, self.loop, self.time))

    def value_at(self, value: float | Track, frame: Frame) -> float:
        """A setting at a frame or an instant between two; in a loop a track repeats from its own first frame on."""
        return value.at(frame, self.loop) if isinstance(value, Track) else value

    def controls_at(self, frame: Frame, style: Style) -> tuple[float, ...]:
        """The values of all controls of the style at a frame, in the card's order, defaults filled in."""
        given = {name: self.value_at(value, frame) for name, value in self.controls.items()}
        return tuple(float(given.get(c.name, c.default)) for c in style.controls)

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON-ready data in a fixed order; of motion and blends only what is not at its default."""
        return {
            **self._still,
            "controls": {name: _plain(v) for name, v in sorted(self.controls.items())},
            **self._moving(_plain),
            **({} if self.time is None else {"time": [str(t) for t in self.time]}),
        }

    def to_json(self) -> str:
        """The recipe as indented JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def frame_inputs(self, frame: int) -> dict[str, Any]:
        """What the pixels of one frame depend on, as a recipe that draws it: each setting that moves at its value there.

        Under an open shutter a moving setting is what it is from the frame before to the frame after. Speed is
        replaced by the time that it has led to; only in a loop does every frame depend on all of it.
        """

        def at(value: float | Track) -> Any:
            if isinstance(value, Track):
                value = value.around(frame, self.loop) if self.shutter else value.at(frame, self.loop)
            return _plain(value)

        moving = self._moving(at)
        keyed = isinstance(self.speed, Track) or isinstance(self.style_blend, Track)
        if keyed and self.loop:
            for name, value in (("speed", self.speed), ("style_blend", self.style_blend)):
                if isinstance(value, Track):
                    moving[name] = _plain(value.period(self.loop))
        elif keyed:
            first = frame - 1 if self.shutter else frame
            speeds = [self.value_at(self.speed, first + i) for i in range(3)] if self.shutter else [0.0]
            moving["speed"] = {"first": first, "values": speeds}
            moving["time"] = [str(clock.at(first)) for clock in self.clocks]
            # A lattice moves as both styles of a blend do, wherever the blend is: that it is keyed shows in every frame.
            if isinstance(self.style_blend, Track) and not isinstance(moving.get("style_blend"), dict):
                moving["style_blend"] = {"first": first, "values": [self.style_blend.at(frame)]}
        elif self.time is not None:
            moving["time"] = [str(t) for t in self.time]
        controls = {name: at(v) for name, v in sorted(self.controls.items())}
        return {**self._still, "controls": controls, **dict(sorted(moving.items())), "frame": frame}

    def frame_digest(self, frame: int, fmt: str) -> str:
        """Hexadecimal digest of one frame's inputs and file format.

        A change of a control elsewhere on the timeline leaves it alone.
        """
        text = json.dumps({**self.frame_inputs(frame), "format": fmt}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @cached_property
    def _still(self) -> dict[str, Any]:
        """What is the same in every frame; a setting that came later is left out at its default, so that digests stay."""
        still: dict[str, Any] = {
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
        }
        later = ("seed_b", "style_b", "shutter", "shutter_samples")
        return still | {name: getattr(self, name) for name in later if getattr(self, name) != _DEFAULTS[name]}

    def _moving(self, plain: Callable[[float | Track], Any]) -> dict[str, Any]:
        """Settings of motion and blends, as ``plain`` gives them, that are not at their defaults."""
        moving = {name: plain(getattr(self, name)) for name in ("speed", "seed_blend", "style_blend")}
        pan = [plain(value) for value in self.pan]
        moving = {name: value for name, value in moving.items() if value != _DEFAULTS[name]}
        return moving if pan == [0.0, 0.0] else {**moving, "pan": pan}


_DEFAULTS = {f.name: f.default for f in fields(Recipe)}


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
        for key in ("seed", "generator", "shutter_samples"):
            if key in values:
                values[key] = _whole(values[key])
        for key in ("loop", "element_height", "seed_b"):
            if values.get(key) is not None:
                values[key] = _whole(values[key])
        if "fps" in values:
            values["fps"] = parse_fps(values["fps"])
        if "origin" in values:
            x, y = values["origin"]
            values["origin"] = (_whole(x), _whole(y))
        values |= _motion(values)
        values["controls"] = {str(k): _value("a control", v) for k, v in values.get("controls", {}).items()}
        for key in ("style", "style_b", "model", "tile"):
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
    """Refuse a recipe that this style of a model (or blend of two) cannot draw; ``cell`` is the coarsest stride in pixels.

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
    for axis, way, pan in zip(("x", "y"), ("right", "up"), recipe.pan, strict=True):
        if axis in style.anchored and pan != 0.0:
            raise RecipeError(
                f"Style {style.name} stands on its {axis} axis and cannot be panned along it; "
                f"set the pan {way} to 0 and move the object that shows it."
            )
    zoom(recipe, style, cell)


def zoom(recipe: Recipe, style: Style, cell: int) -> int:
    """Pixels of the frame a pixel of the network, along each axis.

    Elements are drawn at a height that the model knows and enlarged by a whole factor, the least
    one at which tiled axes hold whole cells: the taller an element is drawn, the more detail it has.

    Raises:
        RecipeError: a tiled axis holds none; names the sizes next to it.
    """
    factors = zoom_factors(recipe, style)
    tiled = [(axis, size) for axis, size in (("x", recipe.width), ("y", recipe.height)) if axis in recipe.tile]
    for factor in factors:
        if all(size % (cell * factor) == 0 for _, size in tiled):
            return factor
    step = cell * factors[0]
    axis, size = next(((a, s) for a, s in tiled if s % step), tiled[0])
    below, above = size - size % step, size + step - size % step
    choice = f"{below} or {above}" if below else f"{above}"
    raise RecipeError(f"Size: {size} pixels cannot tile along {axis}, which needs a multiple of {step}; give {choice}.")


def zoom_factors(recipe: Recipe, style: Style) -> range:
    """The whole factors by which a style may be enlarged to the height that it is drawn at."""
    height = recipe.element_height or recipe.height
    most = max(1, height // style.native_height)
    return range(min(most, -(-height // style.max_height)), most + 1)


def _motion(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of motion and blends among JSON values."""
    read: dict[str, Any] = {
        key: _value(key, values[key]) for key in ("speed", "seed_blend", "style_blend") if key in values
    }
    if "pan" in values:
        x, y = values["pan"]
        read["pan"] = (_value("pan", x), _value("pan", y))
    if "shutter" in values:
        read["shutter"] = _number("shutter", values["shutter"])
    if values.get("time") is not None:
        own, other = values["time"]
        read["time"] = (_fraction(own), _fraction(other))
    return read


def _check_range(name: str, value: float | Track | tuple[float | Fraction, ...], least: float, most: float) -> None:
    if isinstance(value, Track):
        _check_range(f"{name}'s first frame", value.first, -MAX_FIRST, MAX_FIRST)
        value = value.values
    for number in value if isinstance(value, tuple) else (value,):
        if not least <= number <= most:  # nor is NaN
            raise RecipeError(f"{name} = {number} is out of range; give {least:g} to {most:g}.")


def _plain(value: float | Track) -> Any:
    return {"first": value.first, "values": list(value.values)} if isinstance(value, Track) else value


def _value(name: str, value: object) -> float | Track:
    if isinstance(value, dict):
        if not value["values"]:
            raise ValueError(f"{name} with no values")
        return Track(first=_whole(value["first"]), values=tuple(_number(name, v) for v in value["values"]))
    return _number(name, value)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large") from None


def _fraction(value: object) -> Fraction:
    text = str(value)
    try:
        if len(text) > 64 or "e" in text.lower():
            raise ValueError(text)
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"time {text[:64]!r}") from None


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a whole number, not {value!r}")
    return value
