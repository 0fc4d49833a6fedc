# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for copies finds what is replayed, wherever and mirrored, and does not suspect what is new."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.metrics.memory import NEAR, Memory, memory

SIDE, FRAMES = 32, 12


def clips(seed: int, count: int, frames: int = FRAMES) -> NDArray[np.uint8]:
    """Smooth random colours that drift and change, (count, frames, 32, 32, 4); they wrap."""
    rng = np.random.default_rng(seed)
    frequencies = np.hypot(np.fft.fftfreq(SIDE, 1 / SIDE)[:, None], np.fft.fftfreq(SIDE, 1 / SIDE)[None])
    found = []
    for _ in range(count):
        ends = np.fft.fft2(rng.standard_normal((2, SIDE, SIDE, 4)), axes=(1, 2)) / (1 + frequencies[..., None] ** 1.5)
        turn = np.linspace(0, np.pi / 2, frames)[:, None, None, None]
        light = np.fft.ifft2(ends[:1] * np.cos(turn) + ends[1:] * np.sin(turn), axes=(1, 2)).real
        light = np.stack([np.roll(frame, i, 1) for i, frame in enumerate(light)])
        found.append(np.clip(128 + 60 * light / light.std(), 0, 255))
    return np.array(found, np.uint8)


def search(generated: NDArray[np.uint8], fixed: str = "xy", periodic: str = "", *, held_out: bool = True) -> Memory:
    unseen = clips(1, 12) if held_out else None
    return memory(generated, clips(0, 12, 2 * FRAMES), unseen, fixed=fixed, periodic=periodic, step=3)


@pytest.mark.parametrize(("fixed", "periodic"), [("xy", ""), ("y", ""), ("y", "x"), ("", "xy")])
def test_new_clips_are_as_near_as_unseen_ones(fixed: str, periodic: str) -> None:
    drawn, training, unseen = (clips(seed, 24) for seed in range(3))
    found = memory(drawn, training, unseen, fixed=fixed, periodic=periodic, step=3)
    assert not found.suspected
    assert found.share < 3 * NEAR
    assert found.control is not None
    assert found.control < 3 * NEAR


def test_replayed_clips_are_suspected_also_at_other_times_mirrored_and_noisy() -> None:
    replayed = clips(0, 12, 2 * FRAMES)[:, 5 : 5 + FRAMES, :, ::-1].astype(np.float32)
    replayed += np.random.default_rng(0).normal(0, 8, replayed.shape)
    found = search(np.clip(replayed, 0, 255).astype(np.uint8))
    assert found.suspected
    assert found.share == 1
    assert all(pair.mirrored and pair.clip == pair.known_clip for pair in found.pairs)
    assert all(pair.known_frame == pair.frame + 5 for pair in found.pairs)
    assert found.generated[-1] < found.real[0]


def test_replay_is_found_across_the_seam_of_what_wraps_and_only_where_position_is_free() -> None:
    moved = np.roll(clips(0, 12, 2 * FRAMES)[:, :FRAMES], 14, axis=2)
    assert search(moved, "x", "y").share == 1
    assert search(moved, "xy").share < 0.5


def test_a_few_replayed_clips_among_new_ones_lead_the_pairs() -> None:
    mixed = clips(2, 12)
    mixed[[3, 8]] = clips(0, 12, 2 * FRAMES)[[10, 2], :FRAMES]
    found = search(mixed)
    assert {(pair.clip, pair.known_clip) for pair in found.pairs[:2]} == {(3, 10), (8, 2)}
    assert found.pairs[1].distance < 0.01 < found.pairs[2].distance
    assert found.share >= 2 / 12


def test_blurred_frames_are_near_to_everything_and_not_suspected() -> None:
    grey = np.full_like(clips(2, 12), 128)
    found = search(grey)
    assert found.share > 0.5
    assert found.control is not None
    assert found.control > 0.5
    assert not found.suspected


def test_without_unseen_footage_training_clips_are_held_against_each_other() -> None:
    found = search(clips(2, 12), held_out=False)
    assert not found.unseen
    assert found.control is None
    assert min(found.real) > 0.1, "a clip was found in itself"
    assert not found.suspected
    assert search(clips(0, 12, 2 * FRAMES)[:, ::2], held_out=False).suspected
