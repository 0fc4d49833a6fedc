# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of footage in memory: (H, W, 4) uint8, premultiplied, sRGB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import FootageError

Frame = NDArray[np.uint8]


def premultiplied(rgba: Frame) -> Frame:
    """(H, W, 4) with straight alpha, its colour multiplied by it."""
    alpha = rgba[..., 3:].astype(np.uint16)
    return np.concatenate([((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8), rgba[..., 3:]], axis=2)


def scaled(frame: Frame, height: int, width: int) -> Frame:
    """Resampled with a triangle as wide as the pixels that go into one."""
    import torch
    from torch.nn.functional import interpolate

    planes = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]
    small: Frame = interpolate(planes, (height, width), mode="bilinear", antialias=True)[0].numpy()
    return small.transpose(1, 2, 0)


def unreadable(path: Path, reason: object) -> FootageError:
    """A file that a reader rejects, in one sentence."""
    text = " ".join(str(reason).split()).rstrip(".")
    return FootageError(f"{path}: cannot be read ({text}); take another copy of it.")
