# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames as other programs read them."""

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import OpenImageIO
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aigc_blender.sequence.formats import encode_frame, linear, straight
from aigc_blender.sequence.metadata import read_metadata
from aigc_blender.transfer import KNEE, compress_highlights, expand_highlights

FORMATS = ("png", "png16", "exr")
TEXT = '{"digest": "0123", "inputs": {"seed": 7}}'


def picture(channels: int, height: int = 37, width: int = 53, glow: bool = False) -> NDArray[np.float32]:
    """Premultiplied pixels, with empty and full alpha among them, and colour above alpha where it glows."""
    random = np.random.default_rng(height * width + channels)
    pixels = random.random((height, width, channels), dtype=np.float32)
    if channels == 4:
        pixels[:5, :, 3] = 1
        pixels[5:9, :, 3] = 0
        if not glow:
            pixels[..., :3] *= pixels[..., 3:]
    return pixels


def read(path: Path) -> NDArray[Any]:
    """Raw values of a file by an independent reader, alpha as it is stored."""
    config = OpenImageIO.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    file = OpenImageIO.ImageInput.open(str(path), config)
    assert file, OpenImageIO.geterror()
    try:
        return np.asarray(file.read_image(OpenImageIO.FLOAT)).reshape(file.spec().height, file.spec().width, -1)
    finally:
        file.close()


def light(stored: NDArray[Any]) -> NDArray[Any]:
    """Premultiplied scene-linear colour of straight display-referred pixels, as a compositor makes it."""
    return np.asarray(linear(stored)[..., :3] * stored[..., 3:])


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("fmt", "levels"), [("png", 255), ("png16", 65535)])
def test_png_holds_straight_pixels_rounded(tmp_path: Path, fmt: str, levels: int, channels: int) -> None:
    pixels = picture(channels)
    path = tmp_path / "a.png"
    encode_frame(path, pixels, fmt, TEXT)
    stored = read(path)
    assert stored.shape == pixels.shape
    assert np.abs(stored - straight(pixels, levels)).max() <= 0.5001 / levels
    if channels == 4:
        assert np.abs(light(stored) - linear(pixels)[..., :3]).max() < 1.5 / levels
        assert np.allclose(stored[..., 3], pixels[..., 3], atol=1.0001 / levels)
        assert not stored[5:9].any()


def test_png_8_is_what_imageio_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    encode_frame(path, picture(4), "png", TEXT)
    stored = iio.imread(path)
    assert stored.dtype == np.uint8
    assert np.array_equal(stored, np.rint(read(path) * 255))


def test_png_keeps_glow_over_black(tmp_path: Path) -> None:
    pixels = picture(4, glow=True)
    for fmt, tolerance in (("png", 6e-3), ("png16", 5e-5)):
        path = tmp_path / f"{fmt}.png"
        encode_frame(path, pixels, fmt, TEXT)
        assert np.abs(light(read(path)) - linear(pixels)[..., :3]).max() < tolerance


def test_png_keeps_faint_glow(tmp_path: Path) -> None:
    """Light far below one level of alpha is still there, to within a level of what a screen shows."""
    pixels = np.zeros((1, 64, 4), np.float32)
    pixels[0, :, :3] = np.linspace(0, 0.1, 64)[:, None]
    encode_frame(tmp_path / "a.png", pixels, "png", TEXT)
    stored = light(read(tmp_path / "a.png"))
    shown = np.where(stored <= 0.0031308, stored * 12.92, 1.055 * stored ** (1 / 2.4) - 0.055)
    assert np.abs(shown - pixels[..., :3]).max() < 1 / 255


@pytest.mark.parametrize("channels", [3, 4])
def test_exr_is_linear_and_premultiplied(tmp_path: Path, channels: int) -> None:
    pixels = picture(channels, height=100, glow=True)
    path = tmp_path / "a.exr"
    encode_frame(path, pixels, "exr", TEXT)
    stored = read(path)
    assert np.allclose(stored, linear(pixels), rtol=2**-10, atol=2**-24)
    assert np.isclose(linear(np.full((1, 1, 3), 0.5, np.float32)), 0.21404, atol=1e-5).all()
    file = OpenImageIO.ImageInput.open(str(path))
    assert str(file.spec().format) == "half"


@pytest.mark.parametrize("glow", [1.0, 1.5, 6.0, 1000.0])
def test_highlights_shine_and_the_rest_stays(tmp_path: Path, glow: float) -> None:
    """By a curve of the light over black that rises steadily, has no kink and can be taken back; hue and alpha stay."""
    pixels = np.zeros((1, 4096, 4), np.float32)
    pixels[..., :3] = np.linspace(0, 1, 4096)[:, None] * (1.0, 0.9, 0.1)
    pixels[..., 3] = np.linspace(1, 0, 4096)
    encode_frame(tmp_path / "a.exr", pixels, "exr", TEXT, glow)
    stored, shown = read(tmp_path / "a.exr")[0], linear(pixels)[0]
    dark = shown[:, 0] <= KNEE
    assert dark.sum() > 2900
    assert np.allclose(stored[dark], shown[dark], rtol=2**-10, atol=2**-24)
    assert np.allclose(stored[:, 3], pixels[0, :, 3], atol=2**-11)
    assert np.allclose(stored[:, 1] / stored[:, 0].clip(1e-3), shown[:, 1] / shown[:, 0].clip(1e-3), atol=2e-3)
    assert stored[-1, 0] == glow
    assert np.allclose(compress_highlights(stored[:, :3], glow), shown[:, :3], rtol=2**-9, atol=2**-24)

    light = np.linspace(0, 1, 100_001)[:, None]
    slope = np.diff(expand_highlights(light, glow), axis=0) / np.diff(light, axis=0)
    assert (slope > 0.999999).all()
    assert np.abs(np.diff(slope[40_000:50_100], axis=0)).max() < 1e-4  # about the knee
    assert np.allclose(compress_highlights(expand_highlights(light, glow), glow), light, atol=1e-12)


def test_without_glow_files_are_the_same_and_png_has_none(tmp_path: Path) -> None:
    for fmt in FORMATS:
        encode_frame(tmp_path / "a", picture(4), fmt, TEXT)
        encode_frame(tmp_path / "b", picture(4), fmt, TEXT, 1.0 if fmt == "exr" else 6.0)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_files_say_what_their_numbers_stand_for(tmp_path: Path) -> None:
    """An EXR names its primaries, a PNG its curve: programs that go by the file read both as the same light."""
    for fmt in FORMATS:
        encode_frame(tmp_path / f"{fmt}.a", picture(4), fmt, TEXT)
    exr = OpenImageIO.ImageInput.open(str(tmp_path / "exr.a")).spec()
    rec709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
    assert np.allclose(exr.getattribute("chromaticities"), rec709)
    for fmt in ("png", "png16"):
        png = OpenImageIO.ImageInput.open(str(tmp_path / f"{fmt}.a")).spec()
        assert OpenImageIO.equivalent_colorspace(png.getattribute("oiio:ColorSpace"), "sRGB")
        assert b"sRGB\0" in (tmp_path / f"{fmt}.a").read_bytes()[:64]


@pytest.mark.parametrize("fmt", FORMATS)
def test_equal_frames_are_equal_files(tmp_path: Path, fmt: str) -> None:
    for name in ("a", "b"):
        encode_frame(tmp_path / name, picture(4), fmt, TEXT)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("size", [(1, 1), (16, 3), (17, 3), (64, 5), (65, 2), (130, 1)])
@pytest.mark.parametrize("fmt", FORMATS)
def test_metadata_of_whole_frames(tmp_path: Path, fmt: str, size: tuple[int, int]) -> None:
    path = tmp_path / "a"
    encode_frame(path, picture(4, *size), fmt, TEXT)
    assert read_metadata(path) == {"digest": "0123", "inputs": {"seed": 7}}


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_torn_frame_has_no_metadata(tmp_path: Path, fmt: str) -> None:
    path = tmp_path / "a"
    encode_frame(path, picture(4), fmt, TEXT)
    data = path.read_bytes()
    for length in (*range(0, 600, 7), *range(600, len(data), 997), len(data) - 1):
        path.write_bytes(data[:length])
        assert read_metadata(path) is None, length


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"v/1\x01\x02\0\0\0aigc\0string\0"]))
def test_foreign_bytes_have_no_metadata(tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "foreign"
    path.write_bytes(start + data)
    assert read_metadata(path) is None


def test_frames_of_other_programs_have_no_metadata(tmp_path: Path) -> None:
    pixels = (picture(3) * 255).astype(np.uint8)
    iio.imwrite(tmp_path / "a.png", pixels)
    OpenImageIO.ImageBuf(picture(3)).write(str(tmp_path / "a.exr"))
    assert read_metadata(tmp_path / "a.png") is None
    assert read_metadata(tmp_path / "a.exr") is None
    assert read_metadata(tmp_path / "none.png") is None
