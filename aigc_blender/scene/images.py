# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences on disk as image data-blocks that know the recipe they were made from."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import bpy

from ..card import Style
from ..errors import SequenceError
from ..recipe import Recipe, recipe_from_json

# Custom properties of the image: what it was made from, and what placing it needs without the model.
RECIPE, FORMAT, FRAMES = "aigc_recipe", "aigc_format", "aigc_frames"
ALPHA, STANDS, EMISSIVE = "aigc_alpha", "aigc_stands", "aigc_emissive"
SCENE_LINEAR = (
    "Linear Rec.709",
    "Linear Rec.709 (sRGB)",
    "lin_rec709",
    "Utility - Linear - sRGB",
    "Utility - Linear - Rec.709",
)
DISPLAY = ("sRGB", "sRGB - Texture", "Utility - sRGB - Texture", "srgb_texture", "sRGB Encoded Rec.709 (sRGB)")


def load_sequence(first_file: Path, frames: range, recipe: Recipe, style: Style, fmt: str, name: str) -> Any:
    """An image data-block (bpy.types.Image) of a sequence whose first file is given; ``style`` is the recipe's.

    Raises:
        SequenceError: the file cannot be read, or the colour configuration lacks its colour space.
    """
    try:
        image = bpy.data.images.load(str(first_file), check_existing=False)
    except RuntimeError:
        raise SequenceError(f"{first_file}: cannot be read; generate the sequence again.") from None
    image.name = name
    image.source = "SEQUENCE"
    image.alpha_mode = "CHANNEL_PACKED"  # the shader composites: nothing may divide or multiply before it
    try:
        set_colour_space(image, SCENE_LINEAR if fmt == "exr" else DISPLAY)
    except SequenceError:
        bpy.data.images.remove(image)
        raise
    if bpy.data.filepath:
        with contextlib.suppress(ValueError):  # another drive: the path stays absolute
            image.filepath = bpy.path.relpath(str(first_file))
    image[RECIPE], image[FORMAT] = recipe.to_json(), fmt
    image[FRAMES] = [frames.start, frames.stop - 1]
    image[ALPHA], image[STANDS], image[EMISSIVE] = style.alpha, "y" in style.anchored, style.emissive
    return image


def set_colour_space(image: Any, aliases: tuple[str, ...]) -> None:
    """Set the first of the names that the colour configuration knows.

    Raises:
        SequenceError: it knows none of them.
    """
    for alias in aliases:
        try:
            image.colorspace_settings.name = alias
        except TypeError:
            continue
        return
    raise SequenceError(f"The colour configuration has no {aliases[0]}; add it or use Blender's own configuration.")


def recipe_of(image: Any) -> Recipe:
    """The recipe that an image was made from.

    Raises:
        RecipeError: it was not made by this add-on, or the text is damaged.
    """
    return recipe_from_json(image.get(RECIPE, ""))


def frames_of(image: Any) -> range:
    """The scene frames that an image's sequence covers."""
    first, last = image[FRAMES]
    return range(first, last + 1)


def file_of(image: Any, frame: int) -> Path:
    """The file that a scene frame of the image's sequence lies in, whether it is there or not."""
    first = Path(bpy.path.abspath(image.filepath))
    stem = first.stem.rpartition(".")[0]
    return first.with_name(f"{stem}.{frame:04d}{first.suffix}")


def set_frames(user: Any, frames: range, *, cyclic: bool) -> None:
    """Every field of an ImageUser, so that scene frame n shows file n."""
    user.frame_start = frames.start
    user.frame_duration = len(frames)
    user.frame_offset = frames.start - 1
    user.use_cyclic = cyclic
    user.use_auto_refresh = True
