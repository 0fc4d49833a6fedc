# SPDX-License-Identifier: GPL-3.0-or-later
"""Films read into a cache on disk, once: clips of one length, which every later run maps into memory."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from aigc_blender.card import Style

from ..errors import FootageError
from .clips import Footage
from .shots import find_shots
from .sources import Source, find_sources, frame_rate, read_frames

LONGEST_CLIP = 72  # frames
RATE_TOLERANCE = 0.05  # between films of one style: 23.976 goes with 24 and with 25, 30 does not
FORMAT = 1  # of the cache


@dataclass(frozen=True)
class _Film:
    """A readable source; ``height`` and ``width`` after scaling to size, ``large`` if there is a second scale in it."""

    source: Source
    fps: float
    height: int
    width: int
    large: bool


def read_footage(
    paths: Sequence[Path],
    cache: Path,
    *,
    style: str,
    size: int,
    frames: int,
    anchored: tuple[str, ...] = (),
    fps: float = 24.0,
    report: Callable[[str], None] = print,
) -> tuple[Footage, list[str]]:
    """Clips of at least ``frames`` frames from all films that ``paths`` lead to, and the names of those used.

    Each film is scaled so that its shorter side is ``size``, and twice that where it is large enough,
    and cropped to what all have: the bottom where the style is anchored in y, else the middle. Clips do
    not span cuts. ``fps`` is the rate of sequences of pictures. A film that is of no use is reported in
    one line and left out. What was read stays in ``cache`` until a file or an argument changes.

    Raises:
        FootageError: there is no usable film, or the cache cannot be written.
    """
    sources, faults = find_sources(paths)
    for fault in faults:
        report(fault)
    spec = {"size": size, "frames": frames, "anchored": anchored, "fps": fps, "format": FORMAT}
    folder = cache / f"{style}-{_digest(sources, spec)}"
    index = folder / "clips.json"
    try:
        if not index.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            stored = _read(sources, folder, size, frames, "y" in anchored, fps, report)
            index.with_suffix(".tmp").write_text(json.dumps(stored))
            index.with_suffix(".tmp").replace(index)
    except OSError as error:
        raise FootageError(
            f"{folder}: the footage cannot be stored ({error.strerror}); free some space or give another --cache."
        ) from None
    stored = json.loads(index.read_text())
    scales = {
        int(h): np.memmap(folder / f"{h}.rgba", np.uint8, "r", shape=tuple(s)) for h, s in stored["scales"].items()
    }
    clips = max(len(array) for array in scales.values())
    heights = ", ".join(f"{len(array)} at height {h}" for h, array in sorted(scales.items()))
    report(f"{style}: clips of {stored['length']} frames at {stored['fps']:g} a second: {heights}.")
    card = Style(
        name=style,
        anchored=anchored,
        fps=stored["fps"],
        native_height=min(scales),
        max_height=max(scales),
        alpha=stored["alpha"],
        words=tuple(dict.fromkeys(re.findall("[a-z]{3,}", style))),
    )
    return Footage(card, dict(scales), np.zeros((clips, 0), np.float32)), stored["sources"]


def style_name(paths: Sequence[Path]) -> str:
    """A style's name from that of the first file or folder."""
    first = paths[0].resolve()
    stem = first.name if first.is_dir() else first.stem.rstrip("0123456789")
    return re.sub("[^a-z0-9_-]+", "_", stem.lower()).strip("_-")[:32] or "footage"


def _digest(sources: Sequence[Source], spec: dict[str, Any]) -> str:
    files = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for s in sources for f in s.files]
    return hashlib.sha256(json.dumps([spec, files]).encode()).hexdigest()[:12]


def _read(
    sources: Sequence[Source],
    folder: Path,
    size: int,
    frames: int,
    to_bottom: bool,
    fps: float,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Write ``<height>.rgba`` for each scale; what is in them."""
    films = _of_one_rate(_probe(sources, size, fps, report), report)
    if not films:
        raise FootageError("None of the footage can be used; give videos or numbered pictures of larger size.")
    height, width = min(f.height for f in films), min(f.width for f in films)
    factors = (1, 2) if any(f.large for f in films) else (1,)
    paths = {factor: folder / f"{height * factor}.rgba" for factor in factors}
    shots: list[tuple[int, int]] = []
    used, opaque, total, large = [], True, 0, 0
    files = {factor: path.open("wb") for factor, path in paths.items()}
    try:
        for film in films:
            outputs = {f: file for f, file in files.items() if f == 1 or film.large}
            changes, covered = _copy(film, (height, width), to_bottom, outputs, report)
            found = [(a + total, b + total) for a, b in find_shots(changes) if b - a >= frames]
            total += len(changes) + 1
            large = total if film.large else large
            if not found:
                report(f"{film.source.name}: too short, no shot has {frames} frames; skipped.")
                continue
            shots += found
            opaque &= covered
            used.append(film.source.name)
    finally:
        for file in files.values():
            file.close()
    if not shots:
        raise FootageError(f"None of the footage is long enough; give shots of at least {frames} frames.")
    lengths = range(frames, max(frames, min(LONGEST_CLIP, *(b - a for a, b in shots))) + 1)
    # Of the lengths that every shot has, the one that leaves most frames for a training clip to begin at.
    length = max(lengths, key=lambda n: sum((b - a) // n * (n - frames + 1) for a, b in shots))
    starts = [a for first, last in shots for a in range(first, last - length + 1, length)]
    scales = {}
    for factor, path in paths.items():
        chosen = [a for a in starts if factor == 1 or a < large]
        if not chosen:
            path.unlink()
            continue
        shape = (height * factor, width * factor, 4)
        _keep(path, chosen, length, shape)
        scales[height * factor] = (len(chosen), length, *shape)
    return {"length": length, "fps": films[0].fps, "alpha": not opaque, "scales": scales, "sources": used}


def _probe(sources: Sequence[Source], size: int, fps: float, report: Callable[[str], None]) -> list[_Film]:
    """The films whose first frame can be read and is large enough."""
    films = []
    for source in sources:
        try:
            rate = frame_rate(source) or fps
            first = next(read_frames(source), None)
        except FootageError as error:
            report(f"{error} It is skipped.")
            continue
        if first is None:
            report(f"{source.name}: has no frames; skipped.")
            continue
        tall, wide = first.shape[:2]
        shorter = min(tall, wide)
        if shorter < size:
            report(f"{source.name}: too small, its shorter side has {shorter} pixels and {size} are needed; skipped.")
            continue
        height, width = round(tall * size / shorter), round(wide * size / shorter)
        films.append(_Film(source, rate, height, width, shorter >= 2 * size))
    return films


def _of_one_rate(films: Sequence[_Film], report: Callable[[str], None]) -> list[_Film]:
    """Those with the commonest rate, the large ones first: a scale holds a first part of the frames."""
    if not films:
        return []
    rate, _ = Counter(f.fps for f in films).most_common(1)[0]
    kept = []
    for film in films:
        if abs(film.fps / rate - 1) <= RATE_TOLERANCE:
            kept.append(_Film(film.source, rate, film.height, film.width, film.large))
        else:
            report(
                f"{film.source.name}: {film.fps:g} frames a second, where others have {rate:g}; skipped, convert it."
            )
    return sorted(kept, key=lambda film: not film.large)


def _copy(
    film: _Film, crop: tuple[int, int], to_bottom: bool, outputs: Mapping[int, BinaryIO], report: Callable[[str], None]
) -> tuple[list[float], bool]:
    """Append a film's frames to the files of each scale; the changes from frame to frame, and whether all are opaque."""
    changes: list[float] = []
    opaque = True
    before: NDArray[np.int16] | None = None
    try:
        for frame in read_frames(film.source):
            opaque &= bool((frame[..., 3] == 255).all())
            for factor, file in outputs.items():
                small = _scaled(frame, film.height * factor, film.width * factor)
                small = _cropped(small, crop[0] * factor, crop[1] * factor, to_bottom)
                file.write(small.tobytes())
                if factor == 1:
                    now = small.astype(np.int16)
                    if before is not None:
                        changes.append(float(np.abs(now - before).mean()) / 255)
                    before = now
    except FootageError as error:
        report(f"{error} Its first {len(changes) + 1} frames are used.")
    return changes, opaque


def _scaled(frame: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resampled with a triangle as wide as the pixels that go into one."""
    planes = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]
    small: NDArray[np.uint8] = interpolate(planes, (height, width), mode="bilinear", antialias=True)[0].numpy()
    return small.transpose(1, 2, 0)


def _cropped(frame: NDArray[np.uint8], height: int, width: int, to_bottom: bool) -> NDArray[np.uint8]:
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
