# SPDX-License-Identifier: GPL-3.0-or-later
"""Bars always go; still surroundings go where there are many; what moves everywhere stays whole."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.footage.films import Film, opaque, ripples
from training.footage.region import WHOLE, Box, moving_part, without_bars


def scene(seed: int = 0, height: int = 96, width: int = 128) -> NDArray[np.float64]:
    """A still picture with edges of all sizes."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width), 90.0)
    for side in (32, 12, 5):
        coarse = rng.uniform(-40, 40, (height // side + 2, width // side + 2))
        picture += coarse.repeat(side, 0).repeat(side, 1)[:height, :width]
    return picture.clip(30, 220)


def filmed(part: tuple[slice, slice], noise: float = 0, shake: float = 0, frames: int = 60) -> Film:
    """Ripples in a part of a scene, with noise and a camera that trembles by so many pixels."""
    rng = np.random.default_rng(1)
    film = np.repeat(scene()[None], frames, axis=0)
    film[:, part[0], part[1]] = ripples(frames, 96, 128)[:, part[0], part[1], 0]
    if shake:
        y, x = np.mgrid[:96, :128].astype(float)
        for i, (dy, dx) in enumerate(rng.uniform(-shake, shake, (frames, 2))):
            film[i] = bilinear(film[i], y + dy, x + dx)
    return opaque((film + rng.normal(0, noise or 1e-9, film.shape)).clip(0, 255))


def bilinear(picture: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    y, x = y.clip(0, picture.shape[0] - 1.001), x.clip(0, picture.shape[1] - 1.001)
    top, left = y.astype(int), x.astype(int)
    fy, fx = y - top, x - left
    upper = picture[top, left] * (1 - fx) + picture[top, left + 1] * fx
    lower = picture[top + 1, left] * (1 - fx) + picture[top + 1, left + 1] * fx
    return upper * (1 - fy) + lower * fy


def near(box: Box, part: tuple[slice, slice], pixels: int = 3) -> bool:
    rows, columns = box.pixels(96, 128)
    ends = [rows.start - part[0].start, rows.stop - part[0].stop]
    ends += [columns.start - part[1].start, columns.stop - part[1].stop]
    return max(abs(end) for end in ends) <= pixels


@pytest.mark.parametrize("part", [np.s_[40:96, 0:128], np.s_[20:80, 30:100], np.s_[0:50, 60:128]])
@pytest.mark.parametrize(("noise", "shake"), [(0, 0), (6, 0), (2, 0.6)])
def test_what_moves_is_found(part: tuple[slice, slice], noise: float, shake: float) -> None:
    assert near(moving_part([filmed(part, noise, shake)]), part)


@pytest.mark.parametrize(
    "film",
    [
        pytest.param(ripples(60, 96, 128), id="everywhere"),
        pytest.param(filmed(np.s_[4:96, 0:128]), id="nearly everywhere"),
        pytest.param(filmed(np.s_[0:0, 0:0], noise=4), id="nowhere but noise"),
        pytest.param(filmed(np.s_[0:0, 0:0], shake=0.6), id="nowhere but the camera"),
        pytest.param(
            opaque((scene()[None] * np.linspace(0.7, 1.1, 60)[:, None, None]).clip(0, 255)), id="only the light"
        ),
        pytest.param(opaque(np.repeat(scene()[None], 30, axis=0)), id="a still"),
    ],
)
def test_nothing_is_cut_where_all_or_nothing_moves(film: Film) -> None:
    assert moving_part([film]) == WHOLE


def test_of_waves_in_perspective_the_far_ones_are_kept() -> None:
    film = ripples(60, 96, 128).astype(float)
    grey = 128 + (film[..., 0] - 128) * np.linspace(0.4, 1, 96)[:, None]
    assert moving_part([opaque(grey)]) == WHOLE


@pytest.mark.parametrize("bars", [(10, 10, 0, 0), (0, 0, 16, 16), (12, 0, 0, 0), (6, 8, 10, 4), (0, 1, 0, 0)])
@pytest.mark.parametrize("level", [0, 16])
def test_bars_are_cut_off(bars: tuple[int, int, int, int], level: int) -> None:
    film = ripples(40, 96, 128)
    top, bottom, left, right = bars
    inside = np.zeros((96, 128), bool)
    inside[top : 96 - bottom, left : 128 - right] = True
    film[:, ~inside, :3] = level + np.random.default_rng(0).integers(0, 6, (40, (~inside).sum(), 3))
    rows, columns = without_bars([film[:20], film[20:]], film[0]).pixels(96, 128)
    assert inside[rows, columns].all()
    assert inside[rows, columns].sum() > inside.sum() * 0.94


def test_a_flame_on_black_has_no_bars() -> None:
    y, x = np.mgrid[:96, :128]
    rng = np.random.default_rng(0)
    shape = np.exp(-(((x - 64) / 22.0) ** 2) - ((y - 90) / 40.0) ** 2)
    film = opaque(240 * shape * rng.uniform(0.7, 1, (40, 96, 128)))
    assert without_bars([film], film[0]) == WHOLE


def test_transparent_pictures_and_darkness_have_no_bars() -> None:
    film = ripples(20, 96, 128)
    film[:, :20] = 0
    assert without_bars([film], film[0]) == WHOLE
    dark = opaque(np.zeros((20, 96, 128)))
    assert without_bars([dark], dark[0]) == WHOLE


def test_a_box_grows_within_its_bounds() -> None:
    small = Box(0.9, 0.0, 1.0, 0.1).at_least(0.5, 0.4, Box(0.0, 0.2, 1.0, 1.0))
    assert (small.right - small.left, small.bottom - small.top) == pytest.approx((0.4, 0.5))
    assert small.left >= 0
    assert small.right <= 1
    assert small.top >= 0.2
