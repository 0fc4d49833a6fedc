# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation: a model's clips against real ones, each number beside that of real footage against real.

The numbers depend on how many clips are compared, so they may be compared only between runs of the same ``Protocol``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_blender.card import AXES, Style
from aigc_blender.generator.checkpoint import Model

from .artist import Artist, Clips
from .imprint import Grid, imprint
from .metrics.comparison import compare
from .metrics.controls import Measure, least_rank, measure, told_apart
from .metrics.distances import Score
from .metrics.features import SqueezeNet
from .metrics.memory import memory
from .metrics.motion import loop_steps, repeat, seam, tile_steps
from .metrics.report import Report, Slider
from .metrics.video_features import VideoNetwork
from .reference import Protocol, Reference
from .trials import draw, measured, slope

POSITIONS = 9  # of a slider
STILL = 12  # the frame shown of a slider's position
SHOWN_SEEDS = (1, 2)


@dataclass(frozen=True)
class Sweep:
    """One slider moved from 0 to 1 and nothing else: ``stills`` (seeds, positions, H, W, 4), and what was measured where.

    ``drawn`` (seeds, positions, 2) and ``real`` (trials, 2) are the slider's position and the measured quantity; empty
    without a measure or where nothing is known of the real clips' controls. ``slopes`` are those of the model's trials and of the
    real ones.
    """

    stills: NDArray[np.uint8]
    drawn: NDArray[np.float64]
    real: NDArray[np.float64]
    slopes: tuple[float, float] | None = None


@dataclass(frozen=True)
class Finding:
    """What was found of one style, and what it was found in, to be looked at.

    ``generated`` are the twins of the reference's clips; ``loop`` is one clip (F, H, W, 4), ``tile`` one frame (H, W, 4) that
    tiles along the axes that are not anchored, if there are any.
    """

    report: Report
    reference: Reference
    generated: Clips
    loop: NDArray[np.uint8]
    tile: NDArray[np.uint8] | None
    sweeps: dict[str, Sweep]


def evaluate(
    model: Model,
    references: Sequence[Reference],
    protocol: Protocol,
    network: SqueezeNet | None,
    video: VideoNetwork | None,
    device: torch.device,
    report: Callable[[str], None],
) -> list[Finding]:
    """A finding for each of the references, each a style of the model; the same input gives the same numbers.

    Without ``network`` the kernel distances are left out, without ``video`` the Frechet video distance. ``report`` is
    told what is being done. Torch's number of threads does not matter, and is left as it was.

    Raises:
        FeaturesError: the video network cannot see such clips.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more would change last digits; blocks are drawn side by side all the same
    findings = []
    try:
        for reference in references:
            report(f"Generating {reference.style.name}.")
            drawing = _draw(model, reference, protocol, device)
            report(f"Comparing {reference.style.name}.")
            findings.append(_compare(drawing, reference, protocol, network, video))
    finally:
        torch.set_num_threads(threads)
    return findings


@dataclass(frozen=True)
class _Drawing:
    """All that a model drew for one reference."""

    clips: Clips
    grid: Grid  # of the lattice, in pixels and frames' times of the clips
    pace: float  # model frames from frame to frame
    loops: Clips
    tiles: dict[str, Clips]
    tile: NDArray[np.uint8] | None
    long: Clips
    sweeps: dict[str, NDArray[np.uint8]]  # (seeds, positions, F, H, W, 4)
    stills: dict[str, NDArray[np.uint8]]
    trials: Clips | None


def _draw(model: Model, reference: Reference, protocol: Protocol, device: torch.device) -> _Drawing:
    style, clips = reference.style, reference.clips
    artist = Artist(model, style, device, reference.height, (clips.shape[2], clips.shape[3]), reference.fps)
    default: list[dict[str, float]] = [{}]
    free = [axis for axis in AXES if axis not in style.anchored]
    loop = _loop(reference, protocol)
    positions = np.linspace(0, 1, POSITIONS)
    return _Drawing(
        clips=artist.clips(
            [dict(zip(_names(style), row, strict=True)) for row in reference.controls], range(clips.shape[1])
        ),
        grid=Grid(artist.cell, model.architecture.knot),
        pace=style.fps / reference.fps,
        loops=artist.clips(default * protocol.loops, range(loop), loop=loop),
        tiles={axis: artist.clips(default * protocol.tiles, [STILL], tile=axis) for axis in free},
        long=artist.clips(default * protocol.few, range(_stretch(reference, protocol))),
        sweeps={
            name: np.stack(
                [
                    artist.clips([{name: p} for p in positions], range(protocol.sweep), seed=seed)
                    for seed in range(1, protocol.seeds + 1)
                ]
            )
            for name in _names(style)
            if measure(style.name, name, alpha=style.alpha)
        },
        stills={
            name: np.stack([artist.clips([{name: p} for p in positions], [STILL], seed=s)[:, 0] for s in SHOWN_SEEDS])
            for name in _names(style)
        },
        tile=artist.clips([{}], [STILL], tile="".join(free), seed=SHOWN_SEEDS[0])[0, 0] if free else None,
        trials=draw(model, reference.trials, device) if reference.trials else None,
    )


def _compare(
    drawing: _Drawing, reference: Reference, protocol: Protocol, network: SqueezeNet | None, video: VideoNetwork | None
) -> Finding:
    style, real = reference.style, reference.clips
    scores = {**compare(real, drawing.clips, protocol.instants, network, video), **_seams(drawing, reference, protocol)}
    found = None
    if reference.training is not None:
        unseen = real if reference.unseen else None
        found = memory(
            drawing.clips,
            reference.training,
            unseen,
            fixed=style.anchored,
            periodic=reference.periodic,
            step=protocol.step,
        )
    sweeps = _sweeps(drawing, reference)
    sliders = {name: _slider(style, name, sweeps[name]) for name in drawing.sweeps}
    report = Report(style.name, scores, sliders, found, reference.notes)
    return Finding(report, reference, drawing.clips, drawing.loops[0], drawing.tile, sweeps)


def _loop(reference: Reference, protocol: Protocol) -> int:
    return min(protocol.loop, reference.long.shape[1] - 1)


def _stretch(reference: Reference, protocol: Protocol) -> int:
    return min(protocol.stretch, reference.long.shape[1])


def _seams(drawing: _Drawing, reference: Reference, protocol: Protocol) -> dict[str, Score]:
    """Seams, repeats and imprints: 1 is no seam; real footage that does not wrap has a seam of one ordinary step, and no lattice."""
    long = reference.long
    loop, stretch = _loop(reference, protocol), _stretch(reference, protocol)
    second = min(math.ceil(reference.fps), stretch // 2)
    pairs = {"loop seam": (seam(loop_steps(drawing.loops)), seam(loop_steps(long[:, : loop + 1])[:, :-1]))}
    for axis, tiles in drawing.tiles.items():
        steps = tile_steps(long, axis)
        wraps = axis in reference.periodic
        pairs[f"tile seam {axis}"] = seam(tile_steps(tiles, axis)), seam(steps if wraps else steps[:, :-1])
    pairs["repeat"] = repeat(drawing.long, second), repeat(long[:, :stretch], second)
    times = [drawing.pace * frame for frame in range(reference.clips.shape[1])]
    drawn, real = (
        imprint(clips, times, drawing.grid, reference.style.anchored) for clips in (drawing.clips, reference.clips)
    )
    pairs["imprint"] = drawn, real
    return {name: Score(*pair, distance=False) for name, pair in pairs.items()}


def _sweeps(drawing: _Drawing, reference: Reference) -> dict[str, Sweep]:
    style, trials = reference.style, reference.trials
    drawn = measured(trials, drawing.trials) if trials and drawing.trials is not None else {}
    real = measured(trials, trials.clips) if trials else {}
    told = told_apart(trials.controls) if trials else ()
    sweeps = {}
    for column, name in enumerate(_names(style)):
        sweep = Sweep(drawing.stills[name], np.empty((0, POSITIONS, 2)), np.empty((0, 2)))
        if name in drawing.sweeps:
            of = _measure(style, name).of
            values = np.array([[of(c.astype(np.float32) / 255) for c in seed] for seed in drawing.sweeps[name]])
            places = np.broadcast_to(np.linspace(0, 1, POSITIONS), values.shape)
            sweep = replace(sweep, drawn=np.stack([places, values], axis=2))
        if trials and name in real and told[column]:
            both = slope(trials, name, drawn[name]), slope(trials, name, real[name])
            sweep = replace(sweep, real=np.stack([trials.controls[:, column], real[name]], axis=1), slopes=both)
        sweeps[name] = sweep
    return sweeps


def _slider(style: Style, name: str, sweep: Sweep) -> Slider:
    generated, real = sweep.slopes or (None, None)
    return Slider(_measure(style, name).words, least_rank(sweep.drawn), generated, real)


def _measure(style: Style, control: str) -> Measure:
    found = measure(style.name, control, alpha=style.alpha)
    assert found is not None, "sweeps are drawn of what can be measured"
    return found


def _names(style: Style) -> list[str]:
    return [control.name for control in style.controls]
