# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera background placement: the frames behind the view through the scene's camera, in viewports alone."""

from __future__ import annotations

from typing import Any

import bpy

from ..errors import SceneError
from . import images, shader
from .made import BACKGROUND

SHOWN = "aigc_backgrounds_shown"  # custom property of the camera: whether backgrounds were shown before


def check(_group: Any, scene: Any) -> None:
    """Refuse a scene that has no camera to put frames behind.

    Raises:
        SceneError: it has none, or a linked one.
    """
    if scene.camera is None:
        raise SceneError(f"Scene {scene.name} has no camera for a background; add one.")
    if scene.camera.data.library:
        raise SceneError(f"Camera {scene.camera.data.name} is linked from another file; make it local.")


def place(group: Any, scene: Any) -> None:
    """Put an item behind the view through the scene's camera.

    Raises:
        SceneError: the item has no frames yet, or the scene no camera.
    """
    check(group, scene)
    image, camera = shader.require_image(group), scene.camera.data
    if _key(group) in camera:
        return
    if not _in_use(camera):
        camera[SHOWN] = camera.show_background_images
    camera.show_background_images = True
    background = camera.background_images.new()
    background.source = "IMAGE"
    background.alpha, background.display_depth = 1.0, "BACK"
    background.frame_method = "CROP"  # fills the view, as a backdrop does
    _show(group, camera, background, image)


def places(group: Any) -> list[Any]:
    """The cameras that show an item (bpy.types.Camera)."""
    return [c for c in bpy.data.cameras if not c.library and _key(group) in c]


def refit(group: Any) -> None:
    """Show an item's new frames in all its backgrounds."""
    for camera in places(group):
        for background in _backgrounds(group, camera):
            _show(group, camera, background, shader.require_image(group))


def remove(group: Any) -> None:
    """Take an item out of all cameras; with the last one go what was switched on for it."""
    for camera in places(group):
        for background in _backgrounds(group, camera):
            background.image = None  # or the image is left with a user that is gone
            camera.background_images.remove(background)
        del camera[_key(group)]
        if not _in_use(camera):
            camera.show_background_images = camera.get(SHOWN, True)
            camera.pop(SHOWN, None)


def _key(group: Any) -> str:
    return BACKGROUND.format(group.aigc.uuid)


def _in_use(camera: Any) -> bool:
    return any(name.startswith(BACKGROUND.format("")) for name in list(camera.keys()))


def _backgrounds(group: Any, camera: Any) -> list[Any]:
    """Those that show the item's image; where that was deleted, those that show none."""
    image = camera[_key(group)]
    return [b for b in camera.background_images if b.source == "IMAGE" and b.image == image]


def _show(group: Any, camera: Any, background: Any, image: Any) -> None:
    background.image = image
    images.set_frames(background.image_user, images.frames_of(image), cyclic=images.recipe_of(image).loop is not None)
    camera[_key(group)] = image
