# SPDX-License-Identifier: GPL-3.0-or-later
"""Snow: flakes that fall and blow, and controls that do what they say."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.training.footage.flow import flow, grain, render
from training.footage.procedural.snow import SNOW

LEVELS = (0.0, 0.5, 1.0)


def width(clips: Tensor) -> Tensor:
    """A length of what is seen, in picture heights: its deviation over the mean slope."""
    xx, _, yy = grain(clips)
    return (clips[..., 0].var((1, 2, 3)) / (xx + yy)).sqrt().mean() / clips.shape[2]


def test_density_covers_more() -> None:
    flurry, snow, blizzard = (render(SNOW, density=level)[..., 3].mean() for level in LEVELS)
    assert 2 * flurry < snow < blizzard / 2
    assert flurry > 0.02


def test_size_enlarges_the_flakes_more_than_the_cover() -> None:
    clips = [render(SNOW, size=level) for level in LEVELS]
    small, medium, large = (width(clip) for clip in clips)
    assert 1.25 * small < medium < large / 1.25
    covers = [clip[..., 3].mean() for clip in clips]
    assert max(covers) < 1.6 * min(covers)


def test_wind_blows_to_the_right_and_leaves_the_fall_alone() -> None:
    right, up = torch.stack([torch.stack(flow(render(SNOW, wind=level))).mean(1) for level in LEVELS], dim=1) * 64
    assert abs(right[0]) < 0.1
    assert 0.5 < right[1] < right[2] - 0.5
    assert (up < -0.5).all()
    assert up.max() - up.min() < 0.25


def test_flakes_move_at_most_three_pixels_a_frame() -> None:
    right, up = flow(render(SNOW, wind=1.0, clips=8))
    assert (64 * torch.hypot(right, up) < 3).all()


def test_flakes_sway() -> None:
    right, _ = flow(render(SNOW, wind=0.0, clips=8, frames=2))
    assert right.std() > 2e-4
    assert abs(right.mean()) < 2e-3
