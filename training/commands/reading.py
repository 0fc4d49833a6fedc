# SPDX-License-Identifier: GPL-3.0-or-later
"""How footage is to be read: the arguments that ``fit`` and ``prepare`` share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import TrainingError

if TYPE_CHECKING:
    from ..footage.read import Material


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments but for footage, style, size and cache."""
    parser.add_argument(
        "--anchored",
        default="auto",
        choices=("auto", "none", "x", "y", "xy"),
        help="axes of the footage on which position matters (default: as footage.toml says, else as the footage shows)",
    )
    parser.add_argument(
        "--crop",
        default="auto",
        metavar="X,Y,W,H|auto|none",
        help="part of the picture to use, in pixels (default: as footage.toml says, else the part that moves)",
    )
    parser.add_argument(
        "--each", action="store_true", help="a style for each film, named after it, instead of one of all"
    )
    parser.add_argument("--fps", type=float, default=24.0, help="frames a second of numbered pictures (default: 24)")


def read(arguments: argparse.Namespace, frames: int, report: Callable[[str], None] = print) -> tuple[str, Material]:
    """The name of footage that no tag names, and the footage in clips of at least ``frames`` frames.

    Raises:
        TrainingError: which argument is wrong.
        FootageError: the footage is of no use.
    """
    from ..footage.names import style_name
    from ..footage.read import read_footage
    from ..footage.tags import ANCHORED, parse_crop

    if arguments.each and arguments.style:
        raise TrainingError("--each names styles after their films; leave --style out.")
    style = arguments.style or style_name(arguments.footage)
    if not re.fullmatch("[a-z0-9_-]{1,32}", style):
        raise TrainingError(f"Style {style!r} cannot be a name; give up to 32 of a-z, 0-9, _ and -.")
    try:
        crop = parse_crop(arguments.crop)
    except ValueError:
        raise TrainingError(f"--crop is {arguments.crop!r}; give x,y,width,height in pixels, auto or none.") from None
    material = read_footage(
        [Path(p) for p in arguments.footage],
        arguments.cache,
        size=arguments.size,
        frames=frames,
        style=style,
        anchored=None if arguments.anchored == "auto" else ANCHORED[arguments.anchored],
        crop=None if crop == "auto" else crop,
        fps=arguments.fps,
        each=arguments.each,
        rights=getattr(arguments, "rights", None),
        report=report,
    )
    return style, material
