# SPDX-License-Identifier: GPL-3.0-or-later
"""The torch: one flame that stands free in the frame, and controls that do what they say."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from training.footage.procedural.torch_flame import TORCH


def render(clips: int = 4, frames: int = 16, size: int = 32, seed: int = 1, **controls: float) -> Tensor:
    """Clips in 0..1, each of the given control values."""
    values = [controls.get(control.name, control.default) for control in TORCH.controls]
    return TORCH.render(torch.tensor([values] * clips), frames, size, seed, "cpu").float() / 255


def centre(alpha: Tensor, axis: int) -> float:
    """Mean place of alpha (clips, frames, rows, columns) along an axis, in frame sides from the frame's middle."""
    place = (torch.arange(alpha.shape[axis]) + 0.5) / alpha.shape[axis] - 0.5
    return ((alpha.movedim(axis, -1) * place).sum() / alpha.sum()).item()


def test_clips_have_the_promised_form() -> None:
    controls = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
    clips = TORCH.render(controls, 5, 32, 7, "cpu")
    assert clips.shape == (3, 5, 32, 32, 4)
    assert clips.dtype == torch.uint8
    assert (clips[..., 3:] >= clips[..., :3]).all()
    assert torch.equal(clips, TORCH.render(controls, 5, 32, 7, "cpu"))
    assert not torch.equal(clips, TORCH.render(controls, 5, 32, 8, "cpu"))


@pytest.mark.parametrize("turbulence", [0.0, 1.0])
@pytest.mark.parametrize("wind", [0.0, 0.5, 1.0])
def test_stands_on_the_middle_of_the_bottom_edge_and_touches_no_other(turbulence: float, wind: float) -> None:
    alpha = render(frames=24, size=64, height=1.0, wind=wind, turbulence=turbulence)[..., 3]
    bottom = alpha[:, :, -1].mean((0, 1))
    assert bottom[28:36].mean() > 0.5
    assert bottom[:14].max() < 0.03
    assert bottom[-14:].max() < 0.03
    for edge in (alpha[:, :, 0], alpha[..., 0], alpha[..., -1]):
        assert edge.max() < 0.1


def test_tapers_upward() -> None:
    width = render(clips=8, size=64)[..., 3].mean((0, 1)).sum(1)
    assert width[-4] > 1.5 * width[-20] > 3 * width[-40]


def test_clips_begin_in_the_steady_state() -> None:
    cover = render(clips=24, frames=48, seed=4)[..., 3].mean((0, 2, 3))
    assert math.isclose(cover[:12].mean(), cover[-12:].mean(), rel_tol=0.15)


def test_same_scene_at_any_resolution() -> None:
    small, large = (render(clips=6, frames=24, size=size, turbulence=0.2)[..., 3].mean((0, 1)) for size in (32, 64))
    pooled = torch.nn.functional.avg_pool2d(large[None], 2)[0]
    assert torch.corrcoef(torch.stack((small.flatten(), pooled.flatten())))[0, 1] > 0.97
    assert math.isclose(small.mean(), pooled.mean(), rel_tol=0.15)


def test_flickers_without_a_leap() -> None:
    alpha = render(frames=24, size=64)[..., 3]
    change = alpha.diff(dim=1).abs().mean((0, 2, 3))
    assert change.min() > 0.05 * alpha.mean()
    assert change.max() < 0.6 * alpha.mean()


def test_height_lets_it_grow() -> None:
    low, default, tall = (centre(render(height=height)[..., 3], 2) for height in (0.0, 0.5, 1.0))
    assert low - 0.08 > default > tall + 0.08


def test_turbulence_stirs_it() -> None:
    changes = [render(turbulence=turbulence).diff(dim=1).abs().mean() for turbulence in (0.0, 0.5, 1.0)]
    assert 2 * changes[0] < changes[1] < changes[2] / 1.15


def test_wind_leans_it() -> None:
    left, still, right = (centre(render(wind=wind)[..., :-8, :, 3], 3) for wind in (0.0, 0.5, 1.0))
    assert left + 0.06 < still < right - 0.06
    assert abs(still) < 0.03


def test_temperature_colours_it_and_nothing_else() -> None:
    clips = [render(temperature=temperature) for temperature in (0.0, 0.35, 0.65, 1.0)]
    assert all(torch.equal(clip[..., 3], clips[0][..., 3]) for clip in clips)
    blue = [((clip[..., 2] - clip[..., 0]).sum() / (clip[..., 2] + clip[..., 0]).sum()).item() for clip in clips]
    assert blue[0] < -0.9
    assert all(hotter > cooler + 0.1 for cooler, hotter in pairwise(blue))
    assert blue[-1] > 0.4
