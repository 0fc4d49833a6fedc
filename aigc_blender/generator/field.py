# SPDX-License-Identifier: GPL-3.0-or-later
"""Counter-based space-time noise: any cell of the field alone, the same bits on every device.

A cell's value is an integer hash of (seed, level, channel, knot, row, column) looked up in a table of
normal quantiles. Integers and a table rather than Box-Muller: transcendental functions differ in
their last bits from device to device.
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x45D9F3B  # below 2**31, so that no product of 32-bit words overflows 64 bits
_TABLE_BITS = 12
_AXIS_SALTS = (0x1E3779B1, 0x05EBCA77, 0x42B2AE3D)  # of knots, rows, columns; odd and below 2**31 likewise
_LATENT_LEVEL = 255  # no trunk has that many levels


@cache
def _quantiles(device: torch.device) -> Tensor:
    size = 1 << _TABLE_BITS
    normal = NormalDist()
    # Rounded, so that the last digit of a platform's logarithm does not matter.
    values = [round(normal.inv_cdf((i + 0.5) / size) * 65536) / 65536 for i in range(size)]
    return torch.tensor(values, dtype=torch.float32, device=device)


def _mix(h: Tensor) -> Tensor:
    for _ in range(2):
        h = (((h >> 16) ^ h) * _MULTIPLIER) & _MASK
    return (h >> 16) ^ h


def noise(seeds: Tensor, level: int, channels: int, knots: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Standard normal noise on a window of one level's lattice.

    Args:
        seeds: (N,) int64, one field each, 0..2**32-1.
        level: index of the level, 0 the coarsest.
        channels: number of noise channels C.
        knots: (N, T) int64 lattice indices of any sign; equal ones give equal noise, so a caller wraps an
            axis by reducing its indices modulo the period.
        rows: (N, T, H) or (N, 1, H) likewise.
        columns: (N, T, W) or (N, 1, W) likewise.

    Returns:
        (N, T, H, W, C) float32 on the device of ``seeds``.
    """
    channel = torch.arange(channels, device=seeds.device, dtype=torch.int64)
    h = _mix((seeds[:, None] & _MASK) ^ _mix((level << 16) + channel + 1))[:, None, None, None, :]
    axes = knots[:, :, None, None, None], rows[..., None, None], columns[:, :, None, :, None]
    for axis, salt in zip(axes, _AXIS_SALTS, strict=True):
        h = _mix(h ^ (((axis & _MASK) * salt) & _MASK))
    return _quantiles(seeds.device)[h >> (32 - _TABLE_BITS)]


def latent(seeds: Tensor, size: int) -> Tensor:
    """The latent z of each seed: (N, size) float32, standard normal."""
    zero = torch.zeros(len(seeds), 1, dtype=torch.int64, device=seeds.device)
    return noise(seeds, _LATENT_LEVEL, size, zero, zero[:, None], zero[:, None]).reshape(len(seeds), size)


def blended(values: Tensor, weights: Tensor | None) -> Tensor:
    """What M fields or styles give, (M, ...), as one: (1, ...), their sum with ``weights`` (M,). Without weights: as it is."""
    if weights is None:
        return values
    parts = [value * weight for value, weight in zip(values, weights, strict=True)]
    return torch.stack(parts).sum(0, keepdim=True)
