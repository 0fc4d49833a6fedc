# SPDX-License-Identifier: GPL-3.0-or-later
"""``bundle``: what a bare machine needs to train the bundled models on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..bundled import STATES, TABLE, chosen, read_table


def add(commands: Any) -> None:
    """Add the command to a parser's commands."""
    bundle = commands.add_parser("bundle", help="write a folder that trains the bundled models on a bare machine")
    bundle.add_argument("folder", type=Path, help="folder to write; ./run in it trains a slice and evaluates")
    bundle.add_argument("--only", metavar="NAMES", help="files of the table, separated by commas (default: all)")
    bundle.add_argument(
        "--states", type=Path, default=STATES, help="folder of exported states (default: training/states)"
    )
    bundle.add_argument("--features", type=Path, help="weights of SqueezeNet 1.0 (.safetensors), to evaluate with")
    bundle.add_argument("--table", type=Path, default=TABLE, help="another table (.toml)")
    bundle.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from ..bundle import write_bundle

    models = chosen(read_table(arguments.table), arguments.only)
    size = write_bundle(arguments.folder, models, arguments.table, arguments.states, arguments.features)
    print(f"Wrote {arguments.folder}: {size / 2**20:.1f} MiB; train there with ./run.")
    return 0
