# SPDX-License-Identifier: GPL-3.0-or-later
"""``release``: what training brought home becomes what ships."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..bundled import MODELS, STATES
from ..errors import TrainingError

PAGE = Path(__file__).parents[2] / "docs" / "figures.md"


def add(commands: Any) -> None:
    """Add the command to a parser's commands."""
    release = commands.add_parser("release", help="bundle models that were made, with their figures on the cards")
    release.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="what training brought home: models, their figures (.json) and exported states",
    )
    release.add_argument(
        "--glow", action="store_true", help="only write how brightly elements shine onto the bundled models' cards"
    )
    release.add_argument("--even-if-worse", action="store_true", help="also where a style measured better before")
    release.add_argument("--models", type=Path, default=MODELS, help="folder of bundled models")
    release.add_argument("--states", type=Path, default=STATES, help="folder of exported states")
    release.add_argument("--page", type=Path, default=PAGE, help="page of all figures (.md)")
    release.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from ..release import figures_to_ship, light_up, release, released, take_state, write_tables

    if arguments.glow:
        for model in released(arguments.models):
            print(f"Wrote {model}." if light_up(model) else f"{model} has it already.")
        return 0
    if arguments.folder is None:
        raise TrainingError("No folder is given; name the one that training wrote to, or give --glow.")
    models = released(arguments.folder)
    for model in models:  # none is written where one of them may not ship
        figures_to_ship(model, model.with_suffix(".json"), arguments.models, even_if_worse=arguments.even_if_worse)
    for model in models:
        figures = model.with_suffix(".json")
        target = release(model, figures, arguments.models, arguments.states, even_if_worse=arguments.even_if_worse)
        print(f"Wrote {target}.")
        state = arguments.folder / model.stem
        if state.is_dir():
            take_state(state, arguments.states)
            print(f"Wrote {arguments.states / model.stem}.")
    write_tables(arguments.models, arguments.page)
    print(f"Wrote {arguments.page}.")
    return 0
