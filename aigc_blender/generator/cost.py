# SPDX-License-Identifier: GPL-3.0-or-later
"""What a block costs: the arithmetic of the convolutions, with the halo that valid convolutions pay for."""

from __future__ import annotations

import itertools

from .architecture import CHANNELS, HEAD_STRIDE, Architecture
from .lattice import Window, before_convolution, before_upsampling, length
from .network import head_span


def trunk_flop(architecture: Architecture, out: Window) -> int:
    """Floating-point operations of the trunk's 3x3 convolutions for a window of its finest level."""
    total = 0
    for level in reversed(architecture.trunk):
        between = out.before_convolution(in_time=False)
        square = level.channels**2 * 2 * 9
        total += out.cells * square + between.cells * square * 3
        out = between.before_convolution(in_time=True).before_upsampling()
    return total


def head_flop(architecture: Architecture, cells: int) -> int:
    """Floating-point operations of the head's 3x3 convolutions for one frame of ``cells`` x ``cells`` finest trunk cells."""
    channels = (architecture.trunk[-1].channels, *architecture.head)
    part = architecture.trunk[-1].stride // HEAD_STRIDE
    out = (-1, part * cells + 1)
    total = length(out) ** 2 * channels[-1] * CHANNELS * HEAD_STRIDE**2 * 18
    out = before_convolution(out)
    for inputs, outputs in reversed(list(itertools.pairwise(channels))):
        between = before_convolution(out)
        total += (length(out) ** 2 * outputs + length(between) ** 2 * inputs) * outputs * 18
        out = before_upsampling(before_convolution(between))
    return total


def block_flop(architecture: Architecture, cells: int, frames: int) -> int:
    """Operations of one block: ``cells`` x ``cells`` finest trunk cells, one coarsest knot stride, ``frames`` frames."""
    return trunk_flop(architecture, block_window(architecture, cells)) + frames * head_flop(architecture, cells)


def block_window(architecture: Architecture, cells: int) -> Window:
    """What the head reads of the finest trunk level to draw the block at the origin."""
    knots = architecture.knot // architecture.trunk[-1].knot_stride
    side = head_span((0, cells))
    return Window((-2, knots + 2), side, side)


def flop_per_pixel(architecture: Architecture, cells: int) -> float:
    """Operations a pixel and frame, where a block holds a frame a model frame."""
    frames = architecture.knot
    pixels = (cells * architecture.trunk[-1].stride) ** 2
    return block_flop(architecture, cells, frames) / (pixels * frames)
