# SPDX-License-Identifier: GPL-3.0-or-later
"""What opaque, periodic plates share: filming a scene in linear light, and fields made of waves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

DETAIL = 128  # pixels a side at least, so that small frames are antialiased


def film(scene: Callable[[float, int], Tensor], frames: int, size: int, fps: float) -> Tensor:
    """Clips of a scene, uint8 (B, frames, size, size, 4): sRGB with alpha 255.

    ``scene(seconds, detail)`` returns linear light (B, 3, detail, detail); values beyond 0..1 are clipped. It is drawn
    at DETAIL pixels or more and reduced to ``size``.
    """
    detail = max(size, DETAIL)
    clip = []
    for frame in range(frames):
        colour = avg_pool2d(scene(frame / fps, detail), detail // size)
        clip.append((_encode(colour.clamp(0, 1)) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1))
    rgb = torch.stack(clip, dim=1)
    return torch.cat((rgb, torch.full_like(rgb[..., :1], 255)), dim=-1)


def wave_numbers(highest: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Waves a frame side up to ``highest``: k_x (1, highest + 1) from 0, k_y (2 highest + 1, 1) from -highest."""
    k_x = torch.arange(highest + 1, device=device, dtype=torch.float32)[None]
    k_y = torch.arange(-highest, highest + 1, device=device, dtype=torch.float32)[:, None]
    return k_x, k_y


def upper_half(k_x: Tensor, k_y: Tensor) -> Tensor:
    """1.0 for one wave of every conjugate pair, 0.0 for the other and for the mean."""
    return ((k_x > 0) | (k_y > 0)).float()


def synthesize(waves: Tensor, size: int) -> Tensor:
    """The real periodic field (B, size, size) of complex amplitudes (B, k_y, k_x) in the upper half-plane.

    An amplitude a adds 2 |a| cos(2 pi (k_x x + k_y y) + arg a).
    """
    highest = waves.shape[2] - 1
    spectrum = waves.new_zeros(len(waves), size, size // 2 + 1)
    spectrum[:, : highest + 1, : highest + 1] = waves[:, highest:]
    spectrum[:, -highest:, : highest + 1] = waves[:, :highest]
    spectrum[:, -highest:, 0] = waves[:, highest + 1 :, 0].flip(1).conj()  # both of a pair are stored where k_x is 0
    return torch.fft.irfft2(spectrum, s=(size, size), norm="forward")


def _encode(linear: Tensor) -> Tensor:
    """The sRGB transfer function."""
    return torch.where(linear < 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=1e-6) ** (1 / 2.4) - 0.055)
