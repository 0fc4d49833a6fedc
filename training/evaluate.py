# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation: a model's clips against held-out footage, each number beside that of real footage against real.

The numbers depend on how many clips are compared, so they may be compared only between runs of the same ``Protocol``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_blender.card import AXES, Style
from aigc_blender.generator.checkpoint import Model
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe

from .footage.clips import Footage
from .footage.procedural import ELEMENTS
from .footage.render import render_footage
from .metrics.controls import MEASURES, rank_correlation, slopes
from .metrics.distances import Score, distance_kernel, polynomial_kernel, score, sliced_wasserstein
from .metrics.features import SqueezeNet, difference_features, frame_features
from .metrics.motion import loop_steps, repeat, seam, spectral_signature, tile_steps
from .metrics.report import EvaluationError, Report, Slider

Clips = NDArray[np.uint8]  # (n, F, H, W, 4), premultiplied RGBA

HELD_OUT_SEED = 1000  # training footage has seed 0 unless its maker chose another
LAGS = (1, 2, 4)
POSITIONS = 9  # of a slider


@dataclass(frozen=True)
class Protocol:
    """How much is compared; lengths are in frames, ``size`` is the element height and the frame's side in pixels."""

    clips: int = 24
    size: int = 64
    frames: int = 32  # of a compared clip
    instants: int = 3  # of a clip at which features are taken
    stretch: int = 72  # searched for repeats
    loop: int = 48
    few: int = 4  # clips for seams and repeats
    sweep: int = 8  # of a clip at one slider position
    seeds: int = 3  # a slider position

    def __post_init__(self) -> None:
        """Refuse what cannot be halved into sets of two clips.

        Raises:
            EvaluationError: names the number.
        """
        if self.clips < 4 or self.clips % 2:
            raise EvaluationError(
                f"{self.clips} clips cannot be compared in two halves; give an even number, 4 or more."
            )


def evaluate(
    model: Model,
    styles: Sequence[str],
    protocol: Protocol,
    cache: Path,
    network: SqueezeNet | None,
    device: torch.device,
    report: Callable[[str], None],
) -> list[Report]:
    """A report for each of the named styles (all if none is named); held-out footage is rendered into ``cache``.

    Without ``network`` the kernel distances are left out. ``report`` is told what is being done.

    Raises:
        EvaluationError: the model or the project does not have such a style, or the size is not one it was trained at.
    """
    chosen = [_style(model, name, protocol.size) for name in styles or [s.name for s in model.card.styles]]
    reports = []
    for style in chosen:
        real = _held_out(style, protocol, cache, device, report)
        report(f"Generating {style.name}.")
        threads = torch.get_num_threads()
        artist = Artist(Sampler(model, device), style, protocol.size)
        generated = artist.clips([dict(zip(_names(style), row, strict=True)) for row in real.controls], protocol.frames)
        seams = _seams(artist, real, protocol)
        ranks = {name: _rank(artist, name, protocol) for name in _names(style) if name in MEASURES}
        torch.set_num_threads(threads)  # the sampler keeps to one
        report(f"Comparing {style.name}.")
        film = np.asarray(real.scales[protocol.size])[:, : protocol.frames]
        scores = {**_distances(film, generated, protocol, network), **seams}
        reports.append(Report(style.name, scores, _sliders(film, generated, real.controls, ranks, style)))
    return reports


class Artist:
    """Draws clips of one style as a user gets them, in bytes; every clip has a seed of its own."""

    def __init__(self, sampler: Sampler, style: Style, size: int) -> None:
        self.sampler, self.style, self.size = sampler, style, size
        self.seed = 0

    def clips(
        self, controls: Sequence[dict[str, float]], frames: int, loop: int | None = None, tile: str = ""
    ) -> Clips:
        """One clip for each setting of the controls."""
        drawn = []
        for setting in controls:
            recipe = Recipe(
                self.style.name,
                seed=self.seed,
                width=self.size,
                height=self.size,
                fps=Fraction(self.style.fps).limit_denominator(100_000),
                loop=loop,
                tile=tile,
                controls={name: float(value) for name, value in setting.items()},
            )
            self.seed += 1
            clip = np.stack([frame for _, frame in self.sampler.frames(recipe, range(frames))])
            drawn.append((clip * 255 + 0.5).astype(np.uint8))
        return np.stack(drawn)


def _style(model: Model, name: str, size: int) -> Style:
    style = model.card.style(name)
    if style is None or name not in ELEMENTS:
        known = ", ".join(s.name for s in model.card.styles if s.name in ELEMENTS)
        raise EvaluationError(
            f"Style {name!r} cannot be evaluated; give styles that the model and the project have: {known}."
        )
    if not style.native_height <= size <= style.max_height or style.max_height % size:
        raise EvaluationError(
            f"Style {name} was trained at {style.native_height} to {style.max_height} pixels; give a --size that divides {style.max_height} and is not below {style.native_height}."
        )
    return style


def _held_out(
    style: Style, protocol: Protocol, cache: Path, device: torch.device, report: Callable[[str], None]
) -> Footage:
    """Footage of the simulation seeds that training does not use, rendered as training's is."""
    footage = render_footage(
        cache / "held-out",
        [style.name],
        clips=protocol.clips,
        frames=max(protocol.frames, protocol.stretch, protocol.loop + 1),
        heights=sorted({protocol.size, style.max_height}),
        seed=HELD_OUT_SEED,
        device=device,
        report=report,
    )[0]
    if _names(footage.style) != _names(style):
        raise EvaluationError(
            f"Style {style.name} of the model has other controls than the project's; train the model again."
        )
    return footage


def _distances(real: Clips, generated: Clips, protocol: Protocol, network: SqueezeNet | None) -> dict[str, Score]:
    shuffled = shuffle(real)
    scores = {}
    if network is not None:
        last = protocol.frames - max(LAGS)
        instants = [int((i + 0.5) * last / protocol.instants) for i in range(protocol.instants)]
        scores["kernel, frames"] = _kernel_score([frame_features(network, c, instants) for c in (real, generated)])
        for lag in LAGS:
            sets = [difference_features(network, c, instants, lag) for c in (real, generated, shuffled)]
            scores[f"kernel, lag {lag}"] = _kernel_score(sets)
    scores["patches, frames"] = _patch_score(*(c[:, ::4].astype(np.float32) / 255 for c in (real, generated)))
    scores["patches, lag 1"] = _patch_score(*(_changes(c) for c in (real, generated, shuffled)))
    signatures = np.array([spectral_signature(clip) for clips in (real, generated, shuffled) for clip in clips])
    scores["spectrum, dB"] = score(distance_kernel(signatures), len(real))
    return scores


def shuffle(clips: Clips) -> Clips:
    """Every clip's frames in an order of its own."""
    rng = np.random.default_rng(0)
    return np.stack([clip[rng.permutation(len(clip))] for clip in clips])


def _kernel_score(sets: Sequence[NDArray[np.float32]]) -> Score:
    """From features (n, m, d) of real clips, generated ones and, if given, shuffled ones."""
    unit = np.sqrt((sets[0] ** 2).mean())
    return score(polynomial_kernel(np.concatenate(sets) / unit), len(sets[0]))


def _patch_score(
    real: NDArray[np.float32], generated: NDArray[np.float32], shuffled: NDArray[np.float32] | None = None
) -> Score:
    """From pictures (n, m, H, W, C); each half of a set against the other half of the real ones, as in ``score``."""

    def against_real(clips: NDArray[np.float32]) -> float:
        halves = ((clips[::2], real[1::2]), (clips[1::2], real[::2]))
        return sum(sliced_wasserstein(*(np.concatenate(half) for half in pair)) for pair in halves) / 2

    return Score(against_real(generated), against_real(real), None if shuffled is None else against_real(shuffled))


def _changes(clips: Clips) -> NDArray[np.float32]:
    """Every fourth frame's change to the next."""
    return (clips[:, 1::4].astype(np.float32) - clips[:, :-1:4]) / 255


def _seams(artist: Artist, real: Footage, protocol: Protocol) -> dict[str, Score]:
    """Seams and repeats: 1 is no seam; real footage, which does not loop, has a seam of one ordinary step."""
    film = np.asarray(real.scales[protocol.size])
    default: list[dict[str, float]] = [{}] * protocol.few
    second = min(math.ceil(artist.style.fps), protocol.stretch // 2)
    scores = {
        "loop seam": Score(
            seam(loop_steps(artist.clips(default, protocol.loop, loop=protocol.loop))),
            seam(loop_steps(film[:, : protocol.loop + 1])[:, :-1]),
        )
    }
    for axis in (a for a in AXES if a not in artist.style.anchored):
        tiles = artist.clips(default, protocol.sweep, tile=axis)
        scores[f"tile seam {axis}"] = Score(seam(tile_steps(tiles, axis)), seam(tile_steps(film, axis)))
    scores["repeat"] = Score(
        repeat(artist.clips(default, protocol.stretch), second), repeat(film[:, : protocol.stretch], second)
    )
    return scores


def _rank(artist: Artist, control: str, protocol: Protocol) -> float:
    """Rank correlation of a slider with what it should change, over its positions and some seeds."""
    positions = np.repeat(np.linspace(0, 1, POSITIONS), protocol.seeds)
    clips = artist.clips([{control: position} for position in positions], protocol.sweep)
    return rank_correlation(positions, _measured(clips, control))


def _sliders(
    real: Clips, generated: Clips, controls: NDArray[np.float32], ranks: dict[str, float], style: Style
) -> dict[str, Slider]:
    sliders = {}
    for column, name in enumerate(_names(style)):
        if name in ranks:
            fitted = [slopes(controls, _measured(clips, name))[column] for clips in (generated, real)]
            sliders[name] = Slider(MEASURES[name].words, ranks[name], *(float(slope) for slope in fitted))
    return sliders


def _measured(clips: Clips, control: str) -> NDArray[np.floating[Any]]:
    return np.array([MEASURES[control].of(clip.astype(np.float32) / 255) for clip in clips])


def _names(style: Style) -> list[str]:
    return [control.name for control in style.controls]
