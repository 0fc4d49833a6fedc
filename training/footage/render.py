# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedural elements rendered to a cache on disk, once: NumPy arrays that every later run maps into memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d

from aigc_blender.card import AXES, Style

from ..lock import locked
from .clips import Footage
from .procedural import ELEMENTS

CLIPS_AT_ONCE = 8


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
    uniformly, those of the names in ``varied`` alone where it is given, and others stay at their defaults. A cache that was left unfinished continues at the clip it had reached.
    """
    footage = []
    for name in names:
        own = folder / name
        own.mkdir(parents=True, exist_ok=True)
        with locked(own / "lock"):  # of two runs, one renders
            footage.append(_render(own, name, clips, frames, sorted(heights), seed, varied, device, report))
    return footage


def _render(
    folder: Path,
    name: str,
    clips: int,
    frames: int,
    heights: Sequence[int],
    seed: int,
    varied: Collection[str] | None,
    device: torch.device | str,
    report: Callable[[str], None],
) -> Footage:
    element = ELEMENTS[name]
    held = [] if varied is None else [control.name for control in element.controls if control.name not in varied]
    spec = {"clips": clips, "frames": frames, "heights": list(heights), "seed": seed, "held": held}
    state = folder / "cache.json"
    done = 0
    if state.is_file():
        stored = json.loads(state.read_text())
        done = stored.pop("done") if {**stored, "done": 0} == {**spec, "done": 0} else 0
    values = np.random.default_rng([seed, *name.encode()]).random((clips, len(element.controls)), np.float32)
    for index, control in enumerate(element.controls):
        if control.name in held:
            values[:, index] = control.default
    paths = {height: folder / f"{height}.npy" for height in heights}
    mode = "r+" if done else "w+"
    if done < clips:
        arrays = {
            h: np.lib.format.open_memmap(p, mode, np.uint8, None if done else (clips, frames, h, h, 4))
            for h, p in paths.items()
        }
        for start in range(done, clips, CLIPS_AT_ONCE):
            stop = min(start + CLIPS_AT_ONCE, clips)
            controls = torch.from_numpy(values[start:stop])
            film = element.render(controls, frames, heights[-1], seed * 100_003 + start, device)
            for height, array in arrays.items():
                array[start:stop] = _shrunk(film, heights[-1] // height)
                array.flush()
            state.write_text(json.dumps({**spec, "done": stop}))
            report(f"Rendered {stop} of {clips} clips of {name}.")
    scales: dict[int, NDArray[np.uint8]] = {h: np.load(p, mmap_mode="r") for h, p in paths.items()}
    style = Style(
        name=name,
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


def _shrunk(film: torch.Tensor, factor: int) -> NDArray[np.uint8]:
    """(B, F, H, W, 4) uint8 averaged over ``factor`` x ``factor`` pixels."""
    if factor == 1:
        return film.cpu().numpy()
    small = []
    for clip in film:
        planes = avg_pool2d(clip.permute(0, 3, 1, 2).float(), factor)
        small.append(planes.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())
    return np.stack(small)
