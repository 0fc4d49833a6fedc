# SPDX-License-Identifier: GPL-3.0-or-later
"""Caustics: light is conserved, the frame tiles, and the controls do what they say."""

from __future__ import annotations

import pytest
import torch

from training.footage.procedural.caustics import CAUSTICS, FPS, Water

DEFAULTS = torch.tensor([[0.5, 0.6]])
FLOOR = 64


def light(*controls: tuple[float, float], seed: int = 0) -> torch.Tensor:
    """Green irradiance on the floor at one instant, (B, FLOOR, FLOOR)."""
    return Water(torch.tensor(controls), seed, "cpu").irradiance(1.3, FLOOR)[:, 1]


def test_frames_are_opaque_rgba_and_the_same_every_time() -> None:
    controls = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    clips = CAUSTICS.render(controls, 3, 64, 7, "cpu")
    assert clips.shape == (2, 3, 64, 64, 4)
    assert clips.dtype == torch.uint8
    assert (clips[..., 3] == 255).all()
    assert torch.equal(clips, CAUSTICS.render(controls, 3, 64, 7, "cpu"))
    assert not torch.equal(clips, CAUSTICS.render(controls, 3, 64, 8, "cpu"))


@pytest.mark.parametrize("axis", [2, 3])
def test_no_seam_between_opposite_edges(axis: int) -> None:
    frames = CAUSTICS.render(DEFAULTS.expand(4, 2), 2, 64, 1, "cpu")[..., :3].float()
    steps = (frames - frames.roll(1, axis)).abs().movedim(axis, 0).flatten(1).mean(1)
    assert steps[0] <= steps[1:].max()


@pytest.mark.parametrize("seconds", [0.0, 2.7])
def test_every_photon_lands(seconds: float) -> None:
    irradiance = Water(DEFAULTS.expand(3, 2), 5, "cpu").irradiance(seconds, FLOOR)
    assert irradiance.min() >= 0
    torch.testing.assert_close(irradiance.mean((2, 3)), torch.ones(3, 3), rtol=0, atol=1e-4)
    assert (irradiance.amax((2, 3)) > 3).all(), "light is not focused"


def test_same_scene_at_any_resolution() -> None:
    small = CAUSTICS.render(DEFAULTS, 1, 64, 3, "cpu")[0, 0, ..., 1].float()
    large = CAUSTICS.render(DEFAULTS, 1, 256, 3, "cpu")[0, 0, ..., 1].float()
    pooled = torch.nn.functional.avg_pool2d(large[None], 4)[0]
    assert torch.corrcoef(torch.stack([small.flatten(), pooled.flatten()]))[0, 1] > 0.97


def test_scale_enlarges_the_cells() -> None:
    scales = (0.0, 0.5, 1.0)
    fields = torch.cat([light(*[(scale, 0.6)] * 6, seed=2) for scale in scales])
    power = torch.fft.fft2(fields - 1).abs().square()
    k = torch.fft.fftfreq(FLOOR, 1 / FLOOR)
    mean_k = (power * torch.hypot(k[:, None], k)).sum((1, 2)) / power.sum((1, 2))
    small, medium, large = (1 / mean_k).view(3, 6).mean(1)
    assert 1.2 * small < medium < large / 1.2


def test_sharpness_concentrates_the_light() -> None:
    soft, default, crisp = (light((0.5, sharpness)).std() for sharpness in (0.0, 0.6, 1.0))
    assert soft < default < crisp


def test_colours_focus_apart() -> None:
    red, green, blue = Water(DEFAULTS, 4, "cpu").irradiance(0.0, FLOOR)[0]
    assert (red - green).abs().mean() > 0.02
    assert (red - blue).abs().mean() > (red - green).abs().mean()


def test_waves_move_steadily() -> None:
    water = Water(DEFAULTS.expand(4, 2), 6, "cpu")
    frames = torch.stack([water.irradiance(n / FPS, FLOOR)[:, 1] for n in range(8)])
    steps = (frames[1:] - frames[:-1]).square().mean((1, 2, 3)).sqrt()
    spread = frames.std((1, 2, 3)).mean()
    assert (steps > 0.05 * spread).all()
    assert (steps < 0.8 * spread).all()
