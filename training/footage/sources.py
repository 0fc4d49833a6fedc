# SPDX-License-Identifier: GPL-3.0-or-later
"""Films on disk, frame by frame: video files, and pictures numbered in their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import FootageError

VIDEOS = frozenset(".avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts .webm .wmv .y4m".split())
PICTURES = frozenset(".exr .jpeg .jpg .png .tif .tiff".split())

_NUMBERED = re.compile(r"(.*?)(\d+)(\.[^.]+)")

Frame = NDArray[np.uint8]


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
        """What to call it: the file's name, for a sequence the first one's and the last one's number."""
        first = self.files[0].name
        if self.is_video:
            return first
        stem, number, suffix = _NUMBERED.fullmatch(first).groups()  # type: ignore[union-attr]
        last = _NUMBERED.fullmatch(self.files[-1].name).group(2)  # type: ignore[union-attr]
        return f"{stem}{number}-{last}{suffix}"


def find_sources(paths: Sequence[Path]) -> tuple[list[Source], list[str]]:
    """The films that paths lead to, in a fixed order, and a line about each named file that is none.

    A path is a video, a picture of a sequence, or a folder of both (with its subfolders). Files of other
    kinds are passed over in folders, but not where they are named themselves.
    """
    files: dict[Path, None] = {}
    faults = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file())
            files |= dict.fromkeys(p for p in inside if p.suffix.lower() in VIDEOS | PICTURES)
        elif not path.exists():
            faults.append(f"{path}: not found; check the path.")
        elif path.suffix.lower() not in VIDEOS | PICTURES:
            faults.append(f"{path}: neither a video nor a picture by its name; skipped.")
        else:
            files[path] = None
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


def frame_rate(source: Source) -> float | None:
    """Frames a second of a video; None where it does not say.

    Raises:
        FootageError: the file cannot be read.
    """
    if not source.is_video:
        return None
    with _opened(source.files[0]) as stream:
        rate = float(stream.average_rate or 0)
    return rate if 0 < rate <= 1000 else None


def read_frames(source: Source) -> Iterator[Frame]:
    """Frames as (H, W, 4) uint8, premultiplied, sRGB; opaque unless the file has alpha.

    Floating-point pictures are taken to be scene-linear.

    Raises:
        FootageError: where the film can no longer be read, or its frames change size.
    """
    shape = None
    for frame in _video(source.files[0]) if source.is_video else map(_picture, source.files):
        if shape not in (None, frame.shape):
            raise FootageError(f"{source.name}: its frames are not all of one size; split it where they change.")
        shape = frame.shape
        yield frame


def _runs(numbered: Sequence[tuple[int, Path]]) -> Iterator[tuple[Path, ...]]:
    """Files whose numbers follow each other."""
    start = 0
    for i in range(1, len(numbered) + 1):
        if i == len(numbered) or numbered[i][0] != numbered[i - 1][0] + 1:
            yield tuple(path for _, path in numbered[start:i])
            start = i


@contextmanager
def _opened(path: Path) -> Iterator[av.VideoStream]:
    """The first video stream of a file; whatever decoding raises becomes a FootageError."""
    try:
        with av.open(path) as container:
            if not container.streams.video:
                raise FootageError(f"{path}: has no pictures in it; give another file.")
            yield container.streams.video[0]
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or error) from None


def _video(path: Path) -> Iterator[Frame]:
    with _opened(path) as stream:
        alpha = any(component.is_alpha for component in stream.codec_context.format.components)
        for frame in stream.container.decode(stream):
            if alpha:
                yield _premultiplied(frame.to_ndarray(format="rgba"))
            else:
                yield _opaque(frame.to_ndarray(format="rgb24"))


def _picture(path: Path) -> Frame:
    import OpenImageIO

    source: Any = OpenImageIO.ImageInput.open(str(path))
    # Associated alpha, as OpenImageIO gives it whatever the file holds, is premultiplied colour.
    pixels = source and source.read_image("float")
    if pixels is None:
        reason = (source.geterror() if source else OpenImageIO.geterror()) or "no pixels"
        raise _unreadable(path, reason)
    spec = source.spec()
    names = [name.upper() for name in spec.channelnames]
    colour = [names.index(c) for c in "RGB"] if {*"RGB"} <= {*names} else [0, 0, 0]
    rgb = np.clip(pixels[..., colour], 0, 1)
    if spec.format in ("half", "float", "double"):
        rgb = _encoded(rgb)
    alpha = np.clip(pixels[..., [names.index("A")]], 0, 1) if "A" in names else np.ones_like(rgb[..., :1])
    return np.rint(np.concatenate([rgb, alpha], axis=2) * 255).astype(np.uint8)


def _encoded(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sRGB curve."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def _opaque(rgb: Frame) -> Frame:
    return np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], axis=2)


def _premultiplied(rgba: Frame) -> Frame:
    alpha = rgba[..., 3:].astype(np.uint16)
    return np.concatenate([((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8), rgba[..., 3:]], axis=2)


def _unreadable(path: Path, reason: object) -> FootageError:
    return FootageError(
        f"{path}: cannot be read ({' '.join(str(reason).split()).rstrip('.')}); take another copy of it."
    )
