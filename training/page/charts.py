# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts as SVG that takes its colours from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 38  # margins
TICKS = 5  # about so many an axis


@dataclass(frozen=True)
class Series:
    """Points (n, 2) of one colour: ``kind`` of footage, drawn as a line, as dots, or (n, 3: x, low, high) as a band."""

    points: Array
    kind: Literal["real", "made"]
    shape: Literal["line", "dots", "band"] = "line"


def chart(series: Sequence[Series], x_label: str, y_label: str, *, octaves: bool = False) -> str:
    """An SVG element; ``octaves`` makes the horizontal axis logarithmic."""
    drawn = [s for s in series if len(s.points)]
    if not drawn:
        return ""
    xs, ys = (
        np.concatenate(values) for values in ([s.points[:, 0] for s in drawn], [s.points[:, 1:].ravel() for s in drawn])
    )
    across, up = _Axis.around(xs, LEFT, WIDTH - RIGHT, logarithmic=octaves), _Axis.around(ys, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{y_label} over {x_label}")}">'
    ]
    for value in up.ticks():
        y = up.place(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" text-anchor="end" x="{LEFT - 6}" y="{y + 3.5:.1f}">{value:g}</text>')
    for value in across.ticks():
        x = across.place(value)
        parts.append(f'<text class="tick" text-anchor="middle" x="{x:.1f}" y="{HEIGHT - BOTTOM + 14}">{value:g}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text class="label" text-anchor="middle" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}">{escape(x_label)}</text>'
    )
    parts.append(
        f'<text class="label" text-anchor="middle" transform="translate(11 {middle}) rotate(-90)">{escape(y_label)}</text>'
    )
    parts += [_drawn(s, across, up) for s in drawn]
    return "".join([*parts, "</svg>"])


def _drawn(series: Series, across: _Axis, up: _Axis) -> str:
    x = [across.place(value) for value in series.points[:, 0]]
    columns = [[up.place(value) for value in column] for column in series.points[:, 1:].T]
    if series.shape == "dots":
        dots = (f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in zip(x, columns[0], strict=True))
        return f'<g class="dots {series.kind}">{"".join(dots)}</g>'
    if series.shape == "band":
        outline = [*zip(x, columns[0], strict=True), *reversed(list(zip(x, columns[1], strict=True)))]
        return f'<polygon class="band {series.kind}" points="{_path(outline)}"/>'
    return f'<polyline class="line {series.kind}" points="{_path(list(zip(x, columns[0], strict=True)))}"/>'


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


@dataclass(frozen=True)
class _Axis:
    """From values to pixels."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool

    @classmethod
    def around(cls, values: Array, start: float, stop: float, *, logarithmic: bool = False) -> _Axis:
        """An axis on which all values lie, with some room."""
        low, high = float(values.min()), float(values.max())
        if logarithmic:
            return cls(math.log2(low), max(math.log2(high), math.log2(low) + 1), start, stop, logarithmic)
        room = 0.05 * (high - low) or 0.5 * abs(high) or 0.5
        return cls(low - room, high + room, start, stop, logarithmic)

    def place(self, value: float) -> float:
        """The pixel of a value."""
        at = math.log2(value) if self.logarithmic else value
        return self.start + (self.stop - self.start) * (at - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values along the axis."""
        if self.logarithmic:
            return [2.0**n for n in range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)]
        rough = (self.high - self.low) / TICKS
        unit = 10 ** math.floor(math.log10(rough))
        step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= rough)
        return [round(n * step, 10) for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
