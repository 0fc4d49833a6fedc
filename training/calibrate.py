# SPDX-License-Identifier: GPL-3.0-or-later
"""Sliders brought to the simulation's measure when a model has been trained.

That a slider changes the picture is learnt long before how much it should. What it adds to a style's row is linear in the
slider, so what is too much or too little is scaled, as far as the trials prove it; nothing else of the network is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from aigc_blender.card import Card
from aigc_blender.generator.checkpoint import Model, load_model, save_model

from .metrics.controls import told_apart
from .reference import simulated_styles
from .run.exported import OPTIMISERS, Exported, export_state
from .trials import Trials, draw, likely_share, measured, simulated_trials, slope

SEED = 2000  # of simulations that neither train nor judge
FRAMES = 16  # of each of them
ROUNDS = 2
MOST = 1.5  # times its learnt effect, or a part of it so small
KNOWN = 0.4  # of the simulation's slope: what shows less was not learnt, and no factor mends it


def calibration_trials(
    card: Card, cache: Path, size: int, *, clips: int, device: torch.device, report: Callable[[str], None]
) -> list[Trials]:
    """Simulations of a model's styles, ``size`` pixels high, rendered into ``cache``.

    Raises:
        EvaluationError: the project does not have such a style or control, or the size is not one it was trained at.
    """
    return [
        simulated_trials(
            cache / "calibration", style, height, clips=clips, frames=FRAMES, seed=SEED, device=device, report=report
        )
        for style, height in simulated_styles(card, [], size)
    ]


def save_calibrated(
    model: Model, factors: Mapping[str, Mapping[str, float]], state: Exported | None, path: Path
) -> None:
    """Write the scaled model, its card naming the factors, and to the folder of its name beside it the state, scaled likewise.

    Raises:
        ModelError: the model cannot be written.
        TrainingError: the state is damaged or another model's, or cannot be written.
    """
    tensors = state.state() if state else None  # read before anything is written
    before = model.card.training.get("calibrated", {})
    total = {
        style: {name: round(factor * before.get(style, {}).get(name, 1.0), 4) for name, factor in scaled.items()}
        for style, scaled in factors.items()
    }
    save_model(path, replace(model.card, training={**model.card.training, "calibrated": total}), model.network)
    if state is None or tensors is None:
        return
    written = load_model(path)
    for row, style in enumerate(model.card.styles):
        for slot, control in enumerate(style.controls):
            tensors["generator"]["control"][row, slot] *= factors.get(style.name, {}).get(control.name, 1.0)
    tensors["average"] = written.network.state_dict()
    for name in OPTIMISERS:
        tensors[name]["param_groups"] = [{"params": list(range(len(state.steps[name])))}]
    export_state(tensors, written, path.with_suffix(""))


@torch.no_grad()
def calibrate(
    model: Model,
    trials: Sequence[Trials],
    device: torch.device,
    report: Callable[[str], None],
    chosen: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, dict[str, float]]:
    """Scale what sliders do in ``model``, in place, until slopes are those of the trials' real clips; the factors by style and control.

    A slider that goes the wrong way, shows too little or nothing in the trials, or has no measure keeps its effect. Others come just so near that the
    trials no longer tell them from the real ones: the rest may be chance. A factor that is ``chosen``, by style and
    control, is used whatever the trials show.
    ``report`` is told each slider's slope as a share of the simulation's. Torch keeps to one thread from now on.
    """
    chosen = chosen or {}
    return {
        one.style.name: _calibrate_style(model, one, device, report, chosen.get(one.style.name, {})) for one in trials
    }


def _calibrate_style(
    model: Model, trials: Trials, device: torch.device, report: Callable[[str], None], chosen: Mapping[str, float]
) -> dict[str, float]:
    row = [style.name for style in model.card.styles].index(trials.style.name)
    effects = model.network.control[row]
    learnt = effects.clone()
    slots = {control.name: slot for slot, control in enumerate(trials.style.controls)}
    factors = {**dict.fromkeys(slots, 1.0), **chosen}
    for name, factor in chosen.items():
        effects[slots[name]] = learnt[slots[name]] * factor
    real = measured(trials, trials.clips)
    apart = dict(zip(slots, told_apart(trials.controls), strict=True))
    for name in [name for name, values in real.items() if not (apart[name] and np.ptp(values))]:
        report(f"{trials.style.name}: {name} shows nothing.")
        del real[name]
    for turn in range(ROUNDS):
        drawn = measured(trials, draw(model, trials, device))
        shares = {name: slope(trials, name, drawn[name]) / slope(trials, name, real[name]) for name in real}
        if shares:
            report(f"{trials.style.name}: {', '.join(f'{name} {share:.2f}' for name, share in shares.items())}.")
        if turn == 0:
            known = [name for name, share in shares.items() if share >= KNOWN and name not in chosen]
        bounds = {name: likely_share(trials, name, drawn[name], real[name]) for name in known}
        far = {name: max(low, min(high, 1.0)) for name, (low, high) in bounds.items() if not low <= 1 <= high}
        if not far:
            break
        for name, share in far.items():
            factors[name] = min(max(factors[name] / share, 1 / MOST), MOST)
            effects[slots[name]] = learnt[slots[name]] * factors[name]
    return factors
