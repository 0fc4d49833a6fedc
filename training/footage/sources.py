# SPDX-License-Identifier: GPL-3.0-or-later
"""Films on disk, frame by frame: video files, and pictures numbered in their names."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import FootageError
from ..files import RUN
from .pictures import read_picture
from .pixels import Frame, scaled, unreadable
from .video import Timed, read_video, video_info

VIDEOS = frozenset(".avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts .webm .wmv .y4m".split())
PICTURES = frozenset(".dpx .exr .jpeg .jpg .png .tif .tiff".split())

_NUMBERED = re.compile(r"(.*?)(\d+)(\.[^.]+)")


@dataclass(frozen=True)
class Source:
    """One film: a video file, or the pictures of a sequence in order (without gaps in their numbers)."""

    files: tuple[Path, ...]

    @property
    def is_video(self) -> bool:
        """Whether it is one file that holds all frames."""
        return self.files[0].suffix.lower() in VIDEOS

    @property
    def name(self) -> str:
        """What to call it: the file's name, for a sequence the first one's and the last one's number.

        Names may be any bytes, cards and terminals hold Unicode.
        """
        return os.fsencode(self._name).decode(errors="replace")

    @property
    def _name(self) -> str:
        first = self.files[0].name
        if self.is_video:
            return first
        stem, number, suffix = _NUMBERED.fullmatch(first).groups()  # type: ignore[union-attr]
        last = _NUMBERED.fullmatch(self.files[-1].name).group(2)  # type: ignore[union-attr]
        return f"{stem}{number}-{last}{suffix}"

    def between(self, first: int, last: int) -> Source | None:
        """The pictures of a sequence whose numbers are from ``first`` to ``last``; None if there are none."""
        number = int(_NUMBERED.fullmatch(self.files[0].name).group(2))  # type: ignore[union-attr]
        files = self.files[max(0, first - number) : max(0, last + 1 - number)]
        return Source(files) if files else None


def find_sources(paths: Sequence[Path]) -> tuple[list[Source], list[str]]:
    """The films that paths lead to, in a fixed order, and a line about each named file that is none.

    A path is a video, a picture of a sequence, or a folder of both (with its subfolders and those that links lead
    to). Files of other kinds, and what a run has drawn, are passed over in folders, but not where they are named
    themselves.
    """
    found: dict[Path, Path] = {}  # by where it really lies, so that links in circles end and nothing is read twice
    faults, read, links = [], set[Path](), list[Path]()
    for path in paths:
        if path.is_dir():
            _look_into(path, found, read, links)
        elif not path.exists():
            faults.append(f"{path}: not found; check the path.")
        elif path.suffix.lower() not in VIDEOS | PICTURES:
            faults.append(f"{path}: neither a video nor a picture by its name; skipped.")
        else:
            found.setdefault(path.parent.resolve() / path.name, path)
    for link in links:  # which grow; after the folders, so that what lies in one goes by its name
        _look_into(link, found, read, links)
    files = list(found.values())
    sources = [Source((p,)) for p in files if p.suffix.lower() in VIDEOS]
    pictures: dict[tuple[Path, str, str], list[tuple[int, Path]]] = {}
    for path in files:
        if path.suffix.lower() in PICTURES:
            match = _NUMBERED.fullmatch(path.name)
            if match is None:
                faults.append(f"{path}: a picture without a number in its name is no part of a sequence; skipped.")
            else:
                key = (path.parent, match.group(1), match.group(3))
                pictures.setdefault(key, []).append((int(match.group(2)), path))
    for numbered in pictures.values():
        sources += [Source(run) for run in _runs(sorted(numbered))]
    return sources, faults


def read_frames(source: Source, start: int = 0, shorter: int | None = None) -> Iterator[Timed]:
    """Frames as (H, W, 4) uint8, premultiplied, sRGB, from frame ``start`` on; opaque unless the file has alpha.

    With ``shorter``, reduced to so many pixels on the shorter side.

    Raises:
        FootageError: where the film can no longer be read, or its frames change size.
    """
    shape = None
    for timed in _timed(source, start, shorter):
        if shape not in (None, timed.frame.shape):
            raise FootageError(f"{source.name}: its frames are not all of one size; split it where they change.")
        shape = timed.frame.shape
        yield timed


def first_frame(path: Path) -> Frame:
    """The first frame of a video, or a picture.

    Raises:
        FootageError: it cannot be read or has none.
    """
    first = next(read_frames(Source((path,))), None)
    if first is None:
        raise FootageError(f"{path}: has no frames; give another file.")
    return first.frame


def digests(source: Source) -> tuple[str, ...]:
    """SHA-256, hexadecimal: of a video's file; of a sequence that of the digests of its pictures in their order, then these.

    Raises:
        FootageError: a file cannot be read.
    """
    hashes = []
    for path in source.files:
        try:
            with path.open("rb") as file:
                hashes.append(hashlib.file_digest(file, "sha256"))
        except OSError as error:
            raise unreadable(path, error.strerror) from None
    if source.is_video:
        return (hashes[0].hexdigest(),)
    whole = hashlib.sha256(b"".join(h.digest() for h in hashes))
    return (whole.hexdigest(), *(h.hexdigest() for h in hashes))


def _timed(source: Source, start: int, shorter: int | None) -> Iterator[Timed]:
    path = source.files[0]
    if source.is_video:
        rate = video_info(path).rate if start else None
        # Half a frame early, as times are rounded.
        yield from read_video(path, max(0.0, (start - 0.5) / (rate or 25)), shorter)
        return
    for path in source.files[start:]:
        frame = read_picture(path)
        height, width = frame.shape[:2]
        factor = (shorter or height) / min(height, width)
        small = bool(shorter) and factor < 1
        yield Timed(None, scaled(frame, round(height * factor), round(width * factor)) if small else frame)


def _look_into(top: Path, found: dict[Path, Path], read: set[Path], links: list[Path]) -> None:
    """Add the videos and pictures in a folder and below it, but for folders that were read before; notes what links lead to."""
    inside: dict[Path, Path] = {}
    for name, below, names in os.walk(top):
        folder, real = Path(name), Path(name).resolve()
        if real in read:
            below.clear()
            continue
        read.add(real)
        below[:] = [b for b in sorted(below) if not _drawn((folder / b).resolve(), real)]
        links += [folder / b for b in below if (folder / b).resolve() != real / b]
        films = [n for n in names if Path(n).suffix.lower() in VIDEOS | PICTURES and (folder / n).is_file()]
        inside |= {folder / n: real / n for n in films}
    for path in sorted(inside):
        found.setdefault(inside[path], path)


def _drawn(folder: Path, above: Path) -> bool:
    """Whether a folder is of a run, whose sheets and videos show what was generated, and the one above it is not."""
    of_run = [f for f in (folder, *folder.parents) if f.suffixes[-2:] == [".safetensors", RUN]]
    return any(not above.is_relative_to(f) for f in of_run)


def _runs(numbered: Sequence[tuple[int, Path]]) -> Iterator[tuple[Path, ...]]:
    """Files whose numbers follow each other."""
    start = 0
    for i in range(1, len(numbered) + 1):
        if i == len(numbered) or numbered[i][0] != numbered[i - 1][0] + 1:
            yield tuple(path for _, path in numbered[start:i])
            start = i
