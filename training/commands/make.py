# SPDX-License-Identifier: GPL-3.0-or-later
"""``make``: the bundled models, as the table says."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from ..bundled import STATES, TABLE, chosen, read_table
from ..errors import TrainingError


def add(commands: Any) -> None:
    """Add the command to a parser's commands."""
    make = commands.add_parser("make", help="train the bundled models, as training/bundled.toml says")
    make.add_argument("--only", metavar="NAMES", help="files of the table, separated by commas (default: all)")
    make.add_argument("--minutes", type=float, help="end training after this time in all; the same command goes on")
    make.add_argument(
        "--resume",
        type=Path,
        nargs="?",
        const=STATES,
        metavar="FOLDER",
        help="begin with the exported states in a folder, where it has them (default: training/states)",
    )
    make.add_argument(
        "--evaluate",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="then compare with held-out simulations: figures and a contact sheet",
    )
    make.add_argument("--features", type=Path, help="weights of SqueezeNet 1.0 (.safetensors), for --evaluate")
    make.add_argument("--clips", type=int, default=12, help="clips that --evaluate compares a style (default: 12)")
    make.add_argument(
        "--trials", type=int, default=32, help="short clips that --evaluate takes slopes of (default: 32)"
    )
    make.add_argument(
        "--to", type=Path, metavar="FOLDER", help="put there what is to be taken home: models, exported states, figures"
    )
    make.add_argument("--table", type=Path, default=TABLE, help="another table (.toml)")
    make.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    make.add_argument(
        "--cache", type=Path, default=Path("runs/footage"), help="folder of footage as rendered (default: runs/footage)"
    )
    make.add_argument("--device", default="auto", help="auto, cpu, cuda, mps or xpu (default: auto)")
    make.add_argument(
        "--precision", choices=("auto", "full", "half"), default="auto", help="as of fit (default: half on a GPU)"
    )
    make.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    if arguments.minutes is not None and not 0 < arguments.minutes < float("inf"):
        raise TrainingError(f"--minutes is {arguments.minutes}; give a number above 0.")
    models = chosen(read_table(arguments.table), arguments.only)
    from tqdm import tqdm

    from aigc_blender.generator.sampler import resolve_device

    from ..make import Place, judge, make, steps_done, take
    from ..metrics.features import load_network
    from ..precision import half_precision
    from ..reference import Protocol
    from .export import export

    device = resolve_device(arguments.device)
    network = load_network(arguments.features).to(device) if arguments.evaluate and arguments.features else None
    half = half_precision(arguments.precision, device)
    place = Place(arguments.runs, arguments.cache, arguments.resume, device, half)
    deadline = began + (float("inf") if arguments.minutes is None else arguments.minutes * 60)
    for model in models:
        out, ended = place.out(model), False
        if steps_done(model, place) < model.steps and time.monotonic() < deadline:
            ended = not make(model, place, deadline, tqdm.write)
        done = steps_done(model, place)
        print(f"{model.name}: {done} of {model.steps} steps{'' if done < model.steps else ', finished'}.")
        if arguments.to and place.begun(model):
            take(out, arguments.to)
            print(export(out, arguments.to / model.file))
        if ended:
            return 130
        if arguments.evaluate and place.begun(model):
            protocol = Protocol(clips=arguments.clips, size=model.measured, trials=arguments.trials)
            judge(out, arguments.to or arguments.runs, protocol, network, place, _progress)
    return 0


def _progress(text: str) -> None:
    print(text, file=sys.stderr)
