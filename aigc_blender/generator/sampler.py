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
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
import torch

from ..card import AXES, Style
from ..errors import DeviceError, RecipeError
from ..recipe import Recipe, Track, check_style, zoom
from .architecture import CHANNELS
from .checkpoint import Model
from .cost import head_flop, trunk_flop
from .drift import Reach
from .enlarge import enlarge
from .field import blended, latent
from .instants import Instants, Mix
from .job import Fields, Frame, Group, Job
from .lattice import Window, length
from .network import Placement, Wrap, head_span
from .pan import shifted
from .resampling import spline
from .shutter import Exposure, developed, exposures
from .sides import presence
from .timeline import timeline

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
        height, width = job.window
        frame_bytes = width * height * CHANNELS * 4
        most = max(1, GROUP_BYTES // frame_bytes)
        samples = recipe.shutter_samples if recipe.shutter and job.instants.change else 1
        pace = job.instants.time.pace / samples
        shared = 1  # exposures that a trunk serves
        if not job.instants.mixes_change:
            shared = max(1, int(min(most, self.model.architecture.knot / pace if pace else most)))
        rows, columns = self._reach(job, 0, 0, 0)
        blocks = len(self._blocks(job, [(job.top, job.left)]))
        trunk = trunk_flop(self.model.architecture, self._window(0, rows, columns))
        head = head_flop(self.model.architecture, max(rows.shown, columns.shown))
        flop = samples * blocks * (trunk / shared + head)
        return Plan(job.instants.time.stretch, flop, max(frame_bytes, min(GROUP_BYTES, shared * frame_bytes)))

    def style(self, recipe: Recipe) -> Style:
        """The style that a recipe draws, or what the blend of its two is like.

        Raises:
            RecipeError: the model does not have them.
        """
        first, second = self._styles(recipe)
        return first.blended(second) if recipe.style_b else first

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

    def _styles(self, recipe: Recipe) -> tuple[Style, Style]:
        """The two styles of a recipe; without a blend the one twice."""
        found = []
        for name in (recipe.style, recipe.style_b or recipe.style):
            style = self.model.card.style(name)
            if style is None:
                names = ", ".join(s.name for s in self.model.card.styles)
                raise RecipeError(f"Style {name!r} is not in model {self.model.card.name}; it has {names}.")
            found.append(style)
        return found[0], found[1]

    def _job(self, recipe: Recipe) -> Job:
        style, styles = self.style(recipe), self._styles(recipe)
        architecture = self.model.architecture
        check_style(recipe, style, architecture.cell)
        time = timeline(recipe, styles, architecture.knot)
        x, y = recipe.origin
        factor = zoom(recipe, style, architecture.cell)
        cell = architecture.cell * factor
        periods = (
            time.knots,
            recipe.height // cell if "y" in recipe.tile else 0,
            recipe.width // cell if "x" in recipe.tile else 0,
        )
        element = (recipe.element_height or recipe.height) / factor
        flow = architecture.flow([self.model.card.styles.index(s) for s in _shown(recipe, styles)], element)
        right, up = (cells * architecture.speed * factor for cells in flow)
        return Job(
            recipe=recipe,
            style=style,
            instants=Instants(recipe, styles, time, (right, up)),
            zoom=factor,
            left=x - (recipe.width // 2 if "x" in style.anchored else 0),
            top=-y - recipe.height if "y" in style.anchored else y,
            wrap=Wrap(*(torch.tensor([p], dtype=torch.int64, device=self.device) for p in periods)),
            height=element,
            flow=flow,
        )

    def _run(
        self, job: Job, numbers: Sequence[int], on_block: Callable[[float], None]
    ) -> Generator[tuple[int, Frame], None, None]:
        with closing(self._expose(job, numbers, on_block)) as drawn:
            yield from developed(drawn)

    def _expose(
        self, job: Job, numbers: Sequence[int], on_block: Callable[[float], None]
    ) -> Generator[tuple[Exposure, Frame], None, None]:
        flight: deque[Group] = deque()
        pool = ThreadPoolExecutor(
            self.threads, thread_name_prefix="aigc-block", initializer=torch.set_num_threads, initargs=(1,)
        )
        try:
            for group in self._groups(job, numbers):
                blocks = self._blocks(job, group.corners)
                group.pending = [pool.submit(self._draw, job, group, row, column) for row, column in blocks]
                flight.append(group)
                while sum(not f.done() for g in flight for f in g.pending) > 2 * self.threads:
                    yield from _finished(job, flight.popleft(), on_block)
            while flight:
                yield from _finished(job, flight.popleft(), on_block)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _groups(self, job: Job, numbers: Sequence[int]) -> Iterator[Group]:
        recipe, knot = job.recipe, self.model.architecture.knot
        height, width = job.window
        most = max(1, GROUP_BYTES // (4 * height * width * CHANNELS))
        shots = exposures(job.instants.at, numbers, recipe.shutter, recipe.shutter_samples)
        for (index, mix), run in groupby(shots, lambda e: (int(e.instant.time // knot), e.instant.mix)):
            fields = self._fields(job, mix)
            while chosen := list(islice(run, most)):
                yield Group(
                    index=index,
                    exposures=chosen,
                    instants=[float(e.instant.time - index * knot) for e in chosen],
                    corners=[job.corner(e) for e in chosen],
                    moves=[job.moved(e)[0] for e in chosen],
                    fields=fields,
                    pixels=np.empty((len(chosen), height, width, CHANNELS), np.float32),
                )

    @torch.inference_mode()
    def _fields(self, job: Job, mix: Mix) -> Fields:
        """A mix as the network reads it: pure seeds and styles without any weights, so that they keep their bits."""

        def tensor(values: list[float]) -> torch.Tensor:
            return torch.tensor(values, device=self.device)

        architecture, card = self.model.architecture, self.model.card
        seeds = torch.tensor([seed for seed, _ in mix.seeds], dtype=torch.int64, device=self.device)
        weights = tensor([weight for _, weight in mix.seeds]) if len(mix.seeds) > 1 else None
        shares = tensor([share for _, share, _ in mix.styles]) if len(mix.styles) > 1 else None
        slots = torch.zeros(len(mix.styles), architecture.controls, device=self.device)
        for row, (_, _, controls) in enumerate(mix.styles):
            slots[row, : len(controls)] = tensor(list(controls))
        anchored = [sum(share for style, share, _ in mix.styles if axis in style.anchored) for axis in AXES]
        placement = Placement(
            base=torch.zeros(1, 2, device=self.device),
            height=tensor([job.height]),
            anchored=tensor(anchored)[None],
            style=torch.tensor([card.styles.index(style) for style, _, _ in mix.styles], device=self.device),
            shares=shares,
            flow=torch.tensor([job.flow], device=self.device) if any(job.flow) else None,
        )
        z = blended(latent(seeds, architecture.latent), weights)
        height = placement.height.clamp(job.style.native_height, job.style.max_height)
        w = self.network.mapping(z, placement.style, slots, height, shares)
        opacity = sum(share for style, share, _ in mix.styles if not style.alpha)
        return Fields(seeds, weights, w, placement, opacity)

    def _blocks(self, job: Job, corners: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Row and column of the blocks that windows at these corners lie in."""
        side = self.block.cells * self.model.architecture.trunk[-1].stride * job.zoom
        height, width = job.window
        return sorted(
            {
                (row, column)
                for top, left in set(corners)
                for row in range(top // side, -(-(top + height) // side))
                for column in range(left // side, -(-(left + width) // side))
            }
        )

    def _reach(self, job: Job, index: int, row: int, column: int) -> tuple[Reach, Reach]:
        """Rows and columns that a block shows in a block of time."""
        finest, cells = self.model.architecture.trunk[-1], self.block.cells
        knots = self.model.architecture.knot // finest.knot_stride
        passed, margin = (index * knots, (index + 1) * knots), _margin_cells(job.zoom)
        right, up = job.flow
        rows, columns = (
            Reach((i * cells - margin, (i + 1) * cells + margin), flow, passed, finest.stride, job.zoom)
            for i, flow in ((row, up), (column, -right))
        )
        return rows, columns

    def _window(self, index: int, rows: Reach, columns: Reach) -> Window:
        """What the head reads of the finest trunk level in a block of time."""
        knots = self.model.architecture.knot // self.model.architecture.trunk[-1].knot_stride
        return Window((index * knots - 2, (index + 1) * knots + 2), head_span(rows.span), head_span(columns.span))

    @torch.inference_mode()
    def _draw(self, job: Job, group: Group, row: int, column: int) -> None:
        """Fill one block of a group's windows."""
        cells, batch, zoom = self.block.cells, self.block.frames, job.zoom
        finest = self.model.architecture.trunk[-1]
        side = cells * finest.stride * zoom
        fields = group.fields
        rows, columns = self._reach(job, group.index, row, column)
        out = self._window(group.index, rows, columns)
        features = self.network.trunk(fields.seeds, fields.w, out, job.wrap, fields.placement, fields.weights)
        scene = self.network.scene(rows.span, columns.span, fields.placement)
        knots = length(out.knots) - 2  # from the block's start
        middles = np.arange(column * side, (column + 1) * side) + 0.5
        present = presence(group.exposures[0].instant.mix.styles, middles / (job.height * zoom))
        height, width = job.window
        # Corner of the block in each window that it lies in.
        places = [
            (i, row * side - top, column * side - left)
            for i, (top, left) in enumerate(group.corners)
            if -side < row * side - top < height and -side < column * side - left < width
        ]
        tall, wide = (length(head_span((0, axis.shown))) for axis in (rows, columns))
        for start in range(0, len(places), batch):
            chosen = places[start : start + batch]
            filled = [i for i, _, _ in chosen + chosen[-1:] * (batch - len(chosen))]
            begun = [(rows.place(down), columns.place(across)) for down, across in (group.moves[i] for i in filled)]
            parts = [
                spline(
                    features[:, :, top.cell : top.cell + tall, left.cell : left.cell + wide],
                    (-2, knots),
                    [group.instants[i]],
                    finest.knot_stride,
                )
                for i, (top, left) in zip(filled, begun, strict=True)
            ]
            drawn = self.network.head(torch.cat(parts, dim=1), fields.w, scene)[0]
            shown = [
                one[top.pixel : top.pixel + rows.pixels, left.pixel : left.pixel + columns.pixels]
                for one, (top, left) in zip(drawn, begun, strict=True)
            ]
            pixels = torch.stack(shown).mul(0.5).add(0.5).clamp_(0, 1)
            if zoom > 1:
                # Weights that add up to 1 but for their last bit: light above alpha would overflow a PNG's white to nothing.
                pixels = enlarge(pixels, _margin_cells(zoom) * finest.stride, zoom).clamp_(0, 1)
            if fields.opacity == 1:
                pixels[..., 3] = 1
            elif fields.opacity:
                pixels[..., 3] += (1 - pixels[..., 3]) * fields.opacity
            block = pixels.cpu().numpy()
            for whole, (i, y, x), (top, left) in zip(block, chosen, begun, strict=False):
                one = whole[top.part : top.part + side, left.part : left.part + side]
                one = one if present is None else one * present[:, None]
                y0, x0 = max(0, -y), max(0, -x)
                y1, x1 = min(side, height - y), min(side, width - x)
                group.pixels[i, y + y0 : y + y1, x + x0 : x + x1] = one[y0:y1, x0:x1]


def _shown(recipe: Recipe, styles: tuple[Style, Style]) -> tuple[Style, ...]:
    """The styles that a recipe ever shows."""
    share = recipe.style_blend
    if isinstance(share, Track) or 0 < share < 1:
        return styles
    return (styles[int(share)],)


def _margin_cells(factor: int) -> int:
    """Finest trunk cells around a block that are drawn to enlarge it."""
    return 1 if factor > 1 else 0


def _finished(job: Job, group: Group, on_block: Callable[[float], None]) -> Iterator[tuple[Exposure, Frame]]:
    worth = float(sum(e.share for e in group.exposures)) / len(group.pending)
    for future in group.pending:
        future.result()
        on_block(worth)
    for exposure, pixels in zip(group.exposures, group.pixels, strict=True):
        _, (down, across) = job.moved(exposure)
        yield exposure, shifted(pixels, down, across, job.recipe.height, job.recipe.width)
