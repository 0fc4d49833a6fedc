# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame ranges and file names. The file number is the scene frame."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import SequenceError

SUFFIXES = {"png": ".png", "png16": ".png", "exr": ".exr"}  # file format -> ending
MAX_NUMBER = 1_048_574  # Blender's last frame
MAX_FRAMES = 100_000  # frames of one run: more than an hour at 24 a second

# `5`, `1-48`, `1-48x2`; also Blender's own `1..48` and OpenJD's `1-48:2`.
_RANGE = re.compile(r"(\d{1,9})(?:(?:-|\.\.)(\d{1,9})(?:[x:](\d{1,9}))?)?", re.ASCII)
_UNSAFE_STEM = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def parse_frames(text: str) -> tuple[int, ...]:
    """Frame numbers of a range such as ``5``, ``1-48``, ``1-48x2`` or ``1-10,40-48``: ascending, each once.

    Raises:
        SequenceError: the range is empty, reversed, negative, too long or no range at all.
    """
    if not text.strip():
        raise SequenceError("Frame range is empty; write one such as 1-48.")
    numbers: set[int] = set()
    for part in text.split(","):
        part = part.strip()
        match = _RANGE.fullmatch(part)
        if not match:
            if part.startswith("-"):
                raise SequenceError(f"Frame range {text!r} has a negative number; frames are 0 or more.")
            raise SequenceError(f"Frame range {text!r} cannot be read; write 5, 1-48, 1-48x2 or 1-10,40-48.")
        first, last, step = match.groups()
        span = range(int(first), int(last or first) + 1, _step(step, text))
        if not span:
            raise SequenceError(f"Frame range {part} runs backwards; write {int(last)}-{int(first)}.")
        if span[-1] > MAX_NUMBER:
            raise SequenceError(f"Frame {span[-1]} is past the last frame that Blender has; give at most {MAX_NUMBER}.")
        # Counted before it is built: a range of a thousand million must not fill the memory.
        if len(span) <= MAX_FRAMES:
            numbers.update(span)
        if max(len(span), len(numbers)) > MAX_FRAMES:
            raise SequenceError(f"Frame range {text} has more than {MAX_FRAMES} frames; split it into several runs.")
    return tuple(sorted(numbers))


def check_stem(stem: str) -> str:
    """The stem, if it can be part of a file name on every platform.

    Raises:
        SequenceError: it cannot.
    """
    if not stem or len(stem) > 100 or _UNSAFE_STEM.search(stem) or stem[0] in ". " or stem[-1] in ". ":
        raise SequenceError(
            f'Name {stem!r} cannot be a file name; use up to 100 characters without / \\ : * ? " < > |.'
        )
    return stem


def frame_path(folder: Path, stem: str, number: int, fmt: str) -> Path:
    """Where a frame lies: ``folder/stem.0001.png``.

    Raises:
        SequenceError: the format is not known or the number is negative.
    """
    if fmt not in SUFFIXES:
        raise SequenceError(f"Format {fmt!r} is not known; choose one of {', '.join(SUFFIXES)}.")
    if not 0 <= number <= MAX_NUMBER:
        raise SequenceError(f"Frame {number} cannot be a file number; give 0 to {MAX_NUMBER}.")
    return folder / f"{stem}.{number:04d}{SUFFIXES[fmt]}"


def sidecar_path(folder: Path, stem: str) -> Path:
    """Where the recipe of a sequence lies: ``folder/stem.recipe.json``."""
    return folder / f"{stem}.recipe.json"


def _step(text: str | None, whole: str) -> int:
    step = int(text) if text is not None else 1
    if step < 1:
        raise SequenceError(f"Frame range {whole!r} has a step of 0; give 1 or more.")
    return step
