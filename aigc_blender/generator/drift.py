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
