# SPDX-License-Identifier: GPL-3.0-or-later
"""Lattices that move as their element does: flames rise, and what is fine in them lasts as long as they are followed.

Every level moves by whole cells from knot to knot, the same way in pixels. What moves along is drawn as if it stood
still, and shown where it has got to. Noise belongs to places that stand still, and so does position: a loop closes and
an axis tiles as they do without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .lattice import Span, length


@dataclass(frozen=True)
class Reach:
    """Along one axis, what a block of the canvas shows of what moves along while a block of time passes.

    ``span``: the finest trunk cells. ``shown``: how many of them a frame takes, wherever it lies between two.
    ``pixels``: of the network, that a frame is enlarged from.
    """

    span: Span
    shown: int
    pixels: int

    @classmethod
    def of(cls, span: Span, flow: int, passed: Span, stride: int, zoom: int) -> Reach:
        """Of the block that holds ``span`` of the canvas, while the lattice moves by ``flow`` cells for each of the finest knots ``passed``."""
        ways = flow * passed[0], flow * passed[1]
        between = flow != 0  # a frame may begin between two cells, and between two pixels
        cells = length(span)
        reached = span[0] + min(ways), span[1] + max(ways) + between
        return cls(reached, cells + between, cells * stride + (between and zoom > 1))

    def place(self, move: int, span: Span, stride: int, zoom: int) -> tuple[int, int, int]:
        """Where a frame lies that has moved by so many of its pixels: its first cell of the reach, pixel of that, and part of that."""
        pixels, part = divmod(move, zoom)
        cells, pixel = divmod(pixels, stride)
        return span[0] + cells - self.span[0], pixel, part


@dataclass(frozen=True)
class Course:
    """Along one axis, where frames of the canvas lie in what moves along.

    ``span``: the finest trunk cells that hold them all. ``starts``: each frame's first cell, from the span's. ``cells``: how
    many each takes. ``offsets``: each frame's first pixel within its first cell.
    """

    span: Span
    starts: tuple[int, ...]
    cells: int
    offsets: tuple[int, ...]


def course(span: Span, moves: Sequence[int], stride: int) -> Course:
    """Frames that show the cells of ``span`` of the canvas, after so many pixels that what moves along is behind by."""
    offsets = tuple(move % stride for move in moves)
    starts = [span[0] + move // stride for move in moves]
    first = min(starts)
    cells = length(span) + (max(offsets) > 0)
    return Course((first, max(starts) + cells), tuple(start - first for start in starts), cells, offsets)
