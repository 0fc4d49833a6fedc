# SPDX-License-Identifier: GPL-3.0-or-later
"""From a scene to pictures: rendered frames, a preview that loops, a still, and the sheet of all stills."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .denoise import denoised
from .nodes import Nodes
from .subject import FPS

PREVIEW_SIZE, STILL_SIZE = (256, 144), (640, 360)
PREVIEW_SAMPLES, STILL_SAMPLES = 8, 20
PREVIEW_QUALITY, STILL_QUALITY = 78, 88
THUMBNAIL, COLUMNS, GAP, CAPTION = (320, 180), 5, 8, 26  # of the sheet, in pixels
PAPER, INK = (24, 24, 24), (220, 220, 220)


def prepare(scene: Any, percent: int = 100) -> None:
    """Set the renderer up: Cycles, for much picture in little time, at a share of the pictures' sizes."""
    scene.render.resolution_percentage = percent
    scene.render.engine = "CYCLES"
    scene.render.use_persistent_data = True
    cycles = scene.cycles
    cycles.use_denoising = False  # bpy from the package index has no denoiser: see denoise.py
    cycles.max_bounces, cycles.transparent_max_bounces = 3, 12
    cycles.diffuse_bounces, cycles.glossy_bounces = 0, 2
    cycles.sample_clamp_indirect = 1.0
    cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.03, 8
    cycles.caustics_reflective = cycles.caustics_refractive = False
    scene.view_settings.view_transform = "Standard"  # the elements' colours as the model drew them
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    _bloom(scene)


def preview(scene: Any, numbers: Iterable[int], folder: Path) -> list[Path]:
    """Render frames for a preview; gives their paths."""
    return _render(scene, numbers, folder / "preview", PREVIEW_SIZE, PREVIEW_SAMPLES)


def still(scene: Any, folder: Path) -> Path:
    """Render the first frame as a still; gives its path."""
    return _render(scene, [scene.frame_start], folder, STILL_SIZE, STILL_SAMPLES)[0]


def write_loop(frames: Sequence[Path], path: Path) -> None:
    """Animated WebP of frames that repeats for ever; every frame stands alone, or the first would be the sharpest."""
    first, *others = [_clean(frame) for frame in frames]
    path.parent.mkdir(parents=True, exist_ok=True)
    every = {"kmin": 0, "kmax": 1, "duration": round(1000 / FPS), "loop": 0}
    first.save(path, save_all=True, append_images=others, quality=PREVIEW_QUALITY, method=6, **every)


def write_still(frame: Path, path: Path) -> None:
    """A rendered frame as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _clean(frame).save(path, quality=STILL_QUALITY, optimize=True)


def write_sheet(stills: dict[str, Path], path: Path) -> None:
    """All stills with their names on one sheet, the last row in the middle."""
    width, height = THUMBNAIL
    names = list(stills)
    rows = [names[i : i + COLUMNS] for i in range(0, len(names), COLUMNS)]
    sheet = Image.new("RGB", (len(rows[0]) * (width + GAP) + GAP, len(rows) * (height + CAPTION + GAP) + GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for j, row in enumerate(rows):
        left = (sheet.width - len(row) * (width + GAP) + GAP) // 2
        for i, name in enumerate(row):
            x, y = left + i * (width + GAP), GAP + j * (height + CAPTION + GAP)
            sheet.paste(Image.open(stills[name]).resize(THUMBNAIL, Image.Resampling.LANCZOS), (x, y))
            draw.text((x + width / 2, y + height + CAPTION / 2), name, INK, font, anchor="mm")
    sheet.save(path, optimize=True)


def _clean(frame: Path) -> Any:
    """A rendered frame without its grain (PIL.Image.Image)."""
    pixels = np.asarray(Image.open(frame).convert("RGB"), np.float32) / 255
    return Image.fromarray((denoised(pixels) * 255 + 0.5).astype(np.uint8))


def _render(scene: Any, numbers: Iterable[int], folder: Path, size: tuple[int, int], samples: int) -> list[Path]:
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.cycles.samples = samples
    paths = []
    for number in numbers:
        scene.frame_set(number)
        scene.render.filepath = str(folder / f"{number:04d}.png")
        bpy.ops.render.render(write_still=True)
        paths.append(Path(scene.render.filepath))
    return paths


def _bloom(scene: Any) -> None:
    """Let what is brighter than white shine into what is around it, as in a lens."""
    scene.use_nodes = True
    nodes = Nodes(scene.node_tree)
    nodes.tree.nodes.clear()
    layers, output = nodes.new("CompositorNodeRLayers"), nodes.new("CompositorNodeComposite")
    glare = nodes.new("CompositorNodeGlare")
    glare.glare_type = "BLOOM"  # only then it has these inputs
    for name, value in {"Threshold": 0.85, "Strength": 0.35, "Size": 0.55, "Clamp": True, "Maximum": 3.0}.items():
        glare.inputs[name].default_value = value
    nodes.link(layers.outputs["Image"], glare.inputs["Image"])
    nodes.link(glare.outputs["Image"], output.inputs["Image"])
