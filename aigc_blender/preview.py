# SPDX-License-Identifier: GPL-3.0-or-later
"""Single frames, small and soon: what an animator sees while scrubbing.

A preview is what the network draws before it is enlarged, so it is the very picture that Generate makes, at the
network's own size; only motion blur is left out. It is drawn in one piece by one thread: two halves in two threads were a
quarter faster and cost half as much again, on processors that a generation may be using.

The trunk's features are kept. The first frame after a change is drawn from the four knots that it needs and no more,
which takes half the time of a whole block; while time moves on, a second thread works out the blocks that come next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import torch

from .errors import ModelError, RecipeError
from .generator.checkpoint import Model, load_model
from .generator.instants import Instant
from .generator.job import Fields, Frame, Job
from .generator.lattice import Span, Window, length
from .generator.network import Scene, head_span
from .generator.pan import AFTER, BEFORE, shifted
from .generator.resampling import knot_span, spline
from .generator.sampler import Sampler, resolve_device
from .generator.sides import presence
from .library import model_by_digest
from .recipe import Recipe, zoom
from .sequence.formats import linear, scene_linear
from .sequence.formats import straight as divided

STREAMS, WINDOWS = 6, 3  # how many settings' features are kept, and spans of knots of each
SPARE = 100 * 10**6  # bytes that those of all settings but the newest may have
LEVELS = 65535  # of the alpha that colour is divided by, as in a PNG of 16 bits


@dataclass(frozen=True)
class Picture:
    """A preview: (H, W, 4) float32 as ``Sampler.frames`` gives it, and the glow that an EXR of it would have.

    ``exact``: it shows what Generate would draw.
    """

    pixels: Frame
    glow: float
    exact: bool

    def light(self, *, straight: bool) -> Frame:
        """The picture as Blender's float images hold it: scene-linear, row 0 at the bottom.

        As in the files: premultiplied and glowing as in an EXR, or with colour divided by alpha as in a PNG.
        """
        pixels = self.pixels[::-1]
        light = linear(divided(pixels, LEVELS)) if straight else scene_linear(pixels, self.glow)
        return np.ascontiguousarray(light, np.float32)


@dataclass
class _Stream:
    """Frames that share features but for their time: of one mix, in one part of the canvas."""

    key: Hashable
    job: Job
    fields: Fields
    rows: Span  # of finest trunk cells; of what moves along at model time 0, where the lattice moves
    columns: Span
    scene: Scene | None
    known: list[tuple[Window, torch.Tensor]] = field(default_factory=list)  # features to draw these cells, newest last

    def find(self, wanted: Window) -> tuple[Window, torch.Tensor] | None:
        """Features that are known for all cells of a window."""
        return next((known for known in self.known if known[0].holds(wanted)), None)

    @property
    def size(self) -> int:
        """Bytes of the features."""
        return sum(features.nbytes for _, features in self.known)

    def learn(self, window: Window, features: torch.Tensor) -> None:
        """Keep features, in place of the oldest and of those that are a part of them."""
        kept = [known for known in self.known if not window.holds(known[0])]
        self.known = [*kept[-WINDOWS + 1 :], (window, features)]

    def block(self, first: int, knots: int) -> Window:
        """What is drawn while the finest knots from ``first`` on pass."""
        right, up = self.job.flow
        return Window(
            (first - 2, first + knots + 2),
            _passed(self.rows, up * first, up * (first + knots)),
            _passed(self.columns, -right * first, -right * (first + knots)),
        )


@dataclass(frozen=True)
class _View:
    """Where a frame lies on the network's canvas, in its pixels; it begins a fraction (down, right) of one further on."""

    top: int
    left: int
    height: int
    width: int
    down: float
    right: float

    def cells(self, side: int) -> tuple[Span, Span]:
        """Rows and columns of cells of ``side`` pixels in which what is read lies."""
        top, left, height, width = self.outer
        rows, columns = ((at // side, -(-(at + size) // side)) for at, size in ((top, height), (left, width)))
        return rows, columns

    @property
    def outer(self) -> tuple[int, int, int, int]:
        """Top, left, height and width of what is read of the canvas."""
        more_down, more_right = self.down > 0, self.right > 0
        return (
            self.top - BEFORE * more_down,
            self.left - BEFORE * more_right,
            self.height + (BEFORE + AFTER) * more_down,
            self.width + (BEFORE + AFTER) * more_right,
        )


class Painter(Sampler):
    """Draws previews with one model on one device; all calls come from one thread."""

    def __init__(self, model: Model, device: torch.device | str = "cpu") -> None:
        super().__init__(model, device, threads=1)
        finest = self.model.architecture.trunk[-1]
        self._cell, self._stride = finest.stride, finest.knot_stride  # pixels of the network, model frames
        self._knots = self.model.architecture.knot // self._stride  # of the finest level in a block
        self._streams: list[_Stream] = []  # the newest last
        self._now: Fraction | None = None  # model time of the newest frame
        self._pace = Fraction(0)  # model time that passed before it while nothing else changed
        self._thread = ThreadPoolExecutor(1, "aigc-ahead", torch.set_num_threads, (1,))
        self._filling: tuple[_Stream, Window, Future[torch.Tensor]] | None = None

    def draw(
        self, recipe: Recipe, number: int, limit: int, newer: Callable[[], bool] = lambda: False
    ) -> Picture | None:
        """One frame of at most ``limit`` pixels.

        Where the network's picture is larger, the element is drawn at a smaller height instead: that picture is alike,
        not the same. None where ``newer`` was true when features were there but not yet drawn; they are kept.

        Raises:
            RecipeError: the model cannot draw the recipe.
        """
        small, exact = self._reduced(replace(recipe, shutter=0.0), number, limit)
        job = self._job(small)
        instant = job.instants.at(number)
        view = _view(job, instant, drifted=True)
        stream, fresh = self._stream(job, instant)
        self._pace = (
            Fraction(0) if fresh or self._now is None else _shortest(instant.time - self._now, self._period(job))
        )
        self._now = instant.time
        first = self._first_knot(instant.time)
        within = float(instant.time - first * self._stride)
        knots = knot_span([within], self._stride)
        wanted = Window((knots[0] + first, knots[1] + first), *view.cells(self._cell))
        self._collect(wait_for=wanted if stream.find(wanted) is None else None)
        found = stream.find(wanted)
        if found is None:
            found = wanted, self._trunk(stream, wanted)
            stream.learn(*found)
            if newer():
                return None
        pixels = self._head(stream, *found, wanted, within, view)
        present = presence(instant.mix.styles, (job.left / job.zoom + np.arange(view.width) + 0.5) / job.height)
        pixels = pixels if present is None else pixels * present[:, None]
        one, other = self._styles(recipe)
        return Picture(pixels, one.glow_beside(other, recipe.value_at(recipe.style_blend, number)), exact)

    def look_ahead(self) -> None:
        """Begin with the features that the next frames will need, if time is moving; does not wait."""
        self._collect()
        if self._filling is not None or self._now is None or not 0 < abs(self._pace) <= self.model.architecture.knot:
            return
        stream = self._streams[-1]
        period = self._period(stream.job) // self._stride
        here = self._first_knot(self._now)
        for first in (here, here + (self._knots if self._pace > 0 else -self._knots)):
            first = first % period if period else first
            block = stream.block(first, self._knots)
            if stream.find(block) is None:
                self._filling = stream, block, self._thread.submit(self._trunk, stream, block)
                return

    def close(self) -> None:
        """Wait for what is under way; the painter draws no more."""
        self._thread.shutdown(cancel_futures=True)

    def _collect(self, wait_for: Window | None = None) -> None:
        """Take in features that were worked out ahead, and wait for them if they hold this window of the newest stream."""
        if self._filling is None:
            return
        stream, block, future = self._filling
        awaited = wait_for and stream is self._streams[-1] and block.holds(wait_for)
        if awaited or future.done():
            self._filling = None
            stream.learn(block, future.result())

    def _reduced(self, recipe: Recipe, number: int, limit: int) -> tuple[Recipe, bool]:
        """The recipe whose picture has at most ``limit`` pixels of the network, and whether that is the recipe itself."""
        cell = self.model.architecture.cell
        factor = zoom(recipe, self.style(recipe), cell)
        if limit < cell * cell:
            raise RecipeError(f"A preview of {limit} pixels is too small; give at least {cell * cell}.")

        def size(shrink: int) -> tuple[int, int]:
            units = [cell if axis in recipe.tile else 1 for axis in ("x", "y")]
            width, height = (
                unit * max(1, round(pixels / (shrink * unit)))
                for pixels, unit in zip((recipe.width, recipe.height), units, strict=True)
            )
            return width, height

        if math.prod(-(-pixels // factor) for pixels in (recipe.width, recipe.height)) <= limit:  # as a view has them
            return recipe, True
        shrink = next(s for s in range(factor + 1, 1 << 20) if math.prod(size(s)) <= limit)
        width, height = size(shrink)
        element = max(1, round((recipe.element_height or recipe.height) / shrink))
        x, y = recipe.origin
        right, up = (recipe.value_at(pan, number) / shrink for pan in recipe.pan)
        small = replace(
            recipe,
            width=width,
            height=height,
            element_height=element,
            origin=(x // shrink, y // shrink),
            pan=(right, up),
        )
        return small, False

    def _stream(self, job: Job, instant: Instant) -> tuple[_Stream, bool]:
        """The frame's stream, from now on the newest, and whether it was not the newest before."""
        recipe = job.recipe
        rows, columns = _view(job, instant, drifted=False).cells(self._cell)
        wraps = (
            self._period(job),
            *(getattr(recipe, n) * (a in recipe.tile) for a, n in (("x", "width"), ("y", "height"))),
        )
        key = instant.mix, rows, columns, wraps, job.zoom, job.height, job.style.native_height, job.style.max_height
        newest = self._streams[-1] if self._streams else None
        stream = next((s for s in self._streams if s.key == key), None)
        if stream is None:
            fields = self._fields(job, instant.mix)
            with torch.inference_mode():
                scene = self.network.scene(rows, columns, fields.placement)
            stream = _Stream(key, job, fields, rows, columns, scene)
        others = [s for s in self._streams if s is not stream][-STREAMS + 1 :]
        while sum(s.size for s in others) > SPARE:
            del others[0]
        self._streams = [*others, stream]
        return stream, stream is not newest

    def _period(self, job: Job) -> int:
        """Model frames of a loop; 0 where time does not wrap."""
        return job.instants.time.knots * self.model.architecture.knot

    def _first_knot(self, time: Fraction) -> int:
        """The finest knot that the block begins with in which a model time lies."""
        return int(time // self.model.architecture.knot) * self._knots

    @torch.inference_mode()
    def _trunk(self, stream: _Stream, drawn: Window) -> torch.Tensor:
        window, fields = Window(drawn.knots, head_span(drawn.rows), head_span(drawn.columns)), stream.fields
        return self.network.trunk(fields.seeds, fields.w, window, stream.job.wrap, fields.placement, fields.weights)

    @torch.inference_mode()
    def _head(
        self, stream: _Stream, known: Window, features: torch.Tensor, wanted: Window, instant: float, view: _View
    ) -> Frame:
        """The frame at ``instant`` after the first knot of its block, from features that are known for more cells than it shows."""
        fields = stream.fields
        down, across = wanted.rows[0] - known.rows[0], wanted.columns[0] - known.columns[0]
        tall, wide = (length(head_span(span)) for span in (wanted.rows, wanted.columns))
        begun = wanted.knots[0] - knot_span([instant], self._stride)[0]
        knots = known.knots[0] - begun, known.knots[1] - begun
        part = features[:, :, down : down + tall, across : across + wide]
        drawn = self.network.head(spline(part, knots, [instant], self._stride), fields.w, stream.scene)
        top, left, height, width = view.outer
        y, x = top - self._cell * wanted.rows[0], left - self._cell * wanted.columns[0]
        pixels = drawn[0, 0, y : y + height, x : x + width].mul(0.5).add(0.5).clamp_(0, 1)
        pixels[..., 3] += (1 - pixels[..., 3]) * fields.opacity
        return shifted(pixels.cpu().numpy(), view.down, view.right, view.height, view.width)


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


def _view(job: Job, instant: Instant, *, drifted: bool) -> _View:
    """What a frame shows of the network's canvas, or of what moves along; its size there is rounded up, but for an axis that tiles."""
    right, up = (p + d * drifted for p, d in zip(instant.pan, instant.drifted, strict=True))
    top, left = Fraction(job.top + up) / job.zoom, Fraction(job.left - right) / job.zoom
    height, width = (-(-size // job.zoom) for size in (job.recipe.height, job.recipe.width))
    return _View(math.floor(top), math.floor(left), height, width, float(top % 1), float(left % 1))


def _passed(span: Span, first: int, last: int) -> Span:
    """The cells that a window of ``span`` shows while it moves on by so many cells, from ``first`` to ``last``."""
    if first == last == 0:
        return span
    return span[0] + min(first, last) - 1, span[1] + max(first, last) + 1  # it may begin between two pixels


def _shortest(step: Fraction, period: int) -> Fraction:
    """A step in model time, of a loop the shorter way round."""
    return (step + Fraction(period, 2)) % period - Fraction(period, 2) if period else step
