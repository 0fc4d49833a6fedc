# SPDX-License-Identifier: GPL-3.0-or-later
"""Clouds: the sky tiles, the controls do what they say, and the light comes from the upper left."""

from __future__ import annotations

import pytest
import torch

from training.footage.procedural.clouds import CLOUDS, FPS, Sky, shade
from training.footage.procedural.plate import DETAIL

DEFAULTS = torch.tensor([[0.5, 0.5]])


def test_frames_are_opaque_rgba_and_the_same_every_time() -> None:
    controls = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    clips = CLOUDS.render(controls, 3, 64, 7, "cpu")
    assert clips.shape == (2, 3, 64, 64, 4)
    assert clips.dtype == torch.uint8
    assert (clips[..., 3] == 255).all()
    assert torch.equal(clips, CLOUDS.render(controls, 3, 64, 7, "cpu"))
    assert not torch.equal(clips, CLOUDS.render(controls, 3, 64, 8, "cpu"))


@pytest.mark.parametrize("axis", [2, 3])
def test_no_seam_between_opposite_edges(axis: int) -> None:
    frames = CLOUDS.render(DEFAULTS.expand(4, 2), 3, 64, 1, "cpu")[..., :3].float()
    steps = (frames - frames.roll(1, axis)).abs().movedim(axis, 0).flatten(1).mean(1)
    assert steps[0] <= steps[1:].max()


def test_same_scene_at_any_resolution() -> None:
    small = CLOUDS.render(DEFAULTS, 1, 64, 3, "cpu")[0, 0, ..., 0].float()
    large = CLOUDS.render(DEFAULTS, 1, 256, 3, "cpu")[0, 0, ..., 0].float()
    pooled = torch.nn.functional.avg_pool2d(large[None], 4)[0]
    assert torch.corrcoef(torch.stack([small.flatten(), pooled.flatten()]))[0, 1] > 0.97


def test_coverage_is_the_share_of_the_sky_with_clouds() -> None:
    def covered(coverage: float) -> float:
        sky = Sky(torch.tensor([[coverage, 0.5]]).expand(12, 2), 1, "cpu")
        return (sky.heights(1.0, DETAIL) > 0).float().mean().item()

    assert [covered(coverage) for coverage in (0.0, 0.5, 1.0)] == pytest.approx([0.18, 0.57, 0.95], abs=0.06)


def test_wind_drifts_to_the_right_ever_faster() -> None:
    def speed(wind: float) -> float:
        """Columns a frame, by phase correlation over twelve frames."""
        sky = Sky(torch.tensor([[0.5, wind]]).expand(4, 2), 2, "cpu")
        then, now = (torch.fft.fft2(sky.heights(n / FPS, DETAIL)) for n in (0, 12))
        cross = then.conj() * now
        peaks = torch.fft.ifft2(cross / cross.abs().clamp(min=1e-6)).real.amax(1).argmax(1)
        return ((peaks + DETAIL // 2) % DETAIL - DETAIL // 2).float().mean().item() / 12

    calm, breeze, storm = speed(0.0), speed(0.5), speed(1.0)
    assert 0 < calm < breeze < storm
    assert storm > 4 * calm


def test_light_comes_from_the_upper_left() -> None:
    grid = (torch.arange(DETAIL) + 0.5) / DETAIL - 0.5
    dome = 2 - 30 * (grid[:, None].square() + grid.square())
    light = shade(dome[None])[0, 1]
    near, far = light[DETAIL // 2 - 20, DETAIL // 2 - 13], light[DETAIL // 2 + 20, DETAIL // 2 + 13]
    assert near > 0.8
    assert far < 0.5 * near


def test_clouds_evolve_without_jumping() -> None:
    sky = Sky(DEFAULTS.expand(2, 2), 3, "cpu")
    heights = torch.stack([sky.heights(n / FPS, DETAIL) for n in range(8)])
    steps = (heights[1:] - heights[:-1]).square().mean((1, 2, 3)).sqrt() / heights.std()
    assert steps.min() > 0.02
    assert steps.max() < 1.5 * steps.min()
