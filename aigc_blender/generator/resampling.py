# SPDX-License-Identifier: GPL-3.0-or-later
"""From level to level, and from knots to instants: features (N, T, H, W, C) at what lies between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .lattice import Span, Window, length, spline_taps


def knot_span(instants: Sequence[float], stride: int) -> Span:
    """The knots that the spline reads at the given model times."""
    return (math.floor(min(instants) / stride - 0.5) - 1, math.floor(max(instants) / stride - 0.5) + 3)


def spline(x: Tensor, knots: Span, instants: Sequence[float], stride: int) -> Tensor:
    """Uniform cubic B-spline over the knots: (N, T, H, W, C) at ``knots`` -> (N, F, H, W, C) at model times."""
    frames = []
    for instant in instants:
        first, weights = spline_taps(instant / stride - 0.5)
        frames.append(sum(weights[i] * x[:, first - knots[0] + i] for i in range(4)))
    return torch.stack(frames, dim=1)  # type: ignore[arg-type]


def upsample(x: Tensor, given: Window, wanted: Window) -> Tensor:
    """Linear x2 in space and time of features on ``given``, cut to ``wanted`` of the finer level.

    Time has (3/4, 1/4) taps like space: copies and averages in turn would make motion pulse.
    """
    n = x.shape[0]
    near, before, after = x[:, 1:-1], x[:, :-2], x[:, 2:]
    first = 0.75 * x[:, :1] + 0.25 * x[:, 1:2]
    last = 0.25 * x[:, -2:-1] + 0.75 * x[:, -1:]
    inner = torch.stack([0.25 * before + 0.75 * near, 0.75 * near + 0.25 * after], dim=2).flatten(1, 2)
    x = torch.cat([first, inner, last], dim=1)
    available = given.after_upsampling()
    skip = wanted.knots[0] - available.knots[0]
    x = x[:, skip : skip + length(wanted.knots)]
    x = as_cells(functional.interpolate(as_planes(x), scale_factor=2, mode="bilinear"), n)
    # Interpolation also gives one edge cell a side, from half its taps: outside ``available``.
    top = wanted.rows[0] - available.rows[0] + 1
    left = wanted.columns[0] - available.columns[0] + 1
    return x[:, :, top : top + length(wanted.rows), left : left + length(wanted.columns)]


def as_planes(x: Tensor) -> Tensor:
    """(N, T, H, W, C) -> (N T, C, H, W) in the channels_last layout: no copy where x is contiguous."""
    return x.flatten(0, 1).permute(0, 3, 1, 2)


def as_cells(x: Tensor, n: int) -> Tensor:
    """The way back."""
    return x.permute(0, 2, 3, 1).unflatten(0, (n, -1))
