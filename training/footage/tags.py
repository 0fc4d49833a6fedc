# SPDX-License-Identifier: GPL-3.0-or-later
"""``footage.toml``: what a studio says of its footage.

::

    rights = "shot by us, free for any use"

    [styles.campfire]
    anchored = "y"                       # auto (default), none, x, y or xy
    words = ["fire", "camp"]
    emissive = true
    mirror = true                        # left-right flips are as natural
    controls.height = { low = ["small"], high = ["tall"] }

    [[clips]]
    files = "tall_*.mov"                 # a glob, matched from the right end of the path
    style = "campfire"
    controls = { height = 0.9 }          # 0..1
    frames = [10, 250]                   # first and last: numbers of pictures; of a video, counted from 0
    crop = [0, 120, 640, 360]            # x, y, width, height in pixels; or auto, none
    skip = false
    rights = "licensed from X"           # styles have it too

Of several entries that match a file, later ones win key by key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal

from aigc_blender.card import AXES, Control, clean_text

from ..errors import FootageError
from .sources import Source

FILE_NAME = "footage.toml"
NAME = re.compile(r"[a-z0-9_-]{1,32}")
ANCHORED = {"none": (), "x": ("x",), "y": ("y",), "xy": AXES}

CropChoice = Literal["auto", "none"] | tuple[int, int, int, int]


@dataclass(frozen=True)
class StyleTag:
    """What is said of a style. ``anchored`` is None where it is to be found out."""

    anchored: tuple[str, ...] | None = None
    words: tuple[str, ...] = ()
    emissive: bool = False
    mirror: bool = False
    rights: str | None = None
    controls: Mapping[str, Control] = field(default_factory=dict)


@dataclass(frozen=True)
class ClipTag:
    """What is said of a film; ``controls`` are in 0..1, ``frames`` are the first and the last.

    ``rights``: its own; ``file_rights``: those of all that the tags file speaks of.
    """

    style: str | None = None
    controls: Mapping[str, float] = field(default_factory=dict)
    frames: tuple[int, int] | None = None
    crop: CropChoice | None = None
    skip: bool = False
    rights: str | None = None
    file_rights: str | None = None


@dataclass(frozen=True)
class Tags:
    """A tags file: ``folder`` is what it speaks of, None for all footage; ``clips`` are globs with what they give."""

    path: Path
    folder: Path | None = None
    rights: str | None = None
    styles: Mapping[str, StyleTag] = field(default_factory=dict)
    clips: Sequence[tuple[str, Mapping[str, Any]]] = ()


def find_tags(paths: Sequence[Path]) -> tuple[list[Tags], list[Path]]:
    """The tags files among paths and in the folders among them, and the paths of footage.

    A tags file that is named itself speaks of all footage; alone, of that in its folder.

    Raises:
        FootageError: a tags file that is not right: its name, the key and what to give.
    """
    named = [p for p in paths if p.suffix.lower() == ".toml"]
    footage = [p for p in paths if p not in named] or [p.parent for p in named]
    tags = [_read(p, None) for p in named]
    known = {p.resolve() for p in named}
    for folder in footage:
        path = folder / FILE_NAME
        if path.is_file() and path.resolve() not in known:
            tags.append(_read(path, folder))
    return tags, footage


def tag_sources(sources: Sequence[Source], tags: Sequence[Tags]) -> list[ClipTag]:
    """What is said of each source.

    Raises:
        FootageError: a glob matches no file.
    """
    given: list[dict[str, Any]] = [{} for _ in sources]
    for file in tags:
        inside = [i for i, s in enumerate(sources) if file.folder is None or file.folder in s.files[0].parents]
        for i in inside:
            given[i].setdefault("file_rights", file.rights)
        for number, (pattern, values) in enumerate(file.clips, 1):
            matched = [i for i in inside if any(PurePath(f).match(pattern) for f in sources[i].files)]
            if not matched:
                raise FootageError(
                    f"{file.path}: clips {number}: files: {pattern!r} matches no footage; correct the pattern."
                )
            for i in matched:
                controls = {**given[i].get("controls", {}), **values.get("controls", {})}
                given[i] |= {**values, "controls": controls}
    return [ClipTag(**values) for values in given]


def tag_style(name: str, tags: Sequence[Tags]) -> StyleTag:
    """What is said of a style; the first file that speaks of it counts."""
    return next((file.styles[name] for file in tags if name in file.styles), StyleTag())


def parse_crop(text: str) -> CropChoice:
    """``auto``, ``none`` or ``x,y,w,h`` in pixels.

    Raises:
        ValueError: it is none of these.
    """
    if text in ("auto", "none"):
        return text  # type: ignore[return-value]
    x, y, w, h = (int(part) for part in text.split(","))
    if min(x, y) < 0 or min(w, h) < 1:
        raise ValueError(text)
    return x, y, w, h


def _read(path: Path, folder: Path | None) -> Tags:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FootageError(f"{path}: cannot be read ({error.strerror}); check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FootageError(f"{path}: is not valid TOML ({error}); correct it there.") from None
    top = _checked(raw, path, "", {"rights": _text, "styles": _table, "clips": _tables})
    styles = {name: _style(_table(value), path, name) for name, value in top.get("styles", {}).items()}
    clips = []
    for number, raw_clip in enumerate(top.get("clips", []), 1):
        where = f"clips {number}: "
        values = _checked(raw_clip, path, where, _CLIP)
        if "files" not in values:
            raise FootageError(f'{path}: {where}files: is missing; give a pattern such as "*.mov".')
        clips.append((values.pop("files"), values))
    return Tags(path, folder, top.get("rights"), styles, clips)


def _style(raw: Mapping[str, Any], path: Path, name: str) -> StyleTag:
    where = f"styles.{name}: "
    if not NAME.fullmatch(name):
        raise FootageError(f"{path}: styles.{name}: is no name for a style; give up to 32 of a-z, 0-9, _ and -.")
    values = _checked(raw, path, where, _STYLE)
    controls = {}
    for control, ends in values.get("controls", {}).items():
        _checked({control: 0.0}, path, f"{where}controls: ", {control: _named(control)})
        words = _checked(ends, path, f"{where}controls.{control}: ", {"low": _texts, "high": _texts})
        controls[control] = Control(control, **words)
    return StyleTag(**{**values, "controls": controls})


def _checked(
    raw: Mapping[str, Any], path: Path, where: str, rules: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    """Each value through the rule of its key.

    Raises:
        FootageError: a key without a rule, or a value against it.
    """
    values = {}
    for key, value in raw.items():
        if key not in rules:
            raise FootageError(f"{path}: {where}{key}: is not known; use {', '.join(rules)}.")
        try:
            values[key] = rules[key](value)
        except ValueError as error:
            raise FootageError(f"{path}: {where}{key}: {value!r} is wrong; give {error}.") from None
    return values


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("some text")
    return clean_text(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
        raise ValueError('words such as ["small", "low"]')
    return tuple(clean_text(v) for v in value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a table")
    return value


def _tables(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise ValueError("tables: a [[clips]] for each pattern")
    return value


def _anchored(value: Any) -> tuple[str, ...] | None:
    if value == "auto":
        return None
    if not isinstance(value, str) or value not in ANCHORED:
        raise ValueError("auto, none, x, y or xy")
    return ANCHORED[value]


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError("a name of up to 32 of a-z, 0-9, _ and -")
    return value


def _named(name: str) -> Callable[[Any], Any]:
    """A rule for what bears a name."""

    def rule(value: Any) -> Any:
        if not NAME.fullmatch(name):
            raise ValueError("its control a name of up to 32 of a-z, 0-9, _ and -")
        return value

    return rule


def _controls(value: Any) -> dict[str, float]:
    table = _table(value)
    for name, number in table.items():
        _name(name)
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
            raise ValueError(f"{name} a number in 0..1")
    return {name: float(number) for name, number in table.items()}


def _whole(value: Any, count: int, text: str) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) != count or not all(type(v) is int and v >= 0 for v in value):
        raise ValueError(text)
    return tuple(value)


def _frames(value: Any) -> tuple[int, ...]:
    text = "first and last frame, such as [0, 99]"
    first, last = _whole(value, 2, text)
    if last < first:
        raise ValueError(text)
    return first, last


def _crop(value: Any) -> str | tuple[int, ...]:
    if isinstance(value, str) and value in ("auto", "none"):
        return value
    text = "auto, none or [x, y, width, height] in pixels"
    box = _whole(value, 4, text)
    if min(box[2:]) < 1:
        raise ValueError(text)
    return box


_STYLE = {
    "anchored": _anchored,
    "words": _texts,
    "emissive": _truth,
    "mirror": _truth,
    "rights": _text,
    "controls": _table,
}
_CLIP = {
    "files": _text,
    "style": _name,
    "controls": _controls,
    "frames": _frames,
    "crop": _crop,
    "skip": _truth,
    "rights": _text,
}
