# SPDX-License-Identifier: GPL-3.0-or-later
"""Stills as renderers, scanners and cameras write them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.training.footage.films import waves, write_picture
from training.errors import FootageError
from training.footage.pictures import read_picture
from training.footage.sources import Source, digests

PICTURE = waves(1)[0].astype(np.float32) / 255


@pytest.mark.parametrize(("suffix", "kind"), [("dpx", "uint16"), ("dpx", "uint8"), ("png", "uint16"), ("tif", "uint8")])
def test_encoded_pictures_keep_their_values(tmp_path: Path, suffix: str, kind: str) -> None:
    frame = read_picture(write_picture(tmp_path / f"a.{suffix}", PICTURE, kind))
    assert np.abs(frame[..., :3] - PICTURE * 255).max() <= 1
    assert (frame[..., 3] == 255).all()


def test_a_trimmed_data_window_is_put_back_in_its_place(tmp_path: Path) -> None:
    part = np.ones((10, 20, 4), np.float32)
    window = {"x": 5, "y": 8, "full_x": 0, "full_y": 0, "full_width": 64, "full_height": 48}
    frame = read_picture(write_picture(tmp_path / "a.exr", part, "half", **window))
    assert frame.shape == (48, 64, 4)
    expected = np.zeros((48, 64), np.uint8)
    expected[8:18, 5:25] = 255
    assert (frame == expected[..., None]).all()


def test_overscan_is_cut_off(tmp_path: Path) -> None:
    data = np.zeros((60, 80, 3), np.float32)
    data[6:54, 8:72] = 1
    window = {"x": -8, "y": -6, "full_x": 0, "full_y": 0, "full_width": 64, "full_height": 48}
    frame = read_picture(write_picture(tmp_path / "a.exr", data, "half", **window))
    assert frame.shape == (48, 64, 4)
    assert (frame == 255).all()


@pytest.mark.parametrize(("x", "y"), [(70, 5), (-40, 5), (5, 60), (5, -30), (64, 48)])
def test_what_has_left_the_picture_leaves_nothing(tmp_path: Path, x: int, y: int) -> None:
    window = {"x": x, "y": y, "full_x": 0, "full_y": 0, "full_width": 64, "full_height": 48}
    frame = read_picture(write_picture(tmp_path / "a.exr", np.ones((10, 20, 4), np.float32), "half", **window))
    assert frame.shape == (48, 64, 4)
    assert not frame.any()


def test_what_is_not_a_number_is_black(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 3), 0.5, np.float32)
    pixels[2, 3] = np.nan
    pixels[4, 4] = np.inf
    pixels[5, 5] = -1
    frame = read_picture(write_picture(tmp_path / "a.exr", pixels, "float"))
    assert frame[2, 3].tolist() == frame[5, 5].tolist() == [0, 0, 0, 255]
    assert frame[4, 4].tolist() == [255, 255, 255, 255]
    assert frame[0, 0].tolist() == [188, 188, 188, 255]


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_photographs_stand_upright(tmp_path: Path, orientation: int, turns: int) -> None:
    frame = read_picture(write_picture(tmp_path / "a.tif", PICTURE, "uint8", Orientation=orientation))
    assert np.abs(frame[..., :3] - np.rot90(PICTURE, turns) * 255).max() <= 1


def test_anamorphic_pictures_become_square(tmp_path: Path) -> None:
    frame = read_picture(write_picture(tmp_path / "a.exr", PICTURE, "half", PixelAspectRatio=2.0))
    assert frame.shape == (48, 128, 4)


def test_a_sequence_has_a_digest_that_any_change_changes_and_those_of_its_pictures(tmp_path: Path) -> None:
    files = [tmp_path / f"a{i}.png" for i in range(3)]
    for path in files:
        write_picture(path, PICTURE, "uint8")
    before = digests(Source(tuple(files)))
    assert [len(digest) for digest in before] == [64] * 4
    assert digests(Source(tuple(files))) == before
    write_picture(files[1], PICTURE * 0.9, "uint8")
    after = digests(Source(tuple(files)))
    assert [a == b for a, b in zip(after, before, strict=True)] == [False, True, False, True]
    files[2].unlink()
    with pytest.raises(FootageError, match=r"a2\.png"):
        digests(Source(tuple(files)))


@pytest.mark.parametrize("kind", ["png", "exr"])
def test_a_picture_may_lie_in_a_folder_whose_name_is_not_utf8(tmp_path: Path, kind: str) -> None:
    plain = write_picture(tmp_path / f"a.{kind}", PICTURE, "float" if kind == "exr" else "uint8")
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9p\xf4t"))
    try:
        place.mkdir()
    except OSError:
        pytest.skip("names are Unicode here")
    expected = read_picture(plain)
    assert (read_picture(plain.rename(place / plain.name)) == expected).all()
    with pytest.raises(FootageError, match="cannot be read"):
        read_picture(place / "none.png")
