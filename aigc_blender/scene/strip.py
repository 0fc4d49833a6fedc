# SPDX-License-Identifier: GPL-3.0-or-later
"""The strip placement: the frames as an image strip in the scene's sequencer.

A strip does not cycle: a loop's files are listed again and again, over the scene's range.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy

from ..errors import SceneError
from . import images, item, made, shader

KIND = "STRIP"
EDITOR = "aigc_made_sequencer"  # custom property of the scene: its sequencer was made here
# Custom properties of the strip: the frame that it was made for, wherever it was moved since, and how it was blended with what is below.
START, BLEND = "aigc_start", "aigc_blend"


def check(_group: Any, scene: Any) -> None:
    """Refuse a scene whose sequencer cannot be edited.

    Raises:
        SceneError: it is linked.
    """
    if scene.library:
        raise SceneError(f"Scene {scene.name} is linked from another file; place the element in a scene of this one.")


def place(group: Any, scene: Any) -> None:
    """Put an item into the sequencer, in the lowest channel above all that is there at that time.

    Raises:
        SceneError: the item has no frames yet, or the scene is linked.
    """
    check(group, scene)
    image = shader.require_image(group)
    if made.find(_all(scene), group, KIND):
        return
    if scene.sequence_editor is None:
        scene.sequence_editor_create()
        scene[EDITOR] = True
    start, files = _files(scene, image)
    strips = scene.sequence_editor.strips
    channel = _free_channel(strips, start, start + len(files))
    first = images.file_of(image, images.frames_of(image).start)
    strip = strips.new_image(group.name, str(first), channel, start, fit_method="FILL")
    made.mark(strip, group, KIND)
    strip.blend_type = _blend(image)
    _fit(strip, scene, image)
    if image[images.STANDS]:
        _stand(strip, scene, image)


def places(group: Any) -> list[Any]:
    """The scenes whose sequencer shows an item (bpy.types.Scene)."""
    return [s for s in bpy.data.scenes if not s.library and made.find(_all(s), group, KIND)]


def shown(image: Any, scene: Any) -> list[Any]:
    """The strips of a scene that show an item's image and are not muted."""
    groups = [group for group in item.shown() if shader.image_of(group) == image]
    return [s for group in groups for s in made.find(_all(scene), group, KIND) if not s.mute]


def numbers(strip: Any, image: Any, frames: Iterable[int]) -> set[int]:
    """The numbers of an image's files that a strip shows at some frames of its scene; a user may have put in others."""
    first = images.file_of(image, images.frames_of(image).start)
    ours = re.compile(rf"{re.escape(first.stem.rpartition('.')[0])}\.(\d+){re.escape(first.suffix)}")
    files = [element.filename for element in strip.elements]
    begin, end, last = strip.frame_final_start, strip.frame_final_end, len(files) - 1
    places = {min(max(int(f - strip.frame_start), 0), last) for f in frames if begin <= f < end}
    return {int(match[1]) for place in places if (match := ours.fullmatch(files[place]))}


def refit(group: Any) -> None:
    """Show an item's new frames in all its strips; where they stand and what was set on them stays."""
    for scene in places(group):
        for strip in made.find(_all(scene), group, KIND):
            _fit(strip, scene, shader.require_image(group))


def remove(group: Any) -> None:
    """Delete all strips of an item; a sequencer made for it goes with the last strip."""
    for scene in places(group):
        for strip in made.find(_all(scene), group, KIND):
            _home(scene, strip).remove(strip)
    for scene in bpy.data.scenes:
        if scene.get(EDITOR) and not len(_all(scene)):
            scene.sequence_editor_clear()
            del scene[EDITOR]


def _all(scene: Any) -> Any:
    return scene.sequence_editor.strips_all if scene.sequence_editor else ()


def _home(scene: Any, strip: Any) -> Any:
    """The list that a strip is in: the sequencer's own, or a meta strip's."""
    lists = [scene.sequence_editor.strips]
    lists += [s.strips for s in _all(scene) if s.type == "META"]
    return next(strips for strips in lists if strip.name in strips)


def _files(scene: Any, image: Any) -> tuple[int, list[str]]:
    """First scene frame and the name of each frame's file from there on."""
    frames, loop = images.frames_of(image), images.recipe_of(image).loop
    shown = frames if loop is None else range(scene.frame_start, scene.frame_end + 1)
    reduced = (frames.start + (n - frames.start) % len(frames) for n in shown)
    return shown.start, [images.file_of(image, n).name for n in reduced]


def _free_channel(strips: Any, start: int, end: int) -> int:
    """The first channel above every strip that overlaps a range of frames."""
    taken = [s.channel for s in strips if s.frame_final_start < end and s.frame_final_end > start]
    return max(taken, default=0) + 1


def _fit(strip: Any, scene: Any, image: Any) -> None:
    """List the files, and read them as what they are."""
    start, files = _files(scene, image)
    elements = strip.elements
    moves = _number(elements[0].filename) != _number(files[0])  # of an older file's strip, which has no START
    strip.directory = bpy.path.relpath(_folder(image)) if image.filepath.startswith("//") else _folder(image)
    for element, name in zip(elements, files, strict=False):
        element.filename = name
    for name in files[len(elements) :]:
        elements.append(name)
    while len(elements) > len(files):
        elements.pop(len(elements) - 1)
    strip.frame_start += start - strip.get(START, strip.frame_start if moves else start)
    strip[START] = start
    strip.colorspace_settings.name = image.colorspace_settings.name
    blend = _blend(image)
    if blend != strip.get(BLEND, blend):  # else it is as it was made, or as a user has it
        strip.blend_type = blend
    strip[BLEND] = blend
    strip.alpha_mode = "PREMUL" if image[images.FORMAT] == "exr" else "STRAIGHT"


def _blend(image: Any) -> str:
    return "ALPHA_OVER" if image[images.ALPHA] else "REPLACE"


def _number(file: str) -> str:
    return Path(file).stem.rpartition(".")[2]


def _folder(image: Any) -> str:
    return f"{images.file_of(image, images.frames_of(image).start).parent}/"


def _stand(strip: Any, scene: Any, image: Any) -> None:
    """Set the lower edges of frames and render on each other."""
    drawn = images.recipe_of(image).height * strip.transform.scale_y  # pixels of a full-size render
    strip.transform.offset_y = (drawn - scene.render.resolution_y) / 2
