# SPDX-License-Identifier: GPL-3.0-or-later
"""From a recipe to frames on disk: the one place where the sampler and the writer meet."""

from __future__ import annotations

import functools
import math
import platform
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .card import ModelFile, Style, read_model_file
from .errors import AigcError, ModelError, threads_told
from .generator.checkpoint import load_model
from .generator.job import Frame
from .generator.sampler import Plan, Sampler, resolve_device
from .library import model_by_digest, model_for_style
from .recipe import Recipe, Track
from .sequence.writer import SequenceWriter

Event = dict[str, Any]  # a message of worker/protocol.py without its id
FRAMES_BEHIND = 2  # that wait for the writer before the sampler does
PROGRESS_SECONDS = 0.5
# In what torch says where it finds no memory, which not every system and device has a class of its own for.
_NO_MEMORY = ("out of memory", "not enough memory", "allocate memory", "alloc_failed", "bad_alloc")


@dataclass(frozen=True)
class Result:
    """What became of a sequence; ``stretch`` is the loop's pace (1: the style's own)."""

    folder: Path
    written: int
    skipped: int
    cancelled: bool
    stretch: float


def choose_model(recipe: Recipe, path: Path | None = None, beside: Path | None = None) -> tuple[Recipe, ModelFile]:
    """The recipe with its model's digest, and that model: at ``path``, or found by digest, also ``beside``, or by style.

    Raises:
        ModelError: the file is not there, or not the one that the recipe names.
        RecipeError: no model draws the style.
    """
    if path is not None:
        file = read_model_file(path)
        if recipe.model and recipe.model != file.digest:
            raise ModelError(
                f"{path} is not the model of this recipe (digest {recipe.model[:12]}...); leave the model out or give that one."
            )
    elif recipe.model:
        file = model_by_digest(recipe.model, [beside] if beside else [])
    else:
        file = model_for_style(recipe.style)
    return replace(recipe, model=file.digest), file


def produce(
    recipe: Recipe,
    numbers: Sequence[int],
    folder: Path,
    fmt: str = "png",
    device: str = "auto",
    on_event: Callable[[Event], None] = lambda _: None,
    *,
    stem: str = "",
    model: Path | None = None,
    beside: Path | None = None,
    threads: int | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Result:
    """Draw the frames that are missing and write them; encoding runs beside drawing.

    Args:
        recipe: What to draw; without a model it takes the first that has the style.
        numbers: Frame numbers, in the order wanted.
        folder: Where they go; made where missing, once the input is known to be good.
        fmt: ``png``, ``png16`` or ``exr``.
        device: ``auto``, ``cpu``, ``cuda``, ``mps`` or ``xpu``.
        on_event: Told in this thread of progress, frames and warnings.
        stem: Start of file names; the style's name by default.
        model: The model's file, instead of searching for it.
        beside: The folder of the recipe, where its model may have been collected.
        threads: Blocks drawn at a time on a CPU.
        cancelled: Asked after every block; frames that are drawn by then are still written.

    Raises:
        AigcError: the input is at fault, or the machine; finished frames stay.
    """
    recipe, file = choose_model(recipe, model, beside)
    with _limits_told(recipe):
        sampler = _sampler(file.path, file.digest, resolve_device(device).type, threads)
        versions = _versions(sampler.device)
    plan = sampler.plan(recipe)
    style = sampler.style(recipe)
    writer = SequenceWriter(recipe, folder, stem or recipe.style, fmt, sampler.device.type, versions)
    missing = writer.missing(numbers)
    if missing and not cancelled():  # while it waited for its turn
        writer.open()
    for text in _warnings(recipe, style, plan, fmt):
        on_event({"type": "warning", "text": text})
    absent = set(missing)
    for number in numbers:
        if number not in absent:
            on_event({"type": "frame", "number": number, "path": str(writer.path(number)), "skipped": True})
    progress = _Progress(len(numbers), len(missing), on_event)

    def on_block(frames: float) -> None:
        if cancelled():
            raise _Cancelled
        progress.advance(frames)

    with _limits_told(recipe), closing(sampler.frames(recipe, missing, on_block)) as frames:
        written = _write_all(frames, writer, style.alpha, _glow(recipe, sampler), on_event)
    if written == len(missing):
        writer.sweep(numbers)
        progress.finish()
    return Result(folder, written, len(numbers) - len(missing), written < len(missing), plan.stretch)


class _Cancelled(Exception):  # noqa: N818 - no error
    """Leaves the sampler between two blocks."""


class _Progress:
    """Turns blocks drawn into progress events, a few a second."""

    def __init__(self, total: int, missing: int, on_event: Callable[[Event], None]) -> None:
        self._total, self._skipped = total, total - missing
        self._drawn = 0.0
        self._on_event = on_event
        self._begin = self._told = time.monotonic()

    def advance(self, frames: float) -> None:
        """Blocks worth so many frames are drawn."""
        self._drawn += frames
        now = time.monotonic()
        if now - self._told >= PROGRESS_SECONDS:
            self._told = now
            left = self._total - self._skipped - self._drawn
            self._tell(self._skipped + self._drawn, left * (now - self._begin) / self._drawn)

    def finish(self) -> None:
        """All frames are on disk."""
        self._tell(self._total, 0.0)

    def _tell(self, done: float, eta_s: float) -> None:
        event = {"type": "progress", "done": round(done, 4), "total": self._total, "eta_s": round(max(0.0, eta_s), 1)}
        self._on_event(event)


def _write_all(
    frames: Iterator[tuple[int, Frame]],
    writer: SequenceWriter,
    alpha: bool,
    glow: Callable[[int], float],
    on_event: Callable[[Event], None],
) -> int:
    """Write frames as they come, in a thread of their own; how many were written, cancelled or not."""
    pending: deque[tuple[int, Future[Path]]] = deque()
    written = 0

    def report() -> None:
        nonlocal written
        number, future = pending.popleft()
        on_event({"type": "frame", "number": number, "path": str(future.result()), "skipped": False})
        written += 1

    with ThreadPoolExecutor(1, thread_name_prefix="aigc-writer") as thread:
        with suppress(_Cancelled):
            for number, pixels in frames:
                shown = pixels if alpha else pixels[..., :3]
                pending.append((number, thread.submit(writer.write, number, shown, glow(number))))
                while pending and (len(pending) > FRAMES_BEHIND or pending[0][1].done()):
                    report()
        while pending:
            report()
    return written


def _glow(recipe: Recipe, sampler: Sampler) -> Callable[[int], float]:
    """The glow of each frame: the style's, or what a blend has of both."""
    first, second = (sampler.model.card.style(name) for name in (recipe.style, recipe.style_b or recipe.style))
    assert first is not None  # the plan has checked both
    assert second is not None
    return lambda number: first.glow_beside(second, recipe.value_at(recipe.style_blend, number))


@functools.lru_cache(maxsize=2)
def _sampler(path: Path, digest: str, device: str, threads: int | None) -> Sampler:
    """A sampler, kept for the next sequence: a warm worker loads a model once."""
    model = load_model(path)
    if model.file.digest != digest:
        raise ModelError(f"{path} changed while it was read; try again.")
    return Sampler(model, device, threads)


def _versions(device: torch.device) -> dict[str, str]:
    names = {"cuda": torch.cuda.get_device_name, "xpu": torch.xpu.get_device_name}
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": names[device.type]() if device.type in names else platform.processor() or platform.machine(),
    }


def _warnings(recipe: Recipe, style: Style, plan: Plan, fmt: str) -> Iterator[str]:
    """What is legal and may still surprise."""
    if recipe.loop and abs(plan.stretch - 1) >= 0.005:
        pace = f"{abs(1 - 1 / plan.stretch):.0%} {'slower' if plan.stretch > 1 else 'faster'}"
        natural = round(recipe.loop / plan.stretch)
        keyed = isinstance(recipe.speed, Track)
        remedy = f"; a loop of {natural} keeps the pace" if natural != recipe.loop and not keyed else ""
        yield f"A loop of {recipe.loop} frames moves {pace} than {style.name} does by itself{remedy}."
    if style.outshines_display and fmt != "exr":
        kept = (
            "only over black; EXR keeps it over everything"
            if style.alpha
            else "no brighter than white; EXR keeps it all"
        )
        yield f"PNG keeps the glow of {style.name} {kept}."
    if recipe.loop:
        yield from _jumps(recipe, recipe.loop)


def _jumps(recipe: Recipe, loop: int) -> Iterator[str]:
    """What is animated and does not come back at the end of a loop."""
    for name, value in recipe.controls.items():
        if not _returns(value, loop):
            yield f"Control {name} does not return to its first value after {loop} frames, so the loop shows a jump."
    for name, value in (("Seed blend", recipe.seed_blend), ("Style blend", recipe.style_blend)):
        if not _returns(value, loop):
            yield f"{name} does not return to its first value after {loop} frames, so the loop shows a jump."
    if not _returns(recipe.speed, loop):
        yield f"Speed does not return to its first value after {loop} frames, so the loop's motion jerks."
    sides = ("x", "right", recipe.width), ("y", "up", recipe.height)
    for (axis, way, size), pan in zip(sides, recipe.pan, strict=True):
        tiled = axis in recipe.tile
        if not _returns(pan, loop, size if tiled else None):
            target = f"by a multiple of {size} pixels" if tiled else f"back to its first value (or tile {axis})"
            yield f"Pan {way} does not come back after {loop} frames, so the loop shows a jump; pan {target}."


def _returns(value: float | Track, loop: int, modulo: int | None = None) -> bool:
    if not isinstance(value, Track):
        return True
    moved = value.at(value.first + loop) - value.at(value.first)
    return abs(math.remainder(moved, modulo) if modulo else moved) < 1e-6


@contextmanager
def _limits_told(recipe: Recipe) -> Iterator[None]:
    """Tell a user of a lack of memory or threads, also where the device has no room left for the model alone."""
    try:
        with threads_told():
            yield
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        if isinstance(error, RuntimeError) and not any(words in text for words in _NO_MEMORY):
            raise
        raise AigcError(
            f"Memory ran out at {recipe.width}x{recipe.height} pixels; close other programs that use it, or give a "
            "smaller size, fewer threads or another device."
        ) from None
