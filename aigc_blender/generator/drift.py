# SPDX-License-Identifier: GPL-3.0-or-later
"""Lattices that move as their element does: flames rise, and what is fine in them lasts as long as they are followed.

Every level moves by whole cells from knot to knot, the same way in pixels. What moves along is drawn as if it stood
still, and shown where it has got to. Noise belongs to places that stand still, and so does position: a loop closes and
an axis tiles as they do without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .lattice import Span, Window, length


def places(window: Window, flow: Tensor | None, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The knots (1, T) of a window, and where on the canvas its rows and columns are at each, int64.

    (1, 1, H) and (1, 1, W), or (N, T, H) and (N, T, W) where the lattices of N fields move by ``flow`` (N, 2), cells right and up a knot.
    """
    knots, rows, columns = (
        torch.arange(*span, device=device)[None] for span in (window.knots, window.rows, window.columns)
    )
    rows, columns = rows[:, None], columns[:, None]
    if flow is not None:
        right, up = ((knots * cells[:, None])[:, :, None] for cells in flow.unbind(1))
        rows, columns = rows - up, columns + right
    return knots, rows, columns


class Place(NamedTuple):
    """Where a frame begins along an axis of a reach: in which cell, at which pixel of that, at which part of that."""

    cell: int
    pixel: int
    part: int


@dataclass(frozen=True)
class Reach:
    """Along one axis, what a block of the canvas shows of what moves along while a block of time passes.

    The block holds the finest trunk cells ``block``, of ``stride`` pixels; a pixel becomes ``zoom`` in the frame. Meanwhile
    the lattice moves by ``flow`` cells for each of the finest knots ``passed``.
    """

    block: Span
    flow: int
    passed: Span
    stride: int
    zoom: int

    @property
    def span(self) -> Span:
        """The cells of what moves along that are shown."""
        ways = [self.flow * knot for knot in self.passed]
        return self.block[0] + min(ways), self.block[1] + max(ways) + self._between

    @property
    def shown(self) -> int:
        """How many of them a frame takes."""
        return length(self.block) + self._between

    @property
    def pixels(self) -> int:
        """Pixels that a frame is enlarged from."""
        return length(self.block) * self.stride + (self._between and self.zoom > 1)

    def place(self, move: int) -> Place:
        """Where a frame begins that lies so many of its pixels further on in what moves along."""
        pixels, part = divmod(move, self.zoom)
        cells, pixel = divmod(pixels, self.stride)
        return Place(self.block[0] + cells - self.span[0], pixel, part)

    @property
    def _between(self) -> bool:
        """Whether a frame may begin between two cells, and between two pixels."""
        return self.flow != 0


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
