# SPDX-License-Identifier: GPL-3.0-or-later
"""Single frames, small and soon: what an animator sees while scrubbing.

A preview is what the network draws before it is enlarged, so it is the very picture that Generate makes, at the
network's own size. It is drawn in one piece by one thread: two halves in two threads were a quarter faster and cost half
as much again, on processors that a generation may be using.

The trunk's features are kept. The first frame after a change is drawn from the four knots that it needs and no more,
which takes half the time of a whole block; while time moves on, a second thread works out the blocks that come next.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import torch

from .card import Style
from .errors import ModelError, RecipeError
from .generator.architecture import HEAD_STRIDE
from .generator.checkpoint import Model, load_model
from .generator.lattice import Span, Window
from .generator.network import Scene, head_span, knot_span, spline
from .generator.sampler import Frame, Sampler, _Job, resolve_device
from .library import model_by_digest
from .recipe import Recipe, zoom
from .sequence.formats import linear
from .sequence.formats import straight as divided

STREAMS, WINDOWS = 6, 3  # how many settings' features are kept, and spans of knots of each: 80 MB at the most

LEVELS = 65535  # of the alpha that colour is divided by, as in a PNG of 16 bits


@dataclass
class _Stream:
    """Frames that differ in their time alone."""

    recipe: Recipe
    controls: tuple[float, ...]
    job: _Job
    w: torch.Tensor
    top: int  # of the frame on the network's own canvas, in its pixels; then left, height and width
    left: int
    height: int
    width: int
    scene: Scene | None
    known: list[tuple[Span, torch.Tensor]] = field(default_factory=list)  # features by finest knots, newest last

    @property
    def rows(self) -> Span:
        """The finest trunk cells that the frame lies in."""
        return _cells(self.top, self.height)

    @property
    def columns(self) -> Span:
        """Likewise."""
        return _cells(self.left, self.width)

    def find(self, knots: Span) -> tuple[Span, torch.Tensor] | None:
        """Features that are known at these knots."""
        return next((known for known in self.known if known[0][0] <= knots[0] and knots[1] <= known[0][1]), None)

    def learn(self, knots: Span, features: torch.Tensor) -> None:
        """Keep features, in place of the oldest and of those that are a part of them."""
        kept = [known for known in self.known if not (knots[0] <= known[0][0] and known[0][1] <= knots[1])]
        self.known = [*kept[-WINDOWS + 1 :], (knots, features)]


class Painter(Sampler):
    """Draws previews with one model on one device; all calls come from one thread."""

    def __init__(self, model: Model, device: torch.device | str = "cpu") -> None:
        super().__init__(model, device, threads=1)
        finest = self.model.architecture.trunk[-1]
        self._stride = finest.knot_stride  # model frames
        self._knots = self.model.architecture.knot // self._stride  # of the finest level in a block
        self._streams: list[_Stream] = []  # the newest last
        self._now: Fraction | None = None  # model time of the newest frame
        self._pace = Fraction(0)  # model time that passed before it, with nothing else changed
        self._thread = ThreadPoolExecutor(1, "aigc-ahead", torch.set_num_threads, (1,))
        self._filling: tuple[_Stream, Span, Future[torch.Tensor]] | None = None

    def draw(
        self, recipe: Recipe, number: int, limit: int, newer: Callable[[], bool] = lambda: False
    ) -> tuple[Frame, bool] | None:
        """One frame of at most ``limit`` pixels, and whether it shows what Generate would draw.

        Pixels are (H, W, 4) float32 as ``frames`` gives them. Where the network's picture is larger, the element is
        drawn at a smaller height instead: that picture is alike, not the same. None where ``newer`` was true
        when features were there but not yet drawn; they are kept.

        Raises:
            RecipeError: the model cannot draw the recipe.
        """
        small, exact = self._reduced(recipe, limit)
        stream, fresh = self._stream(small, number)
        time = stream.job.time.at(number)
        self._pace = Fraction(0) if fresh or self._now is None else _shortest(time - self._now, stream.job)
        self._now = time
        first = self._first_knot(time)
        instant = float(time - first * self._stride)
        relative = knot_span([instant], self._stride)
        wanted = relative[0] + first, relative[1] + first
        self._collect(wait_for=wanted if stream.find(wanted) is None else None)
        found = stream.find(wanted)
        if found is None:
            found = wanted, self._trunk(stream, wanted)
            stream.learn(*found)
            if newer():
                return None
        knots, features = found
        return self._head(stream, features, (knots[0] - first, knots[1] - first), instant), exact

    def look_ahead(self) -> None:
        """Begin with the features that the next frames will need, if time is moving; does not wait."""
        self._collect()
        if self._filling is not None or self._now is None or not 0 < abs(self._pace) <= self.model.architecture.knot:
            return
        stream = self._streams[-1]
        period = stream.job.time.knots * self._knots
        here = self._first_knot(self._now)
        step = self._knots if self._pace > 0 else -self._knots
        for first in (here, here + step):
            first = first % period if period else first
            block = first - 2, first + self._knots + 2
            if stream.find(block) is None:
                self._filling = stream, block, self._thread.submit(self._trunk, stream, block)
                return

    def light(self, pixels: Frame, *, straight: bool) -> Frame:
        """A frame as Blender's float images hold it: scene-linear, row 0 at the bottom.

        As in the files: premultiplied as in an EXR, or with colour divided by alpha as in a PNG.
        """
        pixels = pixels[::-1]
        return np.ascontiguousarray(linear(divided(pixels, LEVELS) if straight else pixels), np.float32)

    def close(self) -> None:
        """Wait for what is under way; the painter draws no more."""
        self._thread.shutdown(cancel_futures=True)

    def _collect(self, wait_for: Span | None = None) -> None:
        """Take in features that were worked out ahead, and wait for them if they hold these knots of the newest stream."""
        if self._filling is None:
            return
        stream, block, future = self._filling
        awaited = wait_for and stream is self._streams[-1] and block[0] <= wait_for[0] and wait_for[1] <= block[1]
        if awaited or future.done():
            self._filling = None
            stream.learn(block, future.result())

    def _reduced(self, recipe: Recipe, limit: int) -> tuple[Recipe, bool]:
        """The recipe whose picture has at most ``limit`` pixels of the network, and whether that is the recipe itself."""
        style = self._style(recipe)
        cell = self.model.architecture.cell
        factor = zoom(recipe, style, cell)
        if limit < cell * cell:
            raise RecipeError(f"A preview of {limit} pixels is too small; give at least {cell * cell}.")

        def side(pixels: int, axis: str, shrink: int) -> int:
            unit = cell if axis in recipe.tile else 1
            return unit * max(1, round(pixels / (shrink * unit)))

        def size(shrink: int) -> tuple[int, int]:
            return side(recipe.width, "x", shrink), side(recipe.height, "y", shrink)

        if math.prod(size(factor)) <= limit:
            return recipe, True
        shrink = next(s for s in range(factor + 1, 1 << 20) if math.prod(size(s)) <= limit)
        width, height = size(shrink)
        x, y = recipe.origin
        element = max(1, round((recipe.element_height or recipe.height) / shrink))
        small = replace(recipe, width=width, height=height, element_height=element, origin=(x // shrink, y // shrink))
        return small, False

    def _stream(self, recipe: Recipe, number: int) -> tuple[_Stream, bool]:
        """The frame's stream, from now on the newest, and whether it was not the newest before."""
        style = self._style(recipe)
        controls, static = recipe.controls_at(number, style), replace(recipe, controls={})
        for stream in self._streams:
            if stream.recipe == static and stream.controls == controls:
                fresh = stream is not self._streams[-1]
                break
        else:
            stream, fresh = self._new_stream(recipe, static, controls), True
        self._streams = [*(s for s in self._streams if s is not stream), stream][-STREAMS:]
        return stream, fresh

    def _new_stream(self, recipe: Recipe, static: Recipe, controls: tuple[float, ...]) -> _Stream:
        job = self._job(recipe)
        top, bottom = job.top // job.zoom, -(-(job.top + recipe.height) // job.zoom)
        left, right = job.left // job.zoom, -(-(job.left + recipe.width) // job.zoom)
        rows, columns = _cells(top, bottom - top), _cells(left, right - left)
        with torch.inference_mode():
            scene = self.network.scene(rows, columns, job.placement)
        return _Stream(static, controls, job, self._w(job, controls), top, left, bottom - top, right - left, scene)

    def _first_knot(self, time: Fraction) -> int:
        """The finest knot that the block begins with in which a model time lies."""
        return int(time // self.model.architecture.knot) * self._knots

    @torch.inference_mode()
    def _trunk(self, stream: _Stream, knots: Span) -> torch.Tensor:
        window = Window(knots, head_span(stream.rows), head_span(stream.columns))
        job = stream.job
        return self.network.trunk(job.seeds, stream.w, window, job.wrap, job.placement)

    @torch.inference_mode()
    def _head(self, stream: _Stream, features: torch.Tensor, knots: Span, instant: float) -> Frame:
        drawn = self.network.head(spline(features, knots, [instant], self._stride), stream.w, stream.scene)
        cell = 2 * HEAD_STRIDE
        y, x = stream.top - cell * stream.rows[0], stream.left - cell * stream.columns[0]
        pixels = drawn[0, 0, y : y + stream.height, x : x + stream.width].mul(0.5).add(0.5).clamp_(0, 1)
        if not stream.job.style.alpha:
            pixels[..., 3] = 1
        frame: Frame = pixels.cpu().numpy()
        return frame

    def _style(self, recipe: Recipe) -> Style:
        style = self.model.card.style(recipe.style)
        if style is None:
            raise RecipeError(f"Style {recipe.style!r} is not in model {self.model.card.name}; choose another.")
        return style


def load_painter(digest: str, device: str) -> Painter:
    """A painter for the model of a digest on a device such as ``auto``.

    Raises:
        AigcError: either is not there.
    """
    file = model_by_digest(digest)
    model = load_model(file.path)
    if model.file.digest != digest:
        raise ModelError(f"{file.path} changed while it was read; try again.")
    return Painter(model, resolve_device(device))


def _cells(first: int, length: int) -> Span:
    """The finest trunk cells that pixels of the network lie in."""
    cell = 2 * HEAD_STRIDE
    return first // cell, -(-(first + length) // cell)


def _shortest(step: Fraction, job: _Job) -> Fraction:
    """A step in model time, of a loop the shorter way round."""
    period = job.time.knots * job.time.knot
    return (step + Fraction(period, 2)) % period - Fraction(period, 2) if period else step
