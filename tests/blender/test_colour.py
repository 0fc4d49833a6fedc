# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour: the light in the files is the light in the scene, in every format, view, working space and configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aigc_blender.card import Style
from aigc_blender.recipe import Recipe
from aigc_blender.transfer import expand_highlights
from tests.blender import kit

FORMATS = ("png", "png16", "exr")
GLOW = 6.0
SIDE = 32
STEP = 1.6 / 255  # of a display value
REC709_TO = {  # with Bradford's adaptation of white, as colour configurations have it
    "Linear Rec.709": np.eye(3),
    "Linear Rec.2020": np.array(
        [[0.627404, 0.329283, 0.043313], [0.069097, 0.919540, 0.011362], [0.016391, 0.088013, 0.895595]]
    ),
    "ACEScg": np.array(
        [[0.613097, 0.339523, 0.047379], [0.070194, 0.916354, 0.013452], [0.020616, 0.109570, 0.869815]]
    ),
}
WRITE = """
import sys
from pathlib import Path
import numpy as np
from aigc_blender.sequence.formats import encode_frame
encode_frame(Path(sys.argv[1]), np.load(sys.argv[2]), sys.argv[3], "{}", float(sys.argv[4]))
"""
STUDIO = """
ocio_profile_version: 2
strictparsing: false
roles: {scene_linear: ap1, texture_paint: SPACES_DISPLAY, matte_paint: SPACES_DISPLAY, rendering: ap1, default_float: ap1, aces_interchange: ap0, data: bits,
  default_byte: SPACES_DISPLAY, default_sequencer: SPACES_DISPLAY, color_picking: SPACES_DISPLAY}
file_rules:
  - !<Rule> {name: Default, colorspace: ap1}
displays:
  monitor:
    - !<View> {name: plain, colorspace: SPACES_DISPLAY}
active_displays: [monitor]
active_views: [plain]
colorspaces:
  - !<ColorSpace> {name: ap0}
  - !<ColorSpace> {name: bits, isdata: true}
  - !<ColorSpace>
    name: ap1
    to_scene_reference: !<MatrixTransform> {matrix: [0.695452241357, 0.140678696470, 0.163869062172, 0, 0.044794563372, 0.859671118456, 0.095534318172, 0, -0.005525882558, 0.004025210301, 1.001500672258, 0, 0, 0, 0, 1]}
  - !<ColorSpace>
    name: SPACES_LINEAR
    to_scene_reference: &rec709 !<MatrixTransform> {matrix: [0.439632981919, 0.382988698152, 0.177378319929, 0, 0.089776443059, 0.813439428749, 0.096784128192, 0, 0.017541170383, 0.111546553302, 0.870912276314, 0, 0, 0, 0, 1]}
  - !<ColorSpace>
    name: SPACES_DISPLAY
    to_scene_reference: !<GroupTransform>
      children:
        - !<ExponentWithLinearTransform> {gamma: [2.4, 2.4, 2.4, 1], offset: [0.055, 0.055, 0.055, 0]}
        - !<MatrixTransform> {matrix: [0.439632981919, 0.382988698152, 0.177378319929, 0, 0.089776443059, 0.813439428749, 0.096784128192, 0, 0.017541170383, 0.111546553302, 0.870912276314, 0, 0, 0, 0, 1]}
"""


def chart() -> np.ndarray:
    """Stored pixels from black to white in several hues, opaque above and fading below; premultiplied."""
    level = np.linspace(0, 1, SIDE, dtype=np.float32)
    hues = np.array([(1, 1, 1), (1, 0.8, 0.2), (0.2, 0.5, 1), (0.1, 1, 0.4)], np.float32)
    pixels = np.ones((SIDE, SIDE, 4), np.float32)
    pixels[..., :3] = level[None, :, None] * hues.repeat(SIDE // 4, axis=0)[:, None]
    pixels[SIDE // 2 :] *= np.linspace(1, 0, SIDE // 2, dtype=np.float32)[:, None, None]
    return pixels


def light_of_chart(glow: float) -> np.ndarray:
    """The chart's scene-linear light, Rec.709, over black."""
    return expand_highlights(kit.decoded(chart()[..., :3]), glow)


def frame_of_chart(folder: Path, fmt: str) -> Path:
    """The chart as frame 1, written by the interpreter that writes frames."""
    np.save(folder / "chart.npy", chart())
    path = folder / f"chart-{fmt}.0001.{'exr' if fmt == 'exr' else 'png'}"
    python = os.environ.get("AIGC_PYTHON") or sys.executable
    arguments = [str(path), str(folder / "chart.npy"), fmt, str(GLOW)]
    subprocess.run([python, "-c", WRITE, *arguments], cwd=kit.ROOT, check=True)
    return path


def show_chart(folder: Path, fmt: str) -> Any:
    """The chart on a plane that fills the view, as generated frames are shown; gives its image."""
    from aigc_blender.scene import images, item, material, shader

    style = Style("fire", anchored=("y",), alpha=True, emissive=True, glow=GLOW)
    recipe = Recipe("fire", width=SIDE, height=SIDE)
    image = images.load_sequence(frame_of_chart(folder, fmt), range(1, 2), recipe, style, fmt, fmt)
    group = item.new(fmt)
    shader.show(group, image)
    material.place(group, kit.add_plane())
    return image


def numbers(path: Path) -> np.ndarray:
    """A file's own numbers, in any colour configuration: float32 (H, W, 3), row 0 at the top."""
    import bpy

    image = bpy.data.images.load(str(path), check_existing=False)
    image.colorspace_settings.is_data = True
    image.alpha_mode = "CHANNEL_PACKED"
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    width, height = image.size
    bpy.data.images.remove(image)
    return pixels.reshape(height, width, -1)[::-1, :, :3]


def rendered_light(folder: Path) -> np.ndarray:
    """The rendered light itself, in the working space."""
    import bpy

    scene = bpy.context.scene
    scene.frame_set(1)
    settings = scene.render.image_settings
    settings.file_format, settings.color_depth = "OPEN_EXR", "32"
    scene.render.filepath = str(folder / "render.exr")
    bpy.ops.render.render(write_still=True)
    return numbers(folder / "render.exr")


def assert_light(seen: np.ndarray, light: np.ndarray, fmt: str) -> None:
    """What is rendered is this light: a sample has a trace of the pixel beside it, and PNG 8 rounds the display's values."""
    np.testing.assert_allclose(seen, light, atol=0.008 if fmt == "png" else 0.004, rtol=2**-9)


@kit.in_blender
def test_every_format_is_the_same_light_in_every_view(tmp_path: Path) -> None:
    """Through each view a frame looks as the light that it holds does: Blender's own image of that light is the measure."""
    import bpy

    from aigc_blender.scene import images

    for fmt in FORMATS:
        scene = kit.empty_scene(SIDE, SIDE)
        image = show_chart(tmp_path, fmt)
        assert images.has_straight_alpha(image) == (fmt != "exr")
        assert image.colorspace_settings.name == ("Linear Rec.709" if fmt == "exr" else "sRGB")
        light = light_of_chart(GLOW if fmt == "exr" else 1.0)
        assert_light(rendered_light(tmp_path), light, fmt)
        assert (rendered_light(tmp_path).max() > 5) == (fmt == "exr")

        known = bpy.data.images.new("Known", SIDE, SIDE, float_buffer=True)
        known.colorspace_settings.name = "Linear Rec.709"
        known.pixels.foreach_set(np.dstack([light, np.ones((SIDE, SIDE))])[::-1].astype(np.float32).ravel())
        seen = {}
        for view in ("Standard", "AgX", "Filmic", *(("ACES 1.3", "ACES 2.0") * (bpy.app.version >= (5, 0, 0)))):
            scene.view_settings.view_transform = view
            seen[view] = kit.rendered(1, tmp_path)
            known.save_render(str(tmp_path / "known.png"), scene=scene)
            np.testing.assert_allclose(seen[view], numbers(tmp_path / "known.png"), atol=2 * STEP)
        np.testing.assert_allclose(seen["Standard"], kit.encoded(light), atol=STEP)
        assert np.abs(seen["AgX"] - seen["Standard"]).max() > 0.1  # views differ, or this shows nothing


@pytest.mark.skipif(version("bpy") < "5", reason="the working space of a file came with Blender 5.0")
@kit.in_blender
def test_light_is_converted_to_the_files_working_space(tmp_path: Path) -> None:
    import bpy

    for space, matrix in REC709_TO.items():
        for fmt in FORMATS:
            kit.empty_scene(SIDE, SIDE)
            bpy.ops.wm.set_working_color_space(working_space=space)
            assert bpy.data.colorspace.working_space == space
            show_chart(tmp_path, fmt)
            light = light_of_chart(GLOW if fmt == "exr" else 1.0)
            assert_light(rendered_light(tmp_path), light @ matrix.T, fmt)
            np.testing.assert_allclose(kit.rendered(1, tmp_path), kit.encoded(light), atol=STEP)


@kit.in_blender
def shows_the_chart_in_acescg(folder: Path) -> None:
    """Run in a studio's configuration: see below."""
    for fmt in FORMATS:
        kit.empty_scene(SIDE, SIDE, view="plain")
        image = show_chart(folder, fmt)
        print(fmt, image.colorspace_settings.name)
        light = light_of_chart(GLOW if fmt == "exr" else 1.0)
        assert_light(rendered_light(folder), light @ REC709_TO["ACEScg"].T, fmt)


@kit.in_blender
def refuses_the_chart(folder: Path) -> None:
    """Run in a configuration that lacks a space: see below."""
    import bpy

    from aigc_blender.errors import SequenceError

    kit.empty_scene(SIDE, SIDE, view="plain")
    for fmt in FORMATS:
        try:
            show_chart(folder, fmt)
            print(fmt, "shown")
        except SequenceError as error:
            print(fmt, error)
            assert not [i for i in bpy.data.images if i.name.startswith(fmt)]


@kit.in_blender
def pictures_a_frame(folder: Path) -> None:
    """A child of the test below."""
    from aigc_blender.scene import picture

    shown = picture.of_frame(kit.write_sequence(folder, {1: kit.picture((0.8, 0.4, 0.1, 1.0))}))
    print("png", *(f"{channel:.2f}" for channel in shown[0, 0, :3]))


def studio(folder: Path, linear: str, display: str) -> Path:
    """A studio's configuration that works in ACEScg and has two further spaces, of these names."""
    path = folder / "studio.ocio"
    path.write_text(STUDIO.replace("SPACES_LINEAR", linear).replace("SPACES_DISPLAY", display))
    return path


def run_in(config: Path, function: Any, folder: Path) -> list[str]:
    """What a function of this module prints in a Blender with a studio's configuration."""
    name = function.__name__
    done = kit.run_blender("-m", "tests.blender.kit", __name__, name, str(folder), OCIO=str(config))
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith(("png", "exr"))]


@pytest.mark.parametrize(
    ("linear", "display"), [("lin_rec709", "srgb_texture"), ("Utility - Linear - sRGB", "sRGB - Texture")]
)
def test_a_studios_spaces_are_found_and_work_in_acescg(tmp_path: Path, linear: str, display: str) -> None:
    told = run_in(studio(tmp_path, linear, display), shows_the_chart_in_acescg, tmp_path)
    assert told == [f"png {display}", f"png16 {display}", f"exr {linear}"]


def test_a_configuration_without_a_fitting_space_is_refused_in_one_sentence(tmp_path: Path) -> None:
    config = studio(tmp_path, "camera_log", "srgb_texture")
    png, png16, exr = run_in(config, refuses_the_chart, tmp_path)
    assert (png, png16) == ("png shown", "png16 shown")
    assert exr == (
        f"exr The colour configuration {config} has no space like Linear Rec.709 or lin_rec709; "
        "add one to it, or start Blender without the variable OCIO."
    )


def test_a_frames_picture_is_the_same_with_a_studios_configuration(tmp_path: Path) -> None:
    """A timer asks for it while frames come: what it raises, Blender answers by never calling it again."""
    config = studio(tmp_path, "lin_rec709", "srgb_texture")
    assert run_in(config, pictures_a_frame, tmp_path) == ["png 0.80 0.40 0.10"]
