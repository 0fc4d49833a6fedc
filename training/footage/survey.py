# SPDX-License-Identifier: GPL-3.0-or-later
"""What a film is, from a few stretches of it in small: its rate, its useful part, the axes on which position matters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import FootageError
from .anchors import anchored_axes
from .pixels import Frame, scaled
from .region import WHOLE, Box, activity, moving_part, without_bars
from .shots import find_shots
from .sources import Source, read_frames
from .tags import CropChoice
from .video import Timed, VideoInfo, video_info

STRETCHES = 5
LENGTH = 48  # frames of a stretch
SMALL = 96  # pixels of the shorter side
UNEVEN = 0.5  # frames by which a time may be off a constant rate, and an interval off the mean one
STATED = 0.01  # by which the rate measured may be off the one that a file states
LONGEST_GAP = 1.0  # seconds without a frame before the clock starts anew
HELD_RATIO = 5.0  # how much more than held frames others change
PATTERN = range(2, 7)  # frames after which holding repeats
PURE = 0.9  # of a pattern's frames must follow it

Film = NDArray[np.uint8]


@dataclass(frozen=True)
class Survey:
    """What was found. ``height`` and ``width`` are the whole picture's, upright, with square pixels.

    ``fps`` counts frames that are not held; it is None where nothing states it. ``uneven`` films are resampled
    to it by their times. Frames that change less than ``held`` (mean of 0..255 in the box) repeat the one before.
    ``motion``: the mean change within half a second, of 255, in ``box``.
    """

    height: int
    width: int
    fps: float | None
    uneven: bool
    held: float
    box: Box
    anchored: tuple[str, ...]
    motion: float


def survey(source: Source, crop: CropChoice, size: int, frames: tuple[int, int] | None = None) -> Survey:
    """Look at a film, or at its frames from the first to the last of ``frames``.

    ``crop``: ``auto`` for the part that moves, at least ``size`` pixels a side; ``none`` for all; or x, y, width,
    height in pixels.

    Raises:
        FootageError: it has no frames, cannot be read, or the crop lies outside.
    """
    info = video_info(source.files[0]) if source.is_video else VideoInfo(None, None)
    stretches = _readable(_stretches(source, info, frames))
    first = next(read_frames(source), None)
    if first is None or not stretches:
        raise FootageError(f"{source.name}: has no frames.")
    fps, uneven = _rate(info, [[t.time for t in s] for s in stretches])
    films = [np.stack([_reduced(t.frame) for t in s]) for s in stretches]
    # Held frames go first: next to them, every change looks like a cut.
    held, kept = (0.0, 1.0) if uneven else _holding(films)
    box = _box(source, _split([_without_held(f, held) for f in films]), first.frame, crop, size)
    rows, columns = box.pixels(*films[0].shape[1:3])
    films = [f[:, rows, columns] for f in films]
    if held:
        held, kept = _holding(films)
    films = _split([_without_held(f, held) for f in films])
    motion = float(activity(films).mean())
    height, width = first.frame.shape[:2]
    return Survey(height, width, fps and fps * kept, uneven, held, box, anchored_axes(films), motion)


def even_frames(frames: Iterator[Timed], fps: float) -> Iterator[Frame]:
    """Frames of uneven times at a constant rate: at each tick the one nearest in time."""
    before: Timed | None = None
    tick = 0.0
    for timed in frames:
        if timed.time is None or before is None or before.time is None or timed.time - before.time > LONGEST_GAP:
            if before is not None:
                yield before.frame
            tick = timed.time or 0.0
        else:
            while tick < (before.time + timed.time) / 2:
                yield before.frame
                tick += 1 / fps
        before = timed
    if before is not None:
        yield before.frame


def _stretches(source: Source, info: VideoInfo, frames: tuple[int, int] | None) -> Iterator[Iterator[Timed]]:
    """Runs of frames in small, spread over a film whose length is known; else its beginning."""
    count = len(source.files) if not source.is_video else int((info.duration or 0) * (info.rate or 0))
    first, last = frames or (0, (count or STRETCHES * LENGTH) - 1)
    last = min(last, count - 1) if count else last
    total = last - first + 1
    if total <= STRETCHES * LENGTH or not count:
        yield islice(read_frames(source, first, SMALL), max(0, min(total, STRETCHES * LENGTH)))
        return
    for start in np.linspace(first, last + 1 - LENGTH, STRETCHES).astype(int):
        yield islice(read_frames(source, int(start), SMALL), LENGTH)


def _split(films: Sequence[Film]) -> list[Film]:
    """At cuts: what changes there does not move."""
    return [film[first:last] for film in films for first, last in find_shots(film)]


def _readable(stretches: Iterable[Iterator[Timed]]) -> list[list[Timed]]:
    """What can be read of each stretch, without those of which nothing can, and of the first one's size: a film ends where that changes.

    Raises:
        FootageError: nothing can be read at all, and why.
    """
    runs: list[list[Timed]] = []
    fault = None
    for stretch in stretches:
        run: list[Timed] = []
        try:
            for timed in stretch:
                run.append(timed)  # noqa: PERF402
        except FootageError as error:
            fault = error
        if run:
            runs.append(run)
    if fault and not runs:
        raise fault
    return [run for run in runs if run[0].frame.shape == runs[0][0].frame.shape]


def _reduced(frame: Frame) -> Frame:
    """Decoders that cannot scale leave it to us."""
    height, width = frame.shape[:2]
    factor = SMALL / min(height, width)
    return scaled(frame, round(height * factor), round(width * factor)) if factor < 1 else frame


def _rate(info: VideoInfo, stretches: Sequence[Sequence[float | None]]) -> tuple[float | None, bool]:
    """Frames a second, and whether frames come unevenly."""
    runs = [np.array(s, float) for s in stretches if len(s) > 2 and None not in s]
    if not runs:
        return info.rate, False
    deltas = np.concatenate([np.diff(r) for r in runs])
    typical = float(np.median(deltas))
    if typical <= 0:
        return info.rate, False
    paces = [(r[-1] - r[0]) / (len(r) - 1) for r in runs]
    off = max(float(np.abs(r - r[0] - np.arange(len(r)) * p).max() / p) for r, p in zip(runs, paces, strict=True))
    jump = max(float(np.abs(np.diff(r) - p).max() / p) for r, p in zip(runs, paces, strict=True))
    if max(off, jump) > UNEVEN or max(paces) > min(paces) * (1 + UNEVEN):
        return round(1 / typical, 3), True
    measured = 1 / float(np.mean(paces))
    stated = info.rate is not None and abs(measured / info.rate - 1) <= STATED
    return (info.rate if stated else round(measured, 3)), False


def _box(source: Source, films: Sequence[Film], first: Frame, crop: CropChoice, size: int) -> Box:
    height, width = first.shape[:2]
    if crop == "none":
        return WHOLE
    if crop == "auto":
        within = without_bars(films, first)
        if any((f[..., 3] < 255).any() for f in films):
            return within  # What is cut out already was framed by hand.
        return moving_part(films, within).at_least(size / height, size / width, within)
    x, y, w, h = crop
    if x + w > width or y + h > height:
        raise FootageError(
            f"{source.name}: its pictures have {width}x{height} pixels, the crop {x},{y},{w},{h} leaves them."
        )
    return Box(x / width, y / height, (x + w) / width, (y + h) / height)


def _changes(film: Film) -> NDArray[np.float64]:
    return np.array([np.abs(b.astype(int) - a).mean() for a, b in pairwise(film)])


def _without_held(film: Film, held: float) -> Film:
    return film[np.concatenate([[True], _changes(film) >= held])]


def _holding(films: Sequence[Film]) -> tuple[float, float]:
    """The change below which a frame is held, and the share of frames that are not; (0, 1) where none are.

    Held are those of two well-separated kinds of changes that come in a pattern of a few frames.
    """
    stretches = [_changes(film) for film in films]
    changes = np.sort(np.concatenate(stretches)) + 0.01
    if len(changes) < 3 * max(PATTERN):
        return 0.0, 1.0
    split = int(np.argmax(changes[1:] / changes[:-1])) + 1
    if changes[split] < HELD_RATIO * changes[split - 1]:
        return 0.0, 1.0
    limit = float(np.sqrt(changes[split] * changes[split - 1])) - 0.01
    for period in PATTERN:
        agree, kept = [], []
        for stretch in stretches:
            whole = stretch[: len(stretch) // period * period].reshape(-1, period) < limit
            if not len(whole):
                continue
            share = whole.mean(axis=0)
            agree.append(float(np.maximum(share, 1 - share).min()))
            kept.append(int((share < 0.5).sum()))
        if agree and min(agree) >= PURE and len(set(kept)) == 1 and 0 < kept[0] < period:
            return limit, kept[0] / period
    return 0.0, 1.0
