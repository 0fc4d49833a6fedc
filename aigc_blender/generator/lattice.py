# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows of the lattice: which cells each layer needs so that nothing is ever padded.

Cells are centred: cell i of a level with stride s covers pixels [i s, (i + 1) s), and knot k of knot
stride tau stands at model time (k + 1/2) tau.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Span = tuple[int, int]  # half-open range of indices


def before_convolution(span: Span) -> Span:
    """What a valid 3-tap convolution reads to give ``span``."""
    return span[0] - 1, span[1] + 1


def before_upsampling(span: Span) -> Span:
    """The coarse cells from which linear x2 upsampling gives at least ``span``."""
    return (span[0] - 1) // 2, -(-(span[1] + 1) // 2)


def after_upsampling(span: Span) -> Span:
    """The fine cells that linear x2 upsampling of ``span`` gives."""
    return 2 * span[0] + 1, 2 * span[1] - 1


def length(span: Span) -> int:
    """Number of indices in the span."""
    return span[1] - span[0]


def spline_taps(position: float) -> tuple[int, tuple[float, ...]]:
    """The first of the four cells that a uniform cubic B-spline reads at a position (cell centres at whole numbers), and its weights."""
    left = math.floor(position)
    t = position - left
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    return left - 1, tuple(weight / 6 for weight in weights)


@dataclass(frozen=True)
class Window:
    """A box of cells of one level."""

    knots: Span
    rows: Span
    columns: Span

    def before_convolution(self, in_time: bool) -> Window:
        """What a valid 3x3 (in time too: 3x3x3) convolution reads to give this window."""
        knots = before_convolution(self.knots) if in_time else self.knots
        return Window(knots, before_convolution(self.rows), before_convolution(self.columns))

    def before_upsampling(self) -> Window:
        """The cells of the next coarser level that this window is upsampled from."""
        return Window(before_upsampling(self.knots), before_upsampling(self.rows), before_upsampling(self.columns))

    def after_upsampling(self) -> Window:
        """The cells of the next finer level that upsampling gives."""
        return Window(after_upsampling(self.knots), after_upsampling(self.rows), after_upsampling(self.columns))

    def holds(self, other: Window) -> bool:
        """Whether another window lies within this one."""
        spans = zip((self.knots, self.rows, self.columns), (other.knots, other.rows, other.columns), strict=True)
        return all(mine[0] <= its[0] and its[1] <= mine[1] for mine, its in spans)

    @property
    def cells(self) -> int:
        """Number of cells in space and time."""
        return length(self.knots) * length(self.rows) * length(self.columns)
