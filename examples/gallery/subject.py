# SPDX-License-Identifier: GPL-3.0-or-later
"""What a picture of the gallery is of: an element, how its sequence is to be drawn, and the scene around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FPS = 12
LOOP = 24  # frames

Build = Callable[[Any], None]


@dataclass(frozen=True)
class Subject:
    """A style, the settings of its sequence, and what builds the scene.

    ``pixels`` is the size of the frames and ``element`` the height that the element is drawn at, 0 for the frame's.
    ``build`` gets an item that shows its frames (bpy.types.NodeTree), and an empty scene to fill.
    """

    style: str
    pixels: tuple[int, int]
    tile: str
    element: int
    seed: int
    controls: dict[str, float]
    build: Build


def subject(
    pixels: tuple[int, int], tile: str = "", element: int = 0, seed: int = 1, **controls: float
) -> Callable[[Build], Subject]:
    """Make a scene a subject; the function has the name of the style."""

    def made(build: Build) -> Subject:
        return Subject(build.__name__, pixels, tile, element, seed, controls, build)

    return made
