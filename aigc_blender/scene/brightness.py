# SPDX-License-Identifier: GPL-3.0-or-later
"""How much light a sequence gives, frame by frame, measured on its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import images

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear Rec.709
PIXELS = 48 * 2**20  # read at most: about the 240 frames of 450 pixels a side that take a second or two


@dataclass(frozen=True)
class Brightness:
    """Mean scene-linear RGB over the whole frame by frame number, and where the light's centre is.

    ``centre`` is measured from the lower left corner, in widths and heights of the frame.
    """

    means: dict[int, NDArray[np.float32]]
    centre: tuple[float, float]

    @property
    def colour(self) -> NDArray[np.float32]:
        """The mean colour of all frames, its largest channel 1; white where there is no light."""
        mean = np.mean(list(self.means.values()), axis=0) if self.means else np.zeros(3, np.float32)
        return mean / mean.max() if mean.max() > 0 else np.ones(3, np.float32)

    def luminance(self, frame: int) -> float:
        """Mean luminance of a frame."""
        return float(self.means[frame] @ LUMINANCE)


def measure(image: Any) -> Brightness:
    """Read an image's files; of long or large sequences only every so many frames. Missing files are left out."""
    recipe, frames = images.recipe_of(image), images.frames_of(image)
    step = max(1, -(-len(frames) * recipe.width * recipe.height // PIXELS))
    means, total = {}, np.zeros((recipe.height, recipe.width), np.float32)
    for frame in frames[::step]:
        path = images.file_of(image, frame)
        if path.is_file():
            light = _light(path, image)
            means[frame] = light.mean(axis=(0, 1))
            total += light @ LUMINANCE
    return Brightness(means, _centre(total))


def _light(path: Path, image: Any) -> NDArray[np.float32]:
    """A file's light over black: scene-linear float32 (H, W, 3), row 0 at the bottom."""
    file = bpy.data.images.load(str(path), check_existing=False)
    try:
        file.colorspace_settings.name = image.colorspace_settings.name
        file.alpha_mode = "CHANNEL_PACKED"
        width, height = file.size
        flat = np.empty(width * height * 4, np.float32)
        file.pixels.foreach_get(flat)
        encoded = not file.is_float  # pixels of byte images are the file's own numbers
    finally:
        bpy.data.images.remove(file)
    pixels = flat.reshape(height, width, 4)
    colour = pixels[..., :3]
    if encoded:
        colour = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    premultiplied = image[images.FORMAT] == "exr" or not image[images.ALPHA]
    return (colour if premultiplied else colour * pixels[..., 3:]).astype(np.float32)


def _centre(total: NDArray[np.float32]) -> tuple[float, float]:
    height, width = total.shape
    weight = float(total.sum())
    if weight <= 0:
        return 0.5, 0.5
    x = float(total.sum(axis=0) @ (np.arange(width) + 0.5)) / weight / width
    y = float(total.sum(axis=1) @ (np.arange(height) + 0.5)) / weight / height
    return x, y
