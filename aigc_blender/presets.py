# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets: an element's settings as a JSON file that people can share. Data only, never code."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .card import clean_text
from .errors import PresetError
from .recipe import MAX_ITEM_SEED, MAX_SIZE, TILES
from .runtime.folders import user_folder, user_folders

VERSION = 1
MARK = "aigc_preset"  # the key that tells a preset from other JSON; its value is the version
BUNDLED = Path(__file__).parent / "bundled_presets"
MAX_BYTES = 2**20
FORMATS = ("auto", "png", "png16", "exr")
RENDER_SIZE = "render"

_REMEDY = "mend it or take another copy"
_KEYS = {
    MARK,
    *("name", "style", "model", "controls", "size", "element_height", "loop", "tile", "format", "motion", "seed"),
}


@dataclass(frozen=True)
class Preset:
    """Settings of an element.

    ``size`` is in pixels; None takes the render's. ``element_height`` 0 is the height of the frame. ``motion`` holds
    numbers by the name of the setting. ``model`` is the digest to prefer where several models draw the style.
    ``seed`` None leaves the seed alone.
    """

    name: str
    style: str
    model: str = ""
    controls: Mapping[str, float] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    element_height: int = 0
    loop: bool = True
    tile: str = ""
    format: str = "auto"
    motion: Mapping[str, float] = field(default_factory=dict)
    seed: int | None = None

    def to_json(self) -> str:
        """The preset as indented JSON text."""
        data: dict[str, Any] = {
            MARK: VERSION,
            "name": self.name,
            "style": self.style,
            "model": self.model,
            "controls": dict(self.controls),
            "size": list(self.size) if self.size else RENDER_SIZE,
            "element_height": self.element_height,
            "loop": self.loop,
            "tile": self.tile,
            "format": self.format,
            "motion": dict(self.motion),
            "seed": self.seed,
        }
        return json.dumps({key: value for key, value in data.items() if value not in ("", {}, None)}, indent=2) + "\n"


@dataclass(frozen=True)
class PresetFile:
    """A preset on disk; a bundled one cannot be renamed or deleted."""

    path: Path
    preset: Preset

    @property
    def bundled(self) -> bool:
        """Whether it came with the add-on."""
        return self.path.parent == BUNDLED


def user_presets() -> Path:
    """The folder of this user's presets, shared by all versions of Blender; need not be there."""
    return user_folder() / "presets"


def find_presets(folders: Iterable[Path] = ()) -> tuple[list[PresetFile], list[PresetError]]:
    """All readable presets, bundled ones first, then the user's, by file name; and what was wrong with the rest."""
    found, faults = [], []
    for folder in (BUNDLED, *(tuple(folders) or user_folders("presets"))):
        for path in sorted(folder.glob("*.json")):
            try:
                found.append(read_preset(path))
            except PresetError as error:
                faults.append(error)
    return found, faults


def read_preset(path: Path) -> PresetFile:
    """The preset in a file.

    Raises:
        PresetError: it cannot be read, or is no preset.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PresetError(f"{path} is larger than any preset; choose a file that this add-on wrote.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PresetError(f"{path} cannot be read ({error.strerror}); check the path and its permissions.") from None
    except UnicodeDecodeError:
        raise PresetError(f"{path} is not JSON; choose a file that this add-on wrote.") from None
    return PresetFile(path, preset_from_json(text, path.name))


def preset_from_json(text: str, source: str) -> Preset:
    """A preset from JSON text; ``source`` names it in errors.

    Raises:
        PresetError: names the key and what is wrong with it.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise PresetError(f"{source} is not JSON; choose a file that this add-on wrote.") from None
    if not isinstance(raw, dict) or MARK not in raw:
        raise PresetError(f"{source} is not a preset; choose a file that this add-on wrote.")
    if raw[MARK] != VERSION:
        raise PresetError(f"{source} is a preset of version {raw[MARK]!r}, not {VERSION}; update the add-on.")
    if unknown := sorted(set(raw) - _KEYS):
        raise PresetError(f"{source} has the unknown key {clean_text(unknown[0])!r}; remove it or update the add-on.")
    try:
        return _build(raw)
    except (KeyError, TypeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise PresetError(f"{source} is not a valid preset: {what}; {_REMEDY}.") from None


def save_preset(preset: Preset, folder: Path) -> Path:
    """Write a preset, in place of one of the same name, whole or not at all; gives its file.

    Raises:
        PresetError: the folder cannot be written to, or the name has no letter or digit or comes to another one's file.
    """
    preset = replace(preset, name=clean_text(preset.name).strip())
    path = folder / f"{_file_name(preset.name)}.json"
    other = _name_in(path)
    if other not in (None, preset.name):
        raise PresetError(
            f"There is a preset {other} already, and {preset.name} would be saved as the same file; choose another name."
        )
    _write(preset, path)
    return path


def _name_in(path: Path) -> str | None:
    """The name of the preset in a file; None where there is no such file, or no preset in it."""
    try:
        return read_preset(path).preset.name
    except PresetError:
        return None


def _write(preset: Preset, path: Path) -> None:
    draft = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(preset.to_json(), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise PresetError(
            f"{path} cannot be written ({error.strerror}); check its permissions and free space."
        ) from None


def add_preset(preset: Preset, folder: Path) -> Path:
    """Keep another's preset beside those that are there, under a name with a number where that is taken; gives its file.

    Raises:
        PresetError: the folder cannot be written to, or the name has no letter or digit.
    """
    names = (preset.name if n == 1 else f"{preset.name} {n}" for n in itertools.count(1))
    for named in (replace(preset, name=name) for name in names):
        path = folder / f"{_file_name(named.name)}.json"
        if not path.exists():
            return save_preset(named, folder)
        with contextlib.suppress(PresetError):
            if read_preset(path).preset == named:
                return path
    raise AssertionError("there is no end of numbers")


def delete_preset(path: Path) -> None:
    """Delete a preset's file.

    Raises:
        PresetError: it cannot be deleted, or came with the add-on.
    """
    if path.parent == BUNDLED:
        raise PresetError(f"{path.stem} came with the add-on; only your own presets can be deleted.")
    try:
        path.unlink()
    except OSError as error:
        raise PresetError(f"{path} cannot be deleted ({error.strerror}); check its permissions.") from None


def rename_preset(path: Path, name: str) -> Path:
    """Give a preset another name; gives its new file.

    Raises:
        PresetError: another one has that name, it came with the add-on, or its folder cannot be written to.
    """
    if path.parent == BUNDLED:
        raise PresetError(f"{path.stem} came with the add-on; save it under your own name instead.")
    preset = replace(read_preset(path).preset, name=clean_text(name).strip())
    target = path.with_name(f"{_file_name(preset.name)}.json")
    if target != path and target.exists():
        raise PresetError(f"There is a preset {preset.name} already; choose another name.")
    _write(preset, target)
    if target != path:
        delete_preset(path)
    return target


def _build(raw: dict[str, Any]) -> Preset:
    size = raw.get("size", RENDER_SIZE)
    preset = Preset(
        name=clean_text(raw["name"]).strip(),
        style=clean_text(raw["style"]),
        model=clean_text(raw.get("model", "")),
        controls=_numbers("controls", raw.get("controls", {})),
        size=None if size == RENDER_SIZE else _size(size),
        element_height=_whole("element_height", raw.get("element_height", 0), 0, MAX_SIZE),
        loop=_flag("loop", raw.get("loop", True)),
        tile=_choice("tile", raw.get("tile", ""), TILES),
        format=_choice("format", raw.get("format", "auto"), FORMATS),
        motion=_numbers("motion", raw.get("motion", {})),
        seed=None if raw.get("seed") is None else _whole("seed", raw["seed"], 0, MAX_ITEM_SEED),
    )
    if not preset.name or not preset.style:
        raise ValueError("its name and its style must not be empty")
    for name, value in preset.controls.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"control {name} must lie in 0 to 1, not {value:g}")
    return preset


def _size(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"size must be two numbers or {RENDER_SIZE!r}")
    width, height = (_whole("size", pixels, 1, MAX_SIZE) for pixels in value)
    return width, height


def _numbers(key: str, value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise TypeError(f"{key} must be an object of numbers")
    for name, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= sys.float_info.max:
            raise ValueError(f"{key}: {clean_text(name)} must be a number")
    return {clean_text(name): float(number) for name, number in value.items()}


def _whole(key: str, value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{key} must be a whole number from {least} to {most}")
    return value


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{key} must be true or false")
    return value


def _choice(key: str, value: object, known: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{key} must be one of {', '.join(repr(k) for k in known)}")
    return value


def _file_name(name: str) -> str:
    """A preset's name as a file's on any system."""
    file_name = re.sub(r"[^\w-]+", "-", name.lower()).strip("-_")
    if not file_name:
        raise PresetError(f"The name {name!r} has no letter or digit; give another one.")
    return file_name if len(file_name) <= 64 else f"{file_name[:56]}{file_name[-8:]}"  # a number stays at its end
