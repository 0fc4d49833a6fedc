# SPDX-License-Identifier: GPL-3.0-or-later
"""Items: a recipe in the .blend, with its settings, animation and shader, as one node group.

The settings are ``group.aigc``; the style's controls are custom properties of the group under
their own names, so that each can be keyframed: ``group["height"] = 0.8``.
"""

from __future__ import annotations

import uuid
from fractions import Fraction
from typing import Any

import bpy

from ..card import Control, Style
from ..errors import RecipeError
from ..recipe import Recipe, Track
from . import compat, shader


def items() -> list[Any]:
    """All items of the file that can be edited, oldest first (bpy.types.NodeTree)."""
    groups = [g for g in bpy.data.node_groups if g.bl_idname == "ShaderNodeTree" and g.aigc.uuid and not g.library]
    return sorted(groups, key=lambda g: g.session_uid)


def new(name: str) -> Any:
    """A new item without a style; stays in the file until it is removed."""
    group = bpy.data.node_groups.new(name, "ShaderNodeTree")
    group.use_fake_user = True
    group.aigc.uuid = uuid.uuid4().hex
    return group


def find(identity: str) -> Any | None:
    """The item of that UUID, or None; of a duplicate and its original, the original."""
    return next((g for g in items() if g.aigc.uuid == identity), None)


def make_unique(group: Any) -> None:
    """Give a duplicate its own UUID."""
    if find(group.aigc.uuid) != group:
        group.aigc.uuid = uuid.uuid4().hex


def remove(group: Any) -> None:
    """Delete an item, and its image if nothing else shows that."""
    image = shader.image_of(group)
    bpy.data.node_groups.remove(group)
    if image is not None and not image.users:
        bpy.data.images.remove(image)


def suit(group: Any, style: Style) -> None:
    """Give an item the controls of a style that it lacks, at their defaults, and the shape of what the style has seen."""
    if style.aspect:
        group.aigc.width = max(1, round(group.aigc.height * style.aspect))
    for control in style.controls:
        if control.name not in group:
            group[control.name] = control.default
        group.id_properties_ui(control.name).update(
            min=0.0, max=1.0, soft_min=0.0, soft_max=1.0, default=control.default, description=_ends(control)
        )


def frame_range(group: Any, scene: Any) -> tuple[int, int]:
    """First and last frame as they are set: the scene's, or the item's own."""
    settings = group.aigc
    if settings.use_scene_range:
        return scene.frame_start, scene.frame_end
    return settings.frame_start, settings.frame_end


def frame_numbers(group: Any, scene: Any) -> range:
    """The scene frames that the item covers.

    Raises:
        RecipeError: the range is reversed or negative.
    """
    first, last = frame_range(group, scene)
    if first < 0 or last < first:
        raise RecipeError(f"Frames {first} to {last} are not a range; give a start of 0 or more and an end after it.")
    return range(first, last + 1)


def frame_rate(scene: Any) -> Fraction:
    """The scene's frames a second, exact for rates such as 24000/1001."""
    return Fraction(scene.render.fps) / Fraction(scene.render.fps_base).limit_denominator(10_000)


def file_format(group: Any, style: Style) -> str:
    """The format of the item's files: ``png``, ``png16`` or ``exr``; by default EXR for what glows beyond its alpha."""
    if group.aigc.format != "auto":
        return str(group.aigc.format)
    return "exr" if style.outshines_display else "png"


def recipe(group: Any, scene: Any, style: Style) -> Recipe:
    """The item's recipe as it stands, keyframes baked to one value a frame.

    Raises:
        RecipeError: a setting is out of range or a control has a driver.
    """
    settings, frames = group.aigc, frame_numbers(group, scene)
    curves = {c.data_path: c for c in compat.fcurves(group)}
    driven = {c.data_path for c in group.animation_data.drivers} if group.animation_data else set()
    controls: dict[str, float | Track] = {}
    for control in style.controls:
        path = f'["{control.name}"]'
        if path in driven:
            raise RecipeError(
                f"Control {control.name} of {group.name} has a driver, which cannot be baked; keyframe it."
            )
        if path in curves:
            controls[control.name] = _bake(curves[path], frames, looped=settings.use_loop)
        else:
            controls[control.name] = float(group.get(control.name, control.default))
    return Recipe(
        style=style.name,
        model=settings.model,
        seed=settings.seed,
        width=settings.width,
        height=settings.height,
        fps=frame_rate(scene),
        loop=len(frames) if settings.use_loop else None,
        tile="x" * settings.tile_x + "y" * settings.tile_y,
        element_height=settings.element_height or None,
        controls=controls,
    )


def _bake(curve: Any, frames: range, *, looped: bool) -> Track:
    # A loop's first frame after its end tells whether the control has come back.
    numbers = range(frames.start, frames.stop + 1) if looped else frames
    return Track(frames.start, tuple(_clip(curve.evaluate(number)) for number in numbers))


def _clip(value: float) -> float:
    return float(min(max(value, 0.0), 1.0))


def _ends(control: Control) -> str:
    low, high = ", ".join(control.low), ", ".join(control.high)
    return f"0: {low}; 1: {high}" if low and high else f"{control.name.replace('_', ' ').capitalize()} of the element"
