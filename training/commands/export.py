# SPDX-License-Identifier: GPL-3.0-or-later
"""``export``: the newest state of a run, in a form that travels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import TrainingError


def add(commands: Any) -> None:
    """Add the command to a parser's commands."""
    export = commands.add_parser("export", help="write a run's state so that it can go on elsewhere")
    export.add_argument("model", type=Path, help="model file (.safetensors) with its .run folder beside it")
    export.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="folder to write, for fit --resume")
    export.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    print(export(arguments.model, arguments.to))
    return 0


def export(path: Path, folder: Path) -> str:
    """Export the newest state of the run that makes the model at ``path``; what was written, in words.

    Raises:
        TrainingError: there is no run, or the folder cannot be written.
        ModelError: the model cannot be read.
    """
    from aigc_blender.generator.checkpoint import load_model

    from ..run.exported import export_state
    from ..run.run import run_folder, states_folder
    from ..run.state import load_state

    model = load_model(path)
    try:
        state = load_state(states_folder(path))
    except OSError as error:
        raise TrainingError(
            f"{run_folder(path)}: cannot be read ({error.strerror}); check it and its permissions."
        ) from None
    if state is None:
        raise TrainingError(
            f"{path}: the run that made it is not beside it; give a model file that still has its .run folder."
        )
    exported = export_state(state, model, folder)
    size = sum((folder / name).stat().st_size for name in exported.shards)
    average = f"the averaged generator stays in {path.name}" if exported.weights else "with the averaged generator"
    return f"Wrote {folder}: step {exported.plain['steps']}, {size / 2**20:.1f} MiB; {average}."
