# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of a recipe, any of them in any order, bit for bit the same.

The canvas and the timeline are cut into aligned blocks of one fixed shape a kind of device. A block
is computed alone, with one intra-op thread, whatever was asked for beside it; threads work on
different blocks. Less memory means fewer blocks in flight, never another shape.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from ..card import Style
from ..errors import DeviceError, RecipeError
from ..recipe import Recipe, check_style, zoom
from .architecture import CHANNELS
from .checkpoint import Model
from .cost import block_flop, block_window
from .enlarge import enlarge
from .field import latent
from .lattice import Window
from .network import Placement, Wrap, spline
from .timeline import Timeline, timeline

Frame = NDArray[np.float32]

GROUP_BYTES = 512 * 2**20  # of frames that are filled block by block at the same time


@dataclass(frozen=True)
class BlockShape:
    """The fixed unit of work: ``cells`` x ``cells`` finest trunk cells and ``frames`` frames a call of the head."""

    cells: int
    frames: int


# Small enough for a core's cache on CPUs, large enough to fill the others.
_CPU_BLOCK = BlockShape(cells=32, frames=1)
_GPU_BLOCK = BlockShape(cells=64, frames=8)


@dataclass(frozen=True)
class Plan:
    """What drawing one frame a frame number of a recipe will take.

    ``stretch``: the loop's pace against the style's own (1: the same). ``flop``: operations a frame,
    halo included. ``peak_bytes``: memory for frames being filled.
    """

    stretch: float
    flop: float
    peak_bytes: int


@dataclass
class _Group:
    """Frames that share a trunk: the same time block and the same w."""

    index: int
    numbers: list[int]
    instants: list[float]  # model time from the block's start
    w: torch.Tensor
    pixels: Frame
    pending: list[Future[None]] = field(default_factory=list)


@dataclass(frozen=True)
class _Job:
    """What all blocks of one recipe have in common."""

    recipe: Recipe
    style: Style
    time: Timeline
    zoom: int  # pixels of the frame a pixel of the network, along each axis
    left: int  # canvas coordinates of the frame's corner
    top: int
    seeds: torch.Tensor
    wrap: Wrap
    placement: Placement


def resolve_device(name: str = "auto") -> torch.device:
    """The device of that name; ``auto`` takes a GPU when there is one.

    Raises:
        DeviceError: it is not there; names those that are.
    """
    present = available_devices()
    if name == "auto":
        return torch.device(present[0])
    if name.partition(":")[0] not in present:
        raise DeviceError(f"Device {name!r} is not available here; choose {' or '.join(present)}.")
    return torch.device(name)


def available_devices() -> list[str]:
    """Kinds of device that torch can use here, best first; always ends with ``cpu``."""
    checks = (
        ("cuda", torch.cuda.is_available),
        ("xpu", lambda: hasattr(torch, "xpu") and torch.xpu.is_available()),
        ("mps", torch.backends.mps.is_available),
    )
    return [name for name, check in checks if check()] + ["cpu"]


class Sampler:
    """Draws frames with one model on one device."""

    def __init__(self, model: Model, device: torch.device | str = "cpu", threads: int | None = None) -> None:
        """``threads`` blocks are computed at a time on a CPU (default: one a core).

        Sets torch's intra-op threads to one for the whole process: more would change the bits.
        """
        self.model = model
        self.device = torch.device(device)
        on_cpu = self.device.type == "cpu"
        self.threads = (threads or os.cpu_count() or 1) if on_cpu else 1
        self.block = _CPU_BLOCK if on_cpu else _GPU_BLOCK
        self.network = model.network.to(self.device)
        torch.set_num_threads(1)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True

    def plan(self, recipe: Recipe) -> Plan:
        """What the recipe costs.

        Raises:
            RecipeError: the model cannot draw it.
        """
        job = self._job(recipe)
        blocks = len(self._spatial_blocks(job))
        architecture = self.model.architecture
        frames_a_block = max(1.0, float(architecture.knot / job.time.rate))
        cells = self.block.cells + 2 * _margin_cells(job.zoom)
        flop = blocks * block_flop(architecture, cells, int(frames_a_block)) / int(frames_a_block)
        frame_bytes = recipe.width * recipe.height * CHANNELS * 4
        return Plan(job.time.stretch, flop, max(frame_bytes, min(GROUP_BYTES, int(frames_a_block) * frame_bytes)))

    def frames(
        self, recipe: Recipe, numbers: Sequence[int], on_block: Callable[[float], None] = lambda _: None
    ) -> Generator[tuple[int, Frame], None, None]:
        """Each frame number with its pixels, in the order given.

        Pixels are (H, W, 4) float32 in 0..1, RGB premultiplied by alpha, in the card's transfer
        function; alpha is 1 throughout for a style without alpha. Closing the iterator cancels.
        ``on_block`` is told after each block how many frames' worth of work it was; what it raises cancels too.

        Raises:
            RecipeError: the model cannot draw the recipe.
        """
        job = self._job(recipe)
        return self._run(job, numbers, on_block)

    def _job(self, recipe: Recipe) -> _Job:
        style = self.model.card.style(recipe.style)
        if style is None:
            names = ", ".join(s.name for s in self.model.card.styles)
            raise RecipeError(f"Style {recipe.style!r} is not in model {self.model.card.name}; it has {names}.")
        architecture = self.model.architecture
        check_style(recipe, style, architecture.cell)
        time = timeline(recipe, style.fps, architecture.knot)
        x, y = recipe.origin
        on = self.device
        factor = zoom(recipe, style, architecture.cell)
        height = (recipe.element_height or recipe.height) / factor
        cell = architecture.cell * factor
        periods = (
            time.knots,
            recipe.height // cell if "y" in recipe.tile else 0,
            recipe.width // cell if "x" in recipe.tile else 0,
        )
        return _Job(
            recipe=recipe,
            style=style,
            time=time,
            zoom=factor,
            left=x - (recipe.width // 2 if "x" in style.anchored else 0),
            top=-y - recipe.height if "y" in style.anchored else y,
            seeds=torch.tensor([recipe.seed], dtype=torch.int64, device=on),
            wrap=Wrap(*(torch.tensor([p], dtype=torch.int64, device=on) for p in periods)),
            placement=Placement(
                base=torch.zeros(1, 2, device=on),
                height=torch.tensor([height], device=on),
                anchored=torch.tensor([[float(a in style.anchored) for a in ("x", "y")]], device=on),
                style=torch.tensor([self.model.card.styles.index(style)], device=on),
            ),
        )

    def _run(
        self, job: _Job, numbers: Sequence[int], on_block: Callable[[float], None]
    ) -> Generator[tuple[int, Frame], None, None]:
        groups = self._groups(job, numbers)
        blocks = self._spatial_blocks(job)
        flight: deque[_Group] = deque()
        pool = ThreadPoolExecutor(
            self.threads, thread_name_prefix="aigc-block", initializer=torch.set_num_threads, initargs=(1,)
        )
        try:
            for group in groups:
                group.pending = [pool.submit(self._draw, job, group, row, column) for row, column in blocks]
                flight.append(group)
                while sum(not f.done() for g in flight for f in g.pending) > 2 * self.threads:
                    yield from _finished(flight.popleft(), on_block)
            while flight:
                yield from _finished(flight.popleft(), on_block)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _groups(self, job: _Job, numbers: Sequence[int]) -> Iterator[_Group]:
        recipe = job.recipe
        shape = (recipe.height, recipe.width, CHANNELS)
        most = max(1, GROUP_BYTES // (4 * recipe.height * recipe.width * CHANNELS))
        knot = self.model.architecture.knot
        start = 0
        while start < len(numbers):
            key = self._key(job, numbers[start])
            stop = start + 1
            while stop < len(numbers) and stop - start < most and self._key(job, numbers[stop]) == key:
                stop += 1
            index, controls = key
            chosen = list(numbers[start:stop])
            instants = [float(job.time.at(n) - Fraction(index * knot)) for n in chosen]
            yield _Group(index, chosen, instants, self._w(job, controls), np.empty((len(chosen), *shape), np.float32))
            start = stop

    def _key(self, job: _Job, number: int) -> tuple[int, tuple[float, ...]]:
        return int(job.time.at(number) // self.model.architecture.knot), job.recipe.controls_at(number, job.style)

    @torch.inference_mode()
    def _w(self, job: _Job, controls: tuple[float, ...]) -> torch.Tensor:
        architecture = self.model.architecture
        slots = torch.zeros(1, architecture.controls, device=self.device)
        slots[0, : len(controls)] = torch.tensor(controls, device=self.device)
        index = torch.tensor([self.model.card.styles.index(job.style)], device=self.device)
        height = job.placement.height.clamp(job.style.native_height, job.style.max_height)
        return self.network.mapping(latent(job.seeds, architecture.latent), index, slots, height)

    def _spatial_blocks(self, job: _Job) -> list[tuple[int, int]]:
        side = self.block.cells * self.model.architecture.trunk[-1].stride * job.zoom
        rows = range(job.top // side, -(-(job.top + job.recipe.height) // side))
        columns = range(job.left // side, -(-(job.left + job.recipe.width) // side))
        return [(row, column) for row in rows for column in columns]

    @torch.inference_mode()
    def _draw(self, job: _Job, group: _Group, row: int, column: int) -> None:
        """Fill one block of a group's frames."""
        cells, batch = self.block.cells, self.block.frames
        finest = self.model.architecture.trunk[-1]
        side = cells * finest.stride * job.zoom
        margin = _margin_cells(job.zoom)
        relative = block_window(self.model.architecture, cells, margin)
        first_knot = group.index * (self.model.architecture.knot // finest.knot_stride)
        out = Window(
            (relative.knots[0] + first_knot, relative.knots[1] + first_knot),
            (relative.rows[0] + row * cells, relative.rows[1] + row * cells),
            (relative.columns[0] + column * cells, relative.columns[1] + column * cells),
        )
        features = self.network.trunk(job.seeds, group.w, out, job.wrap, job.placement)
        rows, columns = ((i * cells - margin, (i + 1) * cells + margin) for i in (row, column))
        scene = self.network.scene(rows, columns, job.placement)
        # The part of the block that lies within the frame.
        y, x = row * side - job.top, column * side - job.left
        y0, x0 = max(0, -y), max(0, -x)
        y1, x1 = min(side, job.recipe.height - y), min(side, job.recipe.width - x)
        for start in range(0, len(group.instants), batch):
            instants = group.instants[start : start + batch]
            filled = instants + instants[-1:] * (batch - len(instants))
            drawn = self.network.head(spline(features, relative.knots, filled, finest.knot_stride), group.w, scene)
            pixels = drawn[0].mul(0.5).add(0.5).clamp_(0, 1)
            if margin:
                pixels = enlarge(pixels, margin * finest.stride, job.zoom)
            pixels = pixels[: len(instants), y0:y1, x0:x1]
            if not job.style.alpha:
                pixels[..., 3] = 1
            group.pixels[start : start + len(instants), y + y0 : y + y1, x + x0 : x + x1] = pixels.cpu().numpy()


def _margin_cells(factor: int) -> int:
    """Finest trunk cells around a block that are drawn to enlarge it."""
    return 1 if factor > 1 else 0


def _finished(group: _Group, on_block: Callable[[float], None]) -> Iterator[tuple[int, Frame]]:
    for future in group.pending:
        future.result()
        on_block(len(group.numbers) / len(group.pending))
    yield from zip(group.numbers, group.pixels, strict=True)
