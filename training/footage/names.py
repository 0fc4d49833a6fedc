# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of styles, from those of files and folders."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from .sources import Source

LONGEST = 32


def style_name(paths: Sequence[Path]) -> str:
    """A style's name from that of the first file or folder."""
    first = paths[0].resolve()
    first = first.parent if first.suffix == ".toml" else first
    return _cleaned(first.name if first.is_dir() else first.stem.rstrip("0123456789"))


def own_name(source: Source, taken: set[str]) -> str:
    """A name for the style of one film alone, which is ``taken`` from then on: a video's with its number, of pictures what stands before theirs."""
    first = source.files[0]
    stem = first.stem if source.is_video else first.stem.rstrip("0123456789") or first.resolve().parent.name
    name = base = _cleaned(stem)
    for number in itertools.count(2):
        if name not in taken:
            break
        suffix = f"_{number}"
        name = base[: LONGEST - len(suffix)] + suffix
    taken.add(name)
    return name


def _cleaned(text: str) -> str:
    return re.sub("[^a-z0-9_-]+", "_", text.lower()).strip("_-")[:LONGEST] or "footage"
