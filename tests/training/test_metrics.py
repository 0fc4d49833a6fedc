# SPDX-License-Identifier: GPL-3.0-or-later
"""Each metric tells what it is for: on clips whose difference is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import save_file

from training.footage.procedural import ELEMENTS
from training.footage.procedural.element import Element
from training.metrics.controls import measure, rank_correlation, slopes
from training.metrics.distances import (
    discrepancy,
    distance_kernel,
    frechet,
    polynomial_kernel,
    score,
    sliced_wasserstein,
)
from training.metrics.features import (
    FeaturesError,
    SqueezeNet,
    difference_features,
    frame_features,
    load_network,
)
from training.metrics.motion import (
    loop_steps,
    repeat,
    seam,
    spatial_power,
    spectral_signature,
    temporal_power,
    tile_steps,
)

Array = NDArray[np.floating[Any]]

WEIGHTS = Path(__file__).parents[3] / "shared" / "metrics" / "squeezenet1_0.safetensors"
SIDE, FRAMES = 32, 16


def waves(seed: int, velocity: tuple[float, float], *, boiling: bool = False) -> NDArray[np.uint8]:
    """A grey opaque texture (F, H, W, 4) that moves by ``velocity`` (x, y) pixels a frame.

    Boiling, every wave keeps its power and frequency, but stands where it would have run: each pixel flickers as before.
    """
    rng = np.random.default_rng(seed)
    t, y, x = np.meshgrid(np.arange(FRAMES), np.arange(SIDE), np.arange(SIDE), indexing="ij")
    light = np.zeros(t.shape)
    for kx, ky in ((1, 0), (2, 1), (3, -1), (4, 2), (1, 3), (5, 1), (2, -3), (6, -1)):
        phase, other = rng.uniform(0, 2 * np.pi, 2)
        across = 2 * np.pi / SIDE * (kx * x + ky * y)
        along = 2 * np.pi / SIDE * (kx * velocity[0] + ky * velocity[1]) * t
        if boiling:
            light += np.sqrt(2) * np.cos(across + phase) * np.cos(along + other)
        else:
            light += np.cos(across - along + phase)
    grey = (np.clip(0.5 + light / 12, 0, 1) * 255).astype(np.uint8)
    return np.stack([grey, grey, grey, np.full_like(grey, 255)], axis=-1)


def spectrum_score(real: list[NDArray[np.uint8]], other: list[NDArray[np.uint8]]) -> float:
    found = score(distance_kernel(np.array([spectral_signature(c) for c in [*real, *other]])), len(real))
    ratio = found.ratio
    assert ratio is not None
    return ratio


# Kernel and energy distances


@pytest.mark.parametrize("kernel", [lambda x: polynomial_kernel(x[:, None]), distance_kernel])
def test_discrepancy_is_zero_on_average_between_equals_and_rises_with_the_shift(kernel: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = np.repeat([1.0, 0.0], 8), np.repeat([0.0, 1.0], 8)

    def mean_at(shift: float) -> tuple[float, float]:
        found = []
        for _ in range(200):
            sets = rng.standard_normal((16, 10))
            sets[8:] += shift
            found.append(discrepancy(kernel(sets), x, y))
        return float(np.mean(found)), float(np.std(found) / np.sqrt(len(found)))

    mean, error = mean_at(0.0)
    assert abs(mean) < 4 * error
    means = [mean, *(mean_at(shift)[0] for shift in (0.5, 1.0, 2.0))]
    assert means == sorted(means)
    assert means[-1] > 20 * error


def test_a_clip_drawn_twice_is_not_paired_with_itself() -> None:
    kernel = polynomial_kernel(np.random.default_rng(0).standard_normal((6, 3, 5)))
    spoiled = kernel + np.diag(np.full(6, 1e6))
    x, y = np.array([2.0, 0, 1, 0, 0, 0]), np.array([0.0, 0, 0, 3, 1, 1])
    assert discrepancy(kernel, x, y) == pytest.approx(discrepancy(spoiled, x, y))


def test_score_finds_its_own_kind_at_the_floor_and_another_above_it() -> None:
    rng = np.random.default_rng(1)
    sets = rng.standard_normal((3, 24, 2, 8))
    sets[2] += 1
    found = score(polynomial_kernel(sets.reshape(72, 2, 8)), 24)
    assert abs(found.generated) < 3 * found.floor
    assert found.shuffled is not None
    assert found.shuffled > 5 * found.floor
    assert found.excess is not None
    low, high = found.excess
    assert low < 0 < high
    away = score(polynomial_kernel(sets[[0, 2]].reshape(48, 2, 8)), 24)
    assert away.excess is not None
    assert away.excess[0] > 0


# Patches


def _pictures(seed: int, count: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((count, 32, 32, 4)).astype(np.float32)


@given(st.permutations(range(6)))
@settings(max_examples=10)
def test_sliced_wasserstein_does_not_see_the_order_of_pictures(order: list[int]) -> None:
    x, y = _pictures(0), _pictures(1)
    assert sliced_wasserstein(x[order], y) == pytest.approx(sliced_wasserstein(x, y), abs=1e-5)
    assert sliced_wasserstein(x[order], x) == pytest.approx(0, abs=1e-5)


def test_sliced_wasserstein_sees_blur_and_colour() -> None:
    x, y = _pictures(0), _pictures(1)
    floor = sliced_wasserstein(x, y)
    blurred = (x + np.roll(x, 1, 1) + np.roll(x, 1, 2) + np.roll(x, (1, 1), (1, 2))) / 4
    tinted = x * np.array([1, 0.9, 0.9, 1], np.float32)
    assert sliced_wasserstein(blurred, y) > 4 * floor
    assert sliced_wasserstein(tinted, y) > 2 * floor


def test_sliced_wasserstein_takes_sides_that_cannot_be_halved() -> None:
    x, y = (np.random.default_rng(i).random((3, 45, 77, 4)).astype(np.float32) for i in range(2))
    assert 0 < sliced_wasserstein(x, y) < sliced_wasserstein(x / 2, y)


# Frechet distance


def test_frechet_is_that_of_the_normal_distributions() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((5, 5))
    x: Array = rng.standard_normal((20_000, 5))
    y: Array = rng.standard_normal((20_000, 5)) @ root + 1.0
    # |1|^2 + |1 - (root' root)^(1/2)|^2 for covariances 1 and root' root, which commute
    expected = 5 + ((1 - np.linalg.svd(root, compute_uv=False)) ** 2).sum()
    assert frechet(x, y) == pytest.approx(expected, rel=0.02)
    assert frechet(x, y) == pytest.approx(frechet(y, x))


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e4])
def test_frechet_of_fewer_clips_than_features_is_zero_for_the_same_and_keeps_a_shift(unit: float) -> None:
    x = unit * np.random.default_rng(0).standard_normal((12, 400)).astype(np.float32)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9 * 400 * unit**2)
    assert frechet(x, x + np.float32(unit)) == pytest.approx(400 * unit**2, rel=1e-4)


def test_frechet_falls_with_the_number_of_clips() -> None:
    rng = np.random.default_rng(0)
    few, more = (frechet(*rng.standard_normal((2, n, 50))) for n in (10, 1000))
    assert few > 10 * more


# Spectrum


def test_spectrum_tells_reversed_motion() -> None:
    real = [waves(i, (2, 0.5)) for i in range(8)]
    assert spectrum_score(real, [waves(100 + i, (2, 0.5)) for i in range(8)]) < 3
    assert spectrum_score(real, [clip[::-1] for clip in real]) > 20


def test_spectrum_tells_boiling_from_moving_whichever_way_clips_move() -> None:
    def headings(seed: int) -> list[tuple[float, float]]:
        angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, 12)
        return [(2 * np.cos(a), 2 * np.sin(a)) for a in angles]

    real = [waves(i, heading) for i, heading in enumerate(headings(0))]
    same = [waves(100 + i, heading) for i, heading in enumerate(headings(1))]
    boiling = [waves(200 + i, heading, boiling=True) for i, heading in enumerate(headings(1))]
    assert spectrum_score(real, same) < 3
    assert spectrum_score(real, boiling) > 5


def test_spectrum_has_motion_on_one_side_only() -> None:
    rightward, leftward = (spectral_signature(waves(0, (v, 0))) for v in (2, -2))
    assert np.abs(rightward - leftward).max() > 20
    # Turned by half in space and in time a clip runs as it did.
    np.testing.assert_allclose(spectral_signature(waves(0, (2, 0))[::-1, ::-1, ::-1]), rightward, atol=1e-6)


def test_power_stands_where_the_wave_is() -> None:
    y, t = np.arange(32)[:, None], np.arange(24)[:, None, None, None]
    wave = 128 + 100 * np.cos(2 * np.pi * (5 * y / 32 - 3 * t / 24))[..., 0]
    clip = np.repeat(np.broadcast_to(wave[..., None, None], (24, 1, 32, 40, 1)), 4, axis=-1)[:, 0].astype(np.uint8)
    space, time = spatial_power(clip[None])[0], temporal_power(clip[None])[0]
    assert len(space) == 16
    assert len(time) == 12
    assert 1 + space.argmax() == 5
    assert 1 + time.argmax() == 3
    assert min(np.delete(space, [3, 4, 5]).max() - space.max(), np.delete(time, [1, 2, 3]).max() - time.max()) < -20


# Seams and repeats


def test_seam_is_one_where_there_is_none_and_greater_where_there_is() -> None:
    loops = np.stack([waves(i, (2, 0)) for i in range(3)])  # 16 frames of 2 pixels are one turn of 32
    assert seam(loop_steps(loops)) == pytest.approx(1, abs=0.1)
    assert seam(loop_steps(loops[:, :-3])) > 1.2
    assert seam(tile_steps(loops, "x")) == pytest.approx(1, abs=0.2)
    assert seam(tile_steps(loops[:, :, :, :-5], "x")) > 1.5
    assert seam(tile_steps(loops, "y")) == pytest.approx(1, abs=0.2)
    assert seam(tile_steps(loops[:, :, :-5], "y")) > 1.5


def test_repeat_finds_a_cycle_and_not_what_keeps_changing() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (2, 30, 8, 8, 4), dtype=np.uint8)
    assert repeat(noise, 10) < 0.3
    assert repeat(np.concatenate([noise[:, :15], noise[:, :15]], axis=1), 10) == pytest.approx(1)
    # What stands still is no repeat.
    assert repeat(noise // 8 + rng.integers(0, 200, (2, 1, 8, 8, 4), dtype=np.uint8), 10) < 0.3


# Controls


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


def test_slopes_hold_the_other_controls() -> None:
    controls = np.random.default_rng(0).random((12, 2))
    controls[:, 1] = (controls[:, 1] + controls[:, 0]) / 2
    np.testing.assert_allclose(slopes(controls, 3 + 2 * controls[:, 0] - controls[:, 1]), [2, -1])


# Feature network


def test_a_foreign_file_is_no_feature_network(tmp_path: Path) -> None:
    with pytest.raises(FeaturesError, match="cannot be read"):
        load_network(tmp_path / "missing.safetensors")
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(FeaturesError, match="cannot be read"):
        load_network(path)
    weights = SqueezeNet().state_dict()
    save_file({name: w for name, w in weights.items() if name != "fire5.expand3x3.bias"}, path)
    with pytest.raises(FeaturesError, match=r"fire5\.expand3x3\.bias"):
        load_network(path)
    save_file({**weights, "conv1.bias": torch.zeros(3)}, path)
    with pytest.raises(FeaturesError, match="shapes"):
        load_network(path)


def test_features_of_clear_pictures_are_seen_on_black_and_on_white(tmp_path: Path) -> None:
    path = tmp_path / "random.safetensors"
    save_file(SqueezeNet().half().state_dict(), path)
    network = load_network(path)
    opaque = np.stack([waves(0, (1, 0))])[:, :4]
    clear = np.zeros_like(opaque)
    assert frame_features(network, opaque, [0, 2]).shape == (1, 2, 512)
    on_black, on_white = np.split(frame_features(network, clear, [0, 2]), 2, axis=2)
    assert not np.allclose(on_black, on_white)
    changes = difference_features(network, opaque, [0, 1], 2)
    assert changes.shape == (1, 2, 512)
    assert not np.allclose(changes[0, 0], difference_features(network, clear, [0, 1], 2)[0, 0])


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the weights of SqueezeNet are not there")
def test_trained_features_tell_texture_from_plain_and_shuffled_from_real() -> None:
    network = load_network(WEIGHTS)
    real = np.stack([waves(i, (1, 0)) for i in range(8)])
    again = np.stack([waves(100 + i, (1, 0)) for i in range(8)])
    shuffled = np.stack([clip[np.random.default_rng(i).permutation(FRAMES)] for i, clip in enumerate(again)])
    sets = np.concatenate([difference_features(network, clips, [2, 9], 1) for clips in (real, again, shuffled)])
    found = score(polynomial_kernel(sets / np.sqrt((sets[:8] ** 2).mean())), 8)
    assert found.shuffled is not None
    assert found.generated < 3 * found.floor < found.shuffled
