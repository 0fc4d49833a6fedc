# SPDX-License-Identifier: GPL-3.0-or-later
"""Films of one style written to a cache on disk: clips of one length at one or two scales, to be memory-mapped.

A cache is a folder that appears whole: it is made under another name and renamed, so one that is there can be used.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import FootageError, NoFilmError
from .pixels import Frame, scaled
from .shots import ShotFinder
from .sources import Source, read_frames
from .survey import Survey, even_frames

LONGEST_CLIP = 72  # frames
TOLD_EVERY = 2000  # frames of a long film
INDEX = "clips.json"


@dataclass(frozen=True)
class Film:
    """A film to be read: ``height`` and ``width`` after cropping and scaling, ``large`` if there is a second scale in it.

    ``frames``: the first and the last to read. ``controls``: values in the style's order.
    """

    source: Source
    survey: Survey
    fps: float
    height: int
    width: int
    large: bool
    digests: tuple[str, ...]
    frames: tuple[int, int] | None
    controls: tuple[float, ...]


@dataclass(frozen=True)
class Kept:
    """What a cache holds of a film: clips from ``first`` on, in all scales that have so many; ``frames`` of it were read."""

    name: str
    path: str
    first: int
    clips: int
    frames: int


@dataclass(frozen=True)
class Clips:
    """A cache: element height to (clips, frames, H, W, 4) uint8, memory-mapped; controls (clips, n) float32."""

    scales: dict[int, NDArray[np.uint8]]
    controls: NDArray[np.float32]
    fps: float
    alpha: bool
    films: tuple[Kept, ...]
    about: dict[str, Any]


def load_clips(folder: Path) -> Clips | None:
    """The cache in a folder, None where there is none."""
    index = folder / INDEX
    if not index.is_file():
        return None
    stored = json.loads(index.read_text(encoding="utf-8"))
    scales: dict[int, NDArray[np.uint8]] = {
        int(h): np.memmap(folder / f"{h}.rgba", np.uint8, "r", shape=tuple(s)) for h, s in stored["scales"].items()
    }
    controls = np.array(stored["controls"], np.float32).reshape(max(map(len, scales.values())), -1)
    films = tuple(Kept(**film) for film in stored["films"])
    return Clips(scales, controls, stored["fps"], stored["alpha"], films, stored["about"])


def write_clips(
    films: Sequence[Film],
    folder: Path,
    *,
    frames: int,
    to_bottom: bool,
    about: Mapping[str, Any],
    report: Callable[[str], None],
) -> None:
    """Read films, which are in the order large ones first, into a cache; clips have at least ``frames`` frames.

    Each film is cropped to what all have: its bottom or its middle. Clips do not span cuts. ``about`` is kept beside.

    Raises:
        NoFilmError: no film is long enough.
        OSError: the folder cannot be written.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        stored = _write(films, part, frames, to_bottom, report)
        (part / INDEX).write_text(json.dumps({**stored, "about": about}), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def too_short(frames: int) -> str:
    """Why a film gives no clips of so many frames."""
    return f"too short, no shot has {frames} frames"


def _write(
    films: Sequence[Film], folder: Path, frames: int, to_bottom: bool, report: Callable[[str], None]
) -> dict[str, Any]:
    height, width = min(f.height for f in films), min(f.width for f in films)
    factors = (1, 2) if any(f.large for f in films) else (1,)
    paths = {factor: folder / f"{height * factor}.rgba" for factor in factors}
    shots: list[tuple[int, int, Film]] = []
    counts = []
    opaque, total, large = True, 0, 0
    files = {factor: path.open("wb") for factor, path in paths.items()}
    try:
        for film in films:
            outputs = {f: file for f, file in files.items() if f == 1 or film.large}
            finder, covered = _copy(film, (height, width), to_bottom, outputs, report)
            found = [(a + total, b + total, film) for a, b in finder.shots() if b - a >= frames]
            total += finder.count
            large = total if film.large else large
            counts.append(finder.count)
            if not found:
                report(f"{film.source.name}: {too_short(frames)}; skipped.")
                continue
            shots += found
            opaque &= covered
    finally:
        for file in files.values():
            file.close()
    if not shots:
        raise NoFilmError(
            f"None of the footage is long enough; give shots of at least {frames} frames.", too_short(frames)
        )
    lengths = range(frames, max(frames, min(LONGEST_CLIP, *(b - a for a, b, _ in shots))) + 1)
    # Of the lengths that every shot has, the one that leaves most frames for a training clip to begin at.
    length = max(lengths, key=lambda n: sum((b - a) // n * (n - frames + 1) for a, b, _ in shots))
    clips = [(a, film) for first, last, film in shots for a in range(first, last - length + 1, length)]
    scales = {}
    for factor, path in paths.items():
        chosen = [a for a, _ in clips if factor == 1 or a < large]
        if not chosen:
            path.unlink()
            continue
        shape = (height * factor, width * factor, 4)
        _keep(path, chosen, length, shape)
        scales[height * factor] = (len(chosen), length, *shape)
    kept = []
    for film, count in zip(films, counts, strict=True):
        own = [i for i, (_, f) in enumerate(clips) if f is film]
        if own:
            start = str(film.source.files[0])
            kept.append(Kept(film.source.name, start, own[0], len(own), count))
    return {
        "fps": films[0].fps,
        "alpha": not opaque,
        "scales": scales,
        "controls": [film.controls for _, film in clips],
        "films": [asdict(k) for k in kept],
    }


def _copy(
    film: Film, crop: tuple[int, int], to_bottom: bool, outputs: Mapping[int, BinaryIO], report: Callable[[str], None]
) -> tuple[ShotFinder, bool]:
    """Append a film's frames to the files of each scale; its shots, and whether all frames are opaque."""
    finder, opaque = ShotFinder(), True
    before: NDArray[np.int16] | None = None
    try:
        for frame in _frames(film):
            pictures = {}
            for factor in outputs:
                whole = scaled(frame, film.height * factor, film.width * factor)
                pictures[factor] = _cropped(whole, crop[0] * factor, crop[1] * factor, to_bottom)
            now = pictures[1].astype(np.int16)
            if before is not None and film.survey.held and np.abs(now - before).mean() < film.survey.held:
                continue
            before = now
            finder.show(pictures[1])
            opaque &= bool((pictures[1][..., 3] == 255).all())
            for factor, file in outputs.items():
                file.write(pictures[factor].tobytes())
            if finder.count % TOLD_EVERY == 0:
                report(f"{film.source.name}: {finder.count} frames read.")
    except FootageError as error:
        report(f"{error} Its first {finder.count} frames are used.")
    return finder, opaque


def _frames(film: Film) -> Iterator[Frame]:
    """A film's frames at its rate, cropped."""
    first, last = film.frames or (0, None)
    timed = islice(read_frames(film.source), first, None if last is None else last + 1)
    whole = even_frames(timed, film.fps) if film.survey.uneven else (t.frame for t in timed)
    rows, columns = film.survey.box.pixels(film.survey.height, film.survey.width)
    for frame in whole:
        yield frame[rows, columns]


def _cropped(frame: Frame, height: int, width: int, to_bottom: bool) -> Frame:
    spare = frame.shape[0] - height
    top, left = spare if to_bottom else spare // 2, (frame.shape[1] - width) // 2
    return frame[top : top + height, left : left + width]


def _keep(path: Path, starts: Sequence[int], length: int, shape: tuple[int, ...]) -> None:
    """Reduce a file of frames to the clips that begin at ``starts``, which rise."""
    frames: NDArray[np.uint8] = np.memmap(path, np.uint8, "r+").reshape(-1, *shape)
    for clip, start in enumerate(starts):
        frames[clip * length : (clip + 1) * length] = frames[start : start + length]
    del frames
    with path.open("r+b") as file:
        file.truncate(len(starts) * length * int(np.prod(shape)))
