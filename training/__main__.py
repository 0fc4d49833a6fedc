# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training``: the command line of training."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from aigc_blender.card import Rights
from aigc_blender.errors import AigcError

BUNDLED_RIGHTS = Rights(
    statement="Trained only on footage that this project's own simulations rendered; free for any use, commercial use included.",
    sources=("training/footage/procedural",),
)
BUNDLED_LICENCE = "GPL-3.0-or-later"
HEIGHTS = (1, 2)  # element heights rendered, in clip sizes


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 1 failed, 2 bad input, 130 interrupted (state saved)."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except AigcError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train video generators for the extension.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    fit = commands.add_parser("fit", help="train a model and write its file")
    fit.add_argument("footage", nargs="*", type=Path, help="video files of one style")
    fit.add_argument("--procedural", action="store_true", help="train on footage rendered by the project itself")
    fit.add_argument(
        "--style", help="name of the style; with --procedural, elements by name, separated by commas (default: all)"
    )
    fit.add_argument(
        "--size", type=int, default=64, help="pixels a side of a training clip: 32, 64 or 128 (default: 64)"
    )
    fit.add_argument("--minutes", type=float, help="end after this time")
    fit.add_argument(
        "--steps", type=int, default=5000, help="end after this many steps in all; schedules span them (default: 5000)"
    )
    fit.add_argument("--objective", choices=("relativistic", "nonsaturating", "minimax"), default="relativistic")
    fit.add_argument("--batch", type=int, default=8, help="clips a step (default: 8)")
    fit.add_argument("--clips", type=int, default=64, help="procedural clips rendered an element (default: 64)")
    fit.add_argument("--seed", type=int, default=0)
    fit.add_argument("--name", default="Untitled", help="name of the model")
    fit.add_argument("--device", default="auto", help="auto, cpu, cuda, mps or xpu (default: auto)")
    fit.add_argument(
        "--cache", type=Path, default=Path("runs/footage"), help="folder of rendered footage (default: runs/footage)"
    )
    fit.add_argument("--out", type=Path, required=True, help="model file to write (.safetensors)")
    fit.set_defaults(run=_fit)
    return parser


def _fit(arguments: argparse.Namespace) -> int:
    from aigc_blender.generator.sampler import resolve_device

    from .export import Label
    from .fit import Limits, TrainingError, fit
    from .footage.procedural import ELEMENTS
    from .footage.render import render_footage
    from .trainer import Config

    if arguments.out.suffix != ".safetensors":
        raise TrainingError(f"{arguments.out}: a model file must end in .safetensors; rename it.")
    if arguments.size not in (32, 64, 128):
        raise TrainingError(f"Size {arguments.size} cannot be trained; give 32, 64 or 128.")
    device = resolve_device(arguments.device)
    frames = 72
    if arguments.procedural:
        if arguments.footage:
            raise TrainingError("Give footage or --procedural, not both.")
        names = arguments.style.split(",") if arguments.style else list(ELEMENTS)
        for name in names:
            if name not in ELEMENTS:
                raise TrainingError(f"Element {name!r} is not known; choose from {', '.join(ELEMENTS)}.")
        heights = [arguments.size * factor for factor in HEIGHTS]
        footage = render_footage(
            arguments.cache,
            names,
            clips=arguments.clips,
            frames=frames,
            heights=heights,
            seed=arguments.seed,
            device=device,
        )
        label = Label(arguments.name, "The AIGC contributors", BUNDLED_LICENCE, BUNDLED_RIGHTS)
    else:
        raise TrainingError("Give --procedural.")
    config = Config(
        size=arguments.size,
        batch=arguments.batch,
        objective=arguments.objective,
        horizon_clips=arguments.steps * arguments.batch,
        seed=arguments.seed,
    )
    finished = fit(footage, config, Limits(arguments.steps, arguments.minutes), arguments.out, label, device=device)
    print(f"Wrote {arguments.out}.")
    return 0 if finished else 130


if __name__ == "__main__":
    sys.exit(main())
