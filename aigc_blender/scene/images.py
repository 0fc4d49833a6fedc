# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences on disk as image data-blocks that know the recipe they were made from."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import bpy

from ..card import Style
from ..errors import SequenceError
from ..recipe import Recipe, recipe_from_json

# Custom properties of the image: what it was made from, and what placing it needs without the model.
RECIPE, FORMAT, FRAMES = "aigc_recipe", "aigc_format", "aigc_frames"
ALPHA, STANDS, EMISSIVE = "aigc_alpha", "aigc_stands", "aigc_emissive"
# What colour configurations call the spaces of an EXR and of a PNG: Blender's own, the academy's, studios', older ones.
SCENE_LINEAR = (
    "Linear Rec.709",
    "Linear Rec.709 (sRGB)",
    "lin_rec709",
    "lin_rec709_srgb",
    "lin_rec709_scene",
    "lin_srgb",
    "Linear sRGB",
    "Utility - Linear - sRGB",
    "Utility - Linear - Rec.709",
    "scene-linear Rec.709-sRGB",
    "Linear BT.709 I-D65",
    "Linear BT.709",
)
DISPLAY = (
    "sRGB",
    "sRGB - Texture",
    "sRGB Encoded Rec.709 (sRGB)",
    "srgb_texture",
    "srgb_tx",
    "srgb_rec709_scene",
    "sRGB Texture",
    "Utility - sRGB - Texture",
    "srgb_encoded_rec709",
    "sRGB I-D65",
)


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
    image.alpha_mode = _alpha_mode(image)
    return image


def set_colour_space(image: Any, aliases: tuple[str, ...]) -> None:
    """Set the first of the names that the colour configuration knows, however it writes capitals, blanks and the like.

    Raises:
        SequenceError: it knows none of them.
    """
    settings = image.colorspace_settings
    offered = {_letters(item.name): item.name for item in settings.bl_rna.properties["name"].enum_items}
    name = next((offered[_letters(alias)] for alias in aliases if _letters(alias) in offered), None)
    if name is None:
        raise SequenceError(
            f"The colour configuration {os.environ.get('OCIO') or 'of Blender'} has no space like {aliases[0]} or "
            f"{aliases[2]}; add one to it, or start Blender without the variable OCIO."
        )
    settings.name = name


def has_straight_alpha(image: Any) -> bool:
    """Whether a shader is to multiply colour by alpha before it lays it over something: so in a PNG, never in an EXR."""
    return bool(image[ALPHA]) and image[FORMAT] != "exr"


def comes_straight(image: Any) -> bool:
    """Whether the compositor's image node gives colour that is still to be multiplied by alpha."""
    return has_straight_alpha(image) and image.alpha_mode == "CHANNEL_PACKED"


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


def first_file(image: Any) -> Path:
    """The file that an image names, a linked one's as the file means it that it is linked from."""
    return Path(bpy.path.abspath(image.filepath, library=image.library))


def file_of(image: Any, frame: int) -> Path:
    """The file that a scene frame of the image's sequence lies in, whether it is there or not."""
    first = first_file(image)
    stem = first.stem.rpartition(".")[0]
    return first.with_name(f"{stem}.{frame:04d}{first.suffix}")


def set_frames(user: Any, frames: range, *, cyclic: bool) -> None:
    """Every field of an ImageUser, so that scene frame n shows file n; without a cycle the first and the last one are held."""
    # Before the start Blender shows picture 0, not 1: the first file is made that one. A single file is a cycle of its own.
    zeroth = 0 if cyclic or len(frames) == 1 else 1
    user.frame_start = frames.start + zeroth
    user.frame_duration = len(frames) - zeroth
    user.frame_offset = frames.start + zeroth - 1
    user.use_cyclic = not zeroth
    user.use_auto_refresh = True


def number_at(user: Any, frame: int) -> int:
    """The number of the file that an ImageUser shows at a scene frame, as Blender counts."""
    place, count = frame - user.frame_start + 1, max(1, user.frame_duration)
    place = (place - 1) % count + 1 if user.use_cyclic else min(max(place, 0), count)
    return int(place + user.frame_offset)


def _alpha_mode(image: Any) -> str:
    """Channel packed: the shader composites, nothing multiplies or divides before it.

    But where Cycles does not know a PNG's space by heart, as in a studio's configuration, it converts colour as if that
    were premultiplied, and only with Straight is it. The price is faint glow at 8 bits, which is rounded once more.
    """
    return "STRAIGHT" if has_straight_alpha(image) and os.environ.get("OCIO") else "CHANNEL_PACKED"


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
