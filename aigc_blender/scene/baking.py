# SPDX-License-Identifier: GPL-3.0-or-later
"""What animates an item's settings, read frame by frame, and written back as keyframes.

Plain F-curves are read as they are. Drivers, modifiers, muted curves and NLA strips are left to Blender: it shows the
item in a scene of its own, so that nothing of the user's scenes is evaluated, moved to another frame or told of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import bpy

from ..errors import RecipeError
from ..recipe import Track
from . import compat

WATCHERS = ("frame_change_pre", "frame_change_post", "depsgraph_update_pre", "depsgraph_update_post")


def animated(group: Any) -> set[str]:
    """The paths of the properties that keyframes, NLA strips or drivers may change."""
    animation = group.animation_data
    if animation is None:
        return set()
    curves = [*compat.fcurves(group), *animation.drivers]
    for track in animation.nla_tracks:
        curves += compat.strip_fcurves(track)
    return {curve.data_path for curve in curves}


def is_plain(group: Any, path: str, scene: Any) -> bool:
    """Whether one F-curve alone says what Blender shows, so that reading it evaluates nothing."""
    animation, render = group.animation_data, scene.render
    if animation.nla_tracks or render.frame_map_old != render.frame_map_new:
        return False
    if animation.action is None or (animation.action_influence, animation.action_blend_type) != (1.0, "REPLACE"):
        return False
    if any(driver.data_path == path for driver in animation.drivers):
        return False
    return all(
        curve.is_valid and not (curve.mute or curve.modifiers or (curve.group and curve.group.mute))
        for curve in compat.fcurves(group)
        if curve.data_path == path
    )


def bake(group: Any, paths: Iterable[str], frames: range, scene: Any) -> dict[str, list[float]]:
    """The values of animated properties, one a frame, as Blender shows them.

    Raises:
        RecipeError: a driver does not work.
    """
    curves = {curve.data_path: curve for curve in compat.fcurves(group)}
    paths = list(paths)
    plain = [path for path in paths if is_plain(group, path, scene)]
    baked = {path: [curves[path].evaluate(frame) for frame in frames] for path in plain}
    shown = [path for path in paths if path not in baked]
    return baked | _shown(group, shown, frames, scene) if shown else baked


def animate(group: Any, path: str, track: Track) -> None:
    """Key a property once a frame, straight from one to the next; replaces what animated it."""
    still(group, path)
    if not group.keyframe_insert(path, frame=track.first):
        raise RecipeError(f"{path} of {group.name} cannot be keyed; unlock its action or make it local.")
    curve = next(c for c in compat.fcurves(group) if c.data_path == path)
    points = curve.keyframe_points
    points.add(len(track.values) - 1)
    points.foreach_set("co", [x for i, v in enumerate(track.values) for x in (track.first + i, v)])
    for point in points:
        point.interpolation = "LINEAR"
    curve.update()


def still(group: Any, path: str) -> None:
    """Take keyframes and driver off a property."""
    if group.animation_data is not None:
        group.driver_remove(path)
        compat.remove_fcurves(group, path)


def _shown(group: Any, paths: list[str], frames: range, scene: Any) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {path: [] for path in paths}
    with _stage(group, scene) as stage, _reading(group, stage, instead_of=scene):
        for frame in frames:
            stage.frame_set(frame)
            shown = group.evaluated_get(stage.view_layers[0].depsgraph)
            for path in paths:
                values[path].append(float(shown.path_resolve(path)))
            for curve in shown.animation_data.drivers:
                if curve.data_path in values and not curve.mute and not (curve.is_valid and curve.driver.is_valid):
                    raise RecipeError(
                        f"The driver of {curve.data_path} of {group.name} does not work; mend or remove it "
                        "(Python in drivers needs Auto Run Python Scripts)."
                    )
    return values


@contextlib.contextmanager
def _stage(group: Any, scene: Any) -> Iterator[Any]:
    """A scene that holds nothing but the item, with the time and the numbers of another; handlers do not hear of it."""
    watchers = {name: list(getattr(bpy.app.handlers, name)) for name in WATCHERS}
    for name in watchers:
        getattr(bpy.app.handlers, name).clear()
    stage, world = bpy.data.scenes.new("Baking"), bpy.data.worlds.new("Baking")
    try:
        for name in ("fps", "fps_base", "frame_map_old", "frame_map_new"):
            setattr(stage.render, name, getattr(scene.render, name))
        # What drivers may read of it: its own numbers, and what moves.
        for name, value in scene.items():
            if isinstance(value, int | float):
                stage[name] = value
        if scene.animation_data is not None and scene.animation_data.action is not None:
            moves = stage.animation_data_create()
            moves.action, moves.action_slot = scene.animation_data.action, scene.animation_data.action_slot
        compat.use_nodes(world)
        world.node_tree.nodes.new("ShaderNodeGroup").node_tree = group
        stage.world = world
        yield stage
    finally:
        bpy.data.scenes.remove(stage)
        bpy.data.worlds.remove(world)
        for name, functions in watchers.items():
            getattr(bpy.app.handlers, name)[:] = functions


@contextlib.contextmanager
def _reading(group: Any, stage: Any, instead_of: Any) -> Iterator[None]:
    """Let an item's drivers read a stage where they read its scene, whose own time stands still."""
    variables = [v for curve in group.animation_data.drivers for v in curve.driver.variables]
    targets = [t for v in variables if v.type != "CONTEXT_PROP" for t in v.targets if t.id == instead_of]
    try:
        for target in targets:
            target.id = stage
        yield
    finally:
        for target in targets:
            target.id = instead_of
