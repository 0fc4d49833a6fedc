# SPDX-License-Identifier: GPL-3.0-or-later
"""How far sliders move the picture: what is measured in real clips, and in a model's with the same controls.

Seeds differ by more than many a slider changes, so it takes more clips than a comparison of pictures does, if shorter ones: of
12 of fire, turbulence came out as anything from half of the simulation's slope to 1.4 times, where it is 0.96 of 32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_blender.card import Style
from aigc_blender.generator.checkpoint import Model

from .artist import Artist, Clips
from .footage.render import render_footage
from .metrics.controls import measure, slopes

RESAMPLED = 300


@dataclass(frozen=True)
class Trials:
    """Real clips (n, F, H, W, 4) of a style, ``height`` pixels high, ``fps`` frames a second; ``controls`` (n, c) in the style's order."""

    style: Style
    height: int
    fps: float
    clips: Clips
    controls: NDArray[np.float32]


def simulated_trials(
    folder: Path,
    style: Style,
    height: int,
    *,
    clips: int,
    frames: int,
    seed: int,
    device: torch.device,
    report: Callable[[str], None],
) -> Trials:
    """Simulations of a style, rendered into ``folder``; controls that it does not know stay at their defaults."""
    names = [control.name for control in style.controls]
    (footage,) = render_footage(
        folder,
        [style.name],
        clips=clips,
        frames=frames,
        heights=sorted({height, style.max_height}),
        seed=seed,
        varied=names,
        device=device,
        report=report,
    )
    known = [control.name for control in footage.style.controls]
    controls = footage.controls[:, [known.index(name) for name in names]]
    return Trials(style, height, footage.style.fps, footage.scales[height], controls)


def draw(model: Model, trials: Trials, device: torch.device) -> Clips:
    """The model's clip for each of the real ones. Torch keeps to one thread from now on."""
    _, frames, rows, columns = trials.clips.shape[:4]
    artist = Artist(model, trials.style, device, trials.height, (rows, columns), trials.fps)
    names = [control.name for control in trials.style.controls]
    return artist.clips([dict(zip(names, row, strict=True)) for row in trials.controls], range(frames))


def measured(trials: Trials, clips: Clips) -> dict[str, NDArray[np.float64]]:
    """By control what shows its effect in each of the clips, drawn or real: (n,); not of controls that nothing obvious shows."""
    found = {}
    for control in trials.style.controls:
        if how := measure(trials.style.name, control.name, alpha=trials.style.alpha):
            found[control.name] = np.array([how.of(clip.astype(np.float32) / 255) for clip in clips])
    return found


def slope(trials: Trials, control: str, values: NDArray[np.float64]) -> float:
    """Change of what was measured in the clips from one end of a control to the other, the other controls held."""
    names = [c.name for c in trials.style.controls]
    return float(slopes(trials.controls, values)[names.index(control)])


def likely_share(
    trials: Trials, control: str, drawn: NDArray[np.float64], real: NDArray[np.float64]
) -> tuple[float, float]:
    """The interval in which a model's slope lies, in the simulation's: two thirds of the slopes of clips drawn anew from these (Efron 1979)."""
    names, rng = [c.name for c in trials.style.controls], np.random.default_rng(0)
    column, count = names.index(control), len(real)
    shares = []
    for _ in range(RESAMPLED):
        chosen = rng.integers(0, count, count)
        controls = trials.controls[chosen]
        shares.append(slopes(controls, drawn[chosen])[column] / slopes(controls, real[chosen])[column])
    low, high = np.quantile(shares, [1 / 6, 5 / 6])
    return float(low), float(high)
