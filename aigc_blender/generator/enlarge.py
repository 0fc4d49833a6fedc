# SPDX-License-Identifier: GPL-3.0-or-later
"""Enlarging by a whole factor with a cubic B-spline: smooth, local, and the same wherever a block begins."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from .lattice import spline_taps

MARGIN = 2  # pixels that the spline reads beyond an edge


@cache
def _matrix(size: int, margin: int, factor: int, device: torch.device) -> Tensor:
    """(size * factor, size + 2 margin): each row holds the four weights of an enlarged pixel."""
    matrix = torch.zeros(size * factor, size + 2 * margin)
    for row in range(size * factor):
        first, weights = spline_taps((row + 0.5) / factor - 0.5)
        for tap, weight in enumerate(weights):
            matrix[row, first + tap + margin] = weight
    return matrix.to(device)


def enlarge(pixels: Tensor, margin: int, factor: int) -> Tensor:
    """(F, H + 2 margin, W + 2 margin, C) -> (F, H factor, W factor, C); ``margin`` is at least ``MARGIN``.

    Values stay within the range of the neighbours they are made from.
    """
    rows, columns = (_matrix(n - 2 * margin, margin, factor, pixels.device) for n in pixels.shape[1:3])
    tall = torch.einsum("ah,fhwc->fawc", rows, pixels)
    return torch.einsum("bw,fawc->fabc", columns, tall)
