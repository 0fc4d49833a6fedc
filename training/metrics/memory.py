# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a model replays its training footage: how near its frames come to it, beside how near unseen real frames come.

Frames are compared as thumbnails, at every place in time, also mirrored, and at every shift along the axes on which
position does not matter. A threshold from real footage turns distances into a share (after the data-copying test of
Meehan et al. 2020): 5% of what is real and unseen lies nearer to the training footage than the threshold.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Array = NDArray[np.floating[Any]]
Clips = NDArray[np.uint8]  # (n, F, H, W, 4), premultiplied RGBA

THUMBNAIL = 16  # pixels of a thumbnail's height, or somewhat more
NEAR = 0.05  # of the real frames are nearer than the threshold
FLAG = 3 * NEAR  # share of generated frames from which copies are suspected ...
FLAG_RATIO = 2  # ... if it also is so many times that of frames as near to footage never trained on
AT_ONCE = 128  # thumbnails searched a call


@dataclass(frozen=True)
class Pair:
    """A frame (clip, frame) and its nearest one in the footage searched; ``distance`` in standard deviations of a pixel."""

    clip: int
    frame: int
    known_clip: int
    known_frame: int
    mirrored: bool
    distance: float


@dataclass(frozen=True)
class Memory:
    """What a search for copies found.

    ``share``: of generated frames, those nearer to the training footage than 95% of unseen real frames are. ``control``:
    the same where the unseen footage takes the training footage's part, which a model cannot have copied; blurred frames
    are near to everything and raise both. None where nothing unseen was there: then training clips were held against
    others of their films, and ``unseen`` is False. ``generated`` and ``real``: distances of all frames, sorted. ``pairs``: of the
    nearest frame of each generated clip, the nearest first.
    """

    share: float
    control: float | None
    threshold: float
    unseen: bool
    generated: tuple[float, ...]
    real: tuple[float, ...]
    pairs: tuple[Pair, ...]

    @property
    def suspected(self) -> bool:
        """Whether so many frames are so near that they look copied."""
        return self.share > FLAG and (self.control is None or self.share > FLAG_RATIO * self.control)


def memory(
    generated: Clips,
    training: Clips,
    unseen: Clips | None,
    *,
    fixed: Collection[str],
    periodic: Collection[str],
    step: int,
) -> Memory:
    """Search the training footage for every ``step``-th frame of the generated clips and of the unseen real ones.

    ``fixed`` names the axes on which position matters, ``periodic`` those on which a real clip wraps. Without unseen
    clips those of the training footage are searched for in all the others.
    """
    thumbnails = [_thumbnails(c) for c in (generated, training, training if unseen is None else unseen)]
    unit = float(thumbnails[1].std((0, 1, 3, 4)).square().sum().sqrt()) or 1.0
    drawn, known, fresh = (t / unit for t in thumbnails)
    drawn, fresh = drawn[:, ::step], fresh[:, ::step]
    search = _Search(fixed, periodic)
    found = search.nearest(drawn, known)
    real = search.nearest(fresh, known, apart=unseen is None)[0].ravel()
    threshold = float(np.quantile(real, NEAR))
    control = None
    if unseen is not None:
        from_training = known[:: max(1, len(known) // len(fresh)), ::step]
        near_unseen = np.quantile(search.nearest(from_training, fresh)[0], NEAR)
        control = float((search.nearest(drawn, fresh)[0] < near_unseen).mean())
    distances, places = found
    pairs = [_pair(clip, int(row.argmin()), row, places[clip], step) for clip, row in enumerate(distances)]
    return Memory(
        share=float((distances < threshold).mean()),
        control=control,
        threshold=threshold,
        unseen=unseen is not None,
        generated=tuple(np.sort(distances.ravel()).tolist()),
        real=tuple(np.sort(real).tolist()),
        pairs=tuple(sorted(pairs, key=lambda pair: pair.distance)),
    )


def _pair(clip: int, index: int, distances: Array, places: NDArray[np.int64], step: int) -> Pair:
    mirrored, known_clip, known_frame = (int(n) for n in places[index])
    return Pair(clip, index * step, known_clip, known_frame, bool(mirrored), float(distances[index]))


def _thumbnails(clips: Clips) -> Tensor:
    """(n, F, H, W, 4) -> (n, F, 4, h, w) in 0..1."""
    factor = max(1, clips.shape[2] // THUMBNAIL)
    small = [
        functional.avg_pool2d(torch.from_numpy(clip.astype(np.float32) / 255).permute(0, 3, 1, 2), factor)
        for clip in clips
    ]
    return torch.stack(small)


@dataclass(frozen=True)
class _Search:
    """Along axes that are not fixed the middle half of a thumbnail is searched for, at every place."""

    fixed: Collection[str]
    periodic: Collection[str]

    @torch.inference_mode()
    def nearest(self, wanted: Tensor, known: Tensor, *, apart: bool = False) -> tuple[Array, NDArray[np.int64]]:
        """The nearest of ``known`` (m, L, 4, h, w) to each of ``wanted`` (n, F, 4, h, w).

        Returns root mean square differences (n, F) and where each was found, as (mirrored, clip, frame): (n, F, 3).
        With ``apart`` both hold the same clips in the order of their film, and none is searched for in itself nor in the
        ones beside it.
        """
        n, frames = wanted.shape[:2]
        m, length = known.shape[:2]
        windows = self._windows(wanted.flatten(0, 1))
        best = torch.full((n * frames,), torch.inf)
        where = torch.zeros(n * frames, dtype=torch.int64)
        own = torch.arange(n).repeat_interleave(frames)
        for mirrored, pictures in enumerate((known, known.flip(-1))):
            for start, part in zip(range(0, m * length, AT_ONCE), pictures.flatten(0, 1).split(AT_ONCE), strict=True):
                squares = self._squares(part, windows)
                if apart:
                    clip = torch.arange(start, start + len(part)) // length
                    squares[(clip[:, None] - own).abs() <= 1] = torch.inf
                least, index = squares.min(0)
                nearer = least < best
                best[nearer] = least[nearer]
                where[nearer] = mirrored * m * length + start + index[nearer]
        size = windows[0].numel()
        places = np.stack(np.unravel_index(where.numpy(), (2, m, length)), axis=-1)
        distances = (best.clamp(min=0) / (size / windows.shape[1])).sqrt()
        return distances.double().numpy().reshape(n, frames), places.reshape(n, frames, 3)

    def _windows(self, thumbnails: Tensor) -> Tensor:
        """What is searched for: (N, 4, kh, kw)."""
        for axis, name in ((2, "y"), (3, "x")):
            side = thumbnails.shape[axis]
            if name not in self.fixed:
                thumbnails = thumbnails.narrow(axis, side // 4, max(1, side // 2))
        return thumbnails

    def _squares(self, pictures: Tensor, windows: Tensor) -> Tensor:
        """Least squared difference of each picture's (M, 4, h, w) places from each window: (M, N)."""
        extra = [windows.shape[axis] - 1 if name in self.periodic else 0 for axis, name in ((3, "x"), (2, "y"))]
        pictures = functional.pad(pictures, (0, extra[0], 0, extra[1]), mode="circular")
        across = functional.conv2d(pictures, windows)
        ones = torch.ones_like(windows[:1])
        energy = functional.conv2d(pictures.square(), ones)
        squares = energy - 2 * across + windows.square().sum((1, 2, 3))[:, None, None]
        return squares.flatten(2).min(2).values
