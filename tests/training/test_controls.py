# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls are measured by what they are named after, and nothing but the slider's order counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aigc_blender.card import Control, Style
from tests.training.waves import SIDE, waves
from training.footage.procedural import ELEMENTS
from training.footage.procedural.element import Element
from training.metrics.controls import least_rank, measure, rank_correlation, slopes, told_apart
from training.trials import Trials
from training.trials import measured as measured_in_trials

Array = NDArray[np.floating[Any]]


def _opaque(light: Array) -> NDArray[np.float32]:
    rgb = np.repeat(light[..., None], 3, axis=-1)
    return np.concatenate([rgb, np.ones_like(rgb[..., :1])], axis=-1).astype(np.float32)


def measured(control: str, clip: Array, style: str = "a style") -> float:
    found = measure(style, control)
    assert found is not None
    return found.of(clip)


def plain(*colour: float) -> NDArray[np.float32]:
    """A clip of one premultiplied colour."""
    return np.full((2, 8, 8, 4), colour, np.float32)


@pytest.mark.parametrize("element", ELEMENTS.values(), ids=ELEMENTS)
def test_every_control_of_every_element_is_measured(element: Element) -> None:
    for control in element.controls:
        assert measure(element.name, control.name) is not None, control.name


def test_an_element_may_have_its_own_measure_of_a_name() -> None:
    assert measure("torch", "wind") != measure("clouds", "wind")
    assert measure("torch", "height") == measure("fire", "height")
    assert measure("campfire", "sauce") is None


@pytest.mark.parametrize("control", ["height", "density"])
def test_what_shows_in_alpha_alone_is_not_measured_of_an_opaque_style(control: str) -> None:
    assert measure("campfire", control, alpha=True) is not None
    assert measure("campfire", control, alpha=False) is None
    style = Style("campfire", alpha=False, controls=(Control(control), Control("hue")))
    film = np.full((2, 4, 8, 8, 4), 255, np.uint8)
    trials = Trials(style, 8, 24.0, film, np.zeros((2, 2), np.float32))
    assert set(measured_in_trials(trials, film)) == {"hue"}


def test_hue_rises_around_the_circle_from_yellow_to_red() -> None:
    path = [(0.9, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1), (1, 0, 0.1)]
    hues = [measured("hue", plain(*colour, 1)) for colour in path]
    assert hues == sorted(hues)
    assert measured("hue", plain(0, 0, 0.3, 0.3)) == pytest.approx(1 / 2, abs=1e-6)
    assert measured("temperature", plain(1, 0.5, 0, 1)) == -1
    assert measured("temperature", plain(0.2, 0.5, 0.6, 1)) == pytest.approx(0.5, abs=1e-6)
    assert measured("hue", plain(0.2, 0.2, 0.4, 1), "nebula") == pytest.approx(0.5)


def test_shade_is_of_what_is_covered_alone() -> None:
    clip = plain(0.3, 0.3, 0.3, 0.5)
    clip[:, :4] = 0
    assert measured("shade", clip) == pytest.approx(0.6)


def test_a_flame_that_leans_has_its_top_aside() -> None:
    rows, columns = np.mgrid[:16, :16]
    flames = []
    for slope in (-0.3, 0, 0.3):
        clip = np.zeros((1, 16, 16, 4), np.float32)
        clip[0, ..., 3] = np.abs(columns - 7.5 - slope * (15 - rows)) < 2
        flames.append(measured("wind", clip, "torch"))
    assert flames[0] < -0.05
    assert flames[1] == pytest.approx(0, abs=1e-6)
    assert flames[2] > 0.05


def test_jagged_lines_are_crisper_than_smooth_ones() -> None:
    x = np.arange(64) / 64
    smooth = np.tile(np.sin(2 * np.pi * 2 * x) / 2 + 0.5, (1, 64, 1))
    zigzag = np.tile(np.abs((8 * x) % 2 - 1), (1, 64, 1))
    noise = np.random.default_rng(0).random((1, 64, 64))
    values = [measured("jaggedness", _opaque(light)) for light in (smooth, zigzag, noise)]
    assert values == sorted(values)


def test_shares_of_the_picture() -> None:
    clip = plain(0.1, 0.2, 0.3, 1)
    clip[:, :2, :, :3] = (1.0, 0.7, 0.3)
    assert measured("glitter", clip) == pytest.approx(0.25)
    assert measured("heat", clip) == pytest.approx(0.25)
    assert measured("density", clip, "nebula") == 1
    clip[:, 4:, :, :3] = 0
    assert measured("density", clip, "nebula") == pytest.approx(0.5)
    assert measured("roughness", plain(0.1, 0.2, 0.3, 1)) == pytest.approx(0, abs=1e-6)
    assert measured("roughness", plain(1, 0.5, 0, 1)) == 0


def test_flame_height_and_coverage_are_measured_in_frame_sides() -> None:
    clip = np.zeros((2, 20, 10, 4), np.float32)
    clip[:, 15:, :, 3] = 0.8
    clip[:, 5:, 5:, 3] = 0.8
    assert measured("height", clip) == pytest.approx((0.25 + 0.75) / 2)
    assert measured("density", clip) == pytest.approx(0.8 * 0.5)
    assert measured("height", np.zeros_like(clip)) == 0


def test_drift_is_found_below_a_pixel() -> None:
    clip = waves(3, (1.5, 0.75)).astype(np.float32) / 255
    assert measured("wind", clip) == pytest.approx(np.hypot(1.5, 0.75) / SIDE, rel=0.1)


def test_flow_has_a_direction() -> None:
    right, down = (waves(3, shift).astype(np.float32) / 255 for shift in ((0.5, 0), (0, 0.5)))
    assert measured("wind", right, "snow") == pytest.approx(0.5 / SIDE, rel=0.2)
    assert measured("wind", down, "snow") == pytest.approx(0, abs=0.1 / SIDE)
    assert measured("speed", down) == pytest.approx(-0.5 / SIDE, rel=0.2)
    sideways, downwards = (measured("turbulence", clip, "embers") for clip in (right, down))
    assert sideways > 3 * downwards


def test_streaks_lean_and_are_long() -> None:
    rows, columns = np.mgrid[:64, :64]
    clips = []
    for lean in (-0.5, 0.0, 0.5):
        light = np.sin((columns - lean * rows) * 2 * np.pi / 9) / 2 + 0.5
        clips.append(_opaque(light[None]))
    leans = [measured("wind", clip, "rain") for clip in clips]
    assert leans == pytest.approx([-np.arctan(0.5), 0, np.arctan(0.5)], abs=0.1)
    grain = _opaque(np.random.default_rng(0).random((1, 64, 64)))
    assert measured("length", clips[1]) > 3 > 1.5 > measured("length", grain)


def test_scale_and_sharpness_follow_wavelength() -> None:
    x = np.arange(64) / 64
    lights = [np.tile(np.sin(2 * np.pi * n * x), (2, 64, 1)) for n in (2, 4, 8)]
    clips = [_opaque(0.5 + (a + a.transpose(0, 2, 1)) / 4) for a in lights]
    lengths = [measured("scale", c) for c in clips]
    assert lengths[0] > 1.7 * lengths[1] > 3 * lengths[2]
    edges = [measured("sharpness", c) for c in clips]
    assert edges == sorted(edges)


def test_cloud_fraction_is_the_share_of_grey() -> None:
    clip = np.ones((1, 10, 10, 4), np.float32)
    clip[:, :3, :, :2] = (0.4, 0.57)
    assert measured("coverage", clip) == pytest.approx(0.7)


def test_turbulence_is_the_change_a_frame() -> None:
    clip = np.zeros((3, 4, 4, 4), np.float32)
    clip[1] = 0.5
    assert measured("turbulence", clip) == pytest.approx(0.5)


@given(st.lists(st.integers(-5, 5), min_size=3, max_size=20), st.data())
def test_rank_correlation_depends_on_order_alone(values: list[int], data: st.DataObject) -> None:
    x = np.array(values, dtype=np.float64)
    y = np.array(data.draw(st.lists(st.integers(-5, 5), min_size=len(x), max_size=len(x))), float)
    r = rank_correlation(x, y)
    assert r == pytest.approx(rank_correlation(np.exp(x), y * y * y))
    assert rank_correlation(x, -y) == pytest.approx(-r)
    assert rank_correlation(x, x) == pytest.approx(1.0 if len(set(values)) > 1 else 0.0)


def test_seeds_may_differ_by_more_than_a_slider_changes_but_each_must_follow() -> None:
    slider = np.linspace(0, 1, 9)
    follows = [np.stack([slider, seed + 0.1 * slider], axis=1) for seed in (5, 0, 9)]
    assert least_rank(np.stack(follows)) == pytest.approx(1)
    assert rank_correlation(*np.concatenate(follows).T) < 0.5
    against = np.stack([slider, -slider], axis=1)
    assert least_rank(np.stack([*follows, against])) == pytest.approx(-1)


def test_slopes_hold_the_other_controls() -> None:
    controls = np.random.default_rng(0).random((12, 2))
    controls[:, 1] = (controls[:, 1] + controls[:, 0]) / 2
    np.testing.assert_allclose(slopes(controls, 3 + 2 * controls[:, 0] - controls[:, 1]), [2, -1])


def test_what_a_control_does_is_told_only_where_it_varies_by_itself() -> None:
    rng = np.random.default_rng(0)
    free = rng.random((6, 2))
    assert told_apart(free).all()
    alike = np.full(6, 0.9)
    assert told_apart(np.column_stack([free, alike])).tolist() == [True, True, False]
    assert told_apart(np.column_stack([free, 1 - free[:, 0]])).tolist() == [False, True, False]
    assert not told_apart(free[:2]).any(), "as many clips as that fit any slope"
    assert told_apart(np.zeros((4, 0))).shape == (0,)
