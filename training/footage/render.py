# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedural elements rendered to a cache on disk, once: NumPy arrays that every later run maps into memory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d

from aigc_blender.card import AXES, Style

from ..errors import FootageError
from ..lock import locked
from .clips import Footage
from .procedural import ELEMENTS
from .procedural.element import Element

CLIPS_AT_ONCE = 8
STATE = "cache.json"


def render_footage(
    folder: Path,
    names: Sequence[str],
    *,
    clips: int,
    frames: int,
    heights: Sequence[int],
    seed: int = 0,
    varied: Collection[str] | None = None,
    device: torch.device | str = "cpu",
    report: Callable[[str], None] = print,
) -> list[Footage]:
    """Clips of the named elements at each element height, from the cache in ``folder`` where it has them.

    Rendered at the greatest height and averaged down by whole factors; control values are drawn
    uniformly, those of the names in ``varied`` alone where it is given, and others stay at their defaults. A cache that was left
    unfinished continues at the clip it had reached. What other arguments gave lies beside it, untouched.

    Raises:
        FootageError: the cache cannot be written.
    """
    footage = []
    for name in names:
        element = ELEMENTS[name]
        held = [] if varied is None else [control.name for control in element.controls if control.name not in varied]
        plan = _Plan(clips, frames, tuple(sorted(heights)), seed, tuple(held))
        own = folder / f"{name}-{plan.key}"
        try:
            own.mkdir(parents=True, exist_ok=True)
            with locked(own / "lock"):  # of two runs, one renders
                footage.append(_render(own, element, plan, device, report))
        except OSError as error:
            raise FootageError(
                f"{own}: the footage cannot be stored ({error.strerror}); free some space or give another --cache."
            ) from None
    return footage


@dataclass(frozen=True)
class _Plan:
    """What is rendered of an element; ``held``: controls that stay at their defaults."""

    clips: int
    frames: int
    heights: tuple[int, ...]  # rising
    seed: int
    held: tuple[str, ...]

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:12]

    def shape(self, height: int) -> tuple[int, int, int, int, int]:
        return (self.clips, self.frames, height, height, 4)


def _render(
    folder: Path, element: Element, plan: _Plan, device: torch.device | str, report: Callable[[str], None]
) -> Footage:
    clips, frames, heights = plan.clips, plan.frames, plan.heights
    values = np.random.default_rng([plan.seed, *element.name.encode()]).random(
        (clips, len(element.controls)), np.float32
    )
    for index, control in enumerate(element.controls):
        if control.name in plan.held:
            values[:, index] = control.default
    paths = {height: folder / f"{height}.rgba" for height in heights}
    done = _finished(folder, plan, paths)
    if done < clips:
        with contextlib.ExitStack() as files:
            # Written, not mapped: a full disk is then an error that can be told.
            outputs = {h: files.enter_context(p.open("r+b" if done else "wb")) for h, p in paths.items()}
            for height, output in outputs.items():
                output.seek(done * math.prod(plan.shape(height)[1:]))
                output.truncate()
            for start in range(done, clips, CLIPS_AT_ONCE):
                stop = min(start + CLIPS_AT_ONCE, clips)
                controls = torch.from_numpy(values[start:stop])
                film = element.render(controls, frames, heights[-1], plan.seed * 100_003 + start, device)
                for height, output in outputs.items():
                    output.write(_shrunk(film, heights[-1] // height).tobytes())
                    output.flush()
                _note(folder, stop)
                report(f"Rendered {stop} of {clips} clips of {element.name}.")
    scales: dict[int, NDArray[np.uint8]] = {
        h: np.memmap(p, np.uint8, "r", shape=plan.shape(h)) for h, p in paths.items()
    }
    style = Style(
        name=element.name,
        anchored=element.anchored,
        fps=element.fps,
        native_height=min(heights),
        max_height=max(heights),
        alpha=element.alpha,
        emissive=element.emissive,
        glow=element.glow,
        aspect=1.0 if "x" in element.anchored else 0.0,
        controls=element.controls,
        words=element.words,
    )
    periodic = tuple(axis for axis in AXES if axis not in element.anchored)
    return Footage(style, scales, values, periodic)


def _finished(folder: Path, plan: _Plan, paths: Mapping[int, Path]) -> int:
    """How many clips are there at all heights, as far as they were noted."""
    state = folder / STATE
    if not state.is_file():
        return 0
    done = int(json.loads(state.read_text())["done"])
    whole = [path.is_file() and path.stat().st_size // math.prod(plan.shape(h)[1:]) for h, path in paths.items()]
    found = min(done, *whole)
    return found if found == plan.clips else found // CLIPS_AT_ONCE * CLIPS_AT_ONCE


def _note(folder: Path, done: int) -> None:
    part = folder / f"{STATE}.part"
    part.write_text(json.dumps({"done": done}))
    part.replace(folder / STATE)


def _shrunk(film: torch.Tensor, factor: int) -> NDArray[np.uint8]:
    """(B, F, H, W, 4) uint8 averaged over ``factor`` x ``factor`` pixels."""
    if factor == 1:
        return film.cpu().numpy()
    small = []
    for clip in film:
        planes = avg_pool2d(clip.permute(0, 3, 1, 2).float(), factor)
        small.append(planes.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())
    return np.stack(small)
