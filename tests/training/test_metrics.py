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

from tests.training.waves import FRAMES, waves
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


def test_an_interval_is_not_taken_of_so_few_clips_that_resampling_changes_nothing() -> None:
    signatures = np.random.default_rng(0).normal(size=(12, 3))
    assert score(distance_kernel(signatures[:8]), 4).excess is None
    found = score(distance_kernel(signatures), 6).excess
    assert found is not None
    assert found[0] < found[1]


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
    assert [f.shape for f in frame_features(network, (opaque, opaque), [0, 2])] == [(1, 2, 512)] * 2
    both = frame_features(network, (opaque, clear), [0, 2])
    assert [f.shape for f in both] == [(1, 2, 1024)] * 2, "sets that are compared are seen alike"
    on_black, on_white = np.split(both[1], 2, axis=2)
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
