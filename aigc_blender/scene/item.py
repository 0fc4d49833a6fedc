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

from ..card import Card, Control, Style
from ..errors import RecipeError, SceneError
from ..recipe import MAX_PAN, MAX_SPEED, Recipe, Track
from . import baking, compat, made, shader

# Settings that may change from frame to frame, beside the controls, by their words; those in FROM_START add up.
MOVING = {
    "aigc.speed": "Speed",
    "aigc.pan_x": "Pan X",
    "aigc.pan_y": "Pan Y",
    "aigc.seed_blend": "Seed Blend",
    "aigc.style_blend": "Style Blend",
}
FROM_START = frozenset(("aigc.speed", "aigc.style_blend"))
LIMITS = {
    "aigc.speed": (-MAX_SPEED, MAX_SPEED),
    "aigc.pan_x": (-MAX_PAN, MAX_PAN),
    "aigc.pan_y": (-MAX_PAN, MAX_PAN),
}


def items() -> list[Any]:
    """All items of the file that can be edited, oldest first (bpy.types.NodeTree)."""
    groups = [g for g in bpy.data.node_groups if is_item(g) and not is_linked(g)]
    return sorted(groups, key=lambda g: g.session_uid)


def new(name: str) -> Any:
    """A new item without a style, whose time counts from the scene's start; stays in the file until it is removed."""
    group = bpy.data.node_groups.new(name, "ShaderNodeTree")
    group.use_fake_user = True
    group.aigc.uuid = uuid.uuid4().hex
    group.aigc.start = max(0, bpy.context.scene.frame_start)
    return group


def find(identity: str) -> Any | None:
    """The item of that UUID, or None; of a duplicate and its original, the original."""
    return next((g for g in items() if g.aigc.uuid == identity), None)


def shown() -> list[Any]:
    """All items of the file, those that are linked from others as well, in the order of Blender's own list."""
    return [g for g in bpy.data.node_groups if is_item(g)]


def is_item(group: Any) -> bool:
    """Whether a node group is an item."""
    return group.bl_idname == "ShaderNodeTree" and bool(group.aigc.uuid)


def is_linked(block: Any) -> bool:
    """Whether a data-block is of another file; an override of one is, too: Blender does not save its nodes."""
    return block.library is not None or block.override_library is not None


def renew() -> None:
    """Give every duplicate its own UUID: however it came to be, by a copy, an append or a copied scene."""
    originals: dict[str, Any] = {}
    for group in items():
        identity = group.aigc.uuid
        original = originals.setdefault(identity, group)
        if group != original:
            group.aigc.uuid, group.aigc.job = uuid.uuid4().hex, ""
            made.pass_on(original, group, identity)


def duplicate(group: Any) -> Any:
    """An item like another, its keyframes its own, not placed anywhere yet."""
    copy = group.copy()
    copy.use_fake_user = True
    copy.aigc.uuid, copy.aigc.job = uuid.uuid4().hex, ""
    if copy.animation_data is not None and copy.animation_data.action is not None:
        compat.own_action(copy)
    return copy


def make_local(group: Any) -> Any:
    """A linked item as one of this file, its keyframes with it; gives that.

    Raises:
        SceneError: Blender cannot.
    """
    local = group.make_local(clear_liboverride=True)
    if local is None or is_linked(local):
        raise SceneError(f"{group.name} cannot be made local; append it from its file.")
    action = local.animation_data.action if local.animation_data else None
    if action is not None and action.library is not None:
        action.make_local()
    local.use_fake_user = True
    renew()
    return local


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
    add_controls(group, style)


def add_controls(group: Any, style: Style) -> None:
    """Give an item the controls of a style that it lacks, at their defaults."""
    for control in style.controls:
        value = group.get(control.name)
        if not isinstance(value, float):  # a script may have set a whole number, which has no such limits
            group[control.name] = float(value) if isinstance(value, int) else control.default
        group.id_properties_ui(control.name).update(
            min=0.0, max=1.0, soft_min=0.0, soft_max=1.0, default=control.default, description=_ends(control)
        )


def drawn_style(card: Card, name: str, name_b: str = "") -> Style:
    """A style of a model, or what the blend of two is like.

    Raises:
        RecipeError: the model does not have them.
    """
    style, other = card.style(name), card.style(name_b or name)
    if style is None or other is None:
        raise RecipeError(f"Model {card.name} has no style {name_b if style else name}; choose one that it has.")
    return style.blended(other) if name_b else style


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


def recipe(group: Any, scene: Any, style: Style, given: Recipe | None = None) -> Recipe:
    """The item's recipe as it stands, keyframes and drivers baked to one value a frame.

    With a recipe ``given``, what only Blender can evaluate (drivers and the like) is taken from that: nothing is
    changed or evaluated then, which makes it fit to be asked at any time.

    Raises:
        RecipeError: a setting is out of range or has a driver that does not work, or one that cannot change has keyframes.
    """
    settings, frames = group.aigc, frame_numbers(group, scene)
    value = _Values(group, scene, frames, given)
    return Recipe(
        style=settings.style_name or style.name,  # a blend's own name is of both
        model=settings.model,
        seed=settings.seed,
        width=settings.width,
        height=settings.height,
        fps=frame_rate(scene),
        loop=len(frames) if settings.use_loop else None,
        tile="x" * settings.tile_x + "y" * settings.tile_y,
        element_height=settings.element_height or None,
        controls={c.name: value.of(f'["{c.name}"]', group.get(c.name, c.default)) for c in style.controls},
        speed=value.of("aigc.speed", settings.speed),
        pan=(value.of("aigc.pan_x", settings.pan_x), value.of("aigc.pan_y", settings.pan_y)),
        seed_b=settings.seed_b if settings.use_seed_b else None,
        seed_blend=value.of("aigc.seed_blend", settings.seed_blend) if settings.use_seed_b else 0.0,
        style_b=settings.style_b_name,
        style_blend=value.of("aigc.style_blend", settings.style_blend) if settings.style_b_name else 0.0,
        shutter=round(settings.shutter, 4),
    )


class _Values:
    """What an item's settings are over its frames; those of speed and style blend add up from the item's start on."""

    def __init__(self, group: Any, scene: Any, frames: range, given: Recipe | None) -> None:
        self._group, self._scene, self._frames, self._given = group, scene, frames, given
        self._animated = baking.animated(group)
        for path in sorted(self._animated):
            if path.startswith("aigc.") and path not in MOVING:
                name = group.aigc.bl_rna.properties[path.removeprefix("aigc.").partition("[")[0]].name
                raise RecipeError(f"{name} of {group.name} cannot change within a sequence; remove its keyframes.")

    def of(self, path: str, still: float) -> float | Track:
        """The value of a setting, a track where it is animated."""
        if path not in self._animated:
            return clip(path, still)
        if self._given is not None and not baking.is_plain(self._group, path, self._scene):
            return _given(path, self._given, still)
        if self._group.aigc.use_loop:
            return self._looped(path)
        first = self._first(path)
        # Under an open shutter a frame reads the one before and the one after.
        margin = 1 if self._group.aigc.shutter else 0
        before = 0 if path in FROM_START else margin
        return Track(first - before, self._baked(path, range(first - before, self._frames.stop + margin)))

    def _first(self, path: str) -> int:
        start = self._group.aigc.start
        if path not in FROM_START:
            return self._frames.start
        if self._frames.start < start:
            raise RecipeError(
                f"{self._group.name} starts at frame {start}, from where its {MOVING[path]} counts, and its frames at "
                f"{self._frames.start}; give a Start (under Motion) of {self._frames.start} or less."
            )
        return int(start)

    def _looped(self, path: str) -> Track:
        """One period, and the frame after its end, which tells whether the setting has come back."""
        frames, period = self._frames, len(self._frames)
        values = self._baked(path, range(frames.start, frames.stop + 1))
        turn = (self._group.aigc.start - frames.start) % period if path in FROM_START else 0
        if turn:
            jump = values[-1] - values[0]
            values = (*values[turn:-1], *values[:turn], clip(path, values[turn] + jump))
        return Track(frames.start + turn, values)

    def _baked(self, path: str, frames: range) -> tuple[float, ...]:
        values = baking.bake(self._group, [path], frames, self._scene)[path]
        return tuple(clip(path, value) for value in values)


def _given(path: str, recipe: Recipe, still: float) -> float | Track:
    """The value of a setting in a recipe."""
    values: dict[str, float | Track] = {
        **{f'["{name}"]': value for name, value in recipe.controls.items()},
        "aigc.speed": recipe.speed,
        "aigc.pan_x": recipe.pan[0],
        "aigc.pan_y": recipe.pan[1],
        "aigc.seed_blend": recipe.seed_blend,
        "aigc.style_blend": recipe.style_blend,
    }
    return values.get(path, still)


def clip(path: str, value: float) -> float:
    """A setting's value held to its bounds, which a script or a driver may have left."""
    least, most = LIMITS.get(path, (0.0, 1.0))
    return float(min(max(value, least), most))


def _ends(control: Control) -> str:
    low, high = ", ".join(control.low), ", ".join(control.high)
    return f"0: {low}; 1: {high}" if low and high else f"{control.name.replace('_', ' ').capitalize()} of the element"
