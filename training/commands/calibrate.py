# SPDX-License-Identifier: GPL-3.0-or-later
"""``calibrate``: a model's sliders brought to the simulation's measure."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bundled import MEASURED
from ..errors import TrainingError

if TYPE_CHECKING:
    from aigc_blender.card import Card

LEAST_CLIPS = 4
MOST_CHOSEN = 10


def add(commands: Any) -> None:
    """Add the command to a parser's commands."""
    calibrate = commands.add_parser(
        "calibrate", help="scale a model's sliders until they do as much as the simulation's"
    )
    calibrate.add_argument("model", type=Path, help="model file (.safetensors) of elements the project simulates")
    calibrate.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="folder for the model and its state"
    )
    calibrate.add_argument(
        "--state",
        type=Path,
        metavar="FOLDER",
        help="exported state of the model (default: the folder of its name beside it, if any)",
    )
    calibrate.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="STYLE.CONTROL=FACTOR",
        help="scale this slider's effect by so much, whatever the trials show; may be given several times",
    )
    calibrate.add_argument("--clips", type=int, default=32, help="simulations of each style (default: 32)")
    calibrate.add_argument("--size", type=int, default=MEASURED, help=f"element height in pixels (default: {MEASURED})")
    calibrate.add_argument("--device", default="auto", help="auto, cpu, cuda, mps or xpu (default: auto)")
    calibrate.add_argument(
        "--cache", type=Path, default=Path("runs/footage"), help="folder of footage as rendered (default: runs/footage)"
    )
    calibrate.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from aigc_blender.generator.checkpoint import load_model
    from aigc_blender.generator.sampler import resolve_device

    from ..calibrate import calibrate, calibration_trials, save_calibrated
    from ..run.exported import read_exported

    source, beside = arguments.model, arguments.model.with_suffix("")
    target = arguments.to / source.name
    if target.resolve() == source.resolve():
        raise TrainingError(f"--to names the folder of {source}, which would be overwritten; choose another folder.")
    if arguments.clips < LEAST_CLIPS:
        raise TrainingError(
            f"--clips is {arguments.clips}, of which no slope can be taken; give {LEAST_CLIPS} or more."
        )
    folder = arguments.state or (beside if beside.is_dir() else None)
    if folder and folder.resolve() == target.with_suffix("").resolve():
        raise TrainingError(
            f"--to names the folder of the state {folder}, which would be overwritten; choose another folder."
        )
    device, model = resolve_device(arguments.device), load_model(source)
    chosen = _chosen(arguments.by, model.card)
    state = read_exported(folder, [source]) if folder else None
    trials = calibration_trials(
        model.card, arguments.cache, arguments.size, clips=arguments.clips, device=device, report=_progress
    )
    factors = calibrate(model, trials, device, _progress, chosen)
    save_calibrated(model, factors, state, target)
    for style, scaled in factors.items():
        print(f"{style}: {', '.join(f'{name} x {factor:.2f}' for name, factor in scaled.items())}.")
    print(f"Wrote {target}{f' and {target.parent / target.stem}' if state else ''}.")
    return 0


def _chosen(given: Sequence[str], card: Card) -> dict[str, dict[str, float]]:
    """Factors by style and control."""
    chosen: dict[str, dict[str, float]] = {}
    for text in given:
        slider, _, factor = text.partition("=")
        name, _, control = slider.partition(".")
        style = card.style(name)
        if style is None or not style.control(control):
            raise TrainingError(f"--by {text} names no slider of model {card.name}; give one as torch.wind=2.")
        try:
            value = float(factor)
        except ValueError:
            value = math.nan
        if not 0 < value <= MOST_CHOSEN:
            raise TrainingError(f"--by {text} has no factor above 0 and up to {MOST_CHOSEN}; give one as torch.wind=2.")
        chosen.setdefault(name, {})[control] = value
    return chosen


def _progress(text: str) -> None:
    print(text, file=sys.stderr)
