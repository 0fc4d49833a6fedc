# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in a Blender of their own: each is a child process with an empty file and the extension registered.

python -m tests.blender.kit MODULE FUNCTION FOLDER
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aigc_blender.card import Control, Style
from aigc_blender.recipe import Recipe
from aigc_blender.sequence.formats import encode_frame
from aigc_blender.sequence.names import frame_path

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0  # seconds; only a fault ever waits so long
FIRE = Style("fire", anchored=("y",), alpha=True, emissive=True, controls=(Control("height", 0.6),))
PLATE = Style("caustics", controls=(Control("scale", 0.5),))


def in_blender(test: Callable[..., None]) -> Callable[[Path], None]:
    """Make a test run in a child process; it gets a folder of its own."""

    @functools.wraps(test)
    def run(tmp_path: Path) -> None:
        done = run_blender("-m", __name__, test.__module__, test.__name__, str(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def run_blender(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The end of a child process of this interpreter, which has bpy, with the tests' model at hand."""
    with blender(*arguments, **variables) as process:
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@contextlib.contextmanager
def blender(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Such a child process while it runs; killed at the end if it still does."""
    with tempfile.TemporaryDirectory(prefix="aigc-blender-") as resources:
        env = {**os.environ, "BLENDER_USER_RESOURCES": resources, "AIGC_MODEL_PATH": str(model_folder()), **variables}
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


@functools.cache
def model_folder() -> Path:
    """A folder with the tests' tiny model, made by the interpreter that has torch."""
    folder = Path(os.environ["AIGC_HOME"]) / "tiny"
    if not folder.exists():
        folder.mkdir()
        program = "import sys, pathlib; from tests.models import tiny_model; tiny_model(pathlib.Path(sys.argv[1]))"
        subprocess.run(
            [os.environ.get("AIGC_PYTHON") or sys.executable, "-c", program, str(folder)], cwd=ROOT, check=True
        )
    return folder


def key(style: str) -> str:
    """What ``aigc.style`` is set to for a style of the tests' model: a bundled model has the plain name of some."""
    from aigc_blender.ui import catalog

    return next(e.key for e in catalog.entries if e.style.name == style and e.model.card.name == "Tiny")


def write_sequence(folder: Path, pictures: dict[int, np.ndarray], stem: str = "fire") -> Path:
    """PNG files of pictures (float32, premultiplied, row 0 at the top) by number; gives the first file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, pixels in pictures.items():
        encode_frame(frame_path(folder, stem, number, "png"), pixels.astype(np.float32), "png", "{}")
    return frame_path(folder, stem, min(pictures), "png")


def picture(
    colour: Sequence[float], width: int = 32, height: int = 32, corner: Sequence[float] | None = None
) -> np.ndarray:
    """A picture of one colour, its upper left quarter in another, so that no flip or rotation goes unseen."""
    pixels = np.zeros((height, width, len(colour)), np.float32)
    pixels[:] = colour
    if corner is not None:
        pixels[: height // 2, : width // 2] = corner
    return pixels


def shown_item(folder: Path, pictures: dict[int, np.ndarray], style: Style = FIRE, **recipe: Any) -> Any:
    """An item that shows a sequence of these pictures."""
    from aigc_blender.scene import images, item, shader

    height, width, _ = next(iter(pictures.values())).shape
    group = item.new(style.name)
    first = write_sequence(folder, pictures)
    made = Recipe(style.name, width=width, height=height, **recipe)
    frames = range(min(pictures), max(pictures) + 1)
    shader.show(group, images.load_sequence(first, frames, made, style, "png", style.name))
    return group


def empty_scene(width: int = 32, height: int = 32, view: str = "Standard") -> Any:
    """A black scene whose camera looks along y, set up for exact pixels."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("Black")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0, 0, 0, 1)
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.camera.rotation_euler.x = np.pi / 2
    scene.collection.objects.link(scene.camera)
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BOX", 0.01  # through the middle of each pixel
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100
    scene.render.dither_intensity = 0
    scene.view_settings.view_transform = view
    bpy.context.view_layer.update()
    return scene


def add_plane(name: str = "Plane") -> Any:
    """A plane that fills the view of ``empty_scene``'s camera if that is square, with a UV map and no material."""
    import bpy

    mesh = bpy.data.meshes.new(name)
    half = 0.5 * 36 / 50  # of the sensor's width at the distance of the lens: 1
    mesh.from_pydata([(-half, 1, -half), (half, 1, -half), (half, 1, half), (-half, 1, half)], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new().data.foreach_set("uv", [0, 0, 1, 0, 1, 1, 0, 1])
    plane = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(plane)
    bpy.context.view_layer.objects.active = plane
    return plane


def rendered(frame: int, folder: Path) -> np.ndarray:
    """A rendered frame as display values: float32 (H, W, 3), row 0 at the top."""
    import bpy

    scene = bpy.context.scene
    scene.frame_set(frame)
    if scene.world:
        scene.world.cycles.sampling_method = "NONE"  # a map of where it is bright takes seconds
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(folder / f"render.{frame}.png")
    bpy.ops.render.render(write_still=True)
    return pixels_of(Path(scene.render.filepath))[..., :3]


def pixels_of(path: Path) -> np.ndarray:
    """A file's own numbers, whatever they stand for: float32 (H, W, 4), row 0 at the top."""
    import bpy

    image = bpy.data.images.load(str(path), check_existing=False)
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(height, width, 4)[::-1]


def encoded_around(linear: np.ndarray, part: float) -> tuple[np.ndarray, np.ndarray]:
    """Display values between which those of a render lie that takes up to ``part`` of a pixel from those next to it.

    A sample is not quite at a pixel's centre, and beside bright pixels a little of them shows in dark ones.
    """
    height, width = linear.shape[:2]
    edged = np.pad(linear, ((1, 1), (1, 1), (0, 0)), mode="edge")
    near = np.stack([edged[y : y + height, x : x + width] for y in range(3) for x in range(3)])
    darker, brighter = (encoded(linear + part * (extreme - linear)) for extreme in (near.min(0), near.max(0)))
    return darker, brighter


def encoded(linear: np.ndarray) -> np.ndarray:
    """Scene-linear values as sRGB display values."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def decoded(display: np.ndarray) -> np.ndarray:
    """SRGB display values as scene-linear values."""
    display = np.asarray(display, np.float32)
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)


def refusal(call: Callable[[], object]) -> str:
    """What an operator says when it refuses: one sentence without a traceback."""
    try:
        call()
    except RuntimeError as error:
        text = str(error).strip().removeprefix("Error: ")
        assert "Traceback" not in text
        assert "\n" not in text
        return text
    raise AssertionError("it was not refused")


def _main(module: str, function: str, folder: str) -> None:
    import bpy

    import aigc_blender

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    aigc_blender.register()
    try:
        getattr(importlib.import_module(module), function).__wrapped__(Path(folder))
    finally:
        aigc_blender.unregister()


if __name__ == "__main__":
    status = 1
    try:
        _main(*sys.argv[1:])
        status = 0
    except BaseException:  # noqa: BLE001 - what a test raises is its result
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # at an ordinary exit, bpy as a module now and then waits for ever for threads of its own
