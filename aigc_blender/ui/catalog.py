# SPDX-License-Identifier: GPL-3.0-or-later
"""The styles there are to choose from, read from the model cards when something may have changed, never while drawing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy.utils.previews

from ..card import ModelFile, Style
from ..errors import ModelError
from ..library import find_models, model_paths
from ..scene import picture


@dataclass(frozen=True)
class Entry:
    """A style of a model; ``key`` is what scripts assign to ``group.aigc.style``."""

    key: str
    style: Style
    model: ModelFile
    icon: int


entries: list[Entry] = []
choices: list[tuple[str, str, str, int, int]] = []  # Blender keeps no reference to the strings of an enum's items
faults: list[ModelError] = []
NO_STYLE = "NONE"
_partners: dict[tuple[str, str], list[tuple[str, str, str, int, int]]] = {}
_stamps: dict[Path, tuple[int, int]] | None = None
_previews: Any = None


def refresh(folders: tuple[Path, ...] = ()) -> None:
    """Read the cards again if a model file came, went or changed; ``folders`` are searched beside the usual ones."""
    global _stamps, _previews
    stamps = _look(folders)
    if stamps == _stamps:
        return
    _stamps = stamps
    models, faults[:] = find_models(folders)
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
    _previews = bpy.utils.previews.new()
    entries.clear()
    _partners.clear()
    for model in models:
        for style in model.card.styles:
            taken = any(e.key == style.name for e in entries)
            key = f"{style.name}@{model.digest[:8]}" if taken else style.name
            entries.append(Entry(key, style, model, _icon(key, style)))
    choices[:] = [(e.key, title(e.style.name), describe(e), e.icon, i) for i, e in enumerate(entries)]


def clear() -> None:
    """Forget everything, thumbnails included."""
    global _stamps, _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
    _stamps = _previews = None
    entries.clear()
    _partners.clear()
    choices.clear()
    faults.clear()


def entry(style: str, digest: str) -> Entry | None:
    """The style of exactly that model, or None."""
    return next((e for e in entries if e.style.name == style and e.model.digest == digest), None)


def partners(style: str, digest: str) -> list[tuple[str, str, str, int, int]]:
    """The choices of a style to blend into: none, or another of the same model."""
    if (style, digest) not in _partners:
        others = [(i, e) for i, e in enumerate(entries, 1) if e.model.digest == digest and e.style.name != style]
        _partners[style, digest] = [
            (NO_STYLE, "None", "Draw one style alone", 0, 0),
            *((e.style.name, title(e.style.name), describe(e), e.icon, i) for i, e in others),
        ]
    return _partners[style, digest]


def find(style: str, digest: str = "") -> Entry | None:
    """The style of that model if it is there, else of the first model that has it, or None."""
    return entry(style, digest) or next((e for e in entries if e.style.name == style), None)


def title(name: str) -> str:
    """A style's or control's name as a label."""
    return name.replace("_", " ").replace("-", " ").title()


def describe(entry: Entry) -> str:
    """A style's tooltip."""
    words = ", ".join(entry.style.words) or title(entry.style.name)
    return f"{words}. Model: {entry.model.card.name} {entry.model.card.version}"


def _look(folders: tuple[Path, ...]) -> dict[Path, tuple[int, int]]:
    found = {}
    for path in model_paths(folders)[0]:
        try:
            status = path.stat()
        except OSError:  # reading it tells why
            found[path] = (0, 0)
        else:
            found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _icon(key: str, style: Style) -> int:
    """A thumbnail's icon; 0, which is none, where the card has no thumbnail of the right size."""
    thumbnail = picture.of_style(style)
    if thumbnail is None:
        return 0
    preview = _previews.new(key)
    picture.put(preview, thumbnail)
    return int(preview.icon_id)
