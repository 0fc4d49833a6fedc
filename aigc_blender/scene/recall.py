# SPDX-License-Identifier: GPL-3.0-or-later
"""From a generated image, or any recipe, back to an item: its settings, and keyframes for what changes over time."""

from __future__ import annotations

from typing import Any

from ..card import Style
from ..errors import RecipeError
from ..recipe import MAX_ITEM_SEED, Recipe, Track
from . import baking, images, item, shader


def item_of(image: Any) -> Any | None:
    """The item of this file that shows an image, or None."""
    return next((group for group in item.items() if shader.image_of(group) == image), None)


def edit(image: Any, style: Style, scene: Any) -> tuple[Any, str | None]:
    """The item that shows an image, or a new one that does, set as the image was made; and what cannot be restored.

    Args:
        image: A generated image.
        style: The style of its recipe, or what the blend of its two is like.
        scene: The scene whose frame range and rate the item is to go by.

    Raises:
        RecipeError: the image's recipe is damaged.
    """
    recipe, group = images.recipe_of(image), item_of(image)
    if group is None:
        group = item.new(recipe.style)
        shader.show(group, image)
    apply(group, recipe, style)
    frames, settings = images.frames_of(image), group.aigc
    if item.frame_range(group, scene) != (frames.start, frames.stop - 1):
        settings.use_scene_range = False
        settings.frame_start, settings.frame_end = frames.start, frames.stop - 1
    settings.format = image[images.FORMAT]
    return group, unlike(image.name, recipe, scene)


def unlike(name: str, recipe: Recipe, scene: Any) -> str | None:
    """What an item of a scene cannot have of a recipe that goes by this name, or None where it draws the very same."""
    if recipe.fps != item.frame_rate(scene):
        return (
            f"{name} was made at {float(recipe.fps):g} frames a second and the scene runs at "
            f"{float(item.frame_rate(scene)):g}; set that in Output Properties to get the same motion."
        )
    settings = ("origin", "time", *(("shutter_samples",) if recipe.shutter else ()))
    if lost := [setting for setting in settings if getattr(recipe, setting) != getattr(Recipe, setting)]:
        return (
            f"{name} states {lost[0].replace('_', ' ')}, which no element has; "
            "generate it with python -m aigc_blender to get the same frames."
        )
    return None


def apply(group: Any, recipe: Recipe, style: Style) -> None:
    """Set all that a recipe holds on an item of its style; what animated those settings goes.

    Raises:
        RecipeError: its seed is too great for an item; nothing is set.
    """
    for name, seed in (("Seed", recipe.seed), ("Second seed", recipe.seed_b or 0)):
        if seed > MAX_ITEM_SEED:
            raise RecipeError(
                f"{name} {seed} is out of range for an element, which has 0 to {MAX_ITEM_SEED}; "
                "generate the recipe with python -m aigc_blender."
            )
    settings = group.aigc
    settings.style_name, settings.model = recipe.style, recipe.model
    item.suit(group, style)
    settings.width, settings.height, settings.seed = recipe.width, recipe.height, recipe.seed
    settings.element_height = recipe.element_height or 0
    settings.tile_x, settings.tile_y = "x" in recipe.tile, "y" in recipe.tile
    settings.use_loop, settings.shutter = recipe.loop is not None, recipe.shutter
    settings.use_seed_b, settings.style_b_name = recipe.seed_b is not None, recipe.style_b
    if recipe.seed_b is not None:
        settings.seed_b = recipe.seed_b
    for track in (recipe.speed, recipe.style_blend):
        if isinstance(track, Track):
            settings.start = max(0, track.first)
    moving = {f'["{c.name}"]': recipe.controls.get(c.name, c.default) for c in style.controls}
    moving |= {
        "aigc.speed": recipe.speed,
        "aigc.pan_x": recipe.pan[0],
        "aigc.pan_y": recipe.pan[1],
        "aigc.seed_blend": recipe.seed_blend,
        "aigc.style_blend": recipe.style_blend,
    }
    for path, value in moving.items():
        _set(group, path, value.values[0] if isinstance(value, Track) else value)
        if isinstance(value, Track):
            baking.animate(group, path, value)
        else:
            baking.still(group, path)


def _set(group: Any, path: str, value: float) -> None:
    if path.startswith("aigc."):
        setattr(group.aigc, path.removeprefix("aigc."), value)
    else:
        group[path[2:-2]] = value
