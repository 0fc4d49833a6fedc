# SPDX-License-Identifier: GPL-3.0-or-later
"""What a new item begins with: the scene says how long, the place and the style say how large."""

from __future__ import annotations

from typing import Any

import bpy

from ..card import Style
from . import item, versions

LONG_SIDE = 1024  # pixels of a frame for the whole render, about: more would only enlarge what the network draws
# A loop is seamless in playback too, so it is the default. One of a whole scene up to LONGEST is what Generate draws;
# in a longer scene it repeats after LOOP seconds, or one click would draw thousands of frames.
LONGEST_SECONDS = 20
LOOP_SECONDS = 10


def apply(group: Any, scene: Any, style: Style) -> None:
    """Give a new item its frame range, and its size for where it goes."""
    settings = group.aigc
    rate = item.frame_rate(scene)
    settings.use_loop = True
    settings.use_scene_range = scene.frame_end - scene.frame_start + 1 <= LONGEST_SECONDS * rate
    settings.frame_start = max(0, scene.frame_start)
    settings.frame_end = settings.frame_start + round(LOOP_SECONDS * rate) - 1
    if settings.placement == {"BACKDROP"} and not style.aspect:
        settings.width, settings.height = render_size(scene, style)


def render_size(scene: Any, style: Style) -> tuple[int, int]:
    """Width and height of the render in pixels; of a larger one than LONG_SIDE scaled down, near to that.

    Then it is a whole multiple of the greatest height that the style is drawn at, so that all detail is there.
    """
    render = scene.render
    width = render.resolution_x * render.resolution_percentage / 100 * render.pixel_aspect_x
    height = render.resolution_y * render.resolution_percentage / 100 * render.pixel_aspect_y
    scale = min(1.0, LONG_SIDE / max(width, height))
    if scale < 1:
        rows = style.max_height * max(1, round(scale * height / style.max_height))
        scale = min(1.0, rows / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def unique_name(name: str) -> str:
    """The name, with a number where another item would write to a folder of the same name."""
    taken = {versions.file_name(g.name) for g in bpy.data.node_groups}
    numbered = (name if n == 1 else f"{name} {n}" for n in range(1, len(taken) + 2))
    return next(n for n in numbered if versions.file_name(n) not in taken)
