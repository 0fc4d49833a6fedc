# SPDX-License-Identifier: GPL-3.0-or-later
"""What a preview is asked for: an item's recipe at one frame, at a cost that every frame can bear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..card import Style
from ..recipe import Recipe
from . import baking, compat, item

UNSEEN = ("rna_type", "name", "job")  # settings that no pixel depends on, or no setting
_KEYS = ("co", "handle_left", "handle_right")  # of an F-curve's points


class Inputs:
    """Reads items; keyframes are baked again only when a setting or a key has changed, not when time moves."""

    def __init__(self) -> None:
        self._signature: object = None
        self._recipe: Recipe | None = None
        self._moment: tuple[int, int] | None = None
        self._held: dict[str, float] = {}  # the controls as they were when that moment came

    def at(self, group: Any, scene: Any, style: Style) -> tuple[dict[str, Any], int]:
        """The recipe of the scene's current frame, as JSON, and the frame's number in the item's sequence.

        A control that is dragged shows what it is dragged to, before that is keyed. Nothing is evaluated.

        Raises:
            RecipeError: a setting is out of range.
        """
        frames = item.frame_numbers(group, scene)
        frame = scene.frame_current
        if not group.aigc.use_loop:
            frame = min(max(frame, frames.start), frames.stop - 1)
        signature = _signature(group, scene, style)
        if self._recipe is None or signature != self._signature:
            made = item.recipe(group, scene, style, _as_it_stands(group, style))
            self._recipe, self._signature = replace(made, shutter=0.0), signature
        inputs = self._recipe.frame_inputs(frame)
        del inputs["frame"]
        now = _controls(group, style)
        moment = group.session_uid, scene.frame_current
        if moment == self._moment:
            inputs["controls"] |= {name: value for name, value in now.items() if value != self._held.get(name, value)}
        else:
            self._moment, self._held = moment, now
        return inputs, frame


def _signature(group: Any, scene: Any, style: Style) -> object:
    """All that the recipe depends on but the frame."""
    animated = baking.animated(group)
    settings = group.aigc
    paths = [f"aigc.{name}" for name in dict(settings.bl_rna.properties) if name not in UNSEEN]
    paths += [f'["{control.name}"]' for control in style.controls if control.name in group]
    # What one F-curve moves is told by its keys.
    still = [path for path in paths if path not in animated or not baking.is_plain(group, path, scene)]
    render = scene.render
    return (
        group.session_uid,
        style.name,
        (scene.frame_start, scene.frame_end, render.fps, render.fps_base, render.frame_map_old, render.frame_map_new),
        tuple(_frozen(group.path_resolve(path)) for path in still),
        tuple((c.data_path, c.extrapolation, c.mute, _keys(c)) for c in compat.fcurves(group)) if animated else (),
    )


def _frozen(value: Any) -> Any:
    return frozenset(value) if isinstance(value, set) else value


def _keys(curve: Any) -> tuple[bytes, ...]:
    points = curve.keyframe_points
    found = []
    for name in _KEYS:
        values = np.empty(2 * len(points), np.float32)
        points.foreach_get(name, values)
        found.append(values.tobytes())
    return *found, str([point.interpolation for point in points]).encode()


def _controls(group: Any, style: Style) -> dict[str, float]:
    return {c.name: min(max(float(group.get(c.name, c.default)), 0.0), 1.0) for c in style.controls}


def _as_it_stands(group: Any, style: Style) -> Recipe:
    """The settings that may move, at their values now: what drivers and strips have made of them."""
    settings = group.aigc
    return Recipe(
        style=style.name,
        controls=dict(_controls(group, style)),
        speed=settings.speed,
        pan=(settings.pan_x, settings.pan_y),
        seed_b=0,
        seed_blend=settings.seed_blend,
        style_b=style.name,
        style_blend=settings.style_blend,
    )
